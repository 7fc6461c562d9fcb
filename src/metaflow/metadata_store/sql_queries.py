"""What metadata stores in SQL tables have in common: their queries, and how records become rows and rows records."""

from __future__ import annotations

import json
from contextlib import contextmanager
from math import isfinite

from metaflow.exception import MetadataException, UnrecordableEvent
from metaflow.metadata_store.events import STATUS_WEIGHT
from metaflow.metadata_store.records import FlowRecord, RunOutcome, RunRecord, StepRecord, TaskRecord, encodable
from metaflow.metadata_store.run_sql import FLOW_NAMES, RUN_COLUMNS, count_statement, run_statements
from metaflow.metadata_store.run_text import run_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from metaflow.metadata_store.attempt_rows import AttemptCounts, AttemptQuery, AttemptRow
    from metaflow.metadata_store.attempt_states import AttemptState
    from metaflow.metadata_store.records import IndexPath, Scalar
    from metaflow.metadata_store.run_sql import Dialect
    from metaflow.metadata_store.store import RunQuery, TaskQuery
    from metaflow.metadata_store.task_listing import ListedTask, StepCount, TaskListing

#: The step whose one task holds a run's parameters.
PARAMETERS_STEP = "_parameters"

#: JSON text of a record. One encoder for all: json.dumps() would make a new one for each.
encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

SELECT_RUN = f"SELECT {RUN_COLUMNS} FROM runs WHERE flow = ? AND run_id = ?"  # noqa: S608 - no outside text

_FLOWS = FLOW_NAMES.replace(
    "SELECT flow FROM names",
    "SELECT flow, (SELECT MIN(started_at) FROM runs WHERE runs.flow = names.flow) AS created_at FROM names",
)
_FIRST_RUN = "SELECT MIN(started_at) FROM runs WHERE flow = ?"

# Jumps from step to step through the index instead of reading every task of the run.
_STEPS = """
WITH RECURSIVE names (step) AS (
    SELECT MIN(step) FROM tasks WHERE flow = ? AND run_id = ? AND latest
    UNION ALL
    SELECT (SELECT MIN(step) FROM tasks WHERE flow = ? AND run_id = ? AND step > names.step AND latest)
    FROM names WHERE names.step IS NOT NULL
)
SELECT step, (SELECT MIN(created_at) FROM tasks
              WHERE flow = ? AND run_id = ? AND step = names.step AND latest) AS created_at
FROM names WHERE step IS NOT NULL ORDER BY created_at DESC, step DESC"""

_ONE_STEP = "SELECT MIN(created_at) FROM tasks WHERE flow = ? AND run_id = ? AND step = ? AND latest"


class SqlQueries:
    """The reading half of a metadata store. Who derives from it says how a statement is run."""

    _dialect: Dialect

    def _query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Rows that a statement with question marks gives."""
        raise NotImplementedError

    def flows(self, flow: str | None = None) -> list[FlowRecord]:
        """Flows that have runs, or only the one named, the newest first."""
        if flow is None:
            rows = self._query(_FLOWS)
            rows.sort(key=lambda row: (row[1], row[0]), reverse=True)
        else:
            rows = [(flow, created_at) for (created_at,) in self._query(_FIRST_RUN, (encodable(flow),))]
        return [FlowRecord(name, created_at) for name, created_at in rows if created_at is not None]

    def runs(self, query: RunQuery) -> list[RunRecord]:
        """Runs that match `query`, in its order, without their graphs."""
        found: list[RunRecord] = []
        for sql, parameters in run_statements(query, self._dialect):
            left = self._dialect.no_limit if query.limit is None else query.limit - len(found)
            if left != 0:
                found += map(run_of, self._query(sql, [*parameters, left]))
        return found

    def number_of_runs(self, query: RunQuery) -> int:
        """How many runs match, in whatever order and behind whatever position; none are counted beyond its limit."""
        sql, parameters = count_statement(query, self._dialect)
        limit = self._dialect.no_limit if query.limit is None else query.limit
        rows = self._query(sql, [*parameters, limit])
        return int(rows[0][0]) if rows else 0

    def run_ids(self, flow: str) -> set[str]:
        """Ids of all runs of a flow."""
        return {run_id for (run_id,) in self._query("SELECT run_id FROM runs WHERE flow = ?", (encodable(flow),))}

    def run(self, flow: str, run_id: str) -> RunRecord | None:
        """One run, or None if it is not known."""
        rows = self._query(SELECT_RUN, (encodable(flow), encodable(run_id)))
        return run_of(rows[0]) if rows else None

    def steps(self, flow: str, run_id: str, step: str | None = None) -> list[StepRecord]:
        """Steps of a run that have tasks, or only the one named, newest first."""
        key = (encodable(flow), encodable(run_id))
        if step is None:
            rows = self._query(_STEPS, key * 3)
        else:
            rows = [(step, created_at) for (created_at,) in self._query(_ONE_STEP, (*key, encodable(step)))]
        return [StepRecord(flow, run_id, name, created_at) for name, created_at in rows if created_at is not None]

    def tasks(self, query: TaskQuery) -> list[TaskRecord]:
        """Tasks that match `query`, newest first."""
        return [task_of(row) for row in self._query(*tasks_sql(query))]

    def step_counts(self, flow: str, run_id: str) -> list[StepCount]:
        """What the tasks of each step come to, in the order in which steps began."""
        # Here and below: a run, which only writes, is to start without what only readers need.
        from metaflow.metadata_store.task_listing import counts_sql, durations_sql, summed_up

        rows = self._query(*counts_sql(flow, run_id, self._dialect))
        return summed_up(rows, self._query(*durations_sql(flow, run_id, self._dialect)))

    def listed_tasks(self, listing: TaskListing) -> list[ListedTask]:
        """The tasks that match, in their order."""
        from metaflow.metadata_store.task_listing import ListedTask, listing_sql

        found = []
        for record, created_at, key in self._query(*listing_sql(listing, self._dialect)):
            task = task_of((record, created_at))
            found.append(ListedTask(task, (key, task.step, task.task_id)))
        return found

    def count_tasks(self, listing: TaskListing) -> int:
        """How many tasks match."""
        from metaflow.metadata_store.task_listing import count_sql

        return int(self._query(*count_sql(listing, self._dialect))[0][0])

    def attempts(self, query: AttemptQuery) -> list[AttemptRow]:
        """Attempts that match `query`, as rows, in order of step, task id and attempt."""
        from metaflow.metadata_store.attempt_rows import AttemptRow, attempts_sql

        return [AttemptRow._make(row) for row in self._query(*attempts_sql(query, self._dialect.records))]

    def count_attempts(self, flow: str, run_id: str) -> AttemptCounts:
        """How many attempts of a run there are."""
        from metaflow.metadata_store.attempt_rows import COUNT_ATTEMPTS, AttemptCounts

        rows = self._query(COUNT_ATTEMPTS, (encodable(flow), encodable(run_id)))
        return AttemptCounts(*rows[0]) if rows else AttemptCounts(0, 0, 0)

    def attempt_states(
        self, flow: str, run_id: str, most: int, tasks: Sequence[tuple[str, str]] = ()
    ) -> list[AttemptState]:
        """Attempts of a run's own steps, or of these tasks (step and id) only, the newest first; at most so many."""
        from metaflow.metadata_store.attempt_states import AttemptState, states_sql

        return list(map(AttemptState._make, self._query(*states_sql(flow, run_id, self._dialect, most, tasks))))


def tasks_sql(query: TaskQuery) -> tuple[str, list[Any]]:
    """The statement for tasks that match, and its parameters; its columns are what :func:`task_of` wants."""
    conditions = ["flow = ?", "run_id = ?"]
    parameters: list[Any] = [encodable(query.flow), encodable(query.run_id)]

    def require(condition: str, *values: Any) -> None:
        conditions.append(condition)
        parameters.extend(values)

    for column in ("step", "task_id", "attempt", "foreach_index", "foreach_value"):
        value = getattr(query, column)
        if value is not None:
            require(f"{column} = ?", encodable(value) if isinstance(value, str) else value)
    if query.attempt is None and not query.all_attempts:
        require("latest")
        narrowing = (query.task_id, query.index_path, query.foreach_index, query.foreach_value)
        if query.step is not None and query.limit is not None and narrowing == (None,) * 4:
            # True of all, but with it SQLite reads the newest by the index by time, instead of sorting all of the step.
            require("created_at >= 0")
    if query.index_path is not None:
        text = _path_text(query.index_path)
        if not text and not query.nested:
            require("index_path = ''")
        elif text:
            # The texts that begin with this one sort between it and its successor; '-' follows ','.
            condition, end = ("index_path < ?", text[:-1] + "-") if query.nested else ("index_path <= ?", text)
            require(f"index_path <> '' AND index_path >= ? AND {condition}", text, end)
    order = ("created_at", "step", "length(task_id)", "task_id", "attempt")
    if query.after is not None:
        created_at, step, task_id, attempt = query.after
        step, task_id = encodable(step), encodable(task_id)
        require(f"({', '.join(order)}) < (?, ?, ?, ?, ?)", created_at, step, len(task_id), task_id, attempt)
    by = ", ".join(f"{column} DESC" for column in order)
    sql = f"SELECT record, created_at FROM tasks WHERE {' AND '.join(conditions)} ORDER BY {by}"  # noqa: S608
    return (sql if query.limit is None else f"{sql} LIMIT {int(query.limit)}"), parameters


def task_row(task: TaskRecord) -> tuple[Any, ...]:
    """An attempt as a row of the table of tasks, whose last column is the record."""
    return (
        *(encodable(task.flow), encodable(task.run_id), encodable(task.step), encodable(task.task_id), task.attempt),
        *(task.started_at, task.started_at),
        *(STATUS_WEIGHT[task.status], task.finished_at or 0.0),
        _path_text(task.index_path),
        task.index_path[-1][1] if task.index_path else None,
        storable(task.foreach_stack[-1][1]) if task.foreach_stack else None,
        encode(task.to_dict()),
    )


def run_of(row: tuple[Any, ...]) -> RunRecord:
    """A run from its columns, see `run_sql.RUN_COLUMNS` and `run_sql.RUN_COLUMNS_WITH_VALUES`."""
    record, tags, status, finished_at, message, heartbeat_at, end_ok, end_success, end_finished_at, *values = row
    plain = _parsed(record)
    plain.update(tags=_parsed(tags), status=status, finished_at=finished_at, message=message, heartbeat_at=heartbeat_at)
    run = RunRecord.from_dict(plain)
    if end_ok is None and not values:
        return run
    named = (_parsed(text) for text in values)
    return run._replace(outcome=RunOutcome(bool(end_ok), bool(end_success), end_finished_at, *named))


def text_of_row(row: tuple[Any, ...]) -> str:
    """The text of a run by which it is found, from its columns with values."""
    return run_text(run_of(row))


def task_of(row: tuple[str, float]) -> TaskRecord:
    """An attempt from its record, and when its task was created."""
    record, created_at = row
    plain = _parsed(record)
    plain["created_at"] = created_at
    return TaskRecord.from_dict(plain)


@contextmanager
def recordable() -> Iterator[None]:
    """Explain an event that is not what it should be, which may come from another machine's program.

    Raises
    ------
    UnrecordableEvent
        Instead of the error that it led to.
    """
    try:
        yield
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
        raise UnrecordableEvent(
            f"An event has what cannot be recorded ({type(error).__name__}: {error}). None of those that came with it "
            "is recorded. See what sent it, and whether that has the same version of this package."
        ) from error


def run_record_text(run: RunRecord) -> str:
    """JSON text of what never changes of a run, as its row has it."""
    return encode(run._replace(graph=None, outcome=None).to_dict())


def indexed_values(task: TaskRecord | None) -> dict[str, Scalar]:
    """Values of a task by which its run is found. What no index can hold is left out: it may come from anywhere."""
    if task is None:
        return {}
    return {name: value for name, value in task.own_values.items() if _fits(value)}


def _fits(value: Any) -> bool:
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    if isinstance(value, float):
        return isfinite(value)
    return value is None or (isinstance(value, str) and len(value) <= 200)


def storable(text: str | None) -> str | None:
    """A text, or nothing, as a database takes it."""
    return None if text is None else encodable(text)


def _path_text(path: IndexPath) -> str:
    """Text of a foreach path in which the text of every enclosing path is a prefix."""
    return encodable("".join(f"{step}:{index}," for step, index in path))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise MetadataException(
            f"An entry of the index of runs cannot be read ({error}). Rebuild the index with `metaflow reindex`."
        ) from error
