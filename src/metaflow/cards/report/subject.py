"""The task that a card tells of: its record, its run, its graph, and what is at hand of it in this process."""

from __future__ import annotations

from functools import cached_property

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from metaflow.client import Task
    from metaflow.client.code import MetaflowCode
    from metaflow.datastore.tasks import TaskReader
    from metaflow.metadata_store.records import RunRecord, TaskRecord


class Subject:
    """What the parts of a report read from. Nothing is read before it is asked for, and nothing twice.

    Parameters
    ----------
    task : Task
        The task, as it is now.
    graph : mapping, optional
        The flow's graph, as ``current.graph`` has it; read from the run, if not given.
    flow : FlowSpec, optional
        The flow object of the task, if this is the task's own process.
    """

    def __init__(self, task: Task, graph: Mapping[str, Any] | None = None, flow: Any = None) -> None:
        self.task = task
        self._graph = graph
        self.flow = flow

    @cached_property
    def record(self) -> TaskRecord:
        """The attempt, as it is now."""
        return self.task._current()

    @cached_property
    def run(self) -> RunRecord:
        """Its run; in the task's own process as it began, so that the index need not be asked."""
        if self.flow is not None:
            from metaflow.client.recovery import stored_run

            flow, run_id = self.record.flow, self.record.run_id
            found = stored_run(self.task._provider.store_of(flow, run_id), flow, run_id)
            if found is not None:
                return found
        return self.task._run_record()

    @cached_property
    def graph(self) -> Mapping[str, Any]:
        """The flow's graph; empty if it is not known."""
        if self._graph:
            return self._graph
        return self.task._provider.graph(self.record.flow, self.record.run_id)

    @cached_property
    def reader(self) -> TaskReader | None:
        """The artifacts; None if there are none yet."""
        return self.task._reader()

    @cached_property
    def code(self) -> MetaflowCode | None:
        """The code that the task ran, if it was recorded."""
        return self.task.code

    @property
    def step(self) -> str:
        """Name of the step."""
        return self.record.step

    @property
    def described(self) -> Mapping[str, Any]:
        """The step, as the graph describes it; empty if it does not."""
        steps = self.graph.get("steps")
        found = steps.get(self.step) if isinstance(steps, dict) else None
        return found if isinstance(found, dict) else {}
