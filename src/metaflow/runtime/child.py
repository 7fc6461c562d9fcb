"""What a task's own process does around the task: set itself up, run it, and leave as an interpreter would."""

from __future__ import annotations

import atexit
import gc
import io
import os
import signal
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from ..client.home import set_home_of_run
from ..exception import MetaflowException
from .code_starts import note_code_start
from .declared import declaration_of_run
from .open_files import flush, open_files
from .process_family import TASK_VARIABLE, mark_of
from .random_state import RandomState
from .specs import RunSpec, TaskSpec, decode
from .task import TaskRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..flow.decorators import StepDecorator
    from ..flow.spec import FlowSpec


class ForkedMain:
    """Body of the children of a fork server.

    Parameters
    ----------
    flow_class : type
    run : RunSpec
    random_state : RandomState
        What the flow's module-level code left.
    files : list of file objects
        Those that it left open.
    starts_fd : int
        Pipe to note in that a step's code has begun.
    """

    def __init__(
        self,
        flow_class: type[FlowSpec],
        run: RunSpec,
        random_state: RandomState,
        files: list[io.IOBase],
        starts_fd: int,
    ) -> None:
        set_home_of_run(run.home)
        self._run = run
        self._runner = _make_runner(flow_class, run, starts_fd, forks=True)
        # Large configs are many objects: as with the flow's own, no child's garbage collection shall touch them.
        gc.freeze()
        self._random_state = random_state
        self._files = files
        _choose_namespace(run)

    @property
    def decorators(self) -> Iterator[StepDecorator]:
        """Those of all steps, as the run has them."""
        for declared in self._runner.declaration.steps.values():
            yield from declared.decorators

    def warm(self, spec: TaskSpec) -> None:
        """In the server, before it forks for `spec`: read what many tasks will need."""
        self._runner.warm(spec)

    def run(self, spec: TaskSpec) -> int:
        """In the child: run the task; returns the exit code of the process."""
        # Whatever the task starts inherits it, and is found by it if the server dies before it has ended that.
        os.environ[TASK_VARIABLE] = mark_of(self._run, spec.key)
        _line_buffer_output()
        self._random_state.restore()
        ok = _execute(self._runner, spec)
        leave(self._files)
        return 0 if ok else 1


def run_spawned(flow_class: type[FlowSpec], spec_fd: int, life_fd: int, starts_fd: int) -> int:
    """Body of a new interpreter that was started for one task.

    Parameters
    ----------
    flow_class : type
    spec_fd : int
        File that holds the specification.
    life_fd : int
        Pipe that stays open until the run's process dies.
    starts_fd : int
        Pipe to note in that the step's code has begun.

    Returns
    -------
    int
        Exit code of the process.
    """
    # Now: when it is needed, there may be no file descriptors left to import it with, or the code may be gone.
    from .left_by_mark import end_from_outside

    with open(spec_fd, "rb") as file:
        file.seek(0)
        run, spec = decode(file.read())
    threading.Thread(target=_die_with_pipe, args=(life_fd, end_from_outside), daemon=True).start()
    _choose_namespace(run)
    set_home_of_run(run.home)
    _line_buffer_output()
    runner = _make_runner(flow_class, run, starts_fd)
    return 0 if _execute(runner, spec) else 1


def _make_runner(flow_class: type[FlowSpec], run: RunSpec, starts_fd: int, forks: bool = False) -> TaskRunner:
    runner = _new_runner(flow_class, run, forks)
    runner.tell_code_start = partial(note_code_start, starts_fd)
    return runner


def _new_runner(flow_class: type[FlowSpec], run: RunSpec, forks: bool) -> TaskRunner:
    declaration = declaration_of_run(flow_class, run, forks)
    store = run.home.open_store()
    if forks and store.is_remote:
        from ..datastore.cached import prepare

        prepare(store)
    if run.spin is None:
        return TaskRunner(declaration, run, store)
    from .spin_task import SpinRunner

    return SpinRunner(declaration, run, store, run.spin)


def _execute(runner: TaskRunner, spec: TaskSpec) -> bool:
    """Run the task; an error outside the step, such as a damaged input, is told without our traceback."""
    try:
        return runner.execute(spec)
    except MetaflowException as error:
        sys.stderr.write(f"{error.headline}:\n{error.message}\n")
        return False


def _choose_namespace(run: RunSpec) -> None:
    """Let the client, in the tasks, look where ``--namespace`` says."""
    if run.client_namespace is not None:
        from ..client.namespaces import namespace

        namespace(run.client_namespace or None)


def _die_with_pipe(fd: int, end_left: Callable[[str], None]) -> None:
    """Wait for the end of the run's process, and take along all that the task has started."""
    try:
        while os.read(fd, 1024):
            pass
        os.close(fd)
        end_left(os.environ.get(TASK_VARIABLE, ""))
    finally:
        os.killpg(0, signal.SIGKILL)


def _line_buffer_output() -> None:
    """Let every line go out when it is printed, also where stdout was a file when the run started."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)


def leave(files: list[io.IOBase]) -> None:
    """What the end of an interpreter does before the process goes: wait for threads, call exit functions, flush.

    `files` are those that were open before the fork; younger ones are found.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    flush([*files, *open_files()])
