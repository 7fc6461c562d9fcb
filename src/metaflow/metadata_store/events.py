"""What happens to runs and tasks. A metadata store is written to by events and by nothing else.

Events may be delivered twice. A task's end may be delivered without its start.
"""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from metaflow.metadata_store.records import RunRecord, RunStatus, TaskRecord


class RunStarted(NamedTuple):
    """A run exists. A run that is already known stays as it is."""

    run: RunRecord


class RunEnded(NamedTuple):
    """A run is over. Of two ends of one run, the later stands."""

    flow: str
    run_id: str
    status: RunStatus
    finished_at: float
    message: str | None = None


class RunForgotten(NamedTuple):
    """A run and all of its tasks are to be known no more."""

    flow: str
    run_id: str


class Heartbeat(NamedTuple):
    """The process of a run was alive at `at`."""

    flow: str
    run_id: str
    at: float


class TaskStarted(NamedTuple):
    """An attempt of a task runs. An attempt that is known to have ended stays ended."""

    task: TaskRecord


class TaskEnded(NamedTuple):
    """An attempt is over; `task` says all about it.

    Of two ends of one attempt, one that left a result (``done``, ``failed``) stands over ``killed``; then the
    later.
    """

    task: TaskRecord


class TagsChanged(NamedTuple):
    """The user tags of a run became (tags - `removed`) | `added`."""

    flow: str
    run_id: str
    added: tuple[str, ...]
    removed: tuple[str, ...] = ()


Event: TypeAlias = "RunStarted | RunEnded | RunForgotten | Heartbeat | TaskStarted | TaskEnded | TagsChanged"

#: How much an attempt's status says; an event never replaces a status by one that says less.
STATUS_WEIGHT = {"running": 0, "killed": 1, "failed": 2, "done": 2}
