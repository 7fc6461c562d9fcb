"""When attempts whose end nobody recorded were last seen at work, as their files tell."""

from __future__ import annotations

from metaflow.datastore.layout import log_key, resources_key
from metaflow.datastore.parallel import map_in_threads, threads_for_network
from metaflow.datastore.resource_series import ResourceUse
from metaflow.datastore.store import ObjectMissing
from metaflow.exception import CorruptedDataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.datastore.store import ObjectStore
    from metaflow.metadata_store.records import TaskRecord


def last_traces(store: ObjectStore, tasks: Sequence[TaskRecord]) -> list[float]:
    """When each attempt last printed, or its use of the machine was last noted; at least when it started.

    Parameters
    ----------
    store : ObjectStore
        Where the run's files are.
    tasks : sequence of TaskRecord
        The attempts.

    Returns
    -------
    list of float
        In seconds since the epoch, in the order of the attempts.

    Raises
    ------
    DataException
        The store cannot be asked.
    """

    def last_trace(task: TaskRecord) -> float:
        attempt = (task.flow, task.run_id, task.step, task.task_id, task.attempt)
        times = [task.started_at, _last_look(store, resources_key(*attempt))]
        if not store.is_remote:  # elsewhere it may have been written only now, by whoever looks at the dead run
            log = store.stat(log_key(*attempt))
            times.append(0.0 if log is None else log.modified_at)
        return max(times)

    return map_in_threads(last_trace, tasks, threads_for_network(1) if store.is_remote else 1)


def _last_look(store: ObjectStore, key: str) -> float:
    """When it was last looked at what an attempt uses; 0 if it never was."""
    try:
        use = ResourceUse.decode(store.get(key))
    except (ObjectMissing, CorruptedDataException):
        return 0.0
    return use.started_at + use.points[-1].at if use.points else 0.0
