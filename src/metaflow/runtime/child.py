"""What a task's own process does around the task: set itself up, run it, and leave as an interpreter would."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datastore.local import LocalStore
from ..datastore.root import set_root_of_run
from .random_state import RandomState
from .specs import RunSpec, TaskSpec, decode
from .task import TaskRunner

if TYPE_CHECKING:
    from ..flow.spec import FlowSpec


class ForkedMain:
    """Body of the children of a fork server.

    Parameters
    ----------
    flow_class : type
    run : RunSpec
    random_state : RandomState
        What the flow's module-level code left.
    """

    def __init__(self, flow_class: type[FlowSpec], run: RunSpec, random_state: RandomState) -> None:
        set_root_of_run(Path(run.root))
        self._runner = TaskRunner(flow_class, run, LocalStore(run.root))
        self._random_state = random_state

    def warm(self, spec: TaskSpec) -> None:
        """In the server, before it forks for `spec`: read what many tasks will need."""
        self._runner.warm(spec)

    def run(self, spec: TaskSpec) -> int:
        """In the child: run the task; returns the exit code of the process."""
        _line_buffer_output()
        self._random_state.restore()
        ok = self._runner.execute(spec)
        _leave()
        return 0 if ok else 1


def run_spawned(flow_class: type[FlowSpec], spec_fd: int) -> int:
    """Body of a new interpreter that was started for one task.

    Parameters
    ----------
    flow_class : type
    spec_fd : int
        Pipe that the specification comes from. It stays open until the run's process dies.

    Returns
    -------
    int
        Exit code of the process.
    """
    with open(spec_fd, "rb", closefd=False) as file:
        run, spec = decode(file.readline())
    threading.Thread(target=_die_with_pipe, args=(spec_fd,), daemon=True).start()
    set_root_of_run(Path(run.root))
    _line_buffer_output()
    return 0 if TaskRunner(flow_class, run, LocalStore(run.root)).execute(spec) else 1


def _die_with_pipe(fd: int) -> None:
    """Wait for the end of the run's process, and take our process group along."""
    while os.read(fd, 1024):
        pass
    os.killpg(0, signal.SIGKILL)


def _line_buffer_output() -> None:
    """Let every line go out when it is printed, also where stdout was a file when the run started."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)


def _leave() -> None:
    """What the end of an interpreter does before the process goes: wait for threads, call exit functions, flush."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # the step closed it, which is its own affair
