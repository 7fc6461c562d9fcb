"""The interface of a metadata store, and the questions that it answers."""

from __future__ import annotations

from typing import NamedTuple, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
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
        ``started_at``, ``finished_at``, ``duration``, ``user``, ``status``, ``parameter`` or ``artifact``.
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
        return None if run.finished_at is None else run.finished_at - run.started_at
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
