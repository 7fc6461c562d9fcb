"""What a resumed run takes over: over random graphs that fail and are killed again and again, and case by case."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings, strategies as st

from metaflow.flow.transition import PARALLEL_ITERATOR, Transition
from metaflow.runtime.clone_plan import OriginTask, decide, reached_from
from metaflow.runtime.plan import Plan, PlanGraph, PlannedTask, PlanStep, TaskRef
from metaflow.runtime.plan_task import node_task_id
from plan_strategies import FLOWS, Driver, Flow


class Attempt:
    """One run, new or resumed, of which every task may fail and which may be killed; what it leaves is `results`."""

    def __init__(self, flow: Flow, rng: random.Random, origin: dict, named: tuple, trouble: float, name: str) -> None:
        self.plan = Plan(flow.graph)
        self.decision = decide(self.plan, flow.graph, origin, named)
        self.cloned = [key for task, origins in self.decision.clones for key in nodes_of(task)]
        assert sum(self.decision.cloned.values()) == len(self.cloned)
        self.ran: list[tuple] = []
        self.inputs: dict[tuple, list[tuple]] = {}
        self.results: dict[tuple, OriginTask] = {}
        self._key_of_id: dict[int, tuple] = {}
        for task, origins in self.decision.clones:
            assert len(origins) == task.width
            self._leave(task, origins[0].transition, name)
        running = []
        while running or self.plan.has_ready:
            while len(running) < 4 and (task := self.plan.take()) is not None:
                running.append(task)
            task = running.pop(rng.randrange(len(running)))
            chance = rng.random()
            if chance < trouble / 2:
                return  # the whole run is killed: tasks that run leave nothing
            if chance < trouble:
                self._leave(task, Transition(()), name, failed=rng.randrange(task.width))
                self.plan.failed(task)
                return  # what runs beside it is stopped
            self.ran.append(task.key)
            transition = flow.transition(task)
            self._leave(task, transition, name)
            self.plan.finished(task, transition)

    def _leave(self, task: PlannedTask, transition: Transition, name: str, failed: int | None = None) -> None:
        """Of a gang of which one node failed, those before it are done and those after it were killed."""
        self._key_of_id[task.task_id] = task.key
        self.inputs[task.key] = [self._key_of(ref) for ref in task.inputs]
        for node, key in enumerate(nodes_of(task)[: None if failed is None else failed + 1]):
            ok = node != failed
            taken = transition if ok and failed is None else Transition(("join",) if ok else ())
            self.results[key] = OriginTask(name, task.step, node_task_id(task.task_id, node), 0, ok, taken)

    def _key_of(self, ref: TaskRef) -> tuple:
        step, path, iteration = self._key_of_id[ref.task_id]
        return (step, (*path[:-1], (path[-1][0], ref.node)) if ref.node else path, iteration)


def is_node_of(key: tuple, gangs: set[tuple]) -> bool:
    return key[0].startswith("node_gang") and key[:1] + key[1][:-1] in gangs


def nodes_of(task: PlannedTask) -> list[tuple]:
    return [task.key] if task.gang is None else [task.node_key(node) for node in range(task.gang)]


@settings(deadline=None, max_examples=300)
@given(FLOWS, st.randoms(use_true_random=False))
def test_resumed_until_done_every_task_finishes_once_and_reads_the_right_ones(flow: Flow, rng: random.Random) -> None:
    finished: Counter = Counter()
    origin: dict = {}
    for number in range(20):
        trouble = 0.3 if number < 19 else 0.0
        attempt = Attempt(flow, rng, origin, (), trouble, str(number))
        finished.update(attempt.ran)
        # A gang of which a node failed runs again as a whole, so what its other nodes did is lost.
        broken = {key[:1] + key[1][:-1] for key, task in origin.items() if not task.ok}
        kept = {key for key, task in origin.items() if task.ok and not is_node_of(key, broken)}
        assert set(attempt.cloned) == kept, "all that was finished is taken over"
        origin = attempt.results
        if attempt.plan.done:
            break
    assert attempt.plan.done
    assert attempt.inputs == flow.expected
    assert finished == Counter(flow.expected.keys())


@settings(deadline=None, max_examples=200)
@given(FLOWS, st.randoms(use_true_random=False), st.data())
def test_named_steps_and_what_follows_run_again_and_nothing_else(flow: Flow, rng: random.Random, data) -> None:
    origin = Attempt(flow, rng, {}, (), 0.0, "origin").results
    named = data.draw(st.sets(st.sampled_from(sorted(flow.graph.steps)), max_size=3), label="named")
    again = Attempt(flow, rng, origin, tuple(named), 0.0, "again")
    rerun = reached_from(flow.graph, named)
    assert again.plan.done and again.inputs == flow.expected
    assert sorted(again.ran) == sorted(key for key in flow.expected if key[0] in rerun)
    assert {reason for reasons in again.decision.to_run.values() for reason in reasons} <= {"named", "after named"}


@settings(deadline=None, max_examples=300)
@given(FLOWS, FLOWS, st.randoms(use_true_random=False))
def test_results_of_any_other_graph_never_break_the_walk(before: Flow, now: Flow, rng: random.Random) -> None:
    """Both graphs have steps of the same names, so that the code "changed shape" in every way there is."""
    origin = Attempt(before, rng, {}, (), 0.0, "origin").results
    plan = Plan(now.graph)
    decision = decide(plan, now.graph, origin)
    for task, origins in decision.clones:
        assert all(now.graph.steps[task.step].allows(found.transition) for found in origins)
    for step, found in decision.misfits.items():
        assert not now.graph.steps[step].allows(found.transition)
    driver = Driver(now, plan, rng, {})
    for task, _ in decision.clones:
        driver.key_of_id[task.task_id] = task.key
    driver.run()
    assert plan.done


def graph(*steps: tuple[str, str, str]) -> PlanGraph:
    return PlanGraph(PlanStep(name, tuple(targets.split()), kind) for name, kind, targets in steps)


LINE = graph(("start", "linear", "a"), ("a", "linear", "end"), ("end", "end", ""))
LOOP = graph(("start", "linear", "again"), ("again", "switch", "again end"), ("end", "end", ""))
GANG = graph(("start", "parallel", "work"), ("work", "linear", "join"), ("join", "join", "end"), ("end", "end", ""))
WIDE = graph(("start", "foreach", "work"), ("work", "linear", "join"), ("join", "join", "end"), ("end", "end", ""))


def origin_of(*tasks: tuple) -> dict:
    """From (key, targets) or (key, targets, num_splits, variable), with a minus before the step of a failed task."""
    found = {}
    for number, ((step, *where), targets, *splits) in enumerate(tasks, 1):
        name = step.lstrip("-")
        path, iteration = (*where, *((), 0)[len(where) :])
        num_splits, variable = (*splits, *(None, "items")[len(splits) :])
        transition = Transition(tuple(targets.split()), variable if num_splits else None, num_splits)
        found[name, path, iteration] = OriginTask("1", name, str(number), 0, name == step, transition)
    return found


def decided(graph: PlanGraph, origin: dict, *named: str):
    decision = decide(Plan(graph), graph, origin, named)
    return [task.key[0] for task, _ in decision.clones], decision.to_run


@pytest.mark.parametrize(
    ("shape", "origin", "named", "cloned", "to_run"),
    [
        (LINE, origin_of(), (), [], {"start": {"never ran": 1}}),
        (LINE, origin_of((("start",), "a"), (("-a",), "")), (), ["start"], {"a": {"failed": 1}}),
        (LINE, origin_of((("start",), "a")), (), ["start"], {"a": {"never ran": 1}}),
        (LINE, origin_of((("start",), "gone")), (), [], {"start": {"changed": 1}}),
        (LINE, origin_of((("start",), "a", 2)), (), [], {"start": {"changed": 1}}),
        (LINE, origin_of((("start",), "a"), (("a",), "end"), (("end",), "")), (), ["start", "a", "end"], {}),
        (LINE, origin_of((("start",), "a"), (("a",), "end")), ("start",), [], {"start": {"named": 1}}),
        (
            LOOP,
            origin_of((("start",), "again"), (("again", (), 0), "again"), (("again", (), 1), "again")),
            (),
            ["start", "again", "again"],
            {"again": {"unfinished": 1}},
        ),
        (
            WIDE,
            origin_of((("start",), "work", 3), (("work", (("start", 1),)), "join"), (("-work", (("start", 2),)), "")),
            (),
            ["start", "work"],
            {"work": {"unfinished": 1, "failed": 1}},
        ),
        (
            GANG,
            origin_of((("start",), "work", 2, PARALLEL_ITERATOR), (("work", (("start", 1),)), "join")),
            (),
            ["start"],
            {"work": {"unfinished": 2}},
        ),
    ],
)
def test_reasons(shape, origin, named, cloned, to_run) -> None:
    assert decided(shape, origin, *named) == (cloned, to_run)


def test_only_what_can_run_at_once_and_was_not_asked_for_is_awaited():
    graph = PlanGraph(
        [
            PlanStep("start", ("body",), "foreach"),
            PlanStep("body", ("join",), "linear"),
            PlanStep("join", ("end",), "join"),
            PlanStep("end", (), "end"),
        ]
    )
    key = [("body", (("start", index),), 0) for index in range(4)]
    origin = {
        ("start", (), 0): OriginTask("1", "start", "1", 0, True, Transition(("body",), "items", 4)),
        key[0]: OriginTask("1", "body", "2", 0, True, Transition(("join",))),
        key[1]: OriginTask("1", "body", "3", 0, False, Transition(())),
    }
    left = {*key[:3], ("join", (), 0)}
    decision = decide(Plan(graph), graph, origin, (), left)
    assert decision.awaited == {key[2]}, "neither what is done, nor what failed, nor what reads from what runs"
    assert decide(Plan(graph), graph, origin, ("body",), left).awaited == set()
    assert decide(Plan(graph), graph, origin).awaited == set()
