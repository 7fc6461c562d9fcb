"""The SQLite store answers every question as the dictionary store does, whatever happened before."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings, strategies as st

from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.store import RunOrder, RunQuery, TaskQuery, ValueCondition, run_position
from metaflow.testing.memory_metadata import MemoryMetadata

from .event_strategies import FLOWS, INDEX_PATHS, RUN_IDS, STEPS, TAGS, TASK_IDS, VALUE_NAMES, events, times, values

patient = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
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
        st.sampled_from(("started_at", "finished_at", "duration", "user", "status")),
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


def stores_after(history, batches=1):
    sqlite, memory = SqliteMetadata(None), MemoryMetadata()
    size = max(1, len(history) // batches)
    for start in range(0, len(history), size):
        sqlite.apply(history[start : start + size])
    memory.apply(history)
    return sqlite, memory


def everything(store):
    runs = store.runs(RunQuery())
    tasks = [store.tasks(TaskQuery(flow, run_id, all_attempts=True)) for flow in FLOWS for run_id in RUN_IDS]
    latest = [store.tasks(TaskQuery(flow, run_id)) for flow in FLOWS for run_id in RUN_IDS]
    steps = [store.steps(flow, run_id) for flow in FLOWS for run_id in RUN_IDS]
    return store.flows(), runs, tasks, latest, steps


@patient
@given(histories, st.integers(1, 3))
def test_all_that_is_known_is_the_same(history, batches):
    sqlite, memory = stores_after(history, batches)
    assert everything(sqlite) == everything(memory)
    for flow in FLOWS:
        assert sqlite.flows(flow) == memory.flows(flow)
        for run_id in RUN_IDS:
            assert sqlite.run(flow, run_id) == memory.run(flow, run_id)
            for step in STEPS:
                assert sqlite.steps(flow, run_id, step) == memory.steps(flow, run_id, step)


@patient
@given(histories, run_queries, task_queries)
def test_every_query_gives_the_same(history, run_query, task_query):
    sqlite, memory = stores_after(history)
    assert sqlite.runs(run_query) == memory.runs(run_query)
    assert sqlite.tasks(task_query) == memory.tasks(task_query)


@patient
@given(histories, run_queries, task_queries, st.integers(1, 3))
def test_pages_put_together_are_the_whole(history, run_query, task_query, size):
    sqlite, memory = stores_after(history)
    by = run_query.order
    run_query = run_query._replace(with_values=run_query.with_values or bool(by and by.name))
    run_place = lambda run: run_position(run, by)
    for store in (sqlite, memory):
        for ask, query, place in (
            (store.runs, run_query, run_place),
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
@given(histories)
def test_delivering_every_event_twice_changes_nothing(history):
    once, _ = stores_after(history)
    twice = SqliteMetadata(None)
    for event in history:
        twice.apply([event, event])
    assert everything(twice) == everything(once)


@patient
@given(st.lists(events, max_size=12), st.data())
def test_attempts_may_arrive_in_any_order(history, data):
    from metaflow.metadata_store.events import TaskEnded

    ends = {}
    for event in history:
        if isinstance(event, TaskEnded):
            task = event.task
            ends.setdefault((task.flow, task.run_id, task.step, task.task_id, task.attempt), event)
    straight, shuffled = SqliteMetadata(None), SqliteMetadata(None)
    straight.apply(ends.values())
    for event in data.draw(st.permutations(list(ends.values()))):
        shuffled.apply([event])
    assert everything(shuffled) == everything(straight)
