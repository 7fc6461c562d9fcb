"""Random histories of runs and tasks, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from metaflow.metadata_store.events import (
    Heartbeat,
    RunEnded,
    RunForgotten,
    RunStarted,
    TagsChanged,
    TaskEnded,
    TaskStarted,
)
from metaflow.metadata_store.records import RunRecord, TaskRecord

FLOWS = ("F", "G")
RUN_IDS = ("1", "2", "31")
STEPS = ("start", "work", "_parameters")
TASK_IDS = ("1", "2", "10", "work-node_1")
TAGS = ("a", "b", "ü")
INDEX_PATHS = ((), (("start", 1),), (("start", 10),), (("start", 1), ("work", 0)))

VALUE_NAMES = ("x", "name")
values = st.sampled_from((None, True, 1, 0.5, 2, -3, 2**63 - 1, "", "a", "ü", "\udce9", "7"))
named_values = st.dictionaries(st.sampled_from(VALUE_NAMES), values, max_size=2)

times = st.integers(1, 40).map(lambda n: 1000.0 + n / 4)
tag_sets = st.sampled_from(((), ("a",), ("b",), ("a", "b"), ("b", "ü"), TAGS))


def _run(flow, run_id, user, started_at, tags, system_tags, end_step):
    return RunRecord(flow, run_id, user, started_at, tags, system_tags, script="flow.py", end_step=end_step)


runs = st.builds(
    _run,
    st.sampled_from(FLOWS),
    st.sampled_from(RUN_IDS),
    st.sampled_from(("ann", "bob")),
    times,
    tag_sets,
    st.sampled_from((("user:ann",), ("a", "user:bob"))),
    st.sampled_from((None, "work")),
)


def _task(flow, run_id, step, task_id, attempt, started_at, path, extra):
    return TaskRecord(
        *(flow, run_id, step, task_id, attempt, started_at),
        index_path=path,
        foreach_stack=tuple(("xs", f"value {index}", index, 11) for _, index in path),
        **extra,
    )


tasks = st.builds(
    _task,
    st.sampled_from(FLOWS),
    st.sampled_from(RUN_IDS),
    st.sampled_from(STEPS),
    st.sampled_from(TASK_IDS),
    st.integers(0, 2),
    times,
    st.sampled_from(INDEX_PATHS),
    st.sampled_from(
        (
            {},
            {
                "inputs": ("start/1/0", "start/2/1"),
                "iteration": 2,
                "metadata": {"ü": "€"},
                "origin": "F/0/work/1",
            },
        )
    ),
)


def _finished(task, status, finished_at, values):
    good = status == "done"
    task = task._replace(values=values)
    error = ("ValueError", "no") if status == "failed" else None
    return task._replace(status=status, ok=good, success=good, finished_at=finished_at, error=error)


finished_tasks = st.builds(_finished, tasks, st.sampled_from(("done", "failed", "killed")), times, named_values)

run_keys = st.tuples(st.sampled_from(FLOWS), st.sampled_from(RUN_IDS))

events = st.one_of(
    runs.map(RunStarted),
    st.builds(
        lambda key, status, at, message: RunEnded(*key, status, at, message),
        run_keys,
        st.sampled_from(("done", "failed", "stopped")),
        times,
        st.sampled_from((None, "why")),
    ),
    st.builds(lambda key: RunForgotten(*key), run_keys),
    st.builds(lambda key, at: Heartbeat(*key, at), run_keys, times),
    st.builds(lambda key, added, removed: TagsChanged(*key, added, removed), run_keys, tag_sets, tag_sets),
    tasks.map(TaskStarted),
    finished_tasks.map(TaskEnded),
    finished_tasks.map(TaskEnded),
)
