"""Tasks as children of the fork server."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..exception import MetaflowException, MetaflowInternalError
from .code_starts import CodeStarts
from .executor import TaskListener
from .fork_server import ForkServer
from .local_task import LocalTask
from .loop import EventLoop
from .process import kill_task
from .specs import RunSpec, TaskSpec
from .stopping import STOP_GRACE

if TYPE_CHECKING:
    from .left_by_mark import LeftByMark

#: Seconds after which to try again what had no room on the way to the server.
_FLUSH_SECONDS = 0.005
#: Seconds between two tries to start a process that the system refuses, and how many there are.
_REFUSAL_SECONDS = 0.5
_MAXIMUM_REFUSALS = 60
#: Seconds that the server has to end what still runs, with what tasks have left, and then itself.
_CLOSE_SECONDS = STOP_GRACE + 3.0


class ForkExecutor:
    """Tasks forked from the fork server.

    Parameters
    ----------
    loop : EventLoop
    server : ForkServer
    run : RunSpec
    lost : callable
        Called if the server dies although it should not.
    """

    stop_seconds = STOP_GRACE

    def __init__(self, loop: EventLoop, server: ForkServer, run: RunSpec, lost: Callable[[Exception], None]) -> None:
        self._loop = loop
        self._run = run
        self._channel = server.channel
        self._server = server.pid
        self._lost = lost
        self._tasks: dict[str, LocalTask] = {}
        self._specs: dict[str, TaskSpec] = {}
        self._refusals: dict[str, int] = {}
        #: Those that failed: the server may die while it still ends what they have left.
        self._failed: list[str] = []
        self._left: LeftByMark | None = None
        self._dead = False
        loop.watch(self._channel.fileno(), self._receive)
        self._starts = CodeStarts(loop, self._code_started)
        try:
            self._channel.send(["run", run], (self._starts.writing_end,))
        except OSError:
            self._server_died()

    def is_elsewhere(self, step: str, fallback: bool) -> bool:
        """No task does."""
        return False

    def submit(self, spec: TaskSpec, listener: TaskListener) -> None:
        """Have the server fork a child for the task.

        Raises
        ------
        OSError
            If there are no file descriptors left for its pipes.
        """
        task = LocalTask(self._loop, listener)
        writers = task.open_pipes()
        self._tasks[spec.key] = task
        self._specs[spec.key] = spec
        try:
            self._send(["start", spec], writers)
        finally:
            for fd in writers:
                os.close(fd)

    def kill(self, keys: Sequence[str], number: int) -> None:
        """Signal tasks and all that they started; the server does it, as only it knows that the ids are theirs."""
        for key in keys:
            task = self._tasks.get(key)
            if task is not None and task.pid:
                self._send(["kill", task.pid, number])

    def close(self) -> None:
        """End the server, which ends whatever still runs; by force if it does not react."""
        self._starts.close()
        if not self._dead:
            self._loop.unwatch(self._channel.fileno())
        self._channel.close()
        status = _wait_for(self._server, _CLOSE_SECONDS)
        if status is None or (status < 0 and not self._dead):
            self._kill_tasks()
            if status is None:
                os.kill(self._server, signal.SIGKILL)
                _wait_for(self._server, _CLOSE_SECONDS)
            self._end_left()
        if self._left is not None:
            self._left.wait()

    def _code_started(self, starts: Mapping[int, float]) -> None:
        for task in self._tasks.values():
            if task.pid in starts:
                task.listener.code_started(starts[task.pid])

    def _send(self, message: list[Any], descriptors: tuple[int, ...] = ()) -> None:
        if self._dead:
            return
        try:
            self._channel.send(message, descriptors)
        except OSError:
            self._server_died()
            return
        if self._channel.is_full:
            self._loop.call_later(_FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        if self._dead:
            return
        try:
            self._channel.flush()
        except OSError:
            self._server_died()
            return
        if self._channel.is_full:
            self._loop.call_later(_FLUSH_SECONDS, self._flush)

    def _receive(self) -> None:
        try:
            received = self._channel.receive()
        except BlockingIOError:
            return
        if received is None:
            self._server_died()
            return
        (kind, key, *rest), _ = received
        task = self._tasks.get(key)
        if task is None:
            return
        if kind == "started":
            task.pid = rest[0]
            task.listener.started(task.pid)
        elif kind == "refused":
            del self._tasks[key]
            task.abandon()
            self._refused(self._specs[key], task.listener, rest[0])
        else:
            del self._tasks[key]
            del self._specs[key]
            self._refusals.pop(key, None)
            if rest[0]:
                self._failed.append(key)
            task.finish(*rest)

    def _refused(self, spec: TaskSpec, listener: TaskListener, reason: str) -> None:
        """The system would not make another process: try again when others may have ended."""
        refusals = self._refusals[spec.key] = self._refusals.get(spec.key, 0) + 1
        if refusals < _MAXIMUM_REFUSALS:
            self._loop.call_later(_REFUSAL_SECONDS, lambda: self.submit(spec, listener))
            return
        self._lost(
            MetaflowException(
                f"The system refuses to start the process of task {spec.step}/{spec.task_id}: {reason}. "
                "Run fewer tasks at a time (--max-workers, num_parallel), or raise the limit of processes (ulimit -u)."
            )
        )
        listener.ended(-signal.SIGKILL)

    def _server_died(self) -> None:
        if self._dead:
            return
        self._dead = True
        self._loop.unwatch(self._channel.fileno())
        self._lost(
            MetaflowInternalError(
                "The process that starts tasks died, so the run cannot go on. If you did not kill it, the system most "
                "likely ran out of memory."
            )
        )
        self._kill_tasks()
        self._end_left()
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.finish(-signal.SIGKILL)

    def _kill_tasks(self) -> None:
        for task in self._tasks.values():
            if task.pid:
                kill_task(task.pid, signal.SIGKILL)

    def _end_left(self) -> None:
        """End what tasks have left: the server that would have done it is gone, and not the parent of it any more."""
        from .left_by_mark import LeftByMark
        from .process_family import mark_of

        self._left = LeftByMark(self._loop)
        self._left.end(mark_of(self._run, key) for key in (*self._failed, *self._tasks))


def _wait_for(pid: int, seconds: float) -> int | None:
    """Wait for a child to end, but not for ever.

    Returns
    -------
    int or None
        Its exit code, 0 if nobody knows it, or the negated number of the signal that killed it; None if it goes on.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            ended, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return 0
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    return None
