"""Events written to PostgreSQL: what a batch comes to is worked out first, and then takes a few statements.

Everything that an event changes belongs to one run. So whoever writes first locks all runs of his batch, in one order
for all: then none can wait for each other, and what was read of a run stays true until it is written.
"""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

from metaflow.metadata_store.event_folding import fold, run_key
from metaflow.metadata_store.postgres_schema import LOCKS
from metaflow.metadata_store.records import encodable
from metaflow.metadata_store.run_sql import RUN_COLUMNS_WITH_VALUES
from metaflow.metadata_store.sql_queries import (
    PARAMETERS_STEP,
    encode,
    indexed_values,
    run_of,
    run_record_text,
    storable,
    task_of,
    task_row,
    text_of_row,
)
from metaflow.metadata_store.value_key import value_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from psycopg import Cursor

    from metaflow.metadata_store.event_folding import Changes, RunKey
    from metaflow.metadata_store.events import Event
    from metaflow.metadata_store.records import RunRecord, Scalar, TaskRecord

# Runs share this many locks. A lock for each would, in a large batch, be more than a server has room for.
_LOCK_COUNT = 256

_LOCK = "SELECT pg_advisory_xact_lock(%s, number) FROM unnest(%b::int[]) AS number"

# Arrays are sent in binary form (%b): to escape the quotes of JSON in them takes longer than all the rest.
#
# Joins are written as subqueries for each key, which can be run in one way only. What the planner knows of tables that
# grow from nothing is often long out of date, and then it reads them from end to end.
_KNOWN = f"""
SELECT runs.* FROM unnest(%b::text[], %b::text[]) AS k(flow, run_id)
CROSS JOIN LATERAL (
    SELECT {RUN_COLUMNS_WITH_VALUES} FROM runs WHERE runs.flow = k.flow AND runs.run_id = k.run_id OFFSET 0
) AS runs"""  # noqa: S608

_INSERT_RUNS = """
INSERT INTO runs (flow, run_id, "user", started_at, end_step, record, status, finished_at, message, heartbeat_at, tags)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::float8[], %b::text[], %b::text[],
                     %b::text[], %b::float8[], %b::text[], %b::float8[], %b::text[])"""

_UPDATE_RUN = """
UPDATE runs SET status = %s, finished_at = %s, message = %s, heartbeat_at = %s, tags = %s
WHERE flow = %s AND run_id = %s"""

_INSERT_TAGS = """
INSERT INTO run_tags (flow, tag, started_at, run_id)
SELECT * FROM unnest(%b::text[], %b::text[], %b::float8[], %b::text[]) ON CONFLICT DO NOTHING"""

_DELETE_TAG = "DELETE FROM run_tags WHERE flow = %s AND tag = %s AND started_at = %s AND run_id = %s"

_WRITE_TASKS = """
INSERT INTO tasks (flow, run_id, step, task_id, attempt, created_at, started_at, weight, finished_at,
                   index_path, foreach_index, foreach_value, record)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::int[], %b::float8[], %b::float8[],
                     %b::int2[], %b::float8[], %b::text[], %b::int8[], %b::text[], %b::text[])
ON CONFLICT (flow, run_id, step, task_id, attempt) DO UPDATE SET
    started_at = excluded.started_at,
    weight = excluded.weight,
    finished_at = excluded.finished_at,
    index_path = excluded.index_path,
    foreach_index = excluded.foreach_index,
    foreach_value = excluded.foreach_value,
    record = excluded.record
WHERE (excluded.weight, excluded.finished_at) >= (tasks.weight, tasks.finished_at)"""

# A task is as old as its first attempt, and what is read of it is its latest one, in whatever order attempts arrive.
# These are the tasks of which that is not so, as very few are.
_MISRANKED = """
SELECT ranked.newest, ranked.oldest, k.*
FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[]) AS k(flow, run_id, step, task_id)
CROSS JOIN LATERAL (
    SELECT MAX(t.attempt) AS newest, MIN(t.started_at) AS oldest FROM tasks AS t
    WHERE t.flow = k.flow AND t.run_id = k.run_id AND t.step = k.step AND t.task_id = k.task_id
    HAVING COUNT(*) FILTER (WHERE t.latest) <> 1 OR MAX(t.attempt) FILTER (WHERE t.latest) <> MAX(t.attempt)
        OR MIN(t.created_at) <> MIN(t.started_at) OR MAX(t.created_at) <> MIN(t.started_at)
) AS ranked"""

_RANK = """
UPDATE tasks SET latest = (attempt = %s), created_at = %s
WHERE flow = %s AND run_id = %s AND step = %s AND task_id = %s"""

_LATEST_TASKS = """
SELECT k.number, newest.record, newest.created_at
FROM unnest(%b::int[], %b::text[], %b::text[], %b::text[]) AS k(number, flow, run_id, step)
CROSS JOIN LATERAL (
    SELECT t.record, t.created_at FROM tasks AS t
    WHERE t.flow = k.flow AND t.run_id = k.run_id AND t.step = k.step AND t.latest
    ORDER BY t.created_at DESC, length(t.task_id) DESC, t.task_id DESC LIMIT 1
) AS newest"""

_UPDATE_OUTCOME = """
UPDATE runs SET end_ok = %s, end_success = %s, end_finished_at = %s, parameters = %s, artifacts = %s
WHERE flow = %s AND run_id = %s"""

_INSERT_VALUES = """
INSERT INTO run_values (flow, run_id, kind, name, value, started_at)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::float8[])"""

_WRITE_TEXTS = """
INSERT INTO run_texts (started_at, flow, run_id, text)
SELECT * FROM unnest(%b::float8[], %b::text[], %b::text[], %b::text[])
ON CONFLICT (started_at, flow, run_id) DO UPDATE SET text = excluded.text"""

_INSERT_EVENTS = """
INSERT INTO events (id, flow, run_id, recorded_at, event)
SELECT * FROM unnest(%b::int8[], %b::text[], %b::text[], %b::float8[], %b::text[])"""


class _Derived(NamedTuple):
    """What a run's row repeats of its tasks, as the row has it."""

    ok: bool | None = None
    success: bool | None = None
    finished_at: float | None = None
    parameters: str = "{}"
    artifacts: str = "{}"


def lock_runs(cursor: Cursor[Any], keys: Iterable[RunKey]) -> None:
    """Keep all others from writing about these runs until the transaction is over."""
    numbers = sorted({crc32("\0".join(key).encode()) % _LOCK_COUNT for key in keys})
    cursor.execute(_LOCK, (LOCKS, numbers))


def write_events(cursor: Cursor[Any], events: Sequence[Event]) -> None:
    """Write a batch of events, in order, within a transaction."""
    keys = sorted({run_key(event) for event in events})
    lock_runs(cursor, keys)
    known: dict[RunKey, RunRecord] = {}
    derived: dict[RunKey, _Derived] = {}
    for row in cursor.execute(_KNOWN, _columns(keys)).fetchall():
        run = run_of(row)
        key = encodable(run.flow), encodable(run.run_id)
        known[key], derived[key] = run, _Derived(*row[6:])
    changes = fold(events, known)
    if changes.forgotten:
        _forget(cursor, changes.forgotten, known)
    _write_runs(cursor, known, changes)
    _write_tags(cursor, known, changes)
    _write_tasks(cursor, changes)
    kept = {key: value for key, value in derived.items() if key not in changes.forgotten}
    retold = _derive(cursor, changes, kept) | _retold(known, changes)
    _write_texts(cursor, sorted(retold))


def write_log(cursor: Cursor[Any], rows: Sequence[tuple[Any, ...]]) -> None:
    """Append rows to the log of events."""
    cursor.execute(_INSERT_EVENTS, _columns(rows))


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Rows as columns, which is how a statement takes any number of them."""
    columns = [list(column) for column in zip(*rows)]
    for number, column in enumerate(columns):
        # A time that came as JSON may be an integer, and the driver takes numbers of one kind only.
        if {float, int} <= {type(value) for value in column}:
            columns[number] = [value if value is None else float(value) for value in column]
    return columns


def _forget(cursor: Cursor[Any], keys: set[RunKey], known: dict[RunKey, RunRecord]) -> None:
    texts = [(known[key].started_at, *key) for key in sorted(keys & known.keys())]
    cursor.executemany("DELETE FROM run_texts WHERE started_at = %s AND flow = %s AND run_id = %s", texts)
    for table in ("run_values", "tasks", "runs"):
        _delete(cursor, table, sorted(keys))


def _delete(cursor: Cursor[Any], table: str, keys: Sequence[RunKey]) -> None:
    cursor.executemany(f"DELETE FROM {table} WHERE flow = %s AND run_id = %s", keys)  # noqa: S608 - a name of ours


def _write_runs(cursor: Cursor[Any], known: dict[RunKey, RunRecord], changes: Changes) -> None:
    new, changed = [], []
    for key, run in sorted(changes.runs.items()):
        state = (run.status, run.finished_at, storable(run.message), run.heartbeat_at, encode(run.tags))
        if key in changes.new:
            fixed = (encodable(run.user), run.started_at, encodable(run.end_step or "end"), run_record_text(run))
            new.append((*key, *fixed, *state))
        elif run is not known[key]:
            changed.append((*state, *key))
    if new:
        cursor.execute(_INSERT_RUNS, _columns(new))
    if changed:
        cursor.executemany(_UPDATE_RUN, changed)


def _write_tags(cursor: Cursor[Any], known: dict[RunKey, RunRecord], changes: Changes) -> None:
    before = {row for key, run in known.items() for row in _tag_rows(key, run)}
    after = {row for key, run in changes.runs.items() for row in _tag_rows(key, run)}
    if before - after:
        cursor.executemany(_DELETE_TAG, sorted(before - after))
    if after - before:
        cursor.execute(_INSERT_TAGS, _columns(sorted(after - before)))


def _tag_rows(key: RunKey, run: RunRecord) -> set[tuple[str, str, float, str]]:
    return {(key[0], encodable(tag), run.started_at, key[1]) for tag in (*run.tags, *run.system_tags)}


def _write_tasks(cursor: Cursor[Any], changes: Changes) -> None:
    rows = [task_row(task) for attempts in changes.tasks.values() for task in attempts.values()]
    if rows:
        cursor.execute(_WRITE_TASKS, _columns(rows))
        misranked = cursor.execute(_MISRANKED, _columns({row[:4] for row in rows})).fetchall()
        if misranked:
            cursor.executemany(_RANK, misranked)


def _retold(known: dict[RunKey, RunRecord], changes: Changes) -> set[RunKey]:
    """Runs that are found by other words than before, as far as their own rows say so."""
    return {
        key
        for key, run in changes.runs.items()
        if key in changes.new or (run.tags, run.message) != (known[key].tags, known[key].message)
    }


def _write_texts(cursor: Cursor[Any], keys: Sequence[RunKey]) -> None:
    if not keys:
        return
    rows = cursor.execute(_KNOWN, _columns(keys)).fetchall()
    runs = [(run_of(row), text_of_row(row)) for row in rows]
    texts = [(run.started_at, encodable(run.flow), encodable(run.run_id), text) for run, text in runs]
    cursor.execute(_WRITE_TEXTS, _columns(texts))


def _derive(cursor: Cursor[Any], changes: Changes, before: dict[RunKey, _Derived]) -> set[RunKey]:
    """Repeat in runs' own rows what their tasks say of them, where one of those that matter was written.

    The runs of which they say something else than before.
    """
    keys = []
    for key, steps in changes.steps.items():
        run = changes.runs.get(key)
        if run is not None and not steps.isdisjoint((None, PARAMETERS_STEP, encodable(run.end_step or "end"))):
            keys.append(key)
    tasks = _latest_tasks(cursor, changes, keys)
    outcomes, values = [], []
    for number, key in enumerate(keys):
        parameters, end = tasks.get(2 * number), tasks.get(2 * number + 1)
        named = {"parameter": indexed_values(parameters), "artifact": indexed_values(end)}
        texts = (encode(named["parameter"]), encode(named["artifact"]))
        now = _Derived(None, None, None, *texts) if end is None else _Derived(end.ok, end.success, end.ended_at, *texts)
        if now != before.get(key, _Derived()):
            outcomes.append((*now, *key))
            values += _value_rows(key, named, changes.runs[key].started_at)
    if outcomes:
        cursor.executemany(_UPDATE_OUTCOME, outcomes)
        _delete(cursor, "run_values", [row[-2:] for row in outcomes])
    if values:
        cursor.execute(_INSERT_VALUES, _columns(values))
    return {row[-2:] for row in outcomes}


def _latest_tasks(cursor: Cursor[Any], changes: Changes, keys: list[RunKey]) -> dict[int, TaskRecord]:
    """The task with the parameters, and the last step's, of each run: under twice its number, and the next."""
    wanted = []
    for number, key in enumerate(keys):
        wanted.append((2 * number, *key, PARAMETERS_STEP))
        wanted.append((2 * number + 1, *key, encodable(changes.runs[key].end_step or "end")))
    if not wanted:
        return {}
    found = cursor.execute(_LATEST_TASKS, _columns(wanted)).fetchall()
    return {number: task_of((record, created_at)) for number, record, created_at in found}


def _value_rows(key: RunKey, named: dict[str, dict[str, Scalar]], started_at: float) -> list[tuple[Any, ...]]:
    return [
        (*key, kind, encodable(name), value_key(value), started_at)
        for kind, values in named.items()
        for name, value in values.items()
    ]
