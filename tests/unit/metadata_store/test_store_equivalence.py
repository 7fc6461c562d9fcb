"""Every store answers every question as the dictionary store does, whatever happened before."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings, strategies as st

from metaflow.metadata_store.store import RunOrder, RunQuery, TaskQuery, ValueCondition, run_position
from metaflow.testing.memory_metadata import MemoryMetadata

from .event_strategies import FLOWS, INDEX_PATHS, RUN_IDS, STEPS, TAGS, TASK_IDS, VALUE_NAMES, events, times, values

patient = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
histories = st.lists(events, max_size=25)

kinds = st.sampled_from(("parameter", "artifact"))
conditions = st.one_of(
    st.builds(
        ValueCondition,
        kinds,
        st.sampled_from(VALUE_NAMES),
        st.sampled_from(("=", "!=", "<", "<=", ">", ">=")),
        values,
    ),
    st.builds(
        ValueCondition, kinds, st.sampled_from(VALUE_NAMES), st.just("in"), st.lists(values, max_size=3).map(tuple)
    ),
)
orders = st.one_of(
    st.builds(
        RunOrder,
        st.sampled_from(("started_at", "finished_at", "duration", "flow", "user", "status")),
        st.none(),
        st.booleans(),
    ),
    st.builds(RunOrder, kinds, st.sampled_from(VALUE_NAMES), st.booleans()),
)
run_queries = st.builds(
    RunQuery,
    flow=st.none() | st.sampled_from(FLOWS),
    tags=st.lists(st.sampled_from((*TAGS, "user:ann")), max_size=2).map(tuple),
    status=st.none() | st.sampled_from(("running", "done")),
    user=st.none() | st.just("ann"),
    since=st.none() | times,
    until=st.none() | times,
    limit=st.none() | st.integers(0, 3),
    successful=st.booleans(),
    values=st.lists(conditions, max_size=2).map(tuple),
    order=st.none() | orders,
    with_values=st.booleans(),
    id_part=st.none() | st.sampled_from(("", "1", "3", "31", "x")),
)
many_queries = st.builds(
    RunQuery,
    flow=st.none() | st.sampled_from(FLOWS),
    tags=st.sampled_from(((), ("a",), ("a", "b"))),
    since=st.none() | times,
    limit=st.none() | st.integers(0, 3),
    values=st.lists(conditions, max_size=1).map(tuple),
    order=st.none() | orders,
    with_values=st.booleans(),
    flows=st.sampled_from(((), ("F",), FLOWS, ("none",))),
    statuses=st.sampled_from(((), ("failed",), ("running", "done"))),
    users=st.sampled_from(((), ("bob",), ("ann", "bob"))),
    any_tags=st.sampled_from(((), (("a", "ü"),), (("a",), ("b", "user:bob")))),
    without_tags=st.sampled_from(((), ("a",), ("b", "user:ann"))),
    without_flows=st.sampled_from(((), ("F",), ("F", "none"), FLOWS)),
    text=st.none() | st.sampled_from(("", " ", "Ann", "f", "3 bob", "Ü", "7", "nothing", "\udce9")),
    keys=st.none() | st.sampled_from(((), (("F", "1"),), (("F", "31"), ("G", "2"), ("G", "no")))),
)
task_queries = st.builds(
    TaskQuery,
    flow=st.sampled_from(FLOWS),
    run_id=st.sampled_from(RUN_IDS),
    step=st.none() | st.sampled_from(STEPS),
    task_id=st.none() | st.sampled_from(TASK_IDS),
    attempt=st.none() | st.integers(0, 2),
    all_attempts=st.booleans(),
    index_path=st.none() | st.sampled_from(INDEX_PATHS),
    nested=st.booleans(),
    foreach_index=st.none() | st.sampled_from((0, 1, 10)),
    foreach_value=st.none() | st.just("value 1"),
    limit=st.none() | st.integers(0, 3),
)


def stores_after(back_end, history, batches=1):
    store, memory = back_end.fresh(), MemoryMetadata()
    size = max(1, len(history) // batches)
    for start in range(0, len(history), size):
        store.apply(history[start : start + size])
    memory.apply(history)
    return store, memory


def everything(store):
    runs = store.runs(RunQuery())
    tasks = [store.tasks(TaskQuery(flow, run_id, all_attempts=True)) for flow in FLOWS for run_id in RUN_IDS]
    latest = [store.tasks(TaskQuery(flow, run_id)) for flow in FLOWS for run_id in RUN_IDS]
    steps = [store.steps(flow, run_id) for flow in FLOWS for run_id in RUN_IDS]
    return store.flows(), runs, tasks, latest, steps


@patient
@given(history=histories, batches=st.integers(1, 3))
def test_all_that_is_known_is_the_same(real_metadata, history, batches):
    store, memory = stores_after(real_metadata, history, batches)
    assert everything(store) == everything(memory)
    for flow in FLOWS:
        assert store.flows(flow) == memory.flows(flow)
        for run_id in RUN_IDS:
            assert store.run(flow, run_id) == memory.run(flow, run_id)
            for step in STEPS:
                assert store.steps(flow, run_id, step) == memory.steps(flow, run_id, step)


@patient
@given(history=histories, run_query=run_queries | many_queries, task_query=task_queries)
def test_every_query_gives_the_same(real_metadata, history, run_query, task_query):
    store, memory = stores_after(real_metadata, history)
    assert store.runs(run_query) == memory.runs(run_query)
    assert store.number_of_runs(run_query) == len(memory.runs(run_query._replace(order=None)))
    assert store.tasks(task_query) == memory.tasks(task_query)


@patient
@given(history=histories, run_query=run_queries | many_queries, task_query=task_queries, size=st.integers(1, 3))
def test_pages_put_together_are_the_whole(any_metadata, history, run_query, task_query, size):
    store, _ = stores_after(any_metadata, history)
    by = run_query.order
    run_query = run_query._replace(with_values=run_query.with_values or bool(by and by.name))
    for ask, query, place in (
        (store.runs, run_query, lambda run: run_position(run, by)),
        (store.tasks, task_query, lambda task: task.cursor),
    ):
        whole = ask(query._replace(limit=None))
        pages, after = [], None
        while page := ask(query._replace(limit=size, after=after)):
            assert len(page) <= size
            pages += page
            assert len(pages) <= len(whole), "a page that was given comes again"
            after = place(page[-1])
        assert pages == whole


@patient
@given(history=histories)
def test_delivering_every_event_twice_changes_nothing(real_metadata, history):
    _, once = stores_after(real_metadata, history)
    twice = real_metadata.fresh()
    for event in history:
        twice.apply([event, event])
    assert everything(twice) == everything(once)


@patient
@given(history=st.lists(events, max_size=12), data=st.data())
def test_attempts_may_arrive_in_any_order(real_metadata, history, data):
    from metaflow.metadata_store.events import TaskEnded

    ends = {}
    for event in history:
        if isinstance(event, TaskEnded):
            task = event.task
            ends.setdefault((task.flow, task.run_id, task.step, task.task_id, task.attempt), event)
    straight = MemoryMetadata()
    straight.apply(ends.values())
    shuffled = real_metadata.fresh()
    for event in data.draw(st.permutations(list(ends.values()))):
        shuffled.apply([event])
    assert everything(shuffled) == everything(straight)
