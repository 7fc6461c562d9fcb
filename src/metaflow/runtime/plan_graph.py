"""What the plan knows of a flow's graph: for every step, where it may go and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from ..exception import MetaflowInternalError
from ..flow.transition import PARALLEL_ITERATOR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..flow.graph import FlowGraph
    from ..flow.node import Node
    from ..flow.transition import Transition

#: How a step goes on. A ``join`` goes on like a ``linear`` step; what sets it apart is that it waits for its
#: inputs.
StepKind = Literal["linear", "split", "foreach", "parallel", "switch", "join", "end"]


class PlanStep(NamedTuple):
    """One step of the graph.

    Attributes
    ----------
    name : str
    targets : tuple of str
        Steps it may go to, in the order written; for a static split this is the order of the branches. A
        switch that repeats itself lists itself.
    kind : str
        How it goes on: ``linear``, ``split``, ``foreach``, ``parallel`` (``num_parallel``: to a gang), ``switch``,
        ``join`` or ``end``. A step where the branches of a switch meet is no ``join``, even if it takes ``inputs``:
        exactly one task leads to it.
    """

    name: str
    targets: tuple[str, ...]
    kind: StepKind

    def allows(self, transition: Transition) -> bool:
        """Whether a task of this step may go where `transition` says."""
        taken, num_splits = tuple(transition.targets), transition.num_splits
        if self.kind == "switch":
            return len(taken) == 1 and taken[0] in self.targets and num_splits is None
        if (num_splits is not None) != (self.kind in ("foreach", "parallel")):
            return False
        if (transition.foreach == PARALLEL_ITERATOR) != (self.kind == "parallel"):
            return False
        return sorted(taken) == sorted(self.targets) and (num_splits is None or num_splits >= 1)


class JoinPoint(NamedTuple):
    """A join, as what arrives at it needs to know it.

    Attributes
    ----------
    step : str
    parents : tuple of str
        Steps that lead to it, in the order of the graph.
    ranks : dict of str to int
        Position of each of them in `parents`.
    """

    step: str
    parents: tuple[str, ...]
    ranks: dict[str, int]


class PlanGraph:
    """A flow's graph, as far as the plan needs it.

    The graph is expected to have passed the validity rules (:mod:`metaflow.flow.lint`); only what the plan
    could not survive is checked again.

    Parameters
    ----------
    steps : iterable of PlanStep
        All steps. Their order decides in which order a foreach join that several steps lead to sees its
        inputs.
    start, end : str
        Names of the first and of the last step; they may be the same.

    Attributes
    ----------
    steps : dict of str to PlanStep
    start, end : str
    joins : dict of str to JoinPoint
        Every join by its step.

    Raises
    ------
    MetaflowInternalError
        If a step is unknown, or its targets do not fit its kind.
    """

    __slots__ = ("end", "joins", "start", "steps")

    def __init__(self, steps: Iterable[PlanStep], start: str = "start", end: str = "end") -> None:
        self.steps: dict[str, PlanStep] = {step.name: step for step in steps}
        self.start = start
        self.end = end
        parents: dict[str, list[str]] = {name: [] for name in self.steps}
        for step in self.steps.values():
            self._check(step)
            for target in dict.fromkeys(step.targets):
                parents[target].append(step.name)
        self.joins = {
            step.name: JoinPoint(step.name, tuple(names), {name: rank for rank, name in enumerate(names)})
            for step, names in zip(self.steps.values(), parents.values(), strict=True)
            if step.kind == "join"
        }
        for name in (start, end):
            if name not in self.steps:
                raise MetaflowInternalError(f"The graph has no step *{name}*, by which it should start or end.")

    @classmethod
    def from_graph(cls, graph: FlowGraph) -> PlanGraph:
        """The plan's view of a flow's graph, which has passed the validity rules."""
        steps = (PlanStep(node.name, node.targets, _kind(node)) for node in graph)
        return cls(steps, graph.start_step, graph.end_step)

    def _check(self, step: PlanStep) -> None:
        unknown = [target for target in step.targets if target not in self.steps]
        if unknown:
            raise MetaflowInternalError(f"Step *{step.name}* goes to *{unknown[0]}*, which is not in the graph.")
        count = len(step.targets)
        fits = {"split": count > 1, "switch": count > 0, "end": count == 0}.get(step.kind, count == 1)
        if not fits:
            raise MetaflowInternalError(f"Step *{step.name}* is a {step.kind} step, which cannot have {count} targets.")
        if step.kind == "foreach" and self.steps[step.targets[0]].kind == "join":
            raise MetaflowInternalError(f"The foreach of step *{step.name}* leads straight to the join it ends at.")
        if step.kind == "parallel":
            gang = self.steps[step.targets[0]]
            if gang.kind != "linear" or any(self.steps[target].kind != "join" for target in gang.targets[:1]):
                raise MetaflowInternalError(f"The parallel step *{gang.name}* does not lead straight to a join.")


def _kind(node: Node) -> StepKind:
    if not node.targets:
        return "end"
    if node.is_foreach:
        return "parallel" if node.num_parallel else "foreach"
    if node.is_switch:
        return "switch"
    if len(node.targets) > 1:
        return "split"
    return "join" if node.is_join else "linear"
