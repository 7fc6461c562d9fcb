"""Bringing the index of runs back in line with what is in the datastore.

The files of a run are the truth: ``run.json``, the changes of its tags beside it, and one manifest per
finished task attempt. The index follows them, a moment later or, if a process was killed in that moment, not
at all.
"""

from __future__ import annotations

import json
import time
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from metaflow.client.last_traces import last_traces
from metaflow.client.tag_log import follow_tag_log, read_tag_log, tags_event
from metaflow.datastore.layout import INDEX_KEY, RUN_FILE, run_key, runs_prefix
from metaflow.datastore.local import LocalStore
from metaflow.datastore.store import OUT_OF_REACH, ObjectMissing
from metaflow.datastore.tasks import list_attempts, open_tasks
from metaflow.exception import DamagedRecord, DataException, MetadataException, MetaflowException
from metaflow.metadata_store.events import (
    Heartbeat,
    RunEnded,
    RunForgotten,
    RunStarted,
    TaskEnded,
    TaskStarted,
)
from metaflow.metadata_store.liveness import effective_status
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.store import RunQuery, TaskQuery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from metaflow.client.home import Home
    from metaflow.datastore.store import ObjectStore
    from metaflow.metadata_store.events import Event
    from metaflow.metadata_store.store import MetadataStore

#: Why a run failed whose process is gone.
PROCESS_DIED = "the run's process died"

_EVENTS_PER_BATCH = 2000
_RUNS_PER_PAGE = 1000
# Records and manifests that are read at a time, in parallel where they are behind a network.
_READ_TOGETHER = 64


class ReindexCounts(NamedTuple):
    """What a rebuild of the index found so far.

    Attributes
    ----------
    runs, tasks : int
        Runs, and finished attempts of tasks, that are in the index now.
    damaged : tuple of str
        What could not be read, and why; one line each. It was skipped.
    """

    runs: int = 0
    tasks: int = 0
    damaged: tuple[str, ...] = ()


def reindex(home: Home, progress: Callable[[ReindexCounts], None] | None = None) -> ReindexCounts:
    """Rebuild the index of runs from the files in a datastore.

    A run that goes on meanwhile is not disturbed. An index that is damaged or of an older format is replaced. A
    metadata service, which also has runs of other places, is told of those that are in this datastore.

    Parameters
    ----------
    home : Home
        Where the index and the datastore are.
    progress : callable, optional
        Called after each run with what was found so far.

    Returns
    -------
    ReindexCounts
        What was found; damaged files are named there and skipped.

    Raises
    ------
    MetadataException
        The index cannot be written.
    DataException
        The datastore cannot be listed.
    """
    if home.service:
        service = home.open_index()
        try:
            return refill(home.open_store(), service, progress, home.location, is_shared=True)
        finally:
            service.close()
    from metaflow.metadata_store.sqlite import SqliteMetadata

    index = SqliteMetadata(Path(home.root) / INDEX_KEY)
    anew = not index.is_usable()
    if anew:
        index.discard()
    try:
        store = home.open_store()
        counts = refill(store, index, progress, home.recorded_datastore)
        if store.is_remote:
            _send_logs(store, index, home.root)
            if anew:
                # The index has the runs of this machine too.
                own = refill(LocalStore(home.root), index)
                counts = ReindexCounts(counts.runs + own.runs, counts.tasks + own.tasks, counts.damaged + own.damaged)
        return counts
    finally:
        index.close()


def _send_logs(store: ObjectStore, index: MetadataStore, root: str) -> None:
    """Bring logs to their datastore that were left on this machine when it could not be reached."""
    from metaflow.client.log_spool import runs_with_spooled_logs, send_spooled

    for flow, run_id in runs_with_spooled_logs(root):
        run = index.run(flow, run_id)
        if run is not None and effective_status(run, time.time()) != "running":
            send_spooled(root, store, flow, run_id)


def refill(
    store: ObjectStore,
    index: MetadataStore,
    progress: Callable[[ReindexCounts], None] | None = None,
    location: str = "",
    is_shared: bool = False,
) -> ReindexCounts:
    """Make `index` say what `store` holds; like :func:`reindex`, for stores that are open already.

    `location` is what runs in this store have as their `datastore`. An index that is shared also has runs that are not
    to be found from here, so that none is forgotten because its files are absent.
    """
    counts = ReindexCounts()
    for key, found in _stored_runs(store):
        if isinstance(found, MetaflowException):
            counts = counts._replace(damaged=(*counts.damaged, f"{key}: {found.message}"))
            continue
        # Where the files are found counts more than where they once were.
        counts = _refill_run(store, index, found._replace(datastore=location), counts)
        if progress is not None:
            progress(counts)
    if not is_shared:
        _forget_absent(store, index, location)
    return counts


def recover_run(store: ObjectStore, index: MetadataStore, run: RunRecord) -> RunRecord:
    """Set right what the index and the run's file say of a run whose process died.

    Every task that finished keeps its result, attempts that were running were killed, and the run failed.
    Doing it again, or in several processes at once, changes nothing.

    Parameters
    ----------
    store : ObjectStore
        Where the run's files are.
    index : MetadataStore
        What to set right.
    run : RunRecord
        The run as the index knows it.

    Returns
    -------
    RunRecord
        The run as it is now.

    Raises
    ------
    DataException, MetadataException
        The store or the index cannot be read, or written.
    """
    events = missed_events(store, index, run)
    ending = events[-1]
    assert isinstance(ending, RunEnded)
    try:
        content = _read_json(store, run_key(run.flow, run.run_id))
    except (ObjectMissing, MetadataException):
        content = {}  # one that is damaged stays as it is; what is known of the run is set right all the same
    if content.get("status", "running") == "running" and content:
        content.update(status=ending.status, finished_at=ending.finished_at, message=ending.message)
        store.put(run_key(run.flow, run.run_id), [json.dumps(content, separators=(",", ":")).encode()])
    index.apply(events)
    return index.run(run.flow, run.run_id) or run


def assumed_dead(run: RunRecord) -> RunRecord:
    """What can be told of a run whose process died without looking at its files; nothing is written."""
    last = max(run.heartbeat_at or 0.0, run.started_at)
    return run._replace(status="failed", finished_at=last, message=PROCESS_DIED)


def missed_events(store: ObjectStore, index: MetadataStore, run: RunRecord) -> list[Event]:
    """Tell what the index missed of a run whose process died; the last event is the run's end.

    Parameters
    ----------
    store : ObjectStore
        Where the run's files are.
    index : MetadataStore
        What is known already.
    run : RunRecord
        The run as the index knows it.

    Returns
    -------
    list of events
        What to apply to the index.
    """
    known = {
        (task.step, task.task_id, task.attempt): task
        for task in index.tasks(TaskQuery(run.flow, run.run_id, all_attempts=True))
    }
    events: list[Event] = []
    missing = (
        key
        for key in list_attempts(store, run.flow, run.run_id)
        if key not in known or known[key].status not in ("done", "failed")
    )
    for key, task in committed_tasks(store, run.flow, run.run_id, missing):
        # A damaged result is as good as none: the attempt counts as killed, and reading it says what is wrong.
        if not isinstance(task, MetaflowException):
            known[key] = task
            events.append(TaskEnded(task))
    left = [task for task in known.values() if task.status == "running"]
    traces = last_traces(store, left)
    ending = _ending(store, run, known.values(), traces)
    for task, trace in zip(left, traces, strict=True):
        events.append(TaskEnded(task._replace(status="killed", finished_at=max(trace, ending.finished_at))))
    return [*events, ending]


def adopt_run(store: ObjectStore, index: MetadataStore, flow: str, run_id: str) -> RunRecord | None:
    """Bring a run into the index that has files but is not known there.

    Parameters
    ----------
    store : ObjectStore
        Where the run's files would be.
    index : MetadataStore
        Where to bring it.
    flow, run_id : str
        The run.

    Returns
    -------
    RunRecord or None
        The run; None if it has no files.

    Raises
    ------
    DataException, MetadataException
        Its file cannot be read, or the index cannot be written.
    """
    run = stored_run(store, flow, run_id)
    if run is None:
        return None
    _refill_run(store, index, run, ReindexCounts())
    return index.run(flow, run_id)


def stored_run(store: ObjectStore, flow: str, run_id: str) -> RunRecord | None:
    """Record of a run from its own file, with its graph and the tags it began with; None if it has no file.

    Raises
    ------
    DataException, MetadataException
        The file cannot be read.
    """
    try:
        key = run_key(flow, run_id)
    except DataException:
        return None  # what cannot be a name is the name of no run
    try:
        return _read_run(store, key)
    except ObjectMissing:
        return None


def index_in_memory(store: ObjectStore, known: MetadataStore, run: RunRecord) -> MetadataStore:
    """Make an index of a single run, for a datastore that may only be read.

    Parameters
    ----------
    store : ObjectStore
        Where the run's files are.
    known : MetadataStore
        The index that cannot be written.
    run : RunRecord
        The run, from there or from its file.

    Returns
    -------
    MetadataStore
        What the index would say of the run if it could be brought up to date.
    """
    from metaflow.metadata_store.sqlite import SqliteMetadata

    index = SqliteMetadata()
    tasks = known.tasks(TaskQuery(run.flow, run.run_id, all_attempts=True))
    index.apply([RunStarted(run), *(TaskStarted(task) for task in tasks)])
    if known.run(run.flow, run.run_id) is None:
        _refill_run(store, index, run, ReindexCounts())
    if effective_status(run, time.time()) != run.status:
        index.apply(missed_events(store, index, run))
    return index


def _ending(store: ObjectStore, run: RunRecord, tasks: Iterable[TaskRecord], traces: Iterable[float]) -> RunEnded:
    """How the run ended: as its file says, if it does; else as its last sign of life and its end step say."""
    try:
        written = _read_run(store, run_key(run.flow, run.run_id))
    except OUT_OF_REACH:
        raise
    except (DataException, MetadataException):
        written = run
    if written.status != "running" and written.finished_at is not None:
        return RunEnded(run.flow, run.run_id, written.status, written.finished_at, written.message)
    signs = [task.finished_at for task in tasks if task.finished_at is not None]
    last = max([run.started_at, run.heartbeat_at or 0.0, *signs, *traces])
    if any(task.ok and task.step == (run.end_step or "end") for task in tasks):
        return RunEnded(run.flow, run.run_id, "done", last)
    return RunEnded(run.flow, run.run_id, "failed", last, PROCESS_DIED)


def _read_json(store: ObjectStore, key: str) -> dict[str, Any]:
    try:
        content = json.loads(store.get(key))
    except (ValueError, RecursionError) as error:
        raise DamagedRecord(f"The file {key} is damaged: {error}.") from error
    if not isinstance(content, dict):
        raise DamagedRecord(f"The file {key} is damaged: it should hold one JSON object.")
    return content


def _read_run(store: ObjectStore, key: str) -> RunRecord:
    run = RunRecord.from_dict(_read_json(store, key))
    if not (isinstance(run.flow, str) and isinstance(run.run_id, str)) or key != run_key(run.flow, run.run_id):
        raise DamagedRecord(f"The file {key} says that it belongs to the run {run.flow}/{run.run_id}.")
    return run


def _stored_runs(store: ObjectStore) -> Iterator[tuple[str, RunRecord | MetaflowException]]:
    """Give the key of every run's record with the record, or with the reason why it cannot be read."""
    from metaflow.datastore.parallel import map_in_threads, threads_for_network

    def read(key: str) -> RunRecord | MetaflowException | None:
        try:
            return _read_run(store, key)
        except ObjectMissing:
            return None  # what is left of a run that was removed
        except OUT_OF_REACH:
            raise
        except (DataException, MetadataException) as error:
            return error

    for flow in store.list(runs_prefix(), folders=True):
        keys = [f"{runs_prefix()}{flow}/{run_id}{RUN_FILE}" for run_id in store.list(f"{runs_prefix()}{flow}/", True)]
        for start in range(0, len(keys), _READ_TOGETHER):
            batch = keys[start : start + _READ_TOGETHER]
            threads = threads_for_network(1) if store.is_remote else 1
            for key, found in zip(batch, map_in_threads(read, batch, threads), strict=True):
                if found is not None:
                    yield key, found


def committed_tasks(
    store: ObjectStore, flow: str, run_id: str, attempts: Iterable[tuple[str, str, int]]
) -> Iterator[tuple[tuple[str, str, int], TaskRecord | MetaflowException]]:
    """Give the records of finished attempts, from their manifests, or the reason why one cannot be read."""
    remaining = iter(attempts)
    while batch := list(islice(remaining, _READ_TOGETHER)):
        for attempt, reader in zip(batch, open_tasks(store, flow, run_id, batch), strict=True):
            if isinstance(reader, MetaflowException):
                yield attempt, reader
                continue
            try:
                yield attempt, TaskRecord.from_dict(reader.manifest.record.get("task", {}))
            except MetadataException as error:
                yield attempt, error


def _refill_run(store: ObjectStore, index: MetadataStore, run: RunRecord, counts: ReindexCounts) -> ReindexCounts:
    """Replace all that the index says of a run, in batches; of one that goes on, only add what is missing."""
    known = index.run(run.flow, run.run_id)
    batch: list[Event] = []
    if effective_status(known or run, time.time()) != "running":
        batch.append(RunForgotten(run.flow, run.run_id))
    batch.append(RunStarted(run))
    log = read_tag_log(store, run)
    batch.append(tags_event(run, log))
    damaged = [*counts.damaged, *log.damaged]
    finished, last_sign = 0, 0.0
    attempts = list_attempts(store, run.flow, run.run_id)
    for (step, task_id, attempt), task in committed_tasks(store, run.flow, run.run_id, attempts):
        if isinstance(task, MetaflowException):
            damaged.append(f"{run.flow}/{run.run_id}/{step}/{task_id}, attempt {attempt}: {task.message}")
            continue
        batch.append(TaskEnded(task))
        finished, last_sign = finished + 1, max(last_sign, task.finished_at or 0.0)
        if len(batch) >= _EVENTS_PER_BATCH:
            index.apply(batch)
            batch = []
    if run.status == "running":
        batch.append(Heartbeat(run.flow, run.run_id, max(last_sign, run.started_at)))
    index.apply(batch)
    follow_tag_log(store, index, run, log.last)
    return ReindexCounts(counts.runs + 1, counts.tasks + finished, tuple(damaged))


def _forget_absent(store: ObjectStore, index: MetadataStore, location: str) -> None:
    """Drop runs whose files should be in this store and are gone."""
    after = None
    while page := index.runs(RunQuery(limit=_RUNS_PER_PAGE, after=after)):
        after = page[-1].cursor
        gone = [run for run in page if run.datastore == location and store.stat(run_key(run.flow, run.run_id)) is None]
        index.apply(RunForgotten(run.flow, run.run_id) for run in gone)
