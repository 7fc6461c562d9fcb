"""The protocol between the scheduler and whatever runs its tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from .specs import TaskSpec

if TYPE_CHECKING:
    from typing import TypeAlias

    from ..datastore.logs import LogStream
    from .fork_server import ForkServer
    from .loop import EventLoop
    from .specs import RunSpec

    #: Makes an executor that works in a loop, and that is told whom to call if it can start no more tasks.
    MakeExecutor: TypeAlias = Callable[[EventLoop, Callable[[Exception], None]], "Executor"]


class TaskListener(Protocol):
    """What the scheduler wants to hear about a task, always in this order, from the event loop."""

    def started(self, pid: int) -> None:
        """Its process exists."""

    def output(self, stream: LogStream, data: bytes) -> None:
        """It wrote to ``stdout`` or ``stderr``."""

    def ended(self, status: int) -> None:
        """It is over: exit code, or the negated number of the signal that killed it."""


class Executor(Protocol):
    """Runs tasks somewhere and reports to their listeners."""

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
