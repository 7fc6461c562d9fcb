"""Which tasks a task read from, and which read from it. Both are recorded; nothing is guessed from names."""

from __future__ import annotations

from metaflow.datastore.layout import parse_attempt
from metaflow.metadata_store.store import TaskQuery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import TaskRecord


def parents(provider: Provider, task: TaskRecord) -> Iterator[TaskRecord]:
    """Give the tasks that `task` read from, in the order of its inputs.

    Parameters
    ----------
    provider : Provider
        Where to read.
    task : TaskRecord
        The task.

    Yields
    ------
    TaskRecord
        The latest attempt of each, which is the one that was read.
    """
    for text in task.inputs:
        step, task_id, _ = parse_attempt(text)
        yield from provider.tasks(TaskQuery(task.flow, task.run_id, step, task_id))


def children(provider: Provider, task: TaskRecord, steps: list[str]) -> Iterator[TaskRecord]:
    """Give the tasks that read from `task`.

    Parameters
    ----------
    provider : Provider
        Where to read.
    task : TaskRecord
        The task.
    steps : list of str
        Steps that may follow the task's own.

    Yields
    ------
    TaskRecord
        The latest attempt of each, the newest first within a step.
    """
    for step in steps:
        for other in _candidates(provider, task, step):
            if any(text.startswith(f"{task.step}/{task.task_id}/") for text in other.inputs):
                yield other


def _candidates(provider: Provider, task: TaskRecord, step: str) -> Iterator[TaskRecord]:
    """Give the few tasks of a step that can have read from `task`, judging by their place in foreaches.

    They are at the same place or below it, or they join the innermost foreach.
    """
    place = task.index_path
    yield from provider.tasks(TaskQuery(task.flow, task.run_id, step, index_path=place, nested=True))
    if place:
        yield from provider.tasks(TaskQuery(task.flow, task.run_id, step, index_path=place[:-1]))
