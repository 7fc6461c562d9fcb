"""What every metadata store does, whatever it is made of."""

from __future__ import annotations

import pytest

from metaflow.exception import MetadataException
from metaflow.metadata_store.events import Heartbeat, RunEnded, RunForgotten, RunStarted, TagsChanged, TaskEnded
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.store import RunOrder, RunQuery, TaskQuery, ValueCondition

ODD_NAMES = (
    "'; DROP TABLE runs; --",
    '"runs"',
    "100%s %(x)s ? $1",
    "../../etc/passwd",
    "a\\b\n\t",
    "e\u0301 ü \U0001f600",
    "x" * 255,
)
UNENCODABLE_NAMES = ("zero\0byte", "half \udce9")


def run_record(run_id="1", flow="F", **fields):
    return RunRecord(flow, run_id, "ann", 1000.0, system_tags=("user:ann",), end_step="end")._replace(**fields)


def ended(values, run_id="1", step="end"):
    return TaskEnded(
        TaskRecord("F", run_id, step, "1", 0, 1.0, status="done", ok=True, success=True, finished_at=2.0, values=values)
    )


def ids(runs):
    return [run.run_id for run in runs]


def test_an_id_is_claimed_once(any_metadata):
    store = any_metadata.open()
    run = run_record(tags=("a",), graph={"steps": []})
    assert store.claim_run(run)
    assert store.run("F", "1") == run._replace(graph=None)
    assert not store.claim_run(run)
    assert not store.claim_run(run._replace(user="bob"))
    store.apply([RunStarted(run), TagsChanged("F", "1", ("b",))])
    assert store.claim_run(run_record("1", flow="G"))
    assert ids(store.runs(RunQuery("F", tags=("a", "b")))) == ["1"]
    store.apply([RunForgotten("F", "1")])
    assert store.runs(RunQuery("F", tags=("a",))) == []
    assert store.claim_run(run)


@pytest.mark.parametrize("name", [*ODD_NAMES, *UNENCODABLE_NAMES], ids=ascii)
def test_any_name_is_only_a_name(any_metadata, name):
    store = any_metadata.open()
    run = run_record(name, name, user=name, tags=(name,), end_step=name, message=None)
    path, stack = ((name, 3),), ((name, name, 3, 9),)
    task = TaskRecord(name, name, name, name, 0, 1.0, status="done", ok=True, success=True, finished_at=2.0)
    task = task._replace(index_path=path, foreach_stack=stack, values={name: name[:200]}, metadata={name: name})
    store.apply([RunStarted(run), TaskEnded(task), RunEnded(name, name, "done", 3.0, None)])
    found = store.run(name, name)
    assert found[:4] == run[:4]
    assert found.outcome.success
    by_value = (ValueCondition("artifact", name, "=", name[:200]),)
    for query in (
        RunQuery(name),
        RunQuery(tags=(name,)),
        RunQuery(user=name),
        RunQuery(values=by_value),
        RunQuery(id_part=name),
        RunQuery(order=RunOrder("artifact", name)),
    ):
        assert ids(store.runs(query)) == [name], query
        assert store.runs(query._replace(with_values=True))[0].outcome.artifacts == {name: name[:200]}
    assert [flow.created_at for flow in store.flows(name)] == [1000.0]
    assert [step.created_at for step in store.steps(name, name, name)] == [1.0]
    for query in (
        TaskQuery(name, name, name, name),
        TaskQuery(name, name, index_path=path),
        TaskQuery(name, name, name, index_path=path, nested=True),
        TaskQuery(name, name, foreach_value=name),
    ):
        assert store.tasks(query) == [task._replace(created_at=1.0)], query
    store.apply([TagsChanged(name, name, (), (name,))])
    assert store.runs(RunQuery(tags=(name,))) == []
    store.apply([RunForgotten(name, name)])
    assert store.runs(RunQuery()) == store.flows() == store.tasks(TaskQuery(name, name)) == []


def test_numbers_are_compared_exactly(any_metadata):
    store = any_metadata.open()
    numbers = {"1": 2**53, "2": 2**53 + 1, "3": float(2**53), "4": True, "5": 0.1, "6": -5e-324, "7": "1", "8": None}
    for run_id, value in numbers.items():
        store.apply([RunStarted(run_record(run_id)), ended({"x": value}, run_id)])

    def found(operator, operand):
        return set(ids(store.runs(RunQuery(values=(ValueCondition("artifact", "x", operator, operand),)))))

    assert found("=", 2**53) == {"1", "3"}
    assert found(">", 2**53) == {"2"}
    assert found(">=", 10**30) == found("<", -(10**30)) == set()
    assert found("<=", 10**30) == {"1", "2", "3", "4", "5", "6"}
    assert found("=", 1) == {"4"}
    assert found("in", (True, "1", None)) == {"4", "7", "8"}
    assert found("<", 0) == {"6"}
    assert found("!=", 1) == set(numbers) - {"4"}
    assert found("<", "2") == {"7"}
    assert found("<", None) == set()
    in_order = ids(store.runs(RunQuery(order=RunOrder("artifact", "x"))))
    assert in_order == ["6", "5", "4", "3", "1", "2", "7", "8"]


@pytest.mark.parametrize(
    "event",
    [
        RunStarted(run_record("2", started_at=None)),
        TaskEnded(TaskRecord("F", "1", "work", "1", 0, 1.0, status="odd")),
        TaskEnded(TaskRecord("F", "1", "work", "1", 10**30, 1.0)),
        TaskEnded(TaskRecord("F", None, "work", "1", 0, 1.0)),
        RunEnded("F", "1", "done", finished_at=[1.0]),
        Heartbeat("F", ["1"], 1.0),
        TagsChanged("F", "1", (1, 2)),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_that_makes_no_sense_is_refused_with_all_that_came_with_it(real_metadata, event):
    store = real_metadata.open()
    store.apply([RunStarted(run_record("1"))])
    before = store.run("F", "1")
    with pytest.raises(MetadataException):
        store.apply([Heartbeat("F", "1", 5.0), event])
    assert store.runs(RunQuery()) == [before]
    assert store.tasks(TaskQuery("F", "1")) == []


def test_values_that_no_index_can_hold_are_left_out(real_metadata):
    store = real_metadata.open()
    odd = {"big": 10**30, "list": [1], "long": "x" * 10_000, "nan": float("nan"), "inf": float("inf"), "fine": 1}
    store.apply([RunStarted(run_record()), ended(odd)])
    (run,) = store.runs(RunQuery(with_values=True))
    assert run.outcome.artifacts == {"fine": 1}
    assert store.runs(RunQuery(values=(ValueCondition("artifact", "fine", "=", 1),))) == [
        run._replace(outcome=run.outcome._replace(parameters=None, artifacts=None))
    ]


def test_times_may_be_whole_numbers(real_metadata):
    store = real_metadata.open()
    tasks = [TaskEnded(TaskRecord("F", "1", "work", str(at), 0, at, status="done", finished_at=at)) for at in (1, 2.5)]
    store.apply(
        [RunStarted(run_record(started_at=1000)), *tasks, Heartbeat("F", "1", 5), RunEnded("F", "1", "done", 7)]
    )
    run = store.run("F", "1")
    assert (run.started_at, run.heartbeat_at, run.finished_at) == (1000, 5, 7)
    assert [task.task_id for task in store.tasks(TaskQuery("F", "1"))] == ["2.5", "1"]
    assert ids(store.runs(RunQuery(since=999, until=1001, after=(1001, "", "")))) == ["1"]
