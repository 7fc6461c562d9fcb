"""The protocol between the scheduler and whatever runs its tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from .specs import TaskSpec

if TYPE_CHECKING:
    from ..datastore.logs import LogStream


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
