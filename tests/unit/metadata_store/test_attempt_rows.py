"""Attempts as rows: the same on every database, and the same as their records."""

from __future__ import annotations

import json

import pytest

from metaflow.metadata_store.attempt_rows import AttemptCounts, AttemptQuery
from metaflow.metadata_store.events import RunStarted, TaskEnded, TaskStarted
from metaflow.metadata_store.postgres import PostgresMetadata
from metaflow.metadata_store.records import RunRecord, TaskRecord, encodable
from metaflow.metadata_store.sql_queries import tasks_sql
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.store import TaskQuery

FLOW, RUN = "F", "1"
ODD = "'; --\" ? %s \udce9 \0 \u202e{}[]"


def attempt(step="work", task_id="1", number=0, started=10.0, **fields):
    return TaskRecord(FLOW, RUN, step, task_id, number, started, **fields)


TASKS = [
    attempt("start", "1", status="done", ok=True, success=True, finished_at=12.5),
    attempt(
        *("work", "2", 0, 13.0),
        status="failed",
        finished_at=14.0,
        index_path=(("start", 0), ("mid", 3)),
        foreach_stack=(("outer", "a", 0, 2), ("inner", ODD, 3, 7)),
        inputs=("start/1/0",),
        ready_at=12.6,
        code_started_at=13.25,
        code_ended_at=13.75,
        error=("ValueError", ODD),
    ),
    attempt("work", "2", 1, 15.0, status="done", ok=True, finished_at=18.0, inputs=("start/1/0", f"{ODD}/2/0")),
    attempt("work", "10", 0, 15.0, status="killed", finished_at=16.0),
    attempt("work", "3", 0, 16.0),
    attempt(ODD, ODD, 0, 17.0, status="done", origin="F/0/a/1", finished_at=17.0, metadata={"status": "no"}),
]


@pytest.fixture
def store(real_metadata):
    store = real_metadata.open()
    events = [(TaskStarted if task.status == "running" else TaskEnded)(task) for task in TASKS]
    other = TASKS[0]._replace(run_id="2")
    store.apply([RunStarted(RunRecord(FLOW, RUN, "ann", 9.0)), *events, TaskEnded(other)])
    return store


def query(**fields):
    return AttemptQuery(FLOW, RUN, 100)._replace(**fields)


def position(row):
    return row.step, row.task_id, row.attempt


def test_rows_say_what_records_say(store):
    rows = {position(row): row for row in store.attempts(query(with_inputs=True, with_origins=True))}
    records = store.tasks(TaskQuery(FLOW, RUN, all_attempts=True))
    assert len(rows) == len(records) == len(TASKS)
    for record in records:
        row = rows[encodable(record.step), encodable(record.task_id), record.attempt]
        assert (row.status, bool(row.success), bool(row.is_clone)) == (
            record.status,
            record.success,
            record.origin is not None,
        )
        assert row.started_at == record.started_at
        assert (row.finished_at or None) == record.finished_at
        times = (record.ready_at, record.code_started_at, record.code_ended_at)
        assert (row.ready_at, row.code_started_at, row.code_ended_at) == times
        assert [encodable(key) for key in json.loads(row.inputs or "[]")] == _readable(store, record.inputs)
        innermost = record.foreach_stack[-1] if record.foreach_stack else None
        assert row.num_splits == (innermost and innermost[3])
        assert row.foreach_value == (innermost and encodable(innermost[1]))
        stack = [(each[0], each[2], each[3]) for each in json.loads(row.foreach_stack or "[]")]
        assert stack == [(each[0], each[2], each[3]) for each in record.foreach_stack]
        assert row.origin == record.origin
    assert rows["work", "2", 0].index_path == "start:0,mid:3,"


def _readable(store, keys):
    """As the database gives them: PostgreSQL has no characters that cannot be expressed."""
    if isinstance(store, PostgresMetadata):
        return [key.replace("\udce9", "").replace("\0", "") for key in keys]
    return [encodable(key) for key in keys]


def test_running_is_a_status_too(store):
    (row,) = [row for row in store.attempts(query()) if row.task_id == "3"]
    assert (row.status, row.finished_at, row.inputs) == ("running", 0.0, None)
    assert (row.foreach_stack, row.origin) == (None, None)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_pages_give_each_attempt_once(store, size):
    pages, after = [], None
    while True:
        page = store.attempts(query(limit=size, after=after))
        pages += page
        if len(page) < size:
            break
        after = position(page[-1])
    assert pages == store.attempts(query())
    assert [position(row) for row in pages] == sorted(position(row) for row in pages)


def test_changes_are_what_runs_and_what_started_or_ended_since(store):
    found = {position(row)[1:] for row in store.attempts(query(changed_since=17.0))}
    assert found == {("3", 0), ("2", 1), (encodable(ODD), 0)}


def test_attempts_are_counted(store):
    assert store.count_attempts(FLOW, RUN) == AttemptCounts(6, 1, 1)
    assert store.count_attempts(FLOW, "nowhere") == AttemptCounts(0, 0, 0)
    assert store.attempts(query(run_id="nowhere")) == []


def test_a_file_that_is_not_there_has_no_attempts(tmp_path):
    from metaflow.metadata_store.sqlite import SqliteMetadata

    store = SqliteMetadata(tmp_path / "none.sqlite")
    assert store.attempts(query()) == []
    assert store.count_attempts(FLOW, RUN) == AttemptCounts(0, 0, 0)


def test_attempts_of_some_tasks(store):
    wanted = (("work", "2"), (ODD, ODD), ("work", "none"))
    found = {position(row) for row in store.attempts(query(tasks=wanted, with_origins=True))}
    assert found == {("work", "2", 0), ("work", "2", 1), (encodable(ODD), encodable(ODD), 0)}
    states = store.attempt_states(FLOW, RUN, 100, wanted)
    assert {position(state) for state in states} == found


def test_states_are_those_of_records_the_newest_first(store):
    states = store.attempt_states(FLOW, RUN, 100)
    assert [state.started_at for state in states] == [17.0, 16.0, 15.0, 15.0, 13.0, 10.0]
    assert {(state.step, state.task_id, state.attempt): (state.status, state.finished_at) for state in states} == {
        ("start", "1", 0): ("done", 12.5),
        ("work", "2", 0): ("failed", 14.0),
        ("work", "2", 1): ("caught", 18.0),
        ("work", "10", 0): ("killed", 16.0),
        ("work", "3", 0): ("running", None),
        (encodable(ODD), encodable(ODD), 0): ("caught", 17.0),
    }
    assert [state.origin for state in states if state.origin] == ["F/0/a/1"]
    assert [state.key for state in store.attempt_states(FLOW, RUN, 2)][1] == "work/3/0"


def test_the_newest_tasks_of_a_step_are_read_without_the_others(tmp_path):
    store = SqliteMetadata(tmp_path / "index.sqlite")
    store.apply([TaskStarted(attempt())])
    sql, parameters = tasks_sql(TaskQuery(FLOW, RUN, "work", limit=1))
    plan = " ".join(row[3] for row in store._query(f"EXPLAIN QUERY PLAN {sql}", parameters))
    assert "tasks_of_step_by_time" in plan
    store.close()
