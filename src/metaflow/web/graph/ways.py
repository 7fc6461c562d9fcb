"""Which ways the tasks of a run took through its graph, told from what each of them read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from metaflow.metadata_store.store import TaskQuery

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from metaflow.metadata_store.records import TaskRecord
    from metaflow.metadata_store.store import MetadataStore

#: Of a step that can be reached in several ways so many tasks are asked, the newest.
MOST_ASKED = 500
_MOST_INPUTS = 2000


def ways_taken(
    metadata: MetadataStore, flow: str, run_id: str, targets: Mapping[str, Sequence[str]], tasks: Mapping[str, int]
) -> dict[tuple[str, str], int | None]:
    """Count the tasks that came by each edge.

    Parameters
    ----------
    metadata : MetadataStore
        Asked only about steps that can be reached in several ways.
    flow, run_id : str
        The run.
    targets : mapping of str to sequence of str
        For each step, those that it leads to.
    tasks : mapping of str to int
        How many tasks each step has.

    Returns
    -------
    dict of (str, str) to int or None
        By source and target. None if that is not known: not all tasks of the target were asked.
    """
    sources: dict[str, list[str]] = {}
    for source, nexts in targets.items():
        for target in nexts:
            sources.setdefault(target, []).append(source)
    taken: dict[tuple[str, str], int | None] = {}
    for target, names in sources.items():
        count = tasks.get(target, 0)
        if len(names) == 1 or not count:
            taken.update({(name, target): count for name in names})
            continue
        asked = metadata.tasks(TaskQuery(flow, run_id, target, limit=MOST_ASKED))
        counted = read_from(asked)
        for name in names:
            # A task that was not asked may have come by any of the ways that start somewhere.
            is_known = count <= len(asked) or not tasks.get(name)
            taken[name, target] = counted[name] if is_known else None
    return taken


def read_from(tasks: Iterable[TaskRecord]) -> Counter[str]:
    """How many of the tasks read something of each step."""
    counted: Counter[str] = Counter()
    for task in tasks:
        counted.update({each.partition("/")[0] for each in task.inputs[:_MOST_INPUTS]})
    return counted


def graph_of_tasks(metadata: MetadataStore, flow: str, run_id: str) -> dict[str, tuple[str, ...]]:
    """For each step that has tasks, those that read from it: what can be told of a graph that was not recorded."""
    steps = [each.step for each in reversed(metadata.steps(flow, run_id)) if not each.step.startswith("_")]
    found: dict[str, list[str]] = {name: [] for name in steps}
    for target in steps:
        for source in sorted(read_from(metadata.tasks(TaskQuery(flow, run_id, target, limit=MOST_ASKED)))):
            if source in found:
                found[source].append(target)
    return {name: tuple(targets) for name, targets in found.items()}
