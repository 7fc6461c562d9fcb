"""A store behind a service answers every question as the store itself does. Few examples: each is many requests."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings, strategies as st

from metaflow.metadata_store import service as service_module
from metaflow.metadata_store.events import RunStarted, TaskEnded
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.store import RunOrder, RunQuery, TaskQuery
from metaflow.testing.memory_metadata import MemoryMetadata

from .event_strategies import FLOWS, RUN_IDS, STEPS
from .test_store_equivalence import histories, run_queries, task_queries

hasty = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None, max_examples=15
)


def makes_sense(query) -> bool:
    """The service refuses to compare the order of nothing with anything, as the client does before it asks."""
    return all(each.operand is not None or each.operator in ("=", "!=") for each in query.values)


@hasty
@given(
    history=histories, run_query=run_queries.filter(makes_sense), task_query=task_queries, flow=st.sampled_from(FLOWS)
)
def test_every_question_has_the_same_answer(service_back_end, history, run_query, task_query, flow):
    store, memory = service_back_end.fresh(), MemoryMetadata()
    store.apply(history)
    memory.apply(history)
    assert store.runs(run_query) == memory.runs(run_query)
    assert store.tasks(task_query) == memory.tasks(task_query)
    assert store.flows() == memory.flows()
    assert store.flows(flow) == memory.flows(flow)
    for run_id in RUN_IDS:
        assert store.run(flow, run_id) == memory.run(flow, run_id)
        assert store.steps(flow, run_id) == memory.steps(flow, run_id)
    assert store.steps(flow, run_id, STEPS[0]) == memory.steps(flow, run_id, STEPS[0])


def test_long_lists_and_batches_go_in_parts_and_arrive_whole(service_back_end, monkeypatch):
    monkeypatch.setattr(service_module, "_EVENTS_PER_REQUEST", 7)
    monkeypatch.setattr(service_module, "_RECORDS_PER_PAGE", 3)
    store, memory = service_back_end.fresh(), MemoryMetadata()
    events = []
    for number in range(20):
        run = RunRecord("F", str(number), "ann", 1000.0 + number % 4)
        parameters = TaskRecord("F", run.run_id, "_parameters", "0", 0, 1000.0)
        ended = parameters._replace(status="done", finished_at=1001.0, values={"x": number % 3} if number % 5 else {})
        further = ended._replace(run_id="1", step="s", task_id=run.run_id)
        events += [
            RunStarted(run),
            TaskEnded(ended),
            TaskEnded(further),
        ]
    store.apply(events)
    memory.apply(events)
    for query in (
        RunQuery(),
        RunQuery(limit=7),
        RunQuery(limit=0),
        RunQuery(order=RunOrder("user"), limit=10),
        RunQuery(order=RunOrder("parameter", "x", descending=True)),
        RunQuery(order=RunOrder("parameter", "x"), with_values=True),
    ):
        assert store.runs(query) == memory.runs(query), query
    for query in (
        TaskQuery("F", "1"),
        TaskQuery("F", "1", limit=8),
        TaskQuery("F", "1", "s", after=(1000.0, "s", "5", 0)),
    ):
        assert store.tasks(query) == memory.tasks(query), query


def test_a_run_is_claimed_once(service_back_end):
    store, other = service_back_end.fresh(), service_back_end.open()
    mine = RunRecord("F", "1", "ann", 1.0, host="h", pid=1)
    assert store.claim_run(mine)
    assert store.claim_run(mine), "the answer to the first request may have been lost"
    assert not other.claim_run(mine._replace(pid=2))
    assert store.run("F", "1").pid == 1
