"""Taking over tasks of another run: by reference, without starting processes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..datastore.task_writer import clone_task
from ..datastore.tasks import open_task
from ..metadata_store.records import TaskRecord

if TYPE_CHECKING:
    from ..datastore.manifest import Manifest
    from ..datastore.store import ObjectStore
    from .clone_plan import OriginTask
    from .specs import RunSpec, TaskSpec

#: Of the record of a task: what was so in the origin's process, and does not hold for the clone.
_OF_THE_PROCESS = ("pid", "ready_at", "code_started_at", "code_ended_at")
#: Fields that say where a task comes from; they speak of the immediate origin.
_LINEAGE = ("origin-run-id", "origin-task-id")


def take_over(store: ObjectStore, run: RunSpec, spec: TaskSpec, origin: OriginTask) -> TaskRecord:
    """Make a task that is what a task of another run was.

    Parameters
    ----------
    store : ObjectStore
        Where both runs are.
    run : RunSpec
        The new run.
    spec : TaskSpec
        The new task.
    origin : OriginTask
        The task to take over.

    Returns
    -------
    TaskRecord
        The new task's record, for the index.

    Raises
    ------
    DataException
        If the origin's result cannot be read, or the new task cannot be written.
    """
    old = open_task(store, run.flow, origin.run_id, origin.step, origin.task_id, origin.attempt).manifest
    record = _record_of_clone(old, run, spec)
    clone_task(store, old, run.run_id, spec.task_id, record)
    return TaskRecord.from_dict(record["task"])


def _record_of_clone(old: Manifest, run: RunSpec, spec: TaskSpec) -> dict[str, Any]:
    """The origin's record, with all that names its run and its tasks replaced."""
    now = time.time()
    task = {name: value for name, value in old.record["task"].items() if name not in _OF_THE_PROCESS}
    task.update(
        run_id=run.run_id,
        task_id=spec.task_id,
        attempt=0,
        started_at=now,
        finished_at=now,
        inputs=list(spec.inputs),
        origin=old.pathspec,
    )
    if "metadata" in task:
        task["metadata"] = {name: value for name, value in task["metadata"].items() if name not in _LINEAGE}
    return {**old.record, "task": task, "frames": [list(frame) for frame in spec.frames]}
