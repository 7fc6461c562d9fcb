"""The embedded metadata store: one SQLite file, written by every process of a machine."""

from __future__ import annotations

from metaflow.metadata_store.events import (
    Heartbeat,
    RunEnded,
    RunForgotten,
    RunStarted,
    TagsChanged,
    TaskEnded,
    TaskStarted,
)
from metaflow.metadata_store.listening import NOTE_OF_LISTENERS, append_to_log, is_listened, is_noted
from metaflow.metadata_store.overviews import OverviewQueries
from metaflow.metadata_store.records import TaskRecord, encodable
from metaflow.metadata_store.run_sql import RUN_COLUMNS_WITH_VALUES, SQLITE
from metaflow.metadata_store.service_tables import ServiceTables
from metaflow.metadata_store.sql_queries import (
    PARAMETERS_STEP,
    SELECT_RUN,
    SqlQueries,
    encode,
    indexed_values,
    recordable,
    run_of,
    run_record_text,
    storable,
    task_of,
    task_row,
    tasks_sql,
    text_of_row,
)
from metaflow.metadata_store.sqlite_file import INDEX, SERVICE, SqliteFile, UnusableIndex
from metaflow.metadata_store.store import TaskQuery

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from typing import Any, TypeVar

    from metaflow.metadata_store.events import Event
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.service_tables import Execute
    from metaflow.metadata_store.sqlite_file import Purpose

    T = TypeVar("T")

_INSERT_RUN = """
INSERT INTO runs (flow, run_id, user, started_at, status, finished_at, message, heartbeat_at, tags, end_step, record)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (flow, run_id) DO NOTHING"""

_END_RUN = """
UPDATE runs SET status = ?, finished_at = ?, message = ?
WHERE flow = ? AND run_id = ? AND (finished_at IS NULL OR finished_at <= ?)"""

_BEAT = """
UPDATE runs SET heartbeat_at = ?
WHERE flow = ? AND run_id = ? AND (heartbeat_at IS NULL OR heartbeat_at < ?)"""

_SELECT_TEXT = f"SELECT started_at, {RUN_COLUMNS_WITH_VALUES} FROM runs WHERE flow = ? AND run_id = ?"  # noqa: S608
_WRITE_TEXT = """
INSERT INTO run_texts (started_at, flow, run_id, text) VALUES (?, ?, ?, ?)
ON CONFLICT (started_at, flow, run_id) DO UPDATE SET text = excluded.text"""

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


class SqliteMetadata(SqlQueries, OverviewQueries, ServiceTables):
    """A metadata store in a SQLite file: the embedded index of runs, or the database of a service on one machine.

    Any number of processes may read and write it at once. Nothing is opened or created before it is needed,
    and nothing at all is created by reading.

    Parameters
    ----------
    path : Path, optional
        The database file; without one the records are kept in memory and are gone with this object.
    keep_log : bool
        Whether this is a service's database: every event is also appended to the log, what is written outlives a
        power cut, and reading threads do not wait for one that writes. Elsewhere events are appended while somebody
        listens, see :mod:`metaflow.metadata_store.listening`.
    purpose : Purpose, optional
        What the file is for, if neither of these two.
    """

    _dialect = SQLITE

    def __init__(self, path: Path | None = None, keep_log: bool = False, purpose: Purpose | None = None) -> None:
        self._purpose = purpose or (SERVICE if keep_log else INDEX)
        self._file = SqliteFile(path, self._purpose)
        self._keep_log = keep_log

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
            with recordable():
                self._file.transact(lambda connection: self._record(connection, batch))

    def claim_run(self, run: RunRecord) -> bool:
        """Record that a run exists, unless its id is taken.

        Returns
        -------
        bool
            False if it is taken; then nothing is recorded.
        """

        def claim(connection: sqlite3.Connection) -> bool:
            if connection.execute(SELECT_RUN, (encodable(run.flow), encodable(run.run_id))).fetchone():
                return False
            self._record(connection, [RunStarted(run)])
            return True

        with recordable():
            return self._file.transact(claim)

    def _record(self, connection: sqlite3.Connection, events: list[Event]) -> None:
        _write(connection, events)
        if self._keep_log or is_listened(connection):
            append_to_log(connection, events)

    def _query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return self._file.query(sql, parameters)

    def _change(self, work: Callable[[Execute], T]) -> T:
        return self._file.transact(lambda connection: work(connection.execute))

    def is_log_kept(self) -> bool:
        """Whether what is recorded now is in the log."""
        return self._keep_log or is_noted(self._query(*NOTE_OF_LISTENERS))

    def impatient(self, seconds: float) -> SqliteMetadata:
        """The same file for whoever would rather not write than wait longer for others who do."""
        if self._file.path is None:
            return self
        return SqliteMetadata(self._file.path, self._keep_log, self._purpose._replace(patience=seconds))

    def check_turn(self) -> None:
        """See that the file can be written now.

        Raises
        ------
        DatabaseUnavailable
            Somebody else writes to it, for longer than our patience lasts.
        MetadataException
            It cannot be written at all.
        """
        self._file.transact(lambda connection: None)

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
    retold: set[tuple[str, str]] = set()
    touched: dict[tuple[str, str], set[str | None]] = {}
    for event in events:
        if isinstance(event, (TaskStarted, TaskEnded)):
            task = event.task
            row = task_row(task)
            tasks.append(row)
            touched.setdefault(row[:2], set()).add(row[2])
            continue
        if tasks:
            connection.executemany(_WRITE_TASK, tasks)
            tasks = []
        if isinstance(event, Heartbeat):
            connection.execute(_BEAT, (event.at, *_key(event), event.at))
        elif isinstance(event, RunStarted):
            _start_run(connection, event.run)
            touched.setdefault(_key(event.run), set()).add(None)
        elif isinstance(event, RunEnded):
            ending = (event.status, event.finished_at, storable(event.message))
            connection.execute(_END_RUN, (*ending, *_key(event), event.finished_at))
            retold.add(_key(event))
        elif isinstance(event, TagsChanged):
            _change_tags(connection, event)
            retold.add(_key(event))
        elif isinstance(event, RunForgotten):
            _forget(connection, event)
    if tasks:
        connection.executemany(_WRITE_TASK, tasks)
    for (flow, run_id), steps in touched.items():
        if _derive(connection, flow, run_id, steps):
            retold.add((flow, run_id))
    for key in retold:
        _write_text(connection, key)


def _derive(connection: sqlite3.Connection, flow: str, run_id: str, steps: set[str | None]) -> bool:
    """Repeat in a run's own row what its tasks say of it, if one of these steps is among those that matter.

    None among the steps stands for all of them. Whether anything was done.
    """
    run = connection.execute(
        "SELECT end_step, started_at FROM runs WHERE flow = ? AND run_id = ?", (flow, run_id)
    ).fetchone()
    if run is None or steps.isdisjoint((None, PARAMETERS_STEP, run[0])):
        return False
    parameters = _latest_task(connection, flow, run_id, PARAMETERS_STEP)
    end = _latest_task(connection, flow, run_id, run[0])
    values = {"parameter": indexed_values(parameters), "artifact": indexed_values(end)}
    ending = (None, None, None) if end is None else (end.ok, end.success, end.ended_at)
    connection.execute(
        "UPDATE runs SET end_ok = ?, end_success = ?, end_finished_at = ?, parameters = ?, artifacts = ? "
        "WHERE flow = ? AND run_id = ?",
        (*ending, encode(values["parameter"]), encode(values["artifact"]), flow, run_id),
    )
    connection.execute("DELETE FROM run_values WHERE flow = ? AND run_id = ?", (flow, run_id))
    connection.executemany(
        "INSERT INTO run_values (flow, run_id, kind, name, value, started_at) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (flow, run_id, kind, encodable(name), SQLITE.value(value), run[1])
            for kind, named in values.items()
            for name, value in named.items()
        ],
    )
    return True


def _write_text(connection: sqlite3.Connection, key: tuple[str, str]) -> None:
    row = connection.execute(_SELECT_TEXT, key).fetchone()
    if row is not None:
        connection.execute(_WRITE_TEXT, (row[0], *key, text_of_row(row[1:])))


def _latest_task(connection: sqlite3.Connection, flow: str, run_id: str, step: str) -> TaskRecord | None:
    statement, parameters = tasks_sql(TaskQuery(flow, run_id, step, limit=1))
    row = connection.execute(statement, parameters).fetchone()
    return None if row is None else task_of(row)


def _key(subject: RunRecord | Heartbeat | RunEnded | TagsChanged | RunForgotten) -> tuple[str, str]:
    return encodable(subject.flow), encodable(subject.run_id)


def _start_run(connection: sqlite3.Connection, run: RunRecord) -> None:
    key = _key(run)
    state = (encodable(run.user), run.started_at, run.status, run.finished_at, storable(run.message), run.heartbeat_at)
    fixed = (encode(sorted(run.tags)), encodable(run.end_step or "end"), run_record_text(run))
    # A run that was known already keeps the tags that it has, and those are in the table.
    if connection.execute(_INSERT_RUN, (*key, *state, *fixed)).rowcount:
        _write_tags(connection, run, {*run.tags, *run.system_tags})


def _write_tags(connection: sqlite3.Connection, run: RunRecord, tags: set[str]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO run_tags (flow, tag, started_at, run_id) VALUES (?, ?, ?, ?)",
        _tag_rows(run, tags),
    )


def _remove_tags(connection: sqlite3.Connection, run: RunRecord, tags: set[str]) -> None:
    connection.executemany(
        "DELETE FROM run_tags WHERE flow = ? AND tag = ? AND started_at = ? AND run_id = ?",
        _tag_rows(run, tags),
    )


def _tag_rows(run: RunRecord, tags: set[str]) -> list[tuple[str, str, float, str]]:
    flow, run_id = _key(run)
    return [(flow, encodable(tag), run.started_at, run_id) for tag in sorted(tags)]


def _known_run(connection: sqlite3.Connection, key: tuple[str, str]) -> RunRecord | None:
    row = connection.execute(SELECT_RUN, key).fetchone()
    return run_of(row) if row else None


def _change_tags(connection: sqlite3.Connection, event: TagsChanged) -> None:
    key = _key(event)
    run = _known_run(connection, key)
    if run is None:
        return
    before = set(run.tags)
    after = (before - set(event.removed)) | set(event.added)
    _remove_tags(connection, run, before - after - set(run.system_tags))
    _write_tags(connection, run, after - before)
    connection.execute("UPDATE runs SET tags = ? WHERE flow = ? AND run_id = ?", (encode(sorted(after)), *key))


def _forget(connection: sqlite3.Connection, event: RunForgotten) -> None:
    key = _key(event)
    run = _known_run(connection, key)
    if run is not None:
        _remove_tags(connection, run, {*run.tags, *run.system_tags})
        connection.execute(
            "DELETE FROM run_texts WHERE started_at = ? AND flow = ? AND run_id = ?", (run.started_at, *key)
        )
        connection.execute("DELETE FROM run_values WHERE flow = ? AND run_id = ?", key)
        connection.execute("DELETE FROM runs WHERE flow = ? AND run_id = ?", key)
    connection.execute("DELETE FROM tasks WHERE flow = ? AND run_id = ?", key)
