"""Attempts of runs in memory: always what the database would count, and without counting again."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from metaflow.metadata_store.events import RunForgotten, RunStarted, TaskEnded, TaskStarted
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.served_index import ServedIndex
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.web.attempts import kept_tables
from metaflow.web.attempts.kept_tables import KeptTables
from metaflow.web.run.steps import CountedSteps

RUN = RunRecord("F", "1", "ann", 1000.0)


class Reads(SqliteMetadata):
    """A database that says how often all attempts of a run were read, and how often tasks of it."""

    def __init__(self) -> None:
        super().__init__(keep_log=True)
        self.apply([RunStarted(RUN)])
        self.whole, self.tasks_read, self.counted = 0, 0, 0

    def attempt_states(self, flow, run_id, most, tasks=()):
        self.whole += not tasks
        self.tasks_read += len(tasks)
        return super().attempt_states(flow, run_id, most, tasks)

    def step_counts(self, flow, run_id):
        self.counted += 1
        return super().step_counts(flow, run_id)


def task(number, status="running", attempt=0, step="work", **more):
    started = 1001.0 + number + attempt
    ended = {} if status == "running" else {"finished_at": started + 2.0, "success": status == "done"}
    return TaskRecord("F", "1", step, str(number), attempt, started, **{"status": status, **ended, **more})


def events(tasks):
    return [(TaskStarted if each.status == "running" else TaskEnded)(each) for each in tasks]


made_tasks = st.builds(
    task,
    st.integers(1, 5),
    st.sampled_from(["running", "done", "failed", "killed"]),
    st.integers(0, 2),
    st.sampled_from(["work", "join", "_parameters"]),
    origin=st.sampled_from([None, None, "F/0/work/1"]),
    code_ended_at=st.sampled_from([None, 1.0]),
)


@given(st.lists(st.lists(made_tasks, max_size=4), max_size=6))
def test_steps_are_what_the_database_would_count(batches):
    store = SqliteMetadata(keep_log=True)
    store.apply([RunStarted(RUN)])
    steps = CountedSteps(store, KeptTables(store, store))
    for batch in batches:
        store.apply(events(batch))
        assert steps.of_run(RUN, 0.0) == store.step_counts("F", "1")
    store.close()


def test_only_what_changed_is_read():
    store = Reads()
    store.apply(events(task(number) for number in range(100)))
    tables = KeptTables(store, store)
    steps = CountedSteps(store, tables)
    assert steps.of_run(RUN, 0.0)[0].counts == {"running": 100}
    store.apply([RunStarted(RUN._replace(run_id="2")), TaskStarted(task(1)._replace(run_id="2"))])
    assert steps.of_run(RUN, 0.0)[0].counts == {"running": 100}
    assert (store.whole, store.tasks_read) == (1, 0)
    store.apply(events([task(7, "failed"), task(7, attempt=1), task(8, "done"), task(8, "done")]))
    (count,) = steps.of_run(RUN, 0.0)
    assert count.counts == {"running": 99, "done": 1} and count.retried == 1
    assert (store.whole, store.tasks_read, store.counted) == (1, 2, 0)
    store.apply([RunForgotten("F", "1"), RunStarted(RUN), *events([task(1)])])
    assert steps.of_run(RUN, 0.0)[0].counts == {"running": 1} and store.whole == 2


def test_a_log_with_a_gap_is_not_believed(tmp_path):
    """The index of a project has a log only while somebody listens."""
    index = ServedIndex(tmp_path / "index.sqlite")
    index.apply([RunStarted(RUN), *events([task(1)])])
    steps = CountedSteps(index, KeptTables(index, index))
    assert not index.is_log_kept() and steps.of_run(RUN, 0.0)[0].tasks == 1
    index.apply(events([task(2)]))
    assert steps.of_run(RUN, 0.0)[0].tasks == 2
    index.keep_listening(60.0)
    assert index.is_log_kept() and steps.of_run(RUN, 0.0)[0].tasks == 2
    index.apply(events([task(3)]))
    assert steps.of_run(RUN, 0.0)[0].tasks == 3
    index._file.transact(
        lambda connection: connection.execute("UPDATE counters SET last = 1 WHERE name LIKE 'listen%'")
    )
    index.apply(events([task(4)]))  # nobody hears of it
    index.keep_listening(60.0)
    index.apply(events([task(5)]))
    assert steps.of_run(RUN, 0.0)[0].tasks == 5
    index.trim_log(time.time() + 1)
    index.apply(events([task(6)]))
    assert steps.of_run(RUN, 0.0)[0].tasks == 6
    index.close()


def test_a_run_with_too_many_attempts_is_counted_by_the_database(monkeypatch):
    monkeypatch.setattr(kept_tables, "MOST_ATTEMPTS", 10)
    store = Reads()
    store.apply(events(task(number) for number in range(30)))
    tables = KeptTables(store, store)
    steps = CountedSteps(store, tables)
    table = tables.of_run(RUN)
    assert table.is_cut and [each.task_id for each in table.newest_first()][:2] == ["29", "28"] and len(table) == 10
    assert steps.of_run(RUN, 0.0)[0].tasks == 30 and store.counted == 1


@pytest.mark.parametrize(("kept", "reads"), [(1000, 3), (25, 4)])
def test_tables_of_many_runs_are_kept_within_a_bound(monkeypatch, kept, reads):
    monkeypatch.setattr(kept_tables, "_MOST_KEPT", kept)
    store = Reads()
    runs = [RUN._replace(run_id=str(number)) for number in range(3)]
    for run in runs:
        store.apply([RunStarted(run), *events(task(n)._replace(run_id=run.run_id) for n in range(10))])
    tables = KeptTables(store, store)
    for run in [*runs, runs[2], runs[0]]:
        assert len(tables.of_run(run)) == 10
    assert store.whole == reads
