"""What is new of a run that another machine drives, told from what it leaves in its datastore."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.client.recovery import committed_tasks, stored_run
from metaflow.client.tag_log import read_tag_log, tags_event
from metaflow.datastore.layout import (
    cancel_key,
    deletion_key,
    live_prefix,
    parse_manifest_key,
    reading_key,
    run_key,
    runs_prefix,
    tags_prefix,
)
from metaflow.datastore.live_tasks import live_tasks
from metaflow.datastore.store import OUT_OF_REACH
from metaflow.exception import DataException, MetadataException, MetaflowException
from metaflow.metadata_store.events import Heartbeat, RunEnded, RunStarted, TaskEnded, TaskStarted
from metaflow.metadata_store.records import TaskRecord
from metaflow.metadata_store.store import TaskQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.datastore.store import ObjectStore, StoredObject
    from metaflow.metadata_store.events import Event
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.store import MetadataStore

_EVENTS_PER_BATCH = 500


class RunNews:
    """Follows one run: a listing of what it has left each time, and reading what is new of that.

    Parameters
    ----------
    store : ObjectStore
        Where the run's files are.
    index : MetadataStore
        Told what is new.
    name : tuple of (str, str)
        Flow and id.
    location : str
        What runs in that store have as their `datastore`.

    Attributes
    ----------
    is_over : bool
        Whether nothing new will come: the run has ended, or is on its way out.
    """

    def __init__(self, store: ObjectStore, index: MetadataStore, name: tuple[str, str], location: str) -> None:
        self.is_over = False
        self._store = store
        self._index = index
        self._name = name
        self._location = location
        self._begin()

    def _begin(self) -> None:
        """Know nothing of the run, so that the next look takes in all of it."""
        self._record: RunRecord | None = None
        # That object as it was listed, and what else has been told already.
        self._written: StoredObject | None = None
        self._finished: set[tuple[str, str, int]] | None = None
        self._live: set[str] = set()
        self._tags: set[str] = set()
        self._heard_at = 0.0

    def look(self) -> None:
        """Have the index say what the run has left by now; nothing if it has left nothing new.

        Raises
        ------
        DataException, MetadataException
            The store cannot be read, or the index cannot be written.
        """
        try:
            self._look()
        except Exception:
            self._begin()  # what was read may not be in the index
            raise

    def _look(self) -> None:
        found = self._listed()
        written = found.get(run_key(*self._name))
        if written is None or deletion_key(*self._name) in found:
            self.is_over = True
            return
        if written != self._written:
            self._record = self._read_record()
            self._written = written
            # What the record says of the end is true of what is listed afterwards.
            found = self._listed()
        if self._record is None:
            return
        batch: list[Event] = []
        for event in self._events(self._record._replace(datastore=self._location), found):
            batch.append(event)
            if len(batch) >= _EVENTS_PER_BATCH:
                self._index.apply(batch)
                batch = []
        self._index.apply(batch)
        self.is_over = self._record.status != "running"

    def _read_record(self) -> RunRecord | None:
        """The run's record; None if it is damaged, of which `metaflow verify` tells, and until it was written anew."""
        try:
            return stored_run(self._store, *self._name)
        except OUT_OF_REACH:
            raise
        except (DataException, MetadataException):
            return None

    def _listed(self) -> dict[str, StoredObject]:
        return {each.key: each for each in self._store.scan(runs_prefix(*self._name))}

    def _events(self, run: RunRecord, found: dict[str, StoredObject]) -> Iterator[Event]:
        if self._finished is None:
            yield RunStarted(run)
            tasks = self._index.tasks(TaskQuery(*self._name, all_attempts=True))
            self._finished = {
                (task.step, task.task_id, task.attempt) for task in tasks if task.status in ("done", "failed")
            }
        tags = {key for key in found if key.startswith(tags_prefix(*self._name))}
        if tags != self._tags:
            yield tags_event(run, read_tag_log(self._store, run))
            self._tags = tags
        yield from self._started(found)
        yield from self._ended(self._finished, found)
        if run.status != "running" and run.finished_at is not None:
            yield RunEnded(*self._name, run.status, run.finished_at, run.message)
            return
        notes = (reading_key(*self._name), cancel_key(*self._name))
        heard_at = max(each.modified_at for key, each in found.items() if not key.startswith(notes))
        if heard_at > self._heard_at:
            yield Heartbeat(*self._name, heard_at)
            self._heard_at = heard_at

    def _started(self, found: dict[str, StoredObject]) -> Iterator[Event]:
        """Tasks that say on their machines that they run. Others are told of when they have ended."""
        listed = live_tasks(found.values(), live_prefix(*self._name))
        for key, live in listed.items():
            if live.state_at is not None and live.end is None and key not in self._live:
                self._live.add(key)
                step, task_id, attempt = key.split("/")
                yield TaskStarted(TaskRecord(*self._name, step, task_id, int(attempt), live.state_at))

    def _ended(self, finished: set[tuple[str, str, int]], found: dict[str, StoredObject]) -> Iterator[Event]:
        attempts = [each[2:] for key in found if (each := parse_manifest_key(key)) is not None]
        new = [each for each in attempts if each not in finished]
        for attempt, task in committed_tasks(self._store, *self._name, new):
            finished.add(attempt)
            # Of one that is damaged nothing is known; who reads it is told why.
            if not isinstance(task, MetaflowException):
                yield TaskEnded(task)
