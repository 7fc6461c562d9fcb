"""Runs of made-up tasks on a made-up clock: how a graph unfolds, without running anything.

::

    simulation = Simulation(graph, workers=4, splits=lambda task: 1000)
    for event in simulation:
        ...
    assert simulation.plan.done

It drives the same plan as the real scheduler, so it shows in which order tasks start, what each of them reads
from, and how long a run would take.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..flow.transition import PARALLEL_ITERATOR, Transition
from ..runtime.plan import Plan, PlannedTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..runtime.plan import PlanGraph, PlanStep, RetryPolicy
    from ..runtime.plan_task import TaskKey

EventKind = Literal["cloned", "started", "finished", "failed"]


class Event(NamedTuple):
    """Something that happened in a simulated run.

    Attributes
    ----------
    seconds : float
        When, since the run began.
    kind : str
        ``cloned``, ``started``, ``finished`` or ``failed``.
    task : PlannedTask
    attempt : int
        Which attempt of the task it was, from 0.
    """

    seconds: float
    kind: EventKind
    task: PlannedTask
    attempt: int


def two_splits(task: PlannedTask) -> int:
    """Every foreach has two tasks."""
    return 2


def last_target(task: PlannedTask, targets: tuple[str, ...]) -> str:
    """Every switch takes the target written last; one that may repeat itself takes the last other one."""
    return next((target for target in reversed(targets) if target != task.step), targets[-1])


def one_second(task: PlannedTask) -> float:
    """Every attempt takes a second."""
    return 1.0


def never(task: PlannedTask) -> bool:
    """No attempt fails."""
    return False


class Simulation:
    """A simulated run, as the stream of its events. It can be gone through once.

    As in a real run, nothing is launched any more once a task has failed for good; what runs then may end.

    Parameters
    ----------
    graph : PlanGraph
    workers : int
        How many tasks may run at the same time. A gang starts when its turn comes, also if it is wider, and its
        nodes count while they run.
    splits : callable
        Number of splits that a task of a foreach step makes, or nodes that one of a parallel step starts.
    choose : callable
        Which of its targets a task of a switch step takes.
    duration : callable
        Seconds that an attempt takes.
    fails : callable
        Whether an attempt fails.
    policies : mapping of str to RetryPolicy, optional
        How often tasks are tried again, by step.
    origin : mapping of TaskKey to Transition, optional
        Tasks that are cloned from an earlier run instead of run, with the transition that each took there.

    Attributes
    ----------
    plan : Plan
        The plan behind it; ``plan.done`` tells whether the run came to its end.
    seconds : float
        Time since the run began.

    Raises
    ------
    ValueError
        If there is no worker.
    """

    def __init__(
        self,
        graph: PlanGraph,
        *,
        workers: int = 16,
        splits: Callable[[PlannedTask], int] = two_splits,
        choose: Callable[[PlannedTask, tuple[str, ...]], str] = last_target,
        duration: Callable[[PlannedTask], float] = one_second,
        fails: Callable[[PlannedTask], bool] = never,
        policies: Mapping[str, RetryPolicy] | None = None,
        origin: Mapping[TaskKey, Transition] | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"A simulated run needs at least one worker, not {workers}.")
        self.plan = Plan(graph, policies)
        self.seconds = 0.0
        self._graph = graph
        self._free_workers = workers
        self._splits = splits
        self._choose = choose
        self._duration = duration
        self._fails = fails
        self._origin = origin or {}
        self._stopping = False
        # What is going to happen: the end of an attempt, or of the wait before the next one. The number keeps
        # equal times in order.
        self._agenda: list[tuple[float, int, bool, PlannedTask]] = []
        self._scheduled = 0

    def __iter__(self) -> Iterator[Event]:
        yield from self._clone()
        yield from self._launch()
        while self._agenda:
            self.seconds, _, is_attempt, task = heappop(self._agenda)
            if is_attempt:
                yield self._end(task)
            elif not self._stopping:
                self.plan.again(task)
            yield from self._launch()

    def transition(self, task: PlannedTask) -> Transition:
        """The way on that `task` takes."""
        step: PlanStep = self._graph.steps[task.step]
        if step.kind == "foreach":
            return Transition(step.targets, "items", self._splits(task))
        if step.kind == "parallel":
            return Transition(step.targets, PARALLEL_ITERATOR, self._splits(task))
        if step.kind == "switch":
            return Transition((self._choose(task, step.targets),))
        return Transition(step.targets)

    def _clone(self) -> Iterator[Event]:
        rest = []
        while self._origin and (task := self.plan.take()) is not None:
            transition = self._origin.get(task.key)
            if transition is None:
                rest.append(task)
            else:
                self.plan.finished(task, transition, cloned=True)
                yield Event(self.seconds, "cloned", task, task.attempt)
        self.plan.put_back(rest)

    def _launch(self) -> Iterator[Event]:
        while self._free_workers > 0 and not self._stopping and (task := self.plan.take()) is not None:
            self._free_workers -= task.width
            self._schedule(self._duration(task), True, task)
            yield Event(self.seconds, "started", task, task.attempt)

    def _end(self, task: PlannedTask) -> Event:
        self._free_workers += task.width
        if not self._fails(task):
            self.plan.finished(task, self.transition(task))
            return Event(self.seconds, "finished", task, task.attempt)
        retry = self.plan.failed(task)
        if retry is None:
            self._stopping = True
        else:
            self._schedule(retry.delay_seconds, False, task)
        return Event(self.seconds, "failed", task, task.attempt)

    def _schedule(self, seconds: float, is_attempt: bool, task: PlannedTask) -> None:
        self._scheduled += 1
        heappush(self._agenda, (self.seconds + seconds, self._scheduled, is_attempt, task))
