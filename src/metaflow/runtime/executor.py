"""The protocol between the scheduler and whatever runs its tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from .specs import TaskSpec

if TYPE_CHECKING:
    from typing import TypeAlias

    from ..datastore.logs import LogStream
    from .fork_server import ForkServer
    from .loop import EventLoop
    from .own_use import Used
    from .specs import RunSpec

    #: Makes an executor that works in a loop, and that is told whom to call if it can start no more tasks.
    MakeExecutor: TypeAlias = Callable[[EventLoop, Callable[[Exception], None]], "Executor"]


class TaskListener(Protocol):
    """What the scheduler wants to hear about a task, always in this order, from the event loop."""

    def started(
        self, pid: int, place: str = "", metadata: Mapping[str, str] | None = None, has_run: bool = False
    ) -> None:
        """Its process exists; on another machine `place` says where, and `metadata` what is to be recorded of that.

        `has_run` tells that it was not started now, but found at work.
        """

    def code_started(self, at: float, started_at: float | None = None) -> None:
        """The step's own code began at `at`, in seconds since the epoch; told a while later, and not of short tasks.

        On another machine `started_at` is when the attempt began by the same clock.
        """

    def waiting(self, text: str) -> None:
        """It has not started, for a reason that a person may want to know."""

    def output(self, stream: LogStream, data: bytes) -> None:
        """It wrote to ``stdout`` or ``stderr``."""

    def ended(self, status: int, reason: str | None = None, retriable: bool = True, used: Used | None = None) -> None:
        """It is over: exit code, or the negated number of the signal that killed it.

        If it left no result, `reason` says why, where more is known than the status, `retriable` whether another
        attempt may fare better, and `used` what its process used.
        """


class Executor(Protocol):
    """Runs tasks somewhere and reports to their listeners.

    Attributes
    ----------
    stop_seconds : float
        How long after tasks were killed their end may take to be known.
    """

    stop_seconds: float

    def is_elsewhere(self, step: str, fallback: bool) -> bool:
        """Whether tasks of the step run on another machine: they then keep their own logs, and their own time.

        `fallback` is about attempts that only stand in for the user's code.
        """

    def submit(self, spec: TaskSpec, listener: TaskListener) -> None:
        """Start a task."""

    def kill(self, keys: Sequence[str], number: int) -> None:
        """Send a signal to tasks and to all that they started."""

    def close(self) -> None:
        """End whatever still runs, and release everything."""


def executor_maker(server: ForkServer | None, run: RunSpec) -> MakeExecutor:
    """What makes the executor for tasks on this machine: forks from `server`, or new interpreters without one."""
    if server is None:
        from .spawn_executor import SpawnExecutor

        return lambda loop, lost: SpawnExecutor(loop, run)
    from .fork_executor import ForkExecutor

    return lambda loop, lost: ForkExecutor(loop, server, run, lost)
