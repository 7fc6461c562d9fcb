"""Walks through a past run as its plan did, to learn what tasks read that have not run, or not to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..datastore.tasks import list_attempts, open_task
from ..exception import DataException, MetaflowInternalError
from ..metadata_store.records import TaskRecord
from .plan import Plan, PlanGraph
from .planned_spec import spec_of, transition_of
from .specs import PARAMETERS_STEP

if TYPE_CHECKING:
    from ..datastore.store import ObjectStore
    from ..flow.graph import FlowGraph
    from .plan_task import PlannedTask, TaskKey
    from .specs import TaskSpec


class Replay:
    """What has finished in a run, and what could run next.

    Parameters
    ----------
    store : ObjectStore
    graph : FlowGraph
        The flow as it is now.
    run_id : str
    """

    def __init__(self, store: ObjectStore, graph: FlowGraph, run_id: str) -> None:
        self._graph = graph
        self._keys: dict[tuple[int, int], str] = {}
        self._ready: list[PlannedTask] = []
        self._changed_at: str | None = None
        self._finished = _finished_tasks(store, graph.name, run_id)
        self._walk()

    def ready(self, step: str) -> list[TaskSpec]:
        """Tasks of a step whose inputs have all finished, but which have not finished themselves."""
        return [
            spec_of(task, self._graph[step], 1, key=lambda ref: self._keys[ref.task_id, ref.node])
            for task in self._ready
            if task.step == step
        ]

    def why_not(self, step: str) -> str:
        """Why no task of `step` is ready."""
        if self._changed_at is not None:
            return (
                f"step *{self._changed_at}* went a way there that it does not have in this file any more. Run the "
                "flow as it is now."
            )
        before = [name for name in self._graph[step].incoming if name != step]
        counts = ", ".join(
            f"*{name}* ({sum(key[0] == name for key in self._finished)} tasks finished)" for name in before
        )
        return f"what it would read is not there, as not all has finished that leads to it: {counts}."

    def _walk(self) -> None:
        plan = Plan(PlanGraph.from_graph(self._graph))
        while (task := plan.take()) is not None:
            places = [task.key] if task.gang is None else [task.node_key(node) for node in range(task.gang)]
            found = [self._finished[place] for place in places if place in self._finished]
            if len(found) < len(places):
                self._ready.append(task)
                continue
            self._keys.update({(task.task_id, node): key for node, (key, _) in enumerate(found)})
            try:
                plan.finished(task, transition_of(found[0][1]), cloned=True)
            except MetaflowInternalError:
                # The file has changed since. What comes after this task cannot be told.
                self._changed_at = task.step


def _finished_tasks(store: ObjectStore, flow: str, run_id: str) -> dict[TaskKey, tuple[str, dict[str, Any]]]:
    """Tasks that finished well, by their place in the flow: their name as ``step/task/attempt``, and their record."""
    found: dict[TaskKey, tuple[str, dict[str, Any]]] = {}
    for step, task_id, attempt in list_attempts(store, flow, run_id):
        if step == PARAMETERS_STEP:
            continue
        try:
            record = open_task(store, flow, run_id, step, task_id, attempt).manifest.record
        except DataException:
            continue  # a damaged result is as good as none
        task = TaskRecord.from_dict(record["task"])
        if task.ok:
            found[step, task.index_path, task.iteration or 0] = (f"{step}/{task_id}/{attempt}", record)
    return found
