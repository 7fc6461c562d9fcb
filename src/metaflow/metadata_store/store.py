"""The interfaces of what keeps records, and the questions that a metadata store answers."""

from __future__ import annotations

from typing import NamedTuple, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Literal, TypeAlias

    from metaflow.metadata_store.events import Event
    from metaflow.metadata_store.records import (
        FlowRecord,
        IndexPath,
        RunRecord,
        RunStatus,
        Scalar,
        StepRecord,
        TaskCursor,
        TaskRecord,
    )

    ValueKind: TypeAlias = Literal["parameter", "artifact"]


class ValueCondition(NamedTuple):
    """What a parameter or an artifact of a run must be.

    Numbers are compared with numbers and texts with texts: a run whose value is of the other kind does not match,
    nor does a run without the value. True and 1 are equal, as in Python.

    Attributes
    ----------
    kind : str
        ``parameter`` (or constant) of the run, or ``artifact`` of its last step.
    name : str
        Its name.
    operator : str
        ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=`` or ``in``.
    operand : None, bool, int, float, str, or tuple of these for ``in``
        What it is compared with.
    """

    kind: ValueKind
    name: str
    operator: str
    operand: Scalar | tuple[Scalar, ...]


class RunOrder(NamedTuple):
    """How runs are sorted. Runs that lack what they are sorted by come last; of equal ones, the newest comes first.

    Attributes
    ----------
    by : str
        ``started_at``, ``finished_at``, ``duration``, ``flow``, ``user``, ``status``, ``parameter`` or ``artifact``.
    name : str, optional
        Name of the parameter or artifact.
    descending : bool
        Whether the highest comes first. Numbers are lower than texts.
    """

    by: str
    name: str | None = None
    descending: bool = False


class RunQuery(NamedTuple):
    """Which runs, newest first unless another order is given.

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
        Continue behind this run: its :func:`run_position`, which is its ``cursor`` if no order is given.
    successful : bool
        Only runs whose last step succeeded.
    values : tuple of ValueCondition
        Only runs that meet all of these.
    order : RunOrder, optional
        How they are sorted.
    with_values : bool
        Give the values of parameters and artifacts with each run, in its `outcome`.
    id_part : str, optional
        Only runs whose id begins or ends with this.
    flows, statuses, users : tuple of str
        Only runs of one of these flows, with one of these statuses, started by one of these users; empty for all.
    any_tags : tuple of tuples of str
        Only runs that have at least one tag of each of these.
    without_tags : tuple of str
        Only runs that have none of these, as user or as system tags.
    without_flows : tuple of str
        Only runs of other flows than these.
    text : str, optional
        Only runs in which every word of this occurs: in flow, id, user, tags of people and projects, message, or values
        of parameters. Upper and lower case are the same.
    keys : tuple of (str, str), optional
        Only runs among these, each a flow and an id.
    """

    flow: str | None = None
    tags: tuple[str, ...] = ()
    status: RunStatus | None = None
    user: str | None = None
    since: float | None = None
    until: float | None = None
    limit: int | None = None
    after: tuple[Any, ...] | None = None
    successful: bool = False
    values: tuple[ValueCondition, ...] = ()
    order: RunOrder | None = None
    with_values: bool = False
    id_part: str | None = None
    flows: tuple[str, ...] = ()
    statuses: tuple[RunStatus, ...] = ()
    users: tuple[str, ...] = ()
    any_tags: tuple[tuple[str, ...], ...] = ()
    without_tags: tuple[str, ...] = ()
    without_flows: tuple[str, ...] = ()
    text: str | None = None
    keys: tuple[tuple[str, str], ...] | None = None

    def accepts_status(self, status: RunStatus) -> bool:
        """Whether runs with this status may match."""
        return self.status in (None, status) and (not self.statuses or status in self.statuses)


def run_position(run: RunRecord, order: RunOrder | None) -> tuple[Any, ...]:
    """Position of a run in a list of that order.

    Parameters
    ----------
    run : RunRecord
        The run; with its values, if they are what the list is sorted by.
    order : RunOrder or None
        The order.

    Returns
    -------
    tuple
        What goes into a query's `after`.
    """
    return run.cursor if order is None else (sort_value(run, order), *run.cursor)


def sort_value(run: RunRecord, order: RunOrder) -> Scalar:
    """What a run is sorted by; None if it lacks it."""
    if order.by == "duration":
        # One that goes on has taken as long as it is known to live: the present would be another one on each page.
        end = run.finished_at
        if end is None and run.status == "running":
            end = run.started_at if run.heartbeat_at is None else run.heartbeat_at
        return None if end is None else end - run.started_at
    if order.by not in ("parameter", "artifact"):
        return getattr(run, order.by)  # type: ignore[no-any-return]
    assert run.outcome is not None and order.name is not None
    values = run.outcome.parameters if order.by == "parameter" else run.outcome.artifacts
    return (values or {}).get(order.name)


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

    def claim_run(self, run: RunRecord) -> bool:
        """Record that a run exists, as a RunStarted event does; False, and nothing is recorded, if its id is taken."""

    def flows(self, flow: str | None = None) -> list[FlowRecord]:
        """Flows that have runs (or only the one named), the newest first."""

    def runs(self, query: RunQuery) -> list[RunRecord]:
        """Runs that match `query`, in its order, without their graphs."""

    def run(self, flow: str, run_id: str) -> RunRecord | None:
        """One run, or None if it is not known."""

    def steps(self, flow: str, run_id: str, step: str | None = None) -> list[StepRecord]:
        """Steps of a run that have tasks (or only the one named), newest first."""

    def tasks(self, query: TaskQuery) -> list[TaskRecord]:
        """Tasks that match `query`, newest first."""

    def close(self) -> None:
        """Let go of files and connections; the next call opens them again."""


class EventLog(Protocol):
    """What was recorded, in order, for those who follow it. Every method may raise MetadataException.

    Events have ids that only grow. Whoever has seen an event has been able to see all with lower ids, even if many
    processes record at once. An event that was delivered twice may be there twice.
    """

    def events_after(
        self, event_id: int, limit: int, flow: str | None = None, run_id: str | None = None
    ) -> list[tuple[int, dict[str, Any]]]:
        """At most `limit` events behind that id, oldest first: the id of each, and what `wire.event_to_plain` made.

        With `flow` and `run_id` only those of that flow or run.
        """

    def is_log_kept(self) -> bool:
        """Whether what is recorded now is in the log, as it is not always of a log that is kept for listeners only."""

    def last_event_id(self) -> int:
        """Id of the newest event, even if the log has been trimmed; 0 if there never was any."""

    def oldest_event_id(self) -> int:
        """Id of the oldest event that the log still has; one more than the last if it is empty.

        Who has seen less than the event before that one has missed some.
        """

    def last_event_id_before(self, moment: float) -> int:
        """Id of the last event recorded before that time, in seconds since the epoch; else one below the oldest."""

    def trim_log(self, before_time: float) -> int:
        """Drop events recorded before that time, in seconds since the epoch; how many they were."""


class DocumentStore(Protocol):
    """Small documents by collection and key, and numbers drawn in order. Every method may raise MetadataException.

    A document is a dictionary that JSON can hold. Keys are ordered by their code points.
    """

    def put_document(self, collection: str, key: str, document: Mapping[str, Any], replace: bool = False) -> bool:
        """Keep a document. False if there is one already: then that stays, unless `replace`."""

    def put_documents(self, collection: str, documents: Mapping[str, Mapping[str, Any]], replace: bool = False) -> int:
        """Keep several by their keys, all or none; how many were written. What is there stays, unless `replace`."""

    def get_document(self, collection: str, key: str) -> dict[str, Any] | None:
        """One document, or None."""

    def documents(
        self, collection: str, key_prefix: str = "", limit: int | None = None, after: str | None = None
    ) -> list[tuple[str, dict[str, Any]]]:
        """Keys that begin so, with their documents, in order of the keys, at most `limit`, those behind `after`."""

    def delete_documents(self, collection: str, key_prefix: str = "") -> int:
        """Delete those whose keys begin so; how many they were."""

    def next_number(self, name: str) -> int:
        """Draw the next number, from 1, of the series called `name`. None is ever given twice."""
