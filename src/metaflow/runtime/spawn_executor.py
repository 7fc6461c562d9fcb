"""Tasks as new interpreters: slower to start than forks, and safe wherever a fork is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

from .code_starts import CodeStarts
from .executor import TaskListener
from .left_by_mark import LeftByMark
from .local_task import LocalTask
from .loop import EventLoop
from .own_use import used_by_ended
from .process import kill_group, kill_task
from .process_family import TASK_VARIABLE, mark_of
from .specs import RunSpec, TaskSpec, encode
from .stopping import STOP_GRACE


class SpawnExecutor:
    """Tasks as new interpreters that run the flow's script: slower to start, and safe wherever a fork is not.

    Parameters
    ----------
    loop : EventLoop
    run : RunSpec
    command : list of str, optional
        What runs the flow's script; by default, what this process was started with.
    """

    stop_seconds = STOP_GRACE

    def __init__(self, loop: EventLoop, run: RunSpec, command: list[str] | None = None) -> None:
        self._loop = loop
        self._run = run
        self._command = command or script_command()
        self._tasks: dict[str, tuple[LocalTask, subprocess.Popen[bytes], int]] = {}
        self._left = LeftByMark(loop)
        self._starts = CodeStarts(loop, self._code_started)
        loop.on_signal(signal.SIGCHLD, self._reap)

    def is_elsewhere(self, step: str, fallback: bool) -> bool:
        """No task does."""
        return False

    def submit(self, spec: TaskSpec, listener: TaskListener) -> None:
        """Start an interpreter for the task."""
        task = LocalTask(self._loop, listener)
        writers = task.open_pipes()
        # In a file, not a pipe: the task may not read it before it has written more than a pipe holds.
        with tempfile.TemporaryFile() as file:
            file.write(encode(self._run, spec))
            file.flush()
            # The task waits for the end of this pipe, which comes when we die.
            life_read, life_write = os.pipe()
            passed = {"--spec-fd": file.fileno(), "--life-fd": life_read, "--starts-fd": self._starts.writing_end}
            process = subprocess.Popen(
                [*self._command, "task", *_options(passed)],
                stdin=subprocess.DEVNULL,
                stdout=writers[0],
                stderr=writers[1],
                pass_fds=tuple(passed.values()),
                start_new_session=True,
                env={**os.environ, TASK_VARIABLE: mark_of(self._run, spec.key)},
            )
        for fd in (*writers, life_read):
            os.close(fd)
        task.pid = process.pid
        self._tasks[spec.key] = (task, process, life_write)
        listener.started(process.pid)

    def kill(self, keys: Sequence[str], number: int) -> None:
        """Signal the tasks' process groups."""
        for key in keys:
            if key in self._tasks:
                kill_task(self._tasks[key][1].pid, number)

    def close(self) -> None:
        """End whatever still runs, with what tasks have left."""
        self._starts.close()
        self.kill(tuple(self._tasks), signal.SIGKILL)
        for _, process, life_write in self._tasks.values():
            process.wait()
            os.close(life_write)
        self._left.end(mark_of(self._run, key) for key in self._tasks)
        self._tasks.clear()
        self._left.wait()

    def _reap(self) -> None:
        for key, (task, process, life_write) in tuple(self._tasks.items()):
            if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            kill_group(process.pid, signal.SIGKILL)
            _, raw, usage = os.wait4(process.pid, 0)
            process.returncode = status = os.waitstatus_to_exitcode(raw)
            os.close(life_write)
            del self._tasks[key]
            if status:
                self._left.end([mark_of(self._run, key)])
            task.finish(status, used_by_ended(usage) if status else None)

    def _code_started(self, starts: Mapping[int, float]) -> None:
        for task, process, _ in self._tasks.values():
            if process.pid in starts:
                task.listener.code_started(starts[process.pid])


def _options(numbers: Mapping[str, int]) -> list[str]:
    return [word for name, number in numbers.items() for word in (name, str(number))]


def script_command() -> list[str]:
    """Command that runs the flow's script again, as this process was started."""
    return interpreter_command(started_module() or [os.path.abspath(sys.argv[0])])


def started_module() -> list[str]:
    """Arguments with which an interpreter runs the module again that this process was started with; none if it was no
    module.
    """
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return [] if spec is None else ["-m", spec.name.removesuffix(".__main__")]


def interpreter_command(script: list[str]) -> list[str]:
    """Command that runs a flow's script, or module, with this interpreter and its flags."""
    return [sys.executable, *subprocess._args_from_interpreter_flags(), *script, "--quiet"]  # type: ignore[attr-defined]
