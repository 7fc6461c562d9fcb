"""Removing the chunks that no run refers to, also while runs are being written.

A chunk goes if no manifest refers to it and it was last modified before the *horizon*. The horizon is a grace ago; and
if a run goes on, it lies before that run began by more than what counts as fresh, so that nothing goes that the run can
have found in the store without having said so in a manifest yet. See :mod:`metaflow.datastore.freshness` for what
writers do, and :mod:`metaflow.client.upkeep.reading_notes` for runs that take over what others made.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from metaflow.client.upkeep.inventory import hash_of, names_of_runs, survey
from metaflow.client.upkeep.many_objects import each
from metaflow.client.upkeep.run_life import SILENT_SECONDS, UNHEARD_SECONDS, has_ended, life_of, tasks_elsewhere
from metaflow.datastore.freshness import BlobLock, fresh_seconds, grace_seconds
from metaflow.datastore.layout import blob_key, blobs_prefix, clock_key, parse_blob_key
from metaflow.exception import DataException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from metaflow.client.upkeep.inventory import Inventory, RunName, StoredRun
    from metaflow.datastore.store import ObjectStore, StoredObject
    from metaflow.metadata_store.store import MetadataStore

#: How far the clocks of machines that share a datastore may differ.
_CLOCK_SECONDS = 60.0
#: A run that ended less than so many seconds before it was read may have done so while it was.
_SETTLED_SECONDS = 3600.0


class Collected(NamedTuple):
    """What became of the chunks that nobody refers to.

    Attributes
    ----------
    chunks, size : int
        Those that were removed, or would be, and their bytes.
    young_chunks, young_size : int
        Those that are left for a later time because they are too young.
    """

    chunks: int = 0
    size: int = 0
    young_chunks: int = 0
    young_size: int = 0


def horizon(store: ObjectStore, inventory: Inventory, index: MetadataStore, grace: float | None = None) -> float:
    """The moment before which a chunk must have been modified last to be removed, in seconds since the epoch.

    Parameters
    ----------
    store : ObjectStore
    inventory : Inventory
        What is in it.
    index : MetadataStore
        Where the heartbeats of its runs go.
    grace : float, optional
        In seconds; what is right for the store if not given.
    """
    latest = inventory.taken_at - (grace_seconds(store) if grace is None else grace)
    for run in inventory.runs.values():
        if run.is_of_unknown_age and inventory.taken_at - run.newest < UNHEARD_SECONDS:
            return 0.0  # it may go on, and nobody knows since when
        if run.is_being_imported and inventory.taken_at - run.newest < SILENT_SECONDS:
            return 0.0  # a task's results are saved one by one before its manifest is, which can take hours
        if run.record is None:
            continue
        goes_on = life_of(run.record, run.newest, index) in ("running", "unknown")
        # Tasks on other machines can outlive their run, and save results one by one before they say so.
        if goes_on or (run.has_live_tasks and tasks_elsewhere(store, run.record)):
            latest = min(latest, run.record.started_at - fresh_seconds(store) - _CLOCK_SECONDS)
    return latest


def check_clock(store: ObjectStore) -> None:
    """Make sure that what is young in a datastore does not look old from here.

    Raises
    ------
    DataException
        The clock of this machine is ahead of that of the datastore; or the store fails.
    """
    key = clock_key(os.urandom(8).hex())
    began = time.time()
    store.put(key, [b"{}"])
    try:
        found = store.stat(key)
    finally:
        store.delete(key)
    ahead = 0.0 if found is None else began - found.modified_at
    if ahead > _CLOCK_SECONDS:
        raise DataException(
            f"The clock of this machine is {ahead:,.0f} seconds ahead of that of the datastore, so that new data looks "
            "old and could be lost. Nothing was removed. Set the clock right and try again."
        )


def look_again(store: ObjectStore, before: Inventory, gone: Iterable[RunName]) -> Inventory:
    """What a datastore holds, if most of it was read a moment ago and some runs were deleted since.

    Runs that went on then, or may have ended while they were read, and runs that are new are read again. A run that
    took something over from another one has either done so by now, and its own results say it; or the other one could
    not be deleted since it was read.

    Parameters
    ----------
    store : ObjectStore
    before : Inventory
        As it was.
    gone : iterable of (str, str)
        Runs that were deleted since.
    """
    deleted = set(gone)
    now = set(names_of_runs(store))
    # Also those that have died or ended since: the last that they wrote may not have been read.
    went_on = {name for name, run in before.runs.items() if _may_have_grown(run, before.taken_at)}
    runs = {name: run for name, run in before.runs.items() if name not in deleted}
    runs.update(survey(store, [*(now - before.runs.keys()), *(now & went_on)]).runs)
    return before._replace(runs=runs)


def collect(
    store: ObjectStore,
    live: set[bytes],
    before: float,
    only: set[bytes] | None = None,
    dry: bool = False,
    told: Callable[[bytes, int], None] | None = None,
) -> Collected:
    """Remove the chunks that are not live and old enough.

    Parameters
    ----------
    store : ObjectStore
    live : set of bytes
        Hashes of those that are needed.
    before : float
        The horizon.
    only : set of bytes, optional
        Look only at chunks with these hashes.
    dry : bool
        Remove nothing, but count what would be.
    told : callable, optional
        Told the hash and the size in bytes of each chunk that was removed, or would be.

    Raises
    ------
    DataException
        If the store fails. What was removed by then was needed by nobody.
    """
    total = Collected()
    for found in _chunks(store, only):
        reference = parse_blob_key(found.key)
        if reference is None or (digest := hash_of(reference)) in live:
            continue
        gone = found.modified_at < before and (dry or _remove(store, reference, before))
        if gone:
            total = total._replace(chunks=total.chunks + 1, size=total.size + found.size)
            if told is not None:
                told(digest, found.size)
        else:
            total = total._replace(young_chunks=total.young_chunks + 1, young_size=total.young_size + found.size)
    return total


def _chunks(store: ObjectStore, only: set[bytes] | None) -> Iterator[StoredObject]:
    if only is None:
        return store.scan(blobs_prefix())
    keys = (blob_key(digest.hex() + ending) for digest in only for ending in ("", ".zst"))
    return (found for found in each(store, store.stat, keys) if found is not None)


def _remove(store: ObjectStore, reference: str, before: float) -> bool:
    """Remove a chunk unless it was made fresh since it was listed, or others hold its folder; False if it stays."""
    with BlobLock(store, reference, to_remove=True) as held:
        if not held:
            return False
        found = store.stat(blob_key(reference))
        if found is None or found.modified_at >= before:
            return False
        store.delete(blob_key(reference))
        return True


def _may_have_grown(run: StoredRun, taken_at: float) -> bool:
    """Whether a run may have more results than were read of it: its record may be younger than the list of them."""
    if run.is_being_deleted or run.is_being_imported or run.record is None or not has_ended(run.record):
        return True  # also one of which the deletion may have been given up
    if run.has_live_tasks:
        return True
    return run.record.finished_at is None or run.record.finished_at > taken_at - _SETTLED_SECONDS
