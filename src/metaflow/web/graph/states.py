"""How the steps of a run are doing, as the page shows it at their boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.metadata_store.store import TaskQuery
from metaflow.metadata_store.task_listing import STATUSES
from metaflow.web.graph.ways import ways_taken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.store import MetadataStore
    from metaflow.metadata_store.task_listing import StepCount
    from metaflow.web.graph.recorded import RecordedGraph


def graph_state(
    metadata: MetadataStore, run: RunRecord, graph: RecordedGraph, counts: Sequence[StepCount]
) -> dict[str, Any]:
    """Counts and times of the steps that have tasks, and which edges were taken.

    Parameters
    ----------
    metadata : MetadataStore
        Asked what the counts do not say.
    run : RunRecord
    graph : RecordedGraph
    counts : sequence of StepCount
        What the tasks of each step come to.
    """
    tasks = {count.step: count.tasks for count in counts}
    expected = _expected(metadata, run, graph, tasks)
    targets = {name: step.targets for name, step in graph.steps.items()}
    taken = ways_taken(metadata, run.flow, run.run_id, targets, tasks)
    return {
        "status": run.status,
        "steps": [_plain(count, expected.get(count.step)) for count in counts],
        "edges": [{"source": source, "target": target, "tasks": count} for (source, target), count in taken.items()],
    }


def _plain(count: StepCount, expected: int | None) -> dict[str, Any]:
    return {
        "step": count.step,
        "tasks": count.tasks,
        "expected": expected,
        **{status: count.counts.get(status, 0) for status in STATUSES},
        "retried": count.retried,
        "cloned": count.cloned,
        "started_at": count.started_at,
        "finished_at": count.finished_at,
    }


def _expected(
    metadata: MetadataStore, run: RunRecord, graph: RecordedGraph, tasks: Mapping[str, int]
) -> dict[str, int]:
    """How many tasks each repeated step will have, where one of them, or of a step beside it, says it.

    Only where foreaches are not nested: an inner one has as many items as each of the outer ones gives it.
    """
    splits: dict[str, int] = {}
    for name, foreach in graph.repeated.items():
        if foreach in splits or not tasks.get(name):
            continue
        for task in metadata.tasks(TaskQuery(run.flow, run.run_id, name, limit=1)):
            if len(task.foreach_stack) == 1:
                splits[foreach] = task.foreach_stack[0][3]
    return {name: splits[foreach] for name, foreach in graph.repeated.items() if foreach in splits}
