"""The interface of a metadata store, and the questions that it answers."""

from __future__ import annotations

from typing import NamedTuple, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaflow.metadata_store.events import Event
    from metaflow.metadata_store.records import (
        FlowRecord,
        IndexPath,
        RunCursor,
        RunRecord,
        RunStatus,
        StepRecord,
        TaskCursor,
        TaskRecord,
    )


class RunQuery(NamedTuple):
    """Which runs, newest first.

    Attributes
    ----------
    flow : str, optional
        Only runs of this flow.
    tags : tuple of str
        Only runs that have every one of these, as user or as system tags.
    status : str, optional
        Only runs recorded with this status.
    user : str, optional
        Only runs that this user started.
    since, until : float, optional
        Only runs started at or after `since` and before `until`, in seconds since the epoch.
    limit : int, optional
        At most so many.
    after : tuple, optional
        Continue behind this run: the ``cursor`` of the last record of the page before.
    id_part : str, optional
        Only runs whose id begins or ends with this.
    """

    flow: str | None = None
    tags: tuple[str, ...] = ()
    status: RunStatus | None = None
    user: str | None = None
    since: float | None = None
    until: float | None = None
    limit: int | None = None
    after: RunCursor | None = None
    id_part: str | None = None


class TaskQuery(NamedTuple):
    """Which tasks of a run, newest first; the latest attempt of each unless said otherwise.

    Attributes
    ----------
    flow, run_id : str
        The run.
    step, task_id : str, optional
        Only tasks of this step, only this task.
    attempt : int, optional
        This attempt of each task instead of the latest.
    all_attempts : bool
        Every attempt of each task instead of the latest.
    index_path : tuple of (str, int), optional
        Only tasks at this place in the enclosing foreaches.
    nested : bool
        Also tasks in foreaches below `index_path`.
    foreach_index : int, optional
        Only tasks with this index in their innermost foreach.
    foreach_value : str, optional
        Only tasks whose innermost foreach value reads so.
    limit : int, optional
        At most so many.
    after : tuple, optional
        Continue behind this task: the ``cursor`` of the last record of the page before.
    """

    flow: str
    run_id: str
    step: str | None = None
    task_id: str | None = None
    attempt: int | None = None
    all_attempts: bool = False
    index_path: IndexPath | None = None
    nested: bool = False
    foreach_index: int | None = None
    foreach_value: str | None = None
    limit: int | None = None
    after: TaskCursor | None = None


class MetadataStore(Protocol):
    """Where records of runs and tasks are kept. Every method may raise MetadataException."""

    def apply(self, events: Iterable[Event]) -> None:
        """Record `events`, all or none, in order. Recording an event twice changes nothing."""

    def flows(self, flow: str | None = None) -> list[FlowRecord]:
        """Flows that have runs (or only the one named), the newest first."""

    def runs(self, query: RunQuery) -> list[RunRecord]:
        """Runs that match `query`, newest first, without their graphs."""

    def run(self, flow: str, run_id: str) -> RunRecord | None:
        """One run, or None if it is not known."""

    def steps(self, flow: str, run_id: str, step: str | None = None) -> list[StepRecord]:
        """Steps of a run that have tasks (or only the one named), newest first."""

    def tasks(self, query: TaskQuery) -> list[TaskRecord]:
        """Tasks that match `query`, newest first."""

    def close(self) -> None:
        """Let go of files and connections; the next call opens them again."""
