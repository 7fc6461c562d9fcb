"""Many processes that write to one store at once: nothing is lost, given twice, or waited for in a circle."""

from __future__ import annotations

import random

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
from metaflow.metadata_store.store import RunQuery, TaskQuery

from .processes import all_at_once

PROCESSES = 4


def run_record(run_id, flow="F"):
    return RunRecord(flow, str(run_id), "ann", 1000.0 + int(run_id), system_tags=("user:ann",))


def test_changes_of_tags_add_up(shared_metadata):
    store = shared_metadata.open()
    store.apply([RunStarted(run_record(1)._replace(tags=("old",)))])

    def change(number):
        mine = shared_metadata.open()
        for i in range(10):
            mine.apply([TagsChanged("F", "1", (f"{number}-{i}", "shared"), (f"{number}-{i - 1}", "old"))])

    all_at_once(PROCESSES, change)
    expected = sorted(["shared", *(f"{number}-9" for number in range(PROCESSES))])
    assert list(store.run("F", "1").tags) == expected
    for tag in expected:
        assert [run.run_id for run in store.runs(RunQuery(tags=(tag,)))] == ["1"]
    for gone in ("old", "0-0", "3-8"):
        assert store.runs(RunQuery(tags=(gone,))) == []


def test_the_latest_heartbeat_stands(shared_metadata):
    store = shared_metadata.open()
    store.apply([RunStarted(run_record(1)), RunStarted(run_record(2))])

    def beat(number):
        mine = shared_metadata.open()
        moments = list(range(25))
        random.Random(number).shuffle(moments)
        for at in moments:
            mine.apply([Heartbeat("F", "1", number + at * 100.0), Heartbeat("F", "2", -float(at))])

    all_at_once(PROCESSES, beat)
    assert store.run("F", "1").heartbeat_at == 2400.0 + PROCESSES - 1
    assert store.run("F", "2").heartbeat_at == 0.0


def test_an_id_goes_to_one_of_those_who_claim_it(shared_metadata, tmp_path):
    def claim(number):
        mine = shared_metadata.open()
        got = [i for i in range(25) if mine.claim_run(run_record(i)._replace(user=f"user {number}"))]
        (tmp_path / f"got-{number}").write_text(" ".join(map(str, got)))

    all_at_once(PROCESSES, claim)
    claimed = {n: list(map(int, (tmp_path / f"got-{n}").read_text().split())) for n in range(PROCESSES)}
    assert sorted(i for got in claimed.values() for i in got) == list(range(25))
    store = shared_metadata.open()
    for number, got in claimed.items():
        assert all(store.run("F", str(i)).user == f"user {number}" for i in got)


def test_batches_about_the_same_runs_in_any_order_never_block_each_other(shared_metadata):
    """Each process tells the whole history of all runs, in an order of its own."""
    runs = [run_record(i, flow) for i in range(4) for flow in ("F", "G")]

    def history(run):
        key = run.flow, run.run_id
        yield RunStarted(run)
        for step in ("_parameters", "work", "end"):
            for attempt in (0, 1):
                task = TaskRecord(*key, step, "1", attempt, 2000.0 + attempt)
                yield TaskStarted(task)
                status = "done" if attempt else "failed"
                yield TaskEnded(task._replace(status=status, success=attempt == 1, finished_at=3000.0, values={"x": 1}))
        yield TagsChanged(*key, ("a", "b"))
        yield RunEnded(*key, "done", 4000.0)

    def tell(number):
        mine, chance = shared_metadata.open(), random.Random(number)
        for _ in range(3):
            chance.shuffle(runs)
            mine.apply([event for run in runs for event in history(run)])
            mine.apply([Heartbeat(run.flow, run.run_id, 5000.0 + number) for run in reversed(runs)])

    all_at_once(PROCESSES, tell)
    store = shared_metadata.open()
    found = store.runs(RunQuery(tags=("a", "b"), successful=True, with_values=True))
    assert sorted((run.flow, run.run_id) for run in found) == sorted((run.flow, run.run_id) for run in runs)
    for run in found:
        assert (run.status, run.heartbeat_at) == ("done", 5000.0 + PROCESSES - 1)
        assert run.outcome.parameters == run.outcome.artifacts == {"x": 1}
        tasks = store.tasks(TaskQuery(run.flow, run.run_id, all_attempts=True))
        assert len(tasks) == 6
        assert {task.created_at for task in tasks} == {2000.0}
        assert [task.attempt for task in store.tasks(TaskQuery(run.flow, run.run_id))] == [1, 1, 1]


def test_a_run_that_is_forgotten_while_others_write_leaves_no_half(shared_metadata):
    key = ("F", "1")

    def write(number):
        mine = shared_metadata.open()
        for i in range(15):
            if number == 0:
                mine.apply([RunForgotten(*key)])
            else:
                task = TaskRecord(*key, "end", "1", 0, 1.0, status="done", success=True, finished_at=2.0)
                mine.apply([RunStarted(run_record(1)), TaskEnded(task), TagsChanged(*key, (f"{number}-{i}",))])

    all_at_once(PROCESSES, write)
    store = shared_metadata.open()
    store.apply([RunForgotten(*key)])
    assert store.runs(RunQuery(tags=("user:ann",))) == store.tasks(TaskQuery(*key)) == store.flows() == []
    assert store.claim_run(run_record(1))
    assert store.run(*key).tags == ()
