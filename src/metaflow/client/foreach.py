"""Finding tasks by the element of the foreach that they are for."""

from __future__ import annotations

from metaflow.datastore.layout import parse_attempt
from metaflow.metadata_store.store import TaskQuery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import TaskRecord


def tasks_with_value(provider: Provider, flow: str, run_id: str, step: str, value: object) -> Iterator[TaskRecord]:
    """Give the tasks of a step whose innermost foreach value is `value`, newest first.

    Parameters
    ----------
    provider : Provider
        Where to read.
    flow, run_id, step : str
        The step.
    value : object
        The element.

    Yields
    ------
    TaskRecord
        The latest attempt of each.
    """
    from metaflow.flow.state import foreach_label

    label = foreach_label()(value)
    found = provider.tasks(TaskQuery(flow, run_id, step, foreach_value=label))
    if len(found) == 1 and label == str(value):
        yield from found
        return
    elements: dict[str, object] = {}
    for task in found:
        if _is_for(provider, task, value, elements):
            yield task


def _is_for(provider: Provider, task: TaskRecord, value: object, opened: dict[str, object]) -> bool:
    """Compare the element itself, which is in the artifacts of the task that split."""
    from metaflow.flow.transition import element

    reader = provider.reader(task)
    frames = [] if reader is None else reader.manifest.record.get("frames", [])
    if not frames:
        return True  # still running: its label is all that is known of it
    variable, index, source = frames[-1][1], frames[-1][2], frames[-1][5]
    if source not in opened:
        splits = provider.tasks(TaskQuery(task.flow, task.run_id, *parse_attempt(source)))
        split = provider.reader(splits[0]) if splits else None
        opened[source] = None if split is None or variable not in split else split.load(variable)
    values = opened[source]
    if values is None:
        return True
    same = element(values, index) == value
    return bool(same.all()) if hasattr(same, "all") else bool(same)
