"""Runs that were deleted without the index being told: on another machine, or by hand."""

from __future__ import annotations

import time

from metaflow.datastore.layout import deletion_key, parse_run_key, run_key, runs_prefix
from metaflow.exception import DataException, MetadataException
from metaflow.metadata_store.events import RunForgotten
from metaflow.metadata_store.liveness import effective_status, is_alive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.datastore.store import ObjectStore
    from metaflow.metadata_store.records import RunRecord


# Directories that several machines share may show for so long what was there before. Seconds.
_UNSEEN_SECONDS = 300.0


class DeletedRuns(set[tuple[str, str]]):
    """Flow and id of runs of which it was noticed that they had been deleted.

    Parameters
    ----------
    provider : Provider
        Knows where runs are.
    may_write : bool
        Whether the index may be told.
    """

    def __init__(self, provider: Provider, may_write: bool) -> None:
        super().__init__()
        self._provider = provider
        self._may_write = may_write
        # Those that the index still has, because it could not be told.
        self._untold: set[tuple[str, str]] = set()

    def has(self, run: RunRecord) -> bool:
        """Whether a run that the index has was deleted, as far as is known; one that it has again is looked at."""
        name = (run.flow, run.run_id)
        return name in self and (name in self._untold or self.look(run))

    def look(self, run: RunRecord) -> bool:
        """Have the index forget a run if it was deleted; whether it was.

        A run whose files are out of reach, not mounted, or lost in part, was not.
        """
        if self._provider.home.service:
            return False  # whoever deletes tells the service; what is not seen from here may be elsewhere
        if self._provider.is_out_of_reach(run.datastore):
            return False
        name = (run.flow, run.run_id)
        try:
            if not is_deleted(self._provider.store_at(run.datastore), run):
                self.discard(name)
                return False
        except DataException:
            return False  # a store that fails proves nothing
        self.add(name)
        self._untold.add(name)
        if self._may_write:
            try:
                self._provider.index.apply([RunForgotten(*name)])
                self._untold.discard(name)
            except MetadataException:
                pass  # it may only be read here; this process knows better
        return True

    def look_for(self, flow: str, run_id: str) -> None:
        """Look why a run has no record in its datastore."""
        known = self._provider.index.run(flow, run_id)
        if known is not None:
            self.look(known)


def is_deleted(store: ObjectStore, run: RunRecord) -> bool:
    """Whether a datastore proves that a run was deleted from it.

    That its record is missing proves nothing: a directory that is not mounted is empty, and a record can be lost while
    results are still there. So of the run there must be nothing, or the note that it is being deleted, while other runs
    are there. Nor does it count of a run that goes on, or ended on another machine a moment ago: who reads may not see
    yet what that machine has written.

    Parameters
    ----------
    store : ObjectStore
        Where its files should be.
    run : RunRecord
        The run as the index knows it.

    Raises
    ------
    DataException
        The store fails, which proves nothing.
    """
    if store.stat(run_key(run.flow, run.run_id)) is not None or _may_be_unseen(run, time.time()):
        return False
    # Asked before and after: the directory may be unmounted, or mounted, in the meantime.
    return _has_others(store, run) and _has_nothing_of(store, run) and _has_others(store, run)


def deleted_text(flow: str, run_id: str) -> str:
    """What to tell whoever asks for such a run."""
    return f"Run {flow}/{run_id} was deleted, on another machine or by hand: its datastore has nothing of it any more."


def _may_be_unseen(run: RunRecord, now: float) -> bool:
    if effective_status(run, now) == "running":
        return True
    last_sign = max(run.started_at, run.heartbeat_at or 0.0, run.finished_at or 0.0)
    return now - last_sign < _UNSEEN_SECONDS and is_alive(run.host, run.pid, run.process_started) is None


def _has_nothing_of(store: ObjectStore, run: RunRecord) -> bool:
    left = set(store.list(runs_prefix(run.flow, run.run_id)))
    # The record goes first: with the note, and without a record, what is left is on its way out.
    is_going = deletion_key(run.flow, run.run_id) in left
    return run_key(run.flow, run.run_id) not in left and (is_going or not left)


def _has_others(store: ObjectStore, run: RunRecord) -> bool:
    """Whether there is anything of another run."""
    found = map(parse_run_key, store.list(runs_prefix()))
    return any(each is not None and each[:2] != (run.flow, run.run_id) for each in found)
