"""Where the client reads from: the records and the artifacts of one datastore."""

from __future__ import annotations

import os
import time

from metaflow.client.deleted_runs import DeletedRuns
from metaflow.client.home import Home
from metaflow.exception import (
    DataException,
    MetadataException,
    MetaflowDataMissing,
    MetaflowNotFound,
    RunDeleted,
)
from metaflow.metadata_store.store import RunQuery, run_position

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from metaflow.client.healing import Healing
    from metaflow.client.unnoticed_runs import UnnoticedRuns
    from metaflow.datastore.store import ObjectStore
    from metaflow.datastore.tasks import TaskReader
    from metaflow.metadata_store.records import FlowRecord, RunRecord, StepRecord, TaskRecord
    from metaflow.metadata_store.store import MetadataStore, TaskQuery

# What a run does reaches the index a fraction of a second later. Seconds to wait for a task to appear there.
_INDEX_DELAY = 0.5

# Of many runs, more and more are read at a time: the first come soon, and the last do not take long.
_RUNS_PER_PAGE = 100
_MOST_RUNS_PER_PAGE = 1000


class Provider:
    """Reads records of runs and their datastores, and sets the index right where a process died before it could.

    Parameters
    ----------
    home : Home
        Where they are.
    index : MetadataStore, optional
        The store of records of that place, if it is open already.
    may_write : bool
        Whether anything may be set right; else what is found out is known to this object only.

    Attributes
    ----------
    trusts_runs : bool
        Whether what runs have noted of their processes and of the engines that they use may be acted upon.
    deleted : DeletedRuns
        Runs of which it was noticed that they had been deleted without the index being told.
    """

    trusts_runs = True

    def __init__(self, home: Home, index: MetadataStore | None = None, may_write: bool = True) -> None:
        self.home = home
        self._given = index
        self._may_write = may_write
        self._store: ObjectStore | None = None
        # Stores by location, and the location of the files of each run that was met.
        self._stores: dict[str, ObjectStore] = {}
        self._locations: dict[tuple[str, str], str] = {}
        self._index: MetadataStore | None = None
        # Runs that the index is wrong about where it cannot be written.
        self._copies: dict[tuple[str, str], MetadataStore] = {}
        self._healing: Healing | None = None
        self._unnoticed: UnnoticedRuns | None = None
        self.deleted = DeletedRuns(self, may_write)

    @property
    def root(self) -> Path:
        """The directory of this machine."""
        from pathlib import Path

        return Path(self.home.root)

    @property
    def description(self) -> str:
        """What ``metadata()`` can be given to read here again."""
        return self.home.metadata

    @property
    def store(self) -> ObjectStore:
        """The datastore that new runs use."""
        if self._store is None:
            self._store = self.home.open_store()
        return self._store

    def store_of(self, flow: str, run_id: str) -> ObjectStore:
        """The datastore that has the files of a run."""
        location = self._locations.get((flow, run_id))
        if location is None:
            run = self._index_of(flow, run_id).run(flow, run_id)
            location = run.datastore if run is not None else self.home.recorded_datastore
            self._locations[flow, run_id] = location
        return self.store_at(location)

    def know_location(self, flow: str, run_id: str) -> None:
        """Say, in a process of a run, that its files are in the datastore that new runs use: no index need be asked."""
        self._locations[flow, run_id] = self.home.recorded_datastore

    def store_at(self, location: str) -> ObjectStore:
        """The datastore that a run's record names."""
        if location == self.home.recorded_datastore:
            return self.store
        store = self._stores.get(location)
        if store is None:
            from metaflow.datastore.location import open_store

            store = self._stores[location] = open_store(location or self.home.root)
        return store

    @property
    def index(self) -> MetadataStore:
        """Where records are; rebuilt first if it was deleted."""
        if self._index is None:
            self._index = self._opened_index()
        return self._index

    def _opened_index(self) -> MetadataStore:
        index = self._given or self.home.open_index()
        return self._rebuilt(index) if self._is_index_missing() else index

    def renew_index(self) -> None:
        """Make the index anew if it has been deleted since it was opened.

        Raises
        ------
        DataException, MetadataException
            It cannot be made.
        """
        if self._index is not None and self._may_write and self._is_index_missing():
            self._index = self._rebuilt(self._index)

    def _is_index_missing(self) -> bool:
        from metaflow.datastore.layout import INDEX_KEY, runs_prefix
        from metaflow.metadata_store.sqlite_file import is_empty

        return is_empty(self.root / INDEX_KEY) and any(self.store.list(runs_prefix()))

    def flows(self, flow: str | None = None) -> list[FlowRecord]:
        """Flows that have runs, or only the one named, newest first."""
        self._try_to_notice(flow)
        return self.index.flows(flow)

    def notice_runs(self, flow: str | None = None) -> int:
        """Have the index hear of runs, of a flow or of all, that were killed before it did; how many were found.

        Raises
        ------
        DataException, MetadataException
            The directory cannot be read, or the index cannot be written.
        """
        if self.home.service or self.home.datastore or not self._may_write:
            return 0
        if self._unnoticed is None:
            from metaflow.client.unnoticed_runs import UnnoticedRuns

            self._unnoticed = UnnoticedRuns(self)
        return self._unnoticed.look(flow)

    def _try_to_notice(self, flow: str | None) -> None:
        try:
            self.notice_runs(flow)
        except (DataException, MetadataException):
            pass  # what the index knows can be listed all the same; if it cannot, that is told next

    def runs(self, query: RunQuery) -> list[RunRecord]:
        """Runs that match, in the query's order."""
        return list(self.each_run(query))

    def each_run(self, query: RunQuery) -> Iterator[RunRecord]:
        """Give the runs that match, in the query's order, reading a page at a time.

        Parameters
        ----------
        query : RunQuery
            What is asked; its limit is how many are given in all.

        Yields
        ------
        RunRecord
            The next one.
        """
        self._try_to_notice(query.flow)
        if query.status or query.statuses or query.successful or query.values or query.order or query.with_values:
            # What these ask for is wrong in the index as long as it does not know that a run's process died.
            for run in self.index.runs(RunQuery(query.flow, status="running")):
                self._healed(run)
        left, after, most = query.limit, query.after, _RUNS_PER_PAGE
        while left is None or left > 0:
            size = most if left is None else min(left, most)
            page = self.index.runs(query._replace(limit=size, after=after))
            for run in page:
                found = self._healed(run, query.with_values)
                if query.accepts_status(found.status) and not self.deleted.has(run):
                    yield found
                    left = left if left is None else left - 1
            if len(page) < size:
                return
            after = run_position(page[-1], query.order)
            most = min(2 * most, _MOST_RUNS_PER_PAGE)

    def run(self, flow: str, run_id: str) -> RunRecord | None:
        """One run, or None."""
        run = self.index.run(flow, run_id)
        if run is None:
            return self._unindexed(flow, run_id)
        if not run.datastore or (flow, run_id) in self.deleted:
            # In this very directory a look is cheap; elsewhere, its absence is noticed when its files are read.
            self.deleted.look(run)
        found = self._healed(run)
        return None if (flow, run_id) in self.deleted else found

    def _unindexed(self, flow: str, run_id: str) -> RunRecord | None:
        copy = self._copies.get((flow, run_id))
        run = self._adopted(flow, run_id) if copy is None else copy.run(flow, run_id)
        if run is None:
            return None
        self.deleted.discard((flow, run_id))
        return run if (flow, run_id) in self._copies else self._healed(run)

    def steps(self, flow: str, run_id: str, step: str | None = None) -> list[StepRecord]:
        """Steps of a run that have tasks, newest first."""
        return self._index_of(flow, run_id).steps(flow, run_id, step)

    def tasks(self, query: TaskQuery) -> list[TaskRecord]:
        """Tasks that match, newest first."""
        return self._index_of(query.flow, query.run_id).tasks(query)

    def task(self, query: TaskQuery) -> TaskRecord | None:
        """The one task that matches, or None; waits a moment for it if its run goes on."""
        deadline = None
        while True:
            found = self.tasks(query)
            if found:
                return found[0]
            run = self.run(query.flow, query.run_id)
            if run is None or run.status != "running":
                return None
            if deadline is None:
                deadline = time.monotonic() + _INDEX_DELAY
            elif time.monotonic() > deadline:
                return None
            time.sleep(0.02)

    def reader(self, task: TaskRecord) -> TaskReader | None:
        """The artifacts of an attempt; None if it has left none, because it still runs or was killed."""
        from metaflow.datastore.tasks import open_task

        store = self.store_of(task.flow, task.run_id)
        try:
            return open_task(store, task.flow, task.run_id, task.step, task.task_id, task.attempt)
        except MetaflowDataMissing as error:
            if task.status in ("running", "killed"):
                return None
            from metaflow.datastore.layout import run_key

            if store.stat(run_key(task.flow, task.run_id)) is None:
                self.deleted.look_for(task.flow, task.run_id)
                raise RunDeleted(
                    f"Run {task.flow}/{task.run_id} was deleted, and the artifacts of its task {task.pathspec} with it."
                ) from error
            raise

    def graph(self, flow: str, run_id: str) -> dict[str, Any]:
        """The graph that a run was started with; empty if it is not known."""
        from metaflow.client.recovery import stored_run

        run = stored_run(self.store_of(flow, run_id), flow, run_id)
        if run is None:
            self.deleted.look_for(flow, run_id)
        return (run.graph if run is not None else None) or {}

    def log(self, task: TaskRecord) -> Path | bytes | None:
        """Where the file is with what an attempt printed, or its content; no file if it printed nothing."""
        from metaflow.client.log_spool import spooled
        from metaflow.datastore.layout import AttemptKey
        from metaflow.datastore.live_tasks import live_log
        from metaflow.datastore.local import local_file
        from metaflow.datastore.store import ObjectMissing

        store, key = self._log(task)
        attempt = AttemptKey(task.flow, task.run_id, task.step, task.task_id, task.attempt)
        path = local_file(store, key)
        if path is not None:
            return path if path.exists() else live_log(store, attempt) or path
        on_its_way = spooled(self.home.root, key)
        if on_its_way is not None:
            return on_its_way
        try:
            return store.get(key)
        except ObjectMissing:
            # Either it still runs, on another machine, or it printed nothing.
            return live_log(store, attempt)

    def replace_log(self, task: TaskRecord, content: bytes) -> None:
        """Write other content in the place of a log that is there.

        Raises
        ------
        DataException
            It cannot be written.
        """
        from metaflow.client.log_spool import spool_path
        from metaflow.datastore.local import local_file
        from metaflow.datastore.logs import overwrite_log

        store, key = self._log(task)
        path = local_file(store, key)
        if path is not None:
            overwrite_log(path, content)
            return
        on_its_way = spool_path(self.home.root, key)
        if os.path.exists(on_its_way):
            overwrite_log(on_its_way, content)
        store.put(key, [content])

    def _log(self, task: TaskRecord) -> tuple[ObjectStore, str]:
        from metaflow.datastore.layout import log_key

        key = log_key(task.flow, task.run_id, task.step, task.task_id, task.attempt)
        return self.store_of(task.flow, task.run_id), key

    def change_tags(self, run: RunRecord, add: list[str], remove: list[str]) -> RunRecord:
        """Add and remove user tags of a run, on disk first and then in the index.

        Raises
        ------
        MetaflowTaggingError
            The change breaks a rule.
        MetaflowNotFound
            The run's files are gone.
        DataException, MetadataException
            It cannot be written.
        """
        from metaflow.client.recovery import stored_run
        from metaflow.client.tag_log import change_run_tags

        store = self.store_at(run.datastore)
        stored = stored_run(store, run.flow, run.run_id)
        if stored is None:
            raise MetaflowNotFound(f"Run('{run.flow}/{run.run_id}') does not exist any more")
        change_run_tags(store, self.index, stored, add, remove)
        return self.run(run.flow, run.run_id) or stored

    def records_of(self, flow: str, run_id: str) -> MetadataStore:
        """Where the records of a run are: the index, or a copy that was set right where the index cannot be written."""
        return self._index_of(flow, run_id)

    def _index_of(self, flow: str, run_id: str) -> MetadataStore:
        return self._copies.get((flow, run_id)) or self.index

    def _healed(self, run: RunRecord, with_values: bool = False) -> RunRecord:
        """Give `run` as it is, or set right if it only seems to be running."""
        self._locations[run.flow, run.run_id] = run.datastore
        if self._is_right(run):
            return run
        copy = self._copies.get((run.flow, run.run_id))
        if copy is not None:
            return copy.runs(RunQuery(run.flow, with_values=with_values))[0]  # it holds one run
        from metaflow.metadata_store.liveness import is_alive

        store = self.store_at(run.datastore)
        if store.is_remote and is_alive(run.host, run.pid, run.process_started) is None:
            return self._healer().look(run, lambda: self._heard_of(run, store))
        return self._recovered(run, store)

    def _is_right(self, run: RunRecord) -> bool:
        """Whether what the index says of a run is true; then a copy from before it heard that goes."""
        if run.status == "running":
            from metaflow.metadata_store.liveness import effective_status

            if effective_status(run, time.time()) != "running":
                return False
        self._copies.pop((run.flow, run.run_id), None)
        return True

    def is_out_of_reach(self, location: str) -> bool:
        """Whether a datastore could not be reached when it was asked a moment ago."""
        return self._healing is not None and self._healing.is_out_of_reach(location)

    def _heard_of(self, run: RunRecord, store: ObjectStore) -> RunRecord:
        """What the datastore says of a run on another machine, whose heartbeats do not come here.

        That it leaves no results for a while says nothing: a task may take its time.
        """
        from metaflow.client.recovery import stored_run
        from metaflow.client.upkeep.run_life import life_of, newest_file

        written = stored_run(store, run.flow, run.run_id)
        if written is None:
            self.deleted.look(run)
            return run
        life = life_of(written, 0.0, self.index)
        if life == "dead":
            life = life_of(written, newest_file(store, run.flow, run.run_id), self.index)
        return self._recovered(run, store) if life in ("over", "dead") else run

    def _healer(self) -> Healing:
        from metaflow.client.healing import Healing

        if self._healing is None:
            self._healing = Healing()
        return self._healing

    def _recovered(self, run: RunRecord, store: ObjectStore) -> RunRecord:
        """Set right a run whose process died."""
        from metaflow.client.recovery import recover_run

        def heal() -> RunRecord:
            if store.is_remote:
                from metaflow.client.log_spool import send_spooled

                send_spooled(self.home.root, store, run.flow, run.run_id)
            return recover_run(store, self.index, run)

        return self._healer().heal(
            run, heal if self._may_write else lambda: self._copied(run), lambda: self._copied(run)
        )

    def _adopted(self, flow: str, run_id: str) -> RunRecord | None:
        """Look for a run that was started, but killed before the index heard of it."""
        from metaflow.client.recovery import adopt_run, stored_run

        run = stored_run(self.store, flow, run_id)
        if run is None:
            return None
        if not self._may_write:
            return self._copied(run)
        try:
            return adopt_run(self.store, self.index, flow, run_id)
        except (DataException, MetadataException):
            return self._copied(run)

    def _copied(self, run: RunRecord) -> RunRecord:
        from metaflow.client.recovery import index_in_memory

        copy = index_in_memory(self.store_at(run.datastore), self.index, run)
        self._copies[run.flow, run.run_id] = copy
        return copy.run(run.flow, run.run_id) or run

    def check(self) -> None:
        """See that what was chosen to be read can be read; of a directory that is known already."""

    def _rebuilt(self, index: MetadataStore) -> MetadataStore:
        from metaflow.client.recovery import refill
        from metaflow.metadata_store.sqlite import SqliteMetadata

        try:
            if self._may_write:
                refill(self.store, index, location=self.home.recorded_datastore)
                return index
        except MetadataException:
            pass  # this datastore may only be read here
        index = SqliteMetadata()
        refill(self.store, index, location=self.home.recorded_datastore)
        return index
