"""Attempts of a run as plain rows: what is drawn of very many of them, without reading the record of each."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from metaflow.metadata_store.records import encodable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from metaflow.metadata_store.attempt_states import AttemptState
    from metaflow.metadata_store.record_sql import RecordSql

    #: Position in a list of attempts: (step, task_id, attempt).
    AttemptPosition = tuple[str, str, int]


class AttemptRow(NamedTuple):
    """What is drawn of an attempt; names are those of :class:`~metaflow.metadata_store.records.TaskRecord`.

    Attributes
    ----------
    step, task_id, attempt, started_at, status, ready_at, code_started_at, code_ended_at
        As in the record.
    finished_at : float
        When it ended; 0 if that is not known.
    index_path : str
        ``step:index,`` of each enclosing foreach, outermost first.
    foreach_value : str or None
        Text of the value in the innermost foreach.
    num_splits : int or None
        Number of tasks of the innermost foreach.
    success : int or None
        Whether the user's code raised nothing.
    is_clone : bool
        Whether it was taken over from another run.
    inputs : str or None
        JSON text of the tasks that it read from; None unless it was asked for.
    foreach_stack, origin : str or None
        The enclosing foreaches as JSON text, and the task that it is a clone of; None unless they were asked for.
    """

    step: str
    task_id: str
    attempt: int
    started_at: float
    finished_at: float
    index_path: str
    foreach_value: str | None
    status: str
    success: bool | None
    is_clone: bool
    ready_at: float | None
    code_started_at: float | None
    code_ended_at: float | None
    num_splits: int | None
    inputs: str | None = None
    foreach_stack: str | None = None
    origin: str | None = None


class AttemptQuery(NamedTuple):
    """Which attempts of a run, in order of step, task id and attempt.

    Attributes
    ----------
    flow, run_id : str
        Which run.
    limit : int
        At most so many.
    after : tuple, optional
        Continue behind this position.
    changed_since : float, optional
        Only attempts that run, or that started or ended at this time or later.
    with_inputs : bool
        Whether to say what each read from.
    with_origins : bool
        Whether to say which foreaches each is in, and what it is a clone of.
    tasks : tuple of (str, str)
        Only attempts of these tasks, by step and id; of all if empty.
    """

    flow: str
    run_id: str
    limit: int
    after: AttemptPosition | None = None
    changed_since: float | None = None
    with_inputs: bool = False
    with_origins: bool = False
    tasks: tuple[tuple[str, str], ...] = ()


class AttemptCounts(NamedTuple):
    """How many attempts of a run there are, how many of them run, and how many were killed."""

    all: int
    running: int
    killed: int


class AttemptReader(Protocol):
    """A database that gives attempts as rows. Every method may raise MetadataException."""

    def attempts(self, query: AttemptQuery) -> list[AttemptRow]:
        """Attempts that match `query`, in its order."""

    def count_attempts(self, flow: str, run_id: str) -> AttemptCounts:
        """How many attempts of a run there are."""

    def attempt_states(
        self, flow: str, run_id: str, most: int, tasks: Sequence[tuple[str, str]] = ()
    ) -> list[AttemptState]:
        """Attempts of a run's own steps, or of these tasks (step and id) only, the newest first; at most so many."""


COUNT_ATTEMPTS = """
SELECT COUNT(*), COUNT(CASE WHEN weight = 0 THEN 1 END), COUNT(CASE WHEN weight = 1 THEN 1 END)
FROM tasks WHERE flow = ? AND run_id = ?"""


def attempts_sql(query: AttemptQuery, records: RecordSql) -> tuple[str, list[Any]]:
    """The statement for attempts that match, and its parameters; its columns are those of :class:`AttemptRow`."""
    conditions = ["flow = ?", "run_id = ?"]
    parameters: list[Any] = [encodable(query.flow), encodable(query.run_id)]
    if query.after is not None:
        step, task_id, attempt = query.after
        conditions.append("(step, task_id, attempt) > (?, ?, ?)")
        parameters += [encodable(step), encodable(task_id), attempt]
    if query.changed_since is not None:
        conditions.append("(weight = 0 OR finished_at >= ? OR started_at >= ?)")
        parameters += [query.changed_since, query.changed_since]
    source = records.source
    if query.tasks:
        # In this order: the database is to look each of them up.
        source = f"(VALUES {', '.join(['(?, ?)'] * len(query.tasks))}) AS wanted CROSS JOIN {source}"
        conditions.append("step = wanted.column1 AND task_id = wanted.column2")
        parameters = [*(encodable(name) for task in query.tasks for name in task), *parameters]
    columns = [
        *("step", "task_id", "attempt", "started_at", "finished_at", "index_path", "foreach_value"),
        # A record leaves out what has its default.
        f"COALESCE({records.text.format('status')}, 'running')",
        records.truth.format("success"),
        records.given.format("origin"),
        *(records.number.format(name) for name in ("ready_at", "code_started_at", "code_ended_at")),
        records.splits,
        records.plain.format("inputs") if query.with_inputs else "NULL",
        records.plain.format("foreach_stack") if query.with_origins else "NULL",
        records.text.format("origin") if query.with_origins else "NULL",
    ]
    return (
        f"SELECT {', '.join(columns)} FROM {source} WHERE {' AND '.join(conditions)} "  # noqa: S608
        f"ORDER BY step, task_id, attempt LIMIT {int(query.limit)}"
    ), parameters
