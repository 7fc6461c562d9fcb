"""Whether a run goes on, told as carefully as what is asked it for: whether its results may be thrown away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from metaflow.client.recovery import PROCESS_DIED
from metaflow.datastore.layout import cancel_key, deletion_key, reading_key, runs_prefix
from metaflow.datastore.live_tasks import list_live_tasks
from metaflow.metadata_store.liveness import HEARTBEAT_LIMIT, is_alive

if TYPE_CHECKING:
    from typing import TypeAlias

    from metaflow.datastore.store import ObjectStore
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.store import MetadataStore

    #: ``unknown`` is a run on another machine of which nothing was heard for a while.
    Life: TypeAlias = Literal["over", "dead", "running", "unknown"]

#: A run on another machine that neither wrote a file nor was heard of for so many seconds is taken for dead. A task
#: may run for days without either if its machine cannot reach our index.
UNHEARD_SECONDS = 7 * 86400.0
#: The same for a run whose heartbeats came here: they also stay away while the service or its network is down, or its
#: machine sleeps, and they look late if its clock is slow.
SILENT_SECONDS = 86400.0
#: A task on another machine gives a sign of life each minute; one that gave none for so many seconds is gone. They are
#: several minutes because a sign may be late, and clocks differ.
TASK_SILENCE_SECONDS = 300.0


def has_ended(record: RunRecord) -> bool:
    """Whether a run said itself that it ended. What others record when they miss its heartbeats is only a guess."""
    return record.status != "running" and record.message != PROCESS_DIED


def tasks_elsewhere(store: ObjectStore, record: RunRecord) -> int:
    """How many tasks of a run go on on other machines; they may do so when its process is long dead.

    Raises
    ------
    DataException
        If the store fails.
    """
    if record.status == "done":
        return 0
    now = time.time()
    return sum(
        task.end is None and task.state_at is not None and now - task.state_at < TASK_SILENCE_SECONDS
        for task in list_live_tasks(store, record.flow, record.run_id).values()
    )


def life_of(record: RunRecord, newest: float, index: MetadataStore) -> Life:
    """Whether a run goes on.

    Parameters
    ----------
    record : RunRecord
        The run, as its own file has it.
    newest : float
        When its newest file was written, in seconds since the epoch; 0 if that is not known.
    index : MetadataStore
        Where its heartbeats go, if that is the same.

    Returns
    -------
    str
        ``over`` (it recorded its end), ``dead`` (its process is gone), ``running``, or ``unknown``.
    """
    if has_ended(record):
        return "over"
    alive = is_alive(record.host, record.pid, record.process_started)
    if alive is not None:
        return "running" if alive else "dead"
    known = index.run(record.flow, record.run_id)
    if known is not None and has_ended(known):
        return "dead"  # it could not write its own record any more
    heartbeat = (known.heartbeat_at if known is not None else None) or 0.0
    quiet = time.time() - max(heartbeat, newest, record.started_at)
    if quiet <= HEARTBEAT_LIMIT:
        return "running"
    # A run that has beaten here would go on doing so.
    beats_here = heartbeat > record.started_at
    return "dead" if quiet > (SILENT_SECONDS if beats_here else UNHEARD_SECONDS) else "unknown"


def newest_file(store: ObjectStore, flow: str, run_id: str) -> float:
    """When the newest file of a run was written, in seconds since the epoch; 0 if it has none.

    What others note in its folder does not count.
    """
    notes = (deletion_key(flow, run_id), reading_key(flow, run_id), cancel_key(flow, run_id))
    found = store.scan(runs_prefix(flow, run_id))
    return max((each.modified_at for each in found if not each.key.startswith(notes)), default=0.0)


def described(record: RunRecord) -> str:
    """Where a run runs, in words."""
    host = (record.host or "a machine that is not known").partition("/")[0]
    return f"process {record.pid} on {host}"
