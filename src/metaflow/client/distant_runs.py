"""Runs that other machines start in a datastore behind a network: finding them, and having the index follow them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from metaflow.client.deleted_runs import is_deleted
from metaflow.client.run_news import RunNews
from metaflow.client.upkeep.inventory import names_of_runs
from metaflow.client.upkeep.many_objects import each
from metaflow.datastore.layout import is_name, parse_run_key, runs_prefix
from metaflow.metadata_store.events import RunForgotten
from metaflow.metadata_store.liveness import is_alive
from metaflow.metadata_store.store import RunQuery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaflow.client.upkeep.inventory import RunName
    from metaflow.datastore.store import ObjectStore
    from metaflow.metadata_store.store import MetadataStore

_RUNS_PER_PAGE = 1000
# Runs that seem to be gone and are looked after in one look, and about how many requests one takes.
_MISSING_PER_LOOK = 1000
_REQUESTS_OF_A_DOUBT = 4
# Ids of runs are the microseconds at which they began. Those with the same first digits began within a thousand
# seconds, so that the newest ones are found without listing all.
_SHARED_DIGITS = 7
_DIGITS_OF_IDS = 16


class Reading(NamedTuple):
    """How far runs that are new to the index are read.

    Attributes
    ----------
    read, total : int
        Runs that were read, and runs that there are to read.
    """

    read: int
    total: int


class DistantRuns:
    """Brings the runs of a datastore into an index, and keeps up to date those that go on.

    Its methods are called by one thread at a time; `reading` and `is_stopped` are for any.

    Parameters
    ----------
    store : ObjectStore
        The datastore.
    index : MetadataStore
        What follows it.
    location : str
        What runs in that store have as their `datastore`.

    Attributes
    ----------
    reading : Reading or None
        How far new runs are read; None if there are none.
    requests : int
        About how many requests the last look took.
    is_stopped : bool
        Set by whoever wants a look to end soon, in whatever thread; what is left is for another time.
    """

    def __init__(self, store: ObjectStore, index: MetadataStore, location: str) -> None:
        self.reading: Reading | None = None
        self.requests = 0
        self.is_stopped = False
        self._store: ObjectStore = getattr(store, "remote", store)
        self._cached = store
        self._index = index
        self._location = location
        # Runs that need not be taken in any more, and those that the index says are in this store.
        self._known: set[RunName] | None = None
        self._here: set[RunName] = set()
        self._going: list[RunNews] = []

    def look_at_all(self) -> None:
        """Find all runs that the index does not know, and take in what they have left; the newest first.

        Those that it knows and that were deleted, it forgets.

        Raises
        ------
        DataException, MetadataException
            The store cannot be read, or the index cannot be written.
        """
        names = list(names_of_runs(self._store))
        self.requests = len({flow for flow, _ in names}) + len(names) // _RUNS_PER_PAGE + 1
        self._take_in(names)
        self._forget_deleted(set(names))

    def look_at_newest(self) -> None:
        """Find runs that began lately, and take in what is new of all that go on.

        Raises
        ------
        DataException, MetadataException
            The store cannot be read, or the index cannot be written.
        """
        flows = sorted(filter(is_name, self._store.list(runs_prefix(), folders=True)))
        found = list(each(self._store, self._newest, flows))
        self.requests = 1 + 2 * len(flows) + len(self._going)
        self._take_in(name for names in found for name in names)
        self._going = [news for news in each(self._store, _looked, self._going) if not news.is_over]

    def _newest(self, flow: str) -> set[RunName]:
        if not getattr(self._store, "is_ordered", True):
            return {(flow, run_id) for run_id in self._store.list(runs_prefix(flow), folders=True) if is_name(run_id)}
        window = time.time_ns() // 1000 // 10 ** (_DIGITS_OF_IDS - _SHARED_DIGITS)
        listed = (found for start in (window, window - 1) for found in self._store.list(f"{runs_prefix(flow)}{start}"))
        parsed = map(parse_run_key, listed)
        return {(flow, run_id) for _, run_id, _ in filter(None, parsed) if is_name(run_id)}

    def _take_in(self, names: Iterable[RunName]) -> None:
        if self._known is None:
            self._known = self._in_index()
        new = sorted(set(names) - self._known, key=lambda name: name[1], reverse=True)
        if not new:
            return
        self.reading = Reading(0, len(new))
        try:
            for count, (name, news) in enumerate(each(self._store, self._take, new), 1):
                self._known.add(name)
                self._here.add(name)
                if news is not None and not news.is_over:
                    self._going.append(news)
                self.reading = Reading(count, len(new))
                if self.is_stopped:
                    break
        finally:
            self.reading = None

    def _forget_deleted(self, listed: set[RunName]) -> None:
        """Have the index forget runs that were deleted on other machines."""
        missing = sorted(self._here - listed)[:_MISSING_PER_LOOK] if listed and not self.is_stopped else []
        self.requests += _REQUESTS_OF_A_DOUBT * len(missing)
        for name in filter(None, each(self._store, self._forgotten, missing)):
            self._here.discard(name)
            if self._known is not None:
                self._known.discard(name)

    def _forgotten(self, name: RunName) -> RunName | None:
        """The run, if the index does not say any more that it is in the store."""
        run = self._index.run(*name)
        if run is not None and run.datastore == self._location:
            if not is_deleted(self._store, run):
                return None
            self._index.apply([RunForgotten(*name)])
        return name

    def _take(self, name: RunName) -> tuple[RunName, RunNews | None]:
        """Take in a run that is new to us; what follows it, unless its process is here and writes to this index."""
        run = self._index.run(*name)
        if run is not None and is_alive(run.host, run.pid, run.process_started):
            return name, None
        return name, _looked(RunNews(self._cached, self._index, name, self._location))

    def _in_index(self) -> set[RunName]:
        """Runs that the index knows; those that go on elsewhere are followed from here on."""
        known: set[RunName] = set()
        after = None
        while page := self._index.runs(RunQuery(limit=_RUNS_PER_PAGE, after=after)):
            after = page[-1].cursor
            known.update((run.flow, run.run_id) for run in page)
            self._here.update((run.flow, run.run_id) for run in page if run.datastore == self._location)
        for run in self._index.runs(RunQuery(status="running")):
            if run.datastore == self._location and not is_alive(run.host, run.pid, run.process_started):
                known.discard((run.flow, run.run_id))
        return known


def _looked(news: RunNews) -> RunNews:
    news.look()
    return news
