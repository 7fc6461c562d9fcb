"""Random graphs for the plan, and a driver that runs their tasks in random order.

What should run is worked out by walking the nested blocks that a graph was made from, independently of the
plan.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import strategies as st

from metaflow.flow.transition import PARALLEL_ITERATOR, Transition
from metaflow.runtime.plan import Plan, PlanGraph, PlannedTask, PlanStep, RetryPolicy, TaskRef


@dataclass
class Block:
    """A piece of a flow: linear, split, foreach, gang, switch or repeat (a switch that may go back to itself)."""

    kind: str
    bodies: list[list[Block]] = field(default_factory=list)
    name: str = ""
    join: str = ""
    entries: list[str] = field(default_factory=list)


LEAVES = st.sampled_from(["linear", "repeat", "gang"]).map(Block)


def compound(blocks: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
    body = st.lists(blocks, min_size=1, max_size=3)
    several = st.lists(body, min_size=2, max_size=3)
    return st.one_of(
        st.builds(Block, st.just("split"), several),
        st.builds(Block, st.just("switch"), several),
        st.builds(Block, st.just("foreach"), st.lists(body, min_size=1, max_size=1)),
    )


BODIES = st.lists(st.recursive(LEAVES, compound, max_leaves=12), max_size=4)


class Flow:
    """A random graph, what its tasks decide, and what should therefore run."""

    def __init__(self, blocks: list[Block], seed: int) -> None:
        self.blocks = blocks
        self.seed = seed
        self.by_name: dict[str, Block] = {}
        self.steps = [PlanStep("end", (), "end")]
        self.steps.append(PlanStep("start", (self._compile(blocks, "end"),), "linear"))
        random.Random(seed).shuffle(self.steps)
        self.graph = PlanGraph(self.steps)
        self.rank = {step.name: rank for rank, step in enumerate(self.steps)}
        #: Every task that should run, with the tasks it should read from. A gang counts as its control task.
        self.expected: dict[tuple, list[tuple]] = {}
        #: Number of nodes of each @parallel step, in all gangs together.
        self.nodes: dict[str, int] = {}
        last = self._expect(blocks, (), self._ran("start", (), []))
        self._ran("end", (), [last])

    def _compile(self, blocks: list[Block], after: str) -> str:
        """Add the steps of `blocks`, which lead to `after`; returns the first one."""
        for block in reversed(blocks):
            block.name = f"{block.kind}{len(self.by_name)}"
            self.by_name[block.name] = block
            exit_step = after
            if block.kind in ("split", "foreach", "gang"):
                block.join = f"join_{block.name}"
                self.steps.append(PlanStep(block.join, (after,), "join"))
                exit_step = block.join
            block.entries = [self._compile(body, exit_step) for body in block.bodies]
            if block.kind == "linear":
                self.steps.append(PlanStep(block.name, (after,), "linear"))
            elif block.kind == "repeat":
                self.steps.append(PlanStep(block.name, (block.name, after), "switch"))
            elif block.kind == "gang":
                self.steps.append(PlanStep(f"node_{block.name}", (block.join,), "linear"))
                self.steps.append(PlanStep(block.name, (f"node_{block.name}",), "parallel"))
            else:
                self.steps.append(PlanStep(block.name, tuple(block.entries), block.kind))
            after = block.name
        return after

    def decide(self, name: str, path: tuple) -> int:
        """What a task decides: size of its foreach, branch of its switch, or number of repetitions."""
        block = self.by_name[name]
        low, high = {"foreach": (1, 4), "gang": (1, 4), "switch": (0, len(block.bodies) - 1), "repeat": (0, 3)}[
            block.kind
        ]
        return random.Random(f"{self.seed}/{name}/{path}").randint(low, high)

    def transition(self, task: PlannedTask) -> Transition:
        step = self.graph.steps[task.step]
        if step.kind == "foreach":
            return Transition(step.targets, "items", self.decide(task.step, task.index_path))
        if step.kind == "parallel":
            return Transition(step.targets, PARALLEL_ITERATOR, self.decide(task.step, task.index_path))
        if step.kind != "switch":
            return Transition(step.targets)
        decision = self.decide(task.step, task.index_path)
        if self.by_name[task.step].kind == "repeat":
            return Transition((step.targets[0 if task.iteration < decision else 1],))
        return Transition((self.by_name[task.step].entries[decision],))

    def _ran(self, step: str, path: tuple, inputs: list[tuple], iteration: int = 0) -> tuple:
        key = (step, path, iteration)
        self.expected[key] = inputs
        return key

    def _expect(self, blocks: list[Block], path: tuple, last: tuple) -> tuple:
        for block in blocks:
            last = self._ran(block.name, path, [last])
            if block.kind == "repeat":
                for iteration in range(1, self.decide(block.name, path) + 1):
                    last = self._ran(block.name, path, [last], iteration)
            elif block.kind == "switch":
                last = self._expect(block.bodies[self.decide(block.name, path)], path, last)
            elif block.kind == "split":
                last = self._ran(block.join, path, [self._expect(body, path, last) for body in block.bodies])
            elif block.kind == "gang":
                nodes = range(self.decide(block.name, path))
                keys = [(f"node_{block.name}", (*path, (block.name, node)), 0) for node in nodes]
                self._ran(*keys[0][:2], [last])
                self.nodes[f"node_{block.name}"] = self.nodes.get(f"node_{block.name}", 0) + len(nodes)
                last = self._ran(block.join, path, keys)
            elif block.kind == "foreach":
                arrivals = [
                    self._expect(block.bodies[0], (*path, (block.name, index)), last)
                    for index in range(self.decide(block.name, path))
                ]
                last = self._ran(block.join, path, sorted(arrivals, key=lambda key: self.rank[key[0]]))
        return last


FLOWS = st.builds(Flow, BODIES, st.integers(0, 2**32))


class Driver:
    """Runs a plan's tasks in random order, at most `workers` at a time, with random failures."""

    def __init__(self, flow: Flow, plan: Plan, rng: random.Random, policies: dict[str, RetryPolicy]) -> None:
        self.flow, self.plan, self.rng, self.policies = flow, plan, rng, policies
        self.key_of_id: dict[int, tuple] = {}
        self.inputs: dict[tuple, list[tuple]] = {}
        self.completed: list[tuple[tuple, Transition]] = []

    def key_of(self, ref: TaskRef) -> tuple:
        step, path, iteration = self.key_of_id[ref.task_id]
        return (step, (*path[:-1], (path[-1][0], ref.node)) if ref.node else path, iteration)

    def finish(self, task: PlannedTask, cloned: bool = False) -> None:
        assert task.key not in self.inputs, f"{task} ran twice"
        assert task.task_id not in self.key_of_id, f"{task} has the id of another task"
        self.key_of_id[task.task_id] = task.key
        self.inputs[task.key] = [self.key_of(ref) for ref in task.inputs]
        assert [ref.step for ref in task.inputs] == [key[0] for key in self.inputs[task.key]]
        transition = self.flow.transition(task)
        self.completed.append((task.key, transition))
        self.plan.finished(task, transition, cloned=cloned)
        assert self.plan.done == (task.step == "end")

    def run(self) -> None:
        workers = self.rng.randint(1, 8)
        running: list[PlannedTask] = []
        waiting: list[PlannedTask] = []
        while running or waiting or self.plan.has_ready:
            while len(running) < workers and (task := self.plan.take()) is not None:
                running.append(task)
            assert self.plan.active == len(running) + len(waiting)
            if waiting and (not running or self.rng.random() < 0.5):
                self.plan.again(waiting.pop(self.rng.randrange(len(waiting))))
                continue
            task = running.pop(self.rng.randrange(len(running)))
            policy = self.policies.get(task.step, RetryPolicy())
            if policy.after(task.attempt) and self.rng.random() < 0.4:
                retry = self.plan.failed(task)
                assert retry.attempt == task.attempt + 1
                waiting.append(task)
            else:
                self.finish(task)


def random_policies(flow: Flow, rng: random.Random) -> dict[str, RetryPolicy]:
    steps = rng.sample(list(flow.graph.steps), len(flow.graph.steps) // 2)
    return {step: RetryPolicy(rng.randint(0, 3), rng.randint(0, 2)) for step in steps}
