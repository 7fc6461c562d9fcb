"""The embedded metadata store: one SQLite file, written by every process of a machine."""

from __future__ import annotations

import json

from metaflow.exception import MetadataException
from metaflow.metadata_store.events import (
    STATUS_WEIGHT,
    Heartbeat,
    RunEnded,
    RunForgotten,
    RunStarted,
    TagsChanged,
    TaskEnded,
    TaskStarted,
)
from metaflow.metadata_store.records import FlowRecord, RunOutcome, RunRecord, StepRecord, TaskRecord, encodable
from metaflow.metadata_store.run_sql import FLOW_NAMES, RUN_COLUMNS, run_statements
from metaflow.metadata_store.sqlite_file import SqliteFile, UnusableIndex
from metaflow.metadata_store.store import TaskQuery

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

    from metaflow.metadata_store.events import Event
    from metaflow.metadata_store.records import IndexPath
    from metaflow.metadata_store.store import RunQuery

# The step whose one task holds a run's parameters, and the artifact of every task that says what is known anyway.
_PARAMETERS = "_parameters"
_FLOW_NAME = "name"

# One encoder for all: json.dumps() would make a new one for each record.
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

_INSERT_RUN = """
INSERT INTO runs (flow, run_id, user, started_at, status, finished_at, message, heartbeat_at, tags, end_step, record)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (flow, run_id) DO NOTHING"""

_END_RUN = """
UPDATE runs SET status = ?, finished_at = ?, message = ?
WHERE flow = ? AND run_id = ? AND (finished_at IS NULL OR finished_at <= ?)"""

_BEAT = """
UPDATE runs SET heartbeat_at = ?
WHERE flow = ? AND run_id = ? AND (heartbeat_at IS NULL OR heartbeat_at < ?)"""

_WRITE_TASK = """
INSERT INTO tasks (flow, run_id, step, task_id, attempt, created_at, started_at, weight, finished_at,
                   index_path, foreach_index, foreach_value, record)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (flow, run_id, step, task_id, attempt) DO UPDATE SET
    started_at = excluded.started_at,
    weight = excluded.weight,
    finished_at = excluded.finished_at,
    index_path = excluded.index_path,
    foreach_index = excluded.foreach_index,
    foreach_value = excluded.foreach_value,
    record = excluded.record
WHERE (excluded.weight, excluded.finished_at) >= (tasks.weight, tasks.finished_at)"""

_FIRST_RUN = "SELECT MIN(started_at) FROM runs WHERE flow = ?"

# Jumps from step to step through the index instead of reading every task of the run.
_STEPS = """
WITH RECURSIVE names (step) AS (
    SELECT MIN(step) FROM tasks WHERE flow = :flow AND run_id = :run AND latest
    UNION ALL
    SELECT (SELECT MIN(step) FROM tasks WHERE flow = :flow AND run_id = :run AND step > names.step AND latest)
    FROM names WHERE names.step IS NOT NULL
)
SELECT step, (SELECT MIN(created_at) FROM tasks
              WHERE flow = :flow AND run_id = :run AND step = names.step AND latest) AS created_at
FROM names WHERE step IS NOT NULL ORDER BY created_at DESC, step DESC"""

_ONE_STEP = """
SELECT :step, MIN(created_at) FROM tasks WHERE flow = :flow AND run_id = :run AND step = :step AND latest"""


class SqliteMetadata:
    """A metadata store in a SQLite file.

    Any number of processes may read and write it at once. Nothing is opened or created before it is needed,
    and nothing at all is created by reading.

    Parameters
    ----------
    path : Path, optional
        The database file; without one the records are kept in memory and are gone with this object.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file = SqliteFile(path)

    def apply(self, events: Iterable[Event]) -> None:
        """Record `events` in one transaction, in order.

        Parameters
        ----------
        events : iterable of events
            See :mod:`metaflow.metadata_store.events`. Recording an event again changes nothing.

        Raises
        ------
        MetadataException
            The file cannot be written; then none of the events is recorded.
        """
        batch = list(events)
        if batch:
            self._file.transact(lambda connection: _write(connection, batch))

    def flows(self, flow: str | None = None) -> list[FlowRecord]:
        """Flows that have runs, or only the one named, the newest first."""
        if flow is None:
            rows = [(name, self._file.query(_FIRST_RUN, (name,))[0][0]) for (name,) in self._file.query(FLOW_NAMES)]
            rows.sort(key=lambda row: (row[1], row[0]), reverse=True)
        else:
            rows = [(flow, created_at) for (created_at,) in self._file.query(_FIRST_RUN, (encodable(flow),))]
        return [FlowRecord(name, created_at) for name, created_at in rows if created_at is not None]

    def runs(self, query: RunQuery) -> list[RunRecord]:
        """Runs that match `query`, in its order, without their graphs."""
        found: list[RunRecord] = []
        for sql, parameters in run_statements(query):
            left = -1 if query.limit is None else query.limit - len(found)
            if left:
                found += map(_run_of, self._file.query(sql, [*parameters, left]))
        return found

    def run(self, flow: str, run_id: str) -> RunRecord | None:
        """One run, or None if it is not known."""
        rows = self._file.query(
            f"SELECT {RUN_COLUMNS} FROM runs WHERE flow = ? AND run_id = ?",  # noqa: S608 - no outside text
            (encodable(flow), encodable(run_id)),
        )
        return _run_of(rows[0]) if rows else None

    def steps(self, flow: str, run_id: str, step: str | None = None) -> list[StepRecord]:
        """Steps of a run that have tasks, or only the one named, newest first."""
        sql = _STEPS if step is None else _ONE_STEP
        rows = self._file.query(sql, {"flow": encodable(flow), "run": encodable(run_id), "step": _storable(step)})  # type: ignore[arg-type]
        return [StepRecord(flow, run_id, name, created_at) for name, created_at in rows if created_at is not None]

    def tasks(self, query: TaskQuery) -> list[TaskRecord]:
        """Tasks that match `query`, newest first."""
        return [_task_of(row) for row in self._file.query(*_tasks_sql(query))]

    def is_usable(self) -> bool:
        """Read the whole file, if there is one, and say whether it can be relied on.

        Returns
        -------
        bool
            False if it is damaged or has the format of an older version, so that it must be rebuilt.

        Raises
        ------
        MetadataException
            The file cannot be read for another reason.
        """
        try:
            return self._file.query("PRAGMA quick_check") in ([], [("ok",)])
        except UnusableIndex:
            return False

    def count_runs(self) -> int:
        """How many runs are known."""
        rows = self._file.query("SELECT COUNT(*) FROM runs")
        return int(rows[0][0]) if rows else 0

    def discard(self) -> None:
        """Delete the file; the next write begins a new one."""
        self._file.discard()

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        self._file.close()


def _write(connection: sqlite3.Connection, events: list[Event]) -> None:
    """Apply events in order; runs of task events, of which there are many, go to SQLite together."""
    tasks: list[tuple[Any, ...]] = []
    touched: dict[tuple[str, str], set[str | None]] = {}
    for event in events:
        if isinstance(event, (TaskStarted, TaskEnded)):
            task = event.task
            tasks.append(_task_row(task))
            touched.setdefault((task.flow, task.run_id), set()).add(task.step)
            continue
        if tasks:
            connection.executemany(_WRITE_TASK, tasks)
            tasks = []
        if isinstance(event, Heartbeat):
            connection.execute(_BEAT, (event.at, event.flow, event.run_id, event.at))
        elif isinstance(event, RunStarted):
            _start_run(connection, event.run)
            touched.setdefault((event.run.flow, event.run.run_id), set()).add(None)
        elif isinstance(event, RunEnded):
            ending = (event.status, event.finished_at, _storable(event.message))
            connection.execute(_END_RUN, (*ending, event.flow, event.run_id, event.finished_at))
        elif isinstance(event, TagsChanged):
            _change_tags(connection, event)
        elif isinstance(event, RunForgotten):
            _forget(connection, event)
    if tasks:
        connection.executemany(_WRITE_TASK, tasks)
    for (flow, run_id), steps in touched.items():
        _derive(connection, flow, run_id, steps)


def _derive(connection: sqlite3.Connection, flow: str, run_id: str, steps: set[str | None]) -> None:
    """Repeat in a run's own row what its tasks say of it, if one of these steps is among those that matter.

    None among the steps stands for all of them.
    """
    run = connection.execute(
        "SELECT end_step, started_at FROM runs WHERE flow = ? AND run_id = ?", (flow, run_id)
    ).fetchone()
    if run is None or steps.isdisjoint((None, _PARAMETERS, run[0])):
        return
    parameters = _latest_task(connection, flow, run_id, _PARAMETERS)
    end = _latest_task(connection, flow, run_id, run[0])
    values = {
        kind: {} if task is None else {name: value for name, value in task.values.items() if name != _FLOW_NAME}
        for kind, task in (("parameter", parameters), ("artifact", end))
    }
    ending = (None, None, None) if end is None else (end.ok, end.success, end.ended_at)
    connection.execute(
        "UPDATE runs SET end_ok = ?, end_success = ?, end_finished_at = ?, parameters = ?, artifacts = ? "
        "WHERE flow = ? AND run_id = ?",
        (*ending, _encode(values["parameter"]), _encode(values["artifact"]), flow, run_id),
    )
    connection.execute("DELETE FROM run_values WHERE flow = ? AND run_id = ?", (flow, run_id))
    connection.executemany(
        "INSERT INTO run_values (flow, run_id, kind, name, value, started_at) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (flow, run_id, kind, encodable(name), _storable(value) if isinstance(value, str) else value, run[1])
            for kind, named in values.items()
            for name, value in named.items()
        ],
    )


def _latest_task(connection: sqlite3.Connection, flow: str, run_id: str, step: str) -> TaskRecord | None:
    statement, parameters = _tasks_sql(TaskQuery(flow, run_id, step, limit=1))
    row = connection.execute(statement, parameters).fetchone()
    return None if row is None else _task_of(row)


def _start_run(connection: sqlite3.Connection, run: RunRecord) -> None:
    row = (run.flow, run.run_id, _storable(run.user), run.started_at, run.status, run.finished_at)
    record = _encode(run._replace(graph=None).to_dict())
    end_step = run.end_step or "end"
    connection.execute(
        _INSERT_RUN, (*row, _storable(run.message), run.heartbeat_at, _encode(sorted(run.tags)), end_step, record)
    )
    # A run that was known already keeps the tags that it has, and those are in the table.
    if connection.execute("SELECT changes()").fetchone()[0]:
        _write_tags(connection, run, {*run.tags, *run.system_tags})


def _write_tags(connection: sqlite3.Connection, run: RunRecord, tags: set[str]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO run_tags (flow, tag, started_at, run_id) VALUES (?, ?, ?, ?)",
        [(run.flow, encodable(tag), run.started_at, run.run_id) for tag in sorted(tags)],
    )


def _remove_tags(connection: sqlite3.Connection, run: RunRecord, tags: set[str]) -> None:
    connection.executemany(
        "DELETE FROM run_tags WHERE flow = ? AND tag = ? AND started_at = ? AND run_id = ?",
        [(run.flow, encodable(tag), run.started_at, run.run_id) for tag in sorted(tags)],
    )


def _known_run(connection: sqlite3.Connection, flow: str, run_id: str) -> RunRecord | None:
    row = connection.execute(
        f"SELECT {RUN_COLUMNS} FROM runs WHERE flow = ? AND run_id = ?",  # noqa: S608 - no outside text
        (flow, run_id),
    ).fetchone()
    return _run_of(row) if row else None


def _change_tags(connection: sqlite3.Connection, event: TagsChanged) -> None:
    run = _known_run(connection, event.flow, event.run_id)
    if run is None:
        return
    before = set(run.tags)
    after = (before - set(event.removed)) | set(event.added)
    _remove_tags(connection, run, before - after - set(run.system_tags))
    _write_tags(connection, run, after - before)
    connection.execute(
        "UPDATE runs SET tags = ? WHERE flow = ? AND run_id = ?",
        (_encode(sorted(after)), run.flow, run.run_id),
    )


def _forget(connection: sqlite3.Connection, event: RunForgotten) -> None:
    run = _known_run(connection, event.flow, event.run_id)
    if run is not None:
        _remove_tags(connection, run, {*run.tags, *run.system_tags})
        connection.execute("DELETE FROM run_values WHERE flow = ? AND run_id = ?", (run.flow, run.run_id))
        connection.execute("DELETE FROM runs WHERE flow = ? AND run_id = ?", (run.flow, run.run_id))
    connection.execute("DELETE FROM tasks WHERE flow = ? AND run_id = ?", (event.flow, event.run_id))


def _task_row(task: TaskRecord) -> tuple[Any, ...]:
    return (
        *(task.flow, task.run_id, task.step, task.task_id, task.attempt),
        *(task.started_at, task.started_at),
        *(STATUS_WEIGHT[task.status], task.finished_at or 0.0),
        _path_text(task.index_path),
        task.index_path[-1][1] if task.index_path else None,
        _storable(task.foreach_stack[-1][1]) if task.foreach_stack else None,
        _encode(task.to_dict()),
    )


def _storable(text: str | None) -> str | None:
    return None if text is None else encodable(text)


def _path_text(path: IndexPath) -> str:
    """Text of a foreach path in which the text of every enclosing path is a prefix."""
    return "".join(f"{step}:{index}," for step, index in path)


def _run_of(row: tuple[Any, ...]) -> RunRecord:
    record, tags, status, finished_at, message, heartbeat_at, end_ok, end_success, end_finished_at, *values = row
    plain = _parsed(record)
    plain.update(tags=_parsed(tags), status=status, finished_at=finished_at, message=message, heartbeat_at=heartbeat_at)
    run = RunRecord.from_dict(plain)
    if end_ok is None and not values:
        return run
    named = (_parsed(text) for text in values)
    return run._replace(outcome=RunOutcome(bool(end_ok), bool(end_success), end_finished_at, *named))


def _task_of(row: tuple[str, float]) -> TaskRecord:
    record, created_at = row
    plain = _parsed(record)
    plain["created_at"] = created_at
    return TaskRecord.from_dict(plain)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise MetadataException(
            f"An entry of the index of runs cannot be read ({error}). Rebuild the index with `metaflow reindex`."
        ) from error


def _tasks_sql(query: TaskQuery) -> tuple[str, list[Any]]:
    conditions = ["flow = ?", "run_id = ?"]
    parameters: list[Any] = [encodable(query.flow), encodable(query.run_id)]

    def require(condition: str, *values: Any) -> None:
        conditions.append(condition)
        parameters.extend(values)

    for column in ("step", "task_id", "attempt", "foreach_index", "foreach_value"):
        value = getattr(query, column)
        if value is not None:
            require(f"{column} = ?", _storable(value) if isinstance(value, str) else value)
    if query.attempt is None and not query.all_attempts:
        require("latest")
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
        require(f"({', '.join(order)}) < (?, ?, ?, ?, ?)", created_at, step, len(task_id), task_id, attempt)
    return _select("record, created_at", "tasks", conditions, order, query.limit), parameters


def _select(columns: str, source: str, conditions: list[str], order: tuple[str, ...], limit: int | None) -> str:
    """Assemble a query whose every value is a parameter, the highest of `order` first."""
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    by = ", ".join(f"{column} DESC" for column in order)
    sql = f"SELECT {columns} FROM {source} {where}ORDER BY {by}"  # noqa: S608 - no outside text
    return sql if limit is None else f"{sql} LIMIT {int(limit)}"
