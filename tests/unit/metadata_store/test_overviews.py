"""Overviews of many runs, on both databases that a service can have."""

from __future__ import annotations

import psycopg
from hypothesis import HealthCheck, given, settings, strategies as st

from metaflow.metadata_store import postgres_schema
from metaflow.metadata_store.events import RunEnded, RunForgotten, RunStarted, TaskEnded, TaskStarted
from metaflow.metadata_store.overviews import Progress
from metaflow.metadata_store.postgres import PostgresMetadata
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.store import RunQuery

from .event_strategies import FLOWS, RUN_IDS, events

patient = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)
KEYS = tuple((flow, run_id) for flow in FLOWS for run_id in RUN_IDS)


def run(flow, run_id, at, status="done", tags=(), **values):
    record = RunRecord(flow, run_id, "ann", at, tags, ("user:ann",))
    parameters = TaskRecord(flow, run_id, "_parameters", "0", 0, at, status="done", finished_at=at, values=values)
    happened = [RunStarted(record), TaskEnded(parameters)]
    if status == "running":
        return [*happened, TaskStarted(TaskRecord(flow, run_id, "start", "1", 0, at, metadata={"by": "événement"}))]
    end = TaskRecord(flow, run_id, "end", "2", 0, at, status="done", finished_at=at + 5, success=status == "done")
    return [*happened, TaskEnded(end._replace(values={"loss": at})), RunEnded(flow, run_id, status, at + 5)]


HISTORY = [
    *run("A", "1", 1000.0, tags=("t", "u"), lr=1),
    *run("A", "2", 1010.0, "failed", tags=("t",), epochs=3),
    *run("A?%s", "3", 1020.0, "running", lr=2),
    *run("B'", "4", 1005.0),
]


def test_what_is_asked_about_many_runs(service_database):
    store = service_database.fresh()
    store.apply(HISTORY)
    keys = [("A", "1"), ("A?%s", "3"), ("no", "no")]
    assert store.progress(keys) == {keys[0]: Progress(2, 0), keys[1]: Progress(2, 1), keys[2]: Progress(0, 0)}
    assert store.task_metadata(keys, "start", "by") == {keys[1]: "événement"}
    assert store.task_metadata(keys, "start", "no") == store.task_metadata([], "start", "by") == {}
    assert store.counts("flow", 2) == [("A", 2), ("A?%s", 1)]
    assert store.counts("user", 10) == [("ann", 4)]
    assert store.counts("tag", 10) == [("user:ann", 4), ("t", 2), ("u", 1)]
    assert store.value_names("parameter", 10) == ["lr", "epochs"]
    assert store.value_names("artifact", 10) == ["loss"]
    assert store.flows_by_activity() == ["A?%s", "A", "B'"]
    first, none, second = store.activity(["B'", "none", "A"], 1)
    assert (first.runs, first.running, [past.run_id for past in first.last]) == (1, 0, ["4"])
    assert none == none._replace(runs=0, running=0, last=(), successes=())
    assert (second.runs, second.last[0].status, second.successes[0].run_id) == (2, "failed", "1")
    assert store.number_of_runs(RunQuery(text="a", limit=2)) == 2


def test_more_runs_and_flows_than_go_into_one_statement(service_database):
    store = service_database.fresh()
    many = [event for number in range(250) for event in run(f"F{number:03}", str(number), 1000.0 + number)]
    store.apply(many)
    flows = store.flows_by_activity()
    assert (flows[0], len(flows)) == ("F249", 250)
    assert [flow.flow for flow in store.activity(flows, 1)] == flows
    keys = [(flow, str(int(flow[1:]))) for flow in flows]
    assert store.progress(keys) == dict.fromkeys(keys, Progress(2, 0))


@patient
@given(history=st.lists(events, max_size=25))
def test_overviews_say_what_the_records_say(service_database, history):
    store = service_database.fresh()
    store.apply(history)
    runs = store.runs(RunQuery())
    by_flow: dict[str, list[str]] = {}
    for each in runs:
        by_flow.setdefault(each.flow, []).append(each.run_id)
    assert dict(store.counts("flow", 10)) == {flow: len(ids) for flow, ids in by_flow.items()}
    assert store.flows_by_activity() == list(by_flow)
    for flow in store.activity(list(by_flow), 10):
        assert [past.run_id for past in flow.last] == by_flow[flow.flow]
        succeeded = store.runs(RunQuery(flow.flow, successful=True))
        assert [past.run_id for past in flow.successes] == [each.run_id for each in succeeded]


def test_texts_of_runs_go_with_them(service_database):
    store = service_database.fresh()
    store.apply(HISTORY)
    store.apply([RunForgotten("A", "1")])
    assert store.number_of_runs(RunQuery(text="ann", limit=10)) == 3
    assert store._query("SELECT COUNT(*) FROM run_texts") == [(3,)]


def test_an_older_database_gets_the_texts_of_its_runs(postgres_url, monkeypatch):
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", postgres_schema.MIGRATIONS[:2])
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        assert postgres_schema.migrate(connection) == 2
        connection.execute(
            """INSERT INTO runs (flow, run_id, "user", started_at, status, tags, end_step, record) VALUES ('F', '1',
            'Ana', 1001, 'running', '["\\u00dc"]', 'end', '{"flow":"F","run_id":"1","user":"Ana","started_at":1001}')"""
        )
    monkeypatch.undo()
    store = PostgresMetadata(postgres_url)
    try:
        assert [found.run_id for found in store.runs(RunQuery(text="ü ANA"))] == ["1"]
    finally:
        store.close()
