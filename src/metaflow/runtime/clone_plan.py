"""Which tasks of an origin run a resumed run takes over, which it runs, and why. Pure: no I/O, no processes.

A task is taken over if its counterpart (same step, same place in the foreaches, same repetition) has a result, if
nobody asked for its step, nor for one that leads to it, to run again, and if all tasks that it reads from are taken
over too. The transitions that the origin's tasks took say which tasks there are, as long as the graph still has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from ..flow.transition import Transition
    from .plan import Plan, PlanGraph, PlannedTask
    from .plan_task import TaskKey

#: Why a task runs although all that it reads from is taken over.
#:
#: ``named``: its step was asked for. ``after named``: its step comes after one that was. ``failed``: so did its
#: counterpart. ``unfinished``: its counterpart left no result. ``never ran``: there is no result of its whole step.
#: ``changed``: its counterpart went where the graph leads no more. For a gang, it is the reason of one of its nodes.
Reason = Literal["named", "after named", "failed", "unfinished", "never ran", "changed"]


class OriginTask(NamedTuple):
    """A task of the origin run, as far as cloning needs to know it.

    Attributes
    ----------
    run_id, step, task_id : str
    attempt : int
        Its last attempt that left a result.
    ok : bool
        Whether the result may be used; so it is for a failure that ``@catch`` caught.
    transition : Transition
        Where it went.
    """

    run_id: str
    step: str
    task_id: str
    attempt: int
    ok: bool
    transition: Transition

    @property
    def key(self) -> str:
        """``step/task/attempt``."""
        return f"{self.step}/{self.task_id}/{self.attempt}"


class Clone(NamedTuple):
    """A task that is taken over.

    Attributes
    ----------
    planned : PlannedTask
    origins : tuple of OriginTask
        Its counterpart; for a gang, those of all of its nodes in order.
    """

    planned: PlannedTask
    origins: tuple[OriginTask, ...]


class Decision(NamedTuple):
    """What is taken over, and what runs.

    Attributes
    ----------
    clones : list of Clone
        Tasks that are taken over, each after those that it reads from.
    to_run : dict of str to dict of str to int
        Number of tasks that can run at once, by step and reason; each node of a gang counts. Others may follow them.
    misfits : dict of str to OriginTask
        For each step whose tasks went where the graph leads no more, one of them.
    awaited : set of TaskKey
        Of those that can run at once, the ones that may still go on where the origin run sent them.
    """

    clones: list[Clone]
    to_run: dict[str, dict[Reason, int]]
    misfits: dict[str, OriginTask]
    awaited: set[TaskKey]

    @property
    def cloned(self) -> dict[str, int]:
        """Number of tasks that are taken over, by step."""
        counts: dict[str, int] = {}
        for planned, origins in self.clones:
            counts[planned.step] = counts.get(planned.step, 0) + len(origins)
        return counts


def decide(
    plan: Plan,
    graph: PlanGraph,
    origin: Mapping[TaskKey, OriginTask],
    named: Iterable[str] = (),
    left: Container[TaskKey] = (),
) -> Decision:
    """Walk a new plan as far as the origin's results carry.

    Parameters
    ----------
    plan : Plan
        Has handed out nothing yet. Afterwards all clones are finished in it, and what is left to run is ready.
    graph : PlanGraph
        The graph of the plan.
    origin : mapping of TaskKey to OriginTask
        Tasks of the origin run that left a result.
    named : iterable of str
        Steps to run again whatever became of them.
    left : container of TaskKey
        Tasks that may still go on although their run's process died.

    Returns
    -------
    Decision
        What was decided.
    """
    return _Walk(graph, origin, named, left).through(plan)


def reached_from(graph: PlanGraph, steps: Iterable[str]) -> set[str]:
    """These steps and all that come after them."""
    reached = set(steps)
    pending = list(reached)
    while pending:
        for target in graph.steps[pending.pop()].targets:
            if target not in reached:
                reached.add(target)
                pending.append(target)
    return reached


class _Walk:
    def __init__(
        self,
        graph: PlanGraph,
        origin: Mapping[TaskKey, OriginTask],
        named: Iterable[str],
        left: Container[TaskKey],
    ) -> None:
        self._left = left
        self._steps = graph.steps
        self._origin = origin
        self._named = set(named)
        self._rerun = reached_from(graph, self._named)
        self._ran = {step for step, _, _ in origin}

    def through(self, plan: Plan) -> Decision:
        decision = Decision([], {}, {}, set())
        rest: list[PlannedTask] = []
        while (task := plan.take()) is not None:
            found = self._counterparts(task)
            reason = self._reason(task, found)
            if reason is None:
                origins = tuple(each for each in found if each is not None)
                plan.finished(task, origins[0].transition, cloned=True)
                decision.clones.append(Clone(task, origins))
                continue
            rest.append(task)
            counts = decision.to_run.setdefault(task.step, {})
            counts[reason] = counts.get(reason, 0) + task.width
            if reason in ("unfinished", "never ran") and task.key in self._left:
                decision.awaited.add(task.key)
            if reason == "changed":
                misfit = next(each for each in found if each is not None and not self._fits(each))
                decision.misfits.setdefault(task.step, misfit)
        plan.put_back(rest)
        return decision

    def _counterparts(self, task: PlannedTask) -> list[OriginTask | None]:
        if task.gang is None:
            return [self._origin.get(task.key)]
        return [self._origin.get(task.node_key(node)) for node in range(task.gang)]

    def _reason(self, task: PlannedTask, found: list[OriginTask | None]) -> Reason | None:
        """Why the task runs; None if its counterparts can be taken over."""
        if task.step in self._rerun:
            return "named" if task.step in self._named else "after named"
        if any(each is not None and not each.ok for each in found):
            return "failed"
        if None in found:
            return "unfinished" if task.step in self._ran else "never ran"
        if not all(each is not None and self._fits(each) for each in found):
            return "changed"
        return None

    def _fits(self, task: OriginTask) -> bool:
        """Whether the graph still has the way that a task took."""
        return self._steps[task.step].allows(task.transition)
