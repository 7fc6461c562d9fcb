"""Simulated runs."""

from __future__ import annotations

import pytest

from metaflow.runtime.plan import PlanGraph, PlanStep, RetryPolicy
from metaflow.testing.simulator import Simulation

FOREACH = PlanGraph(
    [
        PlanStep("start", ("body",), "foreach"),
        PlanStep("body", ("join",), "linear"),
        PlanStep("join", ("end",), "join"),
        PlanStep("end", (), "end"),
    ]
)
RECURSION = PlanGraph([PlanStep("start", ("start", "end"), "switch"), PlanStep("end", (), "end")])


def steps_of(events: list, kind: str) -> list[str]:
    return [event.task.step for event in events if event.kind == kind]


def test_workers_limit_what_runs_at_the_same_time():
    simulation = Simulation(FOREACH, workers=3, splits=lambda task: 7)
    running, peak = 0, 0
    for event in simulation:
        running += 1 if event.kind == "started" else -1
        peak = max(peak, running)
    assert peak == 3
    assert simulation.plan.done
    assert simulation.seconds == 1 + 3 + 1 + 1, "start, seven tasks by threes, join, end"


def test_gangs_start_in_their_turn_whatever_their_width_and_count_while_they_run():
    gangs = PlanGraph(
        [
            PlanStep("start", ("each",), "foreach"),
            PlanStep("each", ("node",), "parallel"),
            PlanStep("node", ("join",), "linear"),
            PlanStep("join", ("all",), "join"),
            PlanStep("all", ("end",), "join"),
            PlanStep("end", (), "end"),
        ]
    )
    simulation = Simulation(gangs, workers=3, splits=lambda task: 5 if task.step == "each" else 2)
    started = [(event.task.step, event.seconds) for event in simulation if event.kind == "started"]
    assert started[:5] == [("start", 0), ("each", 1), ("each", 1), ("node", 2), ("node", 3)], "five nodes fill it"
    assert simulation.plan.done


def test_durations_decide_the_order_of_ends():
    simulation = Simulation(FOREACH, splits=lambda task: 3, duration=lambda task: 10.0 - (task.split_index or 0))
    ends = [event.task.split_index for event in simulation if event.kind == "finished" and event.task.step == "body"]
    assert ends == [2, 1, 0]


def test_recursion_ends_by_default_and_as_chosen():
    assert steps_of(list(Simulation(RECURSION)), "finished") == ["start", "end"]
    chosen = Simulation(RECURSION, choose=lambda task, targets: targets[0 if task.iteration < 3 else 1])
    assert steps_of(list(chosen), "finished") == ["start"] * 4 + ["end"]


def test_failed_attempts_are_tried_again_after_their_delay():
    simulation = Simulation(
        FOREACH,
        policies={"body": RetryPolicy(1, 0, 100.0)},
        fails=lambda task: task.step == "body" and task.attempt == 0 and task.split_index == 1,
    )
    attempts = [(e.kind, e.attempt, e.seconds) for e in simulation if e.task.key == ("body", (("start", 1),), 0)]
    assert attempts == [("started", 0, 1), ("failed", 0, 2), ("started", 1, 102), ("finished", 1, 103)]
    assert simulation.plan.done


def test_final_failure_stops_launches_but_lets_running_tasks_end():
    simulation = Simulation(
        FOREACH,
        workers=2,
        splits=lambda task: 5,
        duration=lambda task: 1.0 + (task.split_index or 0),
        fails=lambda task: task.split_index == 0,
    )
    events = list(simulation)
    assert steps_of(events, "started").count("body") == 2
    assert [event.kind for event in events[-2:]] == ["failed", "finished"]
    assert not simulation.plan.done and simulation.plan.counts["body"].waiting == 3


def test_final_failure_drops_retries_that_are_waiting():
    simulation = Simulation(
        FOREACH,
        policies={"body": RetryPolicy(1, 0, 10.0)},
        duration=lambda task: 5.0 if task.split_index == 1 else 1.0,
        fails=lambda task: task.step == "body",
    )
    failed = [(e.task.split_index, e.attempt, e.seconds) for e in simulation if e.kind == "failed"]
    assert failed == [(0, 0, 2), (1, 0, 6), (0, 1, 13)], "the retry of split 1, due at 16, is not made"
    assert not simulation.plan.done


def test_tasks_of_the_origin_are_cloned_before_anything_runs():
    first = Simulation(FOREACH, splits=lambda task: 4)
    done = [event.task for event in first if event.kind == "finished"]
    origin = {task.key: first.transition(task) for task in done if task.split_index != 2 and task.step != "end"}
    del origin["join", (), 0]
    second = Simulation(FOREACH, origin=origin)
    events = list(second)
    assert steps_of(events, "cloned") == ["start", "body", "body", "body"]
    assert steps_of(events, "finished") == ["body", "join", "end"]
    assert [event.task.split_index for event in events if event.kind == "started"] == [2, None, None]
    assert second.plan.done


def test_simulation_needs_a_worker():
    with pytest.raises(ValueError, match="at least one worker, not 0"):
        Simulation(FOREACH, workers=0)
