"""Walks through a past run as its plan did, to learn what tasks read that have not run, or not to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .clone_plan import decide
from .origin import read_tasks
from .plan import Plan, PlanGraph
from .planned_spec import spec_of

if TYPE_CHECKING:
    from ..datastore.store import ObjectStore
    from ..flow.graph import FlowGraph
    from .specs import TaskSpec


class Replay:
    """What has finished in a run, and what could run next: what resuming it would take over, and run.

    Parameters
    ----------
    store : ObjectStore
    graph : FlowGraph
        The flow as it is now.
    run_id : str
    """

    def __init__(self, store: ObjectStore, graph: FlowGraph, run_id: str) -> None:
        self._graph = graph
        # A damaged result is as good as none.
        self._origin, _ = read_tasks(store, graph.name, run_id)
        plan_graph = PlanGraph.from_graph(graph)
        plan = Plan(plan_graph)
        self._decision = decide(plan, plan_graph, self._origin)
        self._ready = list(iter(plan.take, None))
        self._keys = {
            (planned.task_id, node): task.key
            for planned, origins in self._decision.clones
            for node, task in enumerate(origins)
        }

    def ready(self, step: str) -> list[TaskSpec]:
        """Tasks of a step whose inputs have all finished, but which have not finished themselves."""
        return [
            spec_of(task, self._graph[step], 1, key=lambda ref: self._keys[ref.task_id, ref.node])
            for task in self._ready
            if task.step == step
        ]

    def why_not(self, step: str) -> str:
        """Why no task of `step` is ready."""
        for changed in self._decision.misfits:
            return (
                f"step *{changed}* went a way there that it does not have in this file any more. Run the flow as it is "
                "now."
            )
        finished = [task.step for task in self._origin.values() if task.ok]
        before = [name for name in self._graph[step].incoming if name != step]
        counts = ", ".join(f"*{name}* ({finished.count(name)} tasks finished)" for name in before)
        return f"what it would read is not there, as not all has finished that leads to it: {counts}."
