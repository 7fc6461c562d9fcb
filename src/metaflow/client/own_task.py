"""The task that runs in this process, as a client object, without asking for what the process knows itself."""

from __future__ import annotations

from metaflow.client.task import Task
from metaflow.metadata_store.records import TaskRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from metaflow.client.provider import Provider
    from metaflow.datastore.tasks import TaskReader


def own_task(provider: Provider, record: Mapping[str, Any], artifacts: TaskReader | None) -> Task:
    """A client object of a task, in any namespace, which neither the index nor a service is asked for.

    Parameters
    ----------
    provider : Provider
        Where the rest is read from: the run, its other tasks.
    record : mapping
        The task's record as it stands in its manifest, or would stand there if it were over.
    artifacts : TaskReader or None
        What the attempt has left; None as long as it runs.
    """
    task = Task.__new__(Task)
    task._record = TaskRecord.from_dict(record)
    task._attempt = None
    task._is_own = True
    task._opened = artifacts
    flow, run_id = task._record.flow, task._record.run_id
    task._place(provider, [flow, run_id, task._record.step, task._record.task_id], None, False)
    provider.know_location(flow, run_id)
    return task
