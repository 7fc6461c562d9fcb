"""The plan of a run: which tasks are ready, when a join is complete, when the run is done.

A pure state machine, without I/O, clock or processes. The scheduler drives it with real tasks, the simulator
(:mod:`metaflow.testing.simulator`) with a million made-up ones::

    plan = Plan(graph)
    while not plan.done:
        task = plan.take()                  # launch it; None if nothing is ready before something finishes
        ...
        plan.finished(task, transition)     # it has ended and took this way on, or
        retry = plan.failed(task)           # it has failed: wait retry.delay_seconds, then
        plan.again(task)                    # make it ready again

``resume`` walks the plan in the same way: a task whose counterpart (by :attr:`PlannedTask.key`) succeeded in
the origin run is finished at once as a clone; the others are put back, to be taken again when all clones are
done::

    rest = []
    while (task := plan.take()) is not None:
        if task.key in origin:
            plan.finished(task, origin[task.key], cloned=True)
        else:
            rest.append(task)
    plan.put_back(rest)

The nodes of a ``@parallel`` step are one task of the plan, a gang (:attr:`PlannedTask.gang`): they start
together, and end well or badly together.

Every operation takes constant time, whatever the size of the run; that of :meth:`Plan.take` grows with the number of
steps that are passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..exception import MetaflowInternalError
from ..flow.transition import PARALLEL_ITERATOR
from .plan_graph import PlanGraph, PlanStep
from .plan_ready import ReadyTasks
from .plan_retry import NO_RETRIES, Retry, RetryPolicy
from .plan_scope import ForeachCursor, JoinInputs, Scope
from .plan_task import OVER, READY, RUNNING, WAITING_FOR_RETRY, Foreach, Frame, PlannedTask, TaskRef

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from ..flow.transition import Transition

__all__ = [
    "Frame",
    "JoinInputs",
    "Plan",
    "PlanGraph",
    "PlanStep",
    "PlannedTask",
    "Retry",
    "RetryPolicy",
    "StepCounts",
    "TaskRef",
]

#: Kinds of step whose only possible transition is the one in the graph.
_ONE_WAY = ("linear", "join")

_STATE_NAMES = {READY: "ready", RUNNING: "running", WAITING_FOR_RETRY: "waiting for its retry", OVER: "over"}


class StepCounts:
    """How many tasks of a step are where; each node of a gang counts.

    Attributes
    ----------
    waiting : int
        Ready to be launched, or waiting for a retry.
    running : int
    done : int
        Succeeded in this run.
    cloned : int
        Taken over from another run.
    failed : int
        Failed for good.
    """

    __slots__ = ("cloned", "done", "failed", "running", "waiting")

    def __init__(self) -> None:
        self.waiting = 0
        self.running = 0
        self.done = 0
        self.cloned = 0
        self.failed = 0

    @property
    def total(self) -> int:
        """Tasks known so far; there may be more once steps before this one finish."""
        return self.waiting + self.running + self.done + self.cloned + self.failed

    def __repr__(self) -> str:
        return "<StepCounts " + " ".join(f"{name}={getattr(self, name)}" for name in self.__slots__) + ">"


class Plan:
    """The state of a run, as far as the order of its tasks goes.

    Parameters
    ----------
    graph : PlanGraph
    policies : mapping of str to RetryPolicy, optional
        How often tasks are tried again, by step; a step that is missing here is not.

    Attributes
    ----------
    done : bool
        Whether the last step of the flow has finished.
    active : int
        Tasks (a gang is one) that have been taken and are not over: running, or waiting for :meth:`again`. If
        none is active, nothing is ready and the plan is not done, then tasks that failed stand in the way.
    counts : dict of str to StepCounts
        For every step of the graph; for reading only.
    time : float
        The time, as whoever drives the plan tells it: tasks that become ready are marked with it.
    """

    __slots__ = ("_graph", "_last_task_id", "_policies", "_ready", "active", "counts", "done", "time")

    def __init__(self, graph: PlanGraph, policies: Mapping[str, RetryPolicy] | None = None) -> None:
        self._graph = graph
        self._policies = policies or {}
        self._last_task_id = 0
        self._ready = ReadyTasks()
        self.counts = {name: StepCounts() for name in graph.steps}
        self.active = 0
        self.done = False
        self.time = 0.0
        self._add_ready(PlannedTask(graph.start, None, (), None, 0))

    @property
    def has_ready(self) -> bool:
        """Whether :meth:`take` would give a task, if no step were held."""
        return bool(self._ready)

    def take(self, held: Container[str] = ()) -> PlannedTask | None:
        """Hand out the next ready task, for the caller to launch.

        Tasks come in the order in which they became ready; a foreach becomes ready as a whole. Retries, and
        tasks that were put back, come first.

        Parameters
        ----------
        held : container of str
            Steps whose tasks are passed over; they keep their places.

        Returns
        -------
        PlannedTask or None
            None if no task is ready, or only such of steps that are held.
        """
        task = self._ready.take(held)
        if task is None:
            return None
        if not task.task_id:
            self._last_task_id = task.task_id = self._last_task_id + 1
        task.state = RUNNING
        counts = self.counts[task.step]
        counts.waiting -= task.width
        counts.running += task.width
        self.active += 1
        return task

    def put_back(self, tasks: Sequence[PlannedTask]) -> None:
        """Make tasks ready again that were taken but not launched. They come next, in the order given.

        Parameters
        ----------
        tasks : sequence of PlannedTask
            They keep their task ids.

        Raises
        ------
        MetaflowInternalError
            If one of them is not taken.
        """
        for task in reversed(tasks):
            self._expect(task, RUNNING, "put back")
            counts = self.counts[task.step]
            counts.running -= task.width
            counts.waiting += task.width
            self.active -= 1
            task.state = READY
            self._ready.add_first(task.step, task)

    def finished(self, task: PlannedTask, transition: Transition, cloned: bool = False) -> None:
        """Note that a task has succeeded, and go where it went.

        Parameters
        ----------
        task : PlannedTask
            A task that was taken.
        transition : Transition
            The steps that it chose to go to and, for a foreach, the number of splits. The last step of the
            flow goes nowhere.
        cloned : bool
            Whether it was not run, but taken over from another run.

        Raises
        ------
        MetaflowInternalError
            If the transition is not one that the graph has, or the task is not taken. The plan is then as it
            was before.
        """
        self._expect(task, RUNNING, "finish")
        step = self._graph.steps[task.step]
        targets = transition.targets
        if targets != step.targets or transition.num_splits is not None or step.kind not in _ONE_WAY:
            self._check(task, step, transition)
        if step.kind == "end":
            self.done = True
        elif step.kind in ("foreach", "parallel", "split"):
            self._open(task, step, transition)
        else:
            iteration = task.iteration + 1 if targets[0] == step.name else 0
            self._go(task, targets[0], task.scope, task.branch, iteration)
        task.state = OVER
        counts = self.counts[task.step]
        counts.running -= task.width
        if cloned:
            counts.cloned += task.width
        else:
            counts.done += task.width
        self.active -= 1

    def failed(self, task: PlannedTask, retriable: bool = True) -> Retry | None:
        """Note that an attempt of a task has failed.

        Parameters
        ----------
        task : PlannedTask
            A task that was taken. A gang fails once, when none of its nodes runs any more.
        retriable : bool
            Whether another attempt may be made at all.

        Returns
        -------
        Retry or None
            The attempt to make next: wait for its delay, then call :meth:`again`. None if the task has failed
            for good, so that the run cannot end well; other tasks may go on.

        Raises
        ------
        MetaflowInternalError
            If the task is not taken.
        """
        self._expect(task, RUNNING, "fail")
        policy = self._policies.get(task.step, NO_RETRIES)
        retry = policy.after(task.attempt) if retriable else None
        counts = self.counts[task.step]
        counts.running -= task.width
        if retry is None:
            task.state = OVER
            counts.failed += task.width
            self.active -= 1
        else:
            task.state = WAITING_FOR_RETRY
            counts.waiting += task.width
        return retry

    def again(self, task: PlannedTask) -> None:
        """Make a task ready whose attempt failed and for which there is a retry. It comes next.

        Parameters
        ----------
        task : PlannedTask
            From now on it is its next attempt.

        Raises
        ------
        MetaflowInternalError
            If the task is not waiting for a retry.
        """
        self._expect(task, WAITING_FOR_RETRY, "retry")
        policy = self._policies.get(task.step, NO_RETRIES)
        task.attempt += 1
        task.fallback = task.attempt > policy.user_retries
        task.state = READY
        task.ready_at = self.time
        self.active -= 1
        # Ahead of everything else: it was launched before all that is waiting now.
        self._ready.add_first(task.step, task)

    def _add_ready(self, task: PlannedTask) -> None:
        self.counts[task.step].waiting += task.width
        task.ready_at = self.time
        self._ready.add(task.step, task)

    def _go(self, task: PlannedTask, target: str, scope: Scope | None, branch: int, iteration: int = 0) -> None:
        """Follow one edge from a finished task, within a branch of a scope."""
        join = self._graph.joins.get(target)
        if join is None:
            self._add_ready(PlannedTask(target, task.frames, (task.ref,), scope, branch, iteration=iteration))
            return
        if scope is None:
            raise MetaflowInternalError(
                f"Task {task.task_id} of step *{task.step}* arrived at the join *{target}*, but no split is open there."
            )
        complete = scope.arrive(join, task, branch)
        if complete is not None:
            self._add_ready(complete)

    def _open(self, task: PlannedTask, step: PlanStep, transition: Transition) -> None:
        """Follow all edges from a finished task that splits."""
        num_splits = transition.num_splits
        if num_splits is None:
            scope = Scope(task, len(step.targets), is_foreach=False)
            for branch, target in enumerate(step.targets):
                self._go(task, target, scope, branch)
            return
        target = step.targets[0]
        self.counts[target].waiting += num_splits
        foreach = Foreach(task.ref, num_splits, transition.foreach, transition.labels)
        scope = Scope(task, num_splits, is_foreach=True)
        if step.kind == "parallel":
            frame = Frame(foreach, 0, task.frames)
            gang = PlannedTask(target, frame, (foreach.opener,), scope, 0, gang=num_splits, ready_at=self.time)
            self._ready.add(target, gang)
            return
        self._ready.add(target, ForeachCursor(target, foreach, scope, (foreach.opener,), self.time))

    @staticmethod
    def _check(task: PlannedTask, step: PlanStep, transition: Transition) -> None:
        """Refuse a transition that is not one that the graph has."""
        if not step.allows(transition):
            raise MetaflowInternalError(_mismatch(task, step, transition))
        if step.kind == "end" and task.scope is not None:
            raise MetaflowInternalError(
                f"Task {task.task_id} of step *{task.step}* ends the flow, but the split of step "
                f"*{task.scope.opened_by}* has not been joined."
            )

    @staticmethod
    def _expect(task: PlannedTask, state: int, action: str) -> None:
        if task.state != state:
            raise MetaflowInternalError(
                f"Cannot {action} task {task.task_id} of step *{task.step}*: "
                f"it is {_STATE_NAMES[task.state]}, not {_STATE_NAMES[state]}."
            )


def _mismatch(task: PlannedTask, step: PlanStep, transition: Transition) -> str:
    taken = transition.targets
    went = f"went to {', '.join(taken)}" if taken else "went nowhere (it did not call self.next)"
    if transition.num_splits is not None:
        what = "nodes" if transition.foreach == PARALLEL_ITERATOR else "splits"
        went += f" with {transition.num_splits} {what}"
    names = ", ".join(step.targets)
    expected = {
        "end": "to be the last step",
        "switch": f"it to go to exactly one of {names}",
        "foreach": f"it to go to {names} with at least 1 split",
        "parallel": f"it to go to {names} with num_parallel of at least 1",
    }.get(step.kind, f"it to go to {names}, without foreach")
    return (
        f"Task {task.task_id} of step *{step.name}* {went}, but the graph expects {expected}. "
        "What a step passes to self.next when it runs must agree with what its source says."
    )
