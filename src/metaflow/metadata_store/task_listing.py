"""Tasks of a run as a table shows them: counted by step, filtered, in any order, a page at a time.

A run may have 100,000 tasks. So all is done by the database, in one pass over the rows of the run.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeVar

from metaflow.metadata_store.events import STATUS_WEIGHT
from metaflow.metadata_store.records import encodable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from metaflow.metadata_store.records import TaskRecord
    from metaflow.metadata_store.run_sql import Dialect

#: Statuses of tasks as people are shown them, in the order of their weight. ``caught`` is a failure that was handled.
STATUSES = ("failed", "killed", "caught", "running", "done")
#: What a table may be sorted by.
ORDERS = ("started_at", "finished_at", "duration", "step", "status")

_RUNNING = STATUS_WEIGHT["running"]
_KILLED = STATUS_WEIGHT["killed"]
_Number = TypeVar("_Number", int, float)
_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})


class StepCount(NamedTuple):
    """What the latest attempts of a step's tasks come to.

    Attributes
    ----------
    step : str
    counts : dict of str to int
        How many tasks have each status; see `STATUSES`.
    cloned : int
        How many were taken over from an earlier run.
    retried : int
        How many needed more than one attempt.
    attempts : int
        Attempts in all.
    started_at : float
        When the first of them started.
    finished_at : float or None
        When the last of them ended; None while any has not.
    median, p95, longest : float or None
        Seconds that attempts which have ended took, without those that were taken over; None if there is none.
    """

    step: str
    counts: dict[str, int]
    cloned: int
    retried: int
    attempts: int
    started_at: float
    finished_at: float | None
    median: float | None
    p95: float | None
    longest: float | None

    @property
    def tasks(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    @property
    def seconds(self) -> float | None:
        """From the first start to the last end; None if any goes on, or was taken over, which takes no time."""
        return None if self.finished_at is None or self.cloned else max(0.0, self.finished_at - self.started_at)


class TaskListing(NamedTuple):
    """Which tasks of a run, by their latest attempts, and in which order.

    Attributes
    ----------
    flow, run_id : str
        The run.
    now : float
        The time, up to which tasks that run have taken.
    steps : tuple of str
        Only tasks of these; of all if empty.
    statuses : tuple of str
        Only tasks that have one of these; see `STATUSES`.
    text : str
        Only tasks with this in the values of their foreaches or in their error, or of this id.
    order : str
        One of `ORDERS`.
    descending : bool
        Whether the highest comes first.
    limit : int
        At most so many.
    after : tuple, optional
        Continue behind this task: its position, as `positions` gave it.
    """

    flow: str
    run_id: str
    now: float
    steps: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    text: str = ""
    order: str = "started_at"
    descending: bool = False
    limit: int = 100
    after: tuple[Any, ...] | None = None


class ListedTask(NamedTuple):
    """A task of a listing.

    Attributes
    ----------
    task : TaskRecord
    position : tuple
        Where it is in the listing; what a listing's `after` takes.
    """

    task: TaskRecord
    position: tuple[Any, ...]


class TaskTables(Protocol):
    """What a database answers about all tasks of a run. Every method may raise MetadataException."""

    def step_counts(self, flow: str, run_id: str) -> list[StepCount]:
        """What the tasks of each step come to, in the order in which steps began; without the run's parameters."""

    def listed_tasks(self, listing: TaskListing) -> list[ListedTask]:
        """The tasks that match, in their order."""

    def count_tasks(self, listing: TaskListing) -> int:
        """How many tasks match, whatever the listing's `limit` and `after`."""


def counts_sql(flow: str, run_id: str, dialect: Dialect) -> tuple[str, list[Any]]:
    """The statement whose rows are step, status, and of such tasks: number, cloned, retried, attempts, first, last."""
    cloned = f"SUM(CASE WHEN {_is_clone(dialect)} THEN 1 ELSE 0 END)"
    sql = (
        f"SELECT step, {status_sql(dialect)} AS state, COUNT(*), {cloned}, "  # noqa: S608 - no text from outside
        "SUM(CASE WHEN attempt > 0 THEN 1 ELSE 0 END), SUM(attempt + 1), MIN(created_at), MAX(finished_at) "
        "FROM tasks WHERE flow = ? AND run_id = ? AND latest GROUP BY step, state"
    )
    return sql, [encodable(flow), encodable(run_id)]


def durations_sql(flow: str, run_id: str, dialect: Dialect) -> tuple[str, list[Any]]:
    """The statement whose rows are step and seconds of each attempt that ended by itself, and was not taken over."""
    sql = (
        "SELECT step, finished_at - started_at FROM tasks "  # noqa: S608 - a number of ours
        f"WHERE flow = ? AND run_id = ? AND latest AND weight > {_KILLED} AND NOT ({_is_clone(dialect)})"
    )
    return sql, [encodable(flow), encodable(run_id)]


def listing_sql(listing: TaskListing, dialect: Dialect) -> tuple[str, list[Any]]:
    """The statement whose rows are record, created_at, and what the listing is sorted by."""
    conditions, parameters = _conditions(listing, dialect)
    key, operands = _sort_key(listing, dialect)
    place = f"{key}, step, length(task_id), task_id"
    parameters = [*operands, *parameters]
    direction = "DESC" if listing.descending else "ASC"
    if listing.after is not None:
        value, step, task_id = listing.after
        conditions.append(f"({place}) {'<' if listing.descending else '>'} (?, ?, ?, ?)")
        parameters += [*operands, value, encodable(step), len(encodable(task_id)), encodable(task_id)]
    order = ", ".join(f"{column} {direction}" for column in ("sort_key", "step", "length(task_id)", "task_id"))
    sql = (
        f"SELECT record, created_at, {key} AS sort_key FROM tasks "  # noqa: S608 - no text from outside
        f"WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT {int(listing.limit)}"
    )
    return sql, parameters


def count_sql(listing: TaskListing, dialect: Dialect) -> tuple[str, list[Any]]:
    """The statement whose one row is the number of tasks that match."""
    conditions, parameters = _conditions(listing, dialect)
    return f"SELECT COUNT(*) FROM tasks WHERE {' AND '.join(conditions)}", parameters  # noqa: S608


def summed_up(rows: list[Any], durations: list[Any]) -> list[StepCount]:
    """Steps from the rows of `counts_sql` and `durations_sql`.

    Parameters
    ----------
    rows, durations : list of tuple
        What the statements gave.
    """
    seconds: dict[str, list[float]] = {}
    for step, taken in durations:
        seconds.setdefault(step, []).append(max(0.0, float(taken)))
    for each in seconds.values():
        each.sort()
    steps: dict[str, StepCount] = {}
    for step, status, number, cloned, retried, attempts, first, last in rows:
        if step.startswith("_"):
            continue
        known = steps.get(step) or StepCount(step, {}, 0, 0, 0, first, 0.0, *percentiles(seconds.get(step, [])))
        known.counts[status] = known.counts.get(status, 0) + number
        ended = status != "running" and known.finished_at is not None
        steps[step] = known._replace(
            cloned=known.cloned + int(cloned),
            retried=known.retried + int(retried),
            attempts=known.attempts + int(attempts),
            started_at=min(known.started_at, first),
            finished_at=(max(known.finished_at or 0.0, last) or None) if ended else None,
        )
    return sorted(steps.values(), key=lambda each: (each.started_at, each.step))


def percentiles(seconds: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Median, 95th percentile and longest of durations in their order; None of none."""
    if not seconds:
        return None, None, None
    return quantile(seconds, 0.5), quantile(seconds, 0.95), seconds[-1]


def quantile(ordered: Sequence[_Number], share: float) -> _Number | None:
    """The smallest value that at least this share of values, in order, does not exceed; None of none."""
    if not ordered:
        return None
    # Not ceil(): the product of floats may be a little above the whole number that is meant.
    return ordered[min(len(ordered) - 1, max(0, int(share * len(ordered) - 1e-9)))]


def status_sql(dialect: Dialect) -> str:
    """Status of a row in one word."""
    failed = f"{may_have(dialect, 'status', 'failed')} AND {dialect.field('status')} = 'failed'"
    # Fields are written in their order, and only if they differ from their defaults: a success that stands behind the
    # values is one of them.
    at, values_at = _position(dialect, '"success":true'), _position(dialect, '"values":{')
    succeeded = f"{at} > 0 AND ({values_at} = 0 OR {at} < {values_at})"
    return (
        f"CASE WHEN weight = {_RUNNING} THEN 'running' WHEN weight = {_KILLED} THEN 'killed' "
        f"WHEN {failed} THEN 'failed' WHEN {succeeded} THEN 'done' ELSE 'caught' END"
    )


def _is_clone(dialect: Dialect) -> str:
    """A test that rows of tasks pass which were taken over from an earlier run."""
    return f"{may_have(dialect, 'origin')} AND {dialect.field('origin')} IS NOT NULL"


def may_have(dialect: Dialect, name: str, value: str | None = None) -> str:
    """A test that all rows pass whose record has a field: reading JSON takes longer than looking for a word."""
    text = f'"{name}":' if value is None else f'"{name}":"{value}"'
    return f"{_position(dialect, text)} > 0"


def _position(dialect: Dialect, text: str) -> str:
    """Where in a record a text begins that has no apostrophe; 0 if the record does not have it."""
    return dialect.position.format("record").replace("?", f"'{text}'")


def _conditions(listing: TaskListing, dialect: Dialect) -> tuple[list[str], list[Any]]:
    conditions = ["flow = ?", "run_id = ?", "latest", "substr(step, 1, 1) <> '_'"]
    parameters: list[Any] = [encodable(listing.flow), encodable(listing.run_id)]
    if listing.steps:
        conditions.append(f"step IN ({', '.join('?' * len(listing.steps))})")
        parameters += map(encodable, listing.steps)
    if listing.statuses:
        conditions.append(f"{status_sql(dialect)} IN ({', '.join('?' * len(listing.statuses))})")
        parameters += listing.statuses
    if listing.text:
        wanted = encodable(listing.text)
        lowered = wanted.translate(_LOWER)
        error = dialect.contains.format(f"lower({dialect.error})")
        conditions.append(
            f"(task_id = ? OR {dialect.contains.format('lower(foreach_value)')} "
            f"OR ({may_have(dialect, 'error')} AND {error}))"
        )
        parameters += [wanted, lowered, lowered]
    return conditions, parameters


def _sort_key(listing: TaskListing, dialect: Dialect) -> tuple[str, list[Any]]:
    """The expression, and what stands in the place of its question marks."""
    if listing.order == "duration":
        return f"(CASE WHEN weight = {_RUNNING} THEN ? ELSE finished_at END - started_at)", [listing.now]
    if listing.order == "status":
        ranks = " ".join(f"WHEN '{status}' THEN {rank}" for rank, status in enumerate(STATUSES))
        return f"(CASE {status_sql(dialect)} {ranks} END)", []
    return listing.order, []
