"""When attempts become ready, and when their code begins and ends."""

from __future__ import annotations

import pytest

from metaflow.flow.transition import Transition
from metaflow.metadata_store.records import TaskRecord
from metaflow.runtime.code_times import CodeTimes
from metaflow.runtime.plan import Plan, PlanGraph, PlanStep, RetryPolicy
from metaflow.runtime.specs import RunSpec, TaskSpec, decode, encode
from metaflow.runtime.task import make_record

FOREACH = PlanGraph(
    [
        PlanStep("start", ("body",), "foreach"),
        PlanStep("body", ("join",), "linear"),
        PlanStep("join", ("end",), "join"),
        PlanStep("end", (), "end"),
    ],
    "start",
    "end",
)


def take(plan):
    task = plan.take()
    assert task is not None
    return task


def test_tasks_are_ready_when_the_last_that_they_wait_for_has_finished():
    plan = Plan(FOREACH)
    start = take(plan)
    assert start.ready_at == 0.0
    plan.time = 5.0
    plan.finished(start, Transition(("body",), "items", 3))
    plan.time = 6.0
    first, second = take(plan), take(plan)
    plan.finished(first, Transition(("join",)))
    plan.time = 7.0
    third = take(plan)
    assert [each.ready_at for each in (first, second, third)] == [5.0, 5.0, 5.0], "a foreach is ready as a whole"
    plan.finished(second, Transition(("join",)))
    plan.time = 9.0
    plan.finished(third, Transition(("join",)))
    assert take(plan).ready_at == 9.0


def test_an_attempt_is_ready_when_its_delay_is_over_and_stays_so_when_it_is_put_back():
    plan = Plan(FOREACH, {"start": RetryPolicy(1, delay_seconds=60)})
    start = take(plan)
    plan.failed(start)
    plan.time = 61.0
    plan.again(start)
    plan.time = 70.0
    again = take(plan)
    assert (again.attempt, again.ready_at) == (1, 61.0)
    plan.put_back([again])
    assert take(plan).ready_at == 61.0


def test_a_gang_is_ready_as_a_whole():
    plan = Plan(
        PlanGraph(
            [
                PlanStep("start", ("node",), "parallel"),
                PlanStep("node", ("join",), "linear"),
                PlanStep("join", ("end",), "join"),
                PlanStep("end", (), "end"),
            ],
            "start",
            "end",
        )
    )
    plan.time = 3.0
    from metaflow.flow.transition import PARALLEL_ITERATOR

    plan.finished(take(plan), Transition(("node",), PARALLEL_ITERATOR, 4))
    assert take(plan).ready_at == 3.0


def test_times_of_code_are_noted_also_when_it_raises():
    times = CodeTimes()
    assert times.started_at is None and times.ended_at is None

    def fail() -> None:
        assert times.started_at is not None and times.ended_at is None
        raise ValueError("as it does")

    with pytest.raises(ValueError, match="as it does"):
        times.of(fail)()
    assert times.started_at is not None and times.ended_at is not None
    assert times.started_at <= times.ended_at


def test_code_that_is_called_again_began_with_its_first_call():
    times = CodeTimes()
    call = times.of(lambda: None)
    call()
    started, ended = times.started_at, times.ended_at
    call()
    assert times.started_at == started
    assert ended is not None and times.ended_at is not None and times.ended_at >= ended


def test_a_record_has_the_phases_that_are_known():
    run = RunSpec("F", "1", "", "ann", "user:ann")
    spec = TaskSpec("body", "2", 0, 1, (), ready_at=1.5)
    times = CodeTimes()
    record = make_record(run, spec, 2.0, ok=True, success=True, error=None, code=times)["task"]
    assert TaskRecord.from_dict(record).ready_at == 1.5
    assert "code_started_at" not in record
    times.started_at, times.ended_at = 2.5, 3.0
    record = make_record(run, spec, 2.0, ok=True, success=True, error=None, code=times)["task"]
    found = TaskRecord.from_dict(record)
    assert (found.code_started_at, found.code_ended_at) == (2.5, 3.0)
    assert TaskRecord.from_dict(found.to_dict()) == found
    plain = make_record(run, spec._replace(ready_at=None), 2.0, ok=True, success=True, error=None)["task"]
    assert "ready_at" not in plain, "records without phases are as they always were"


def test_a_specification_takes_the_time_along():
    run = RunSpec("F", "1", "", "ann", "user:ann")
    spec = TaskSpec("body", "2", 0, 1, (), ready_at=1.5)
    assert decode(encode(run, spec))[1].ready_at == 1.5
