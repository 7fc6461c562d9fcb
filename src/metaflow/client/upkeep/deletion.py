"""Deleting runs, so that a crash at any moment leaves each of them whole or on its way out, and never half of one.

1. A note in the run's folder says that it is being deleted, and by whom. Whoever finds such a note later, finishes what
   it says, unless whoever left it is still at it, and says so again every few minutes.
2. If a run takes over tasks of this one right now, the note is taken back, and nothing has happened.
3. The run's own record goes, so that nobody takes the run for whole any more; then what the index says of it.
4. The rest goes: manifests, logs, cards; the note last.

The chunks that its results referred to are collected afterwards, see :mod:`metaflow.client.upkeep.collection`.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from metaflow.client.recovery import stored_run
from metaflow.client.upkeep.deletion_notes import AT_IT, Notes
from metaflow.client.upkeep.many_objects import delete_each
from metaflow.client.upkeep.reading_notes import reader_of
from metaflow.client.upkeep.run_life import described, has_ended, life_of, newest_file, tasks_elsewhere
from metaflow.client.upkeep.spin_readers import spins_by_origin
from metaflow.datastore.layout import deletion_key, run_key, runs_prefix
from metaflow.datastore.local import local_file
from metaflow.exception import DataException, MetadataException
from metaflow.metadata_store.events import RunForgotten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from metaflow.client.provider import Provider
    from metaflow.client.upkeep.inventory import RunName
    from metaflow.datastore.store import ObjectStore

#: Runs that the index forgets in one transaction.
_RUNS_PER_BATCH = 100
#: Objects that are removed before it is looked whether the notes have to be renewed.
_OBJECTS_AT_ONCE = 1000
#: A run whose record cannot be read is left alone for so many seconds after its last file was written.
_QUIET_SECONDS = 3600.0


class Deletion(NamedTuple):
    """What became of runs that were to be deleted.

    Attributes
    ----------
    deleted : tuple of (str, str)
        Flow and id of those that are gone.
    refused : tuple of ((str, str), str)
        Those that were left alone, and why.
    gone : tuple of (str, str)
        Those of which there was nothing to delete any more: somebody else was faster.
    files, size : int
        Objects that were removed, and their bytes; without chunks.
    """

    deleted: tuple[RunName, ...] = ()
    refused: tuple[tuple[RunName, str], ...] = ()
    gone: tuple[RunName, ...] = ()
    files: int = 0
    size: int = 0


def delete_runs(
    provider: Provider, store: ObjectStore, names: Iterable[RunName], progress: Callable[[int], None] | None = None
) -> Deletion:
    """Delete runs, or finish doing so; all but the chunks that they share with others.

    Parameters
    ----------
    provider : Provider
        Whose index knows of them.
    store : ObjectStore
        Where their files are.
    names : iterable of (str, str)
        Flow and id of each.
    progress : callable, optional
        Told now and then how many were dealt with.

    Raises
    ------
    DataException, MetadataException
        If a store fails. What was begun is finished when this is called again for the same runs.
    """
    remaining = list(dict.fromkeys(names))
    total = Deletion()
    while remaining:
        batch, remaining = remaining[:_RUNS_PER_BATCH], remaining[_RUNS_PER_BATCH:]
        done = _delete_batch(provider, store, batch)
        total = Deletion(
            total.deleted + done.deleted,
            total.refused + done.refused,
            total.gone + done.gone,
            total.files + done.files,
            total.size + done.size,
        )
        if progress is not None:
            progress(len(total.deleted) + len(total.refused) + len(total.gone))
    return total


def refusal(provider: Provider, store: ObjectStore, name: RunName) -> str | None:
    """Why a run cannot be deleted now; None if it can."""
    flow, run_id = name
    newest = 0.0
    try:
        record = stored_run(store, flow, run_id)
        if record is not None and not has_ended(record):
            newest = newest_file(store, *name)
    except (DataException, MetadataException):
        quiet = time.time() - newest_file(store, *name)
        if quiet > _QUIET_SECONDS:
            return None
        return "its record cannot be read, and files of it were written within the last hour: it may be running"
    if record is None:
        return None
    life = life_of(record, newest, provider.index)
    if life == "running":
        return f"it is still running ({described(record)}): stop it first, or wait for its end"
    if life == "unknown":
        return (
            f"it may still be running ({described(record)}), which cannot be seen from here: delete it there, or when "
            "nothing has been heard of it for a day (for 7 days if its heartbeats do not come here)"
        )
    going_on = tasks_elsewhere(store, record)
    if going_on:
        what = "1 task of it still runs" if going_on == 1 else f"{going_on} tasks of it still run"
        return (
            f"{what} on other machines: end {'it' if going_on == 1 else 'them'} with `metaflow runs cancel "
            f"{flow}/{run_id}` first, or go on from there with `resume --origin-run-id {run_id}`"
        )
    reader = reader_of(store, provider.index, flow, run_id)
    if reader is not None:
        return f"run {flow}/{reader} takes over its results right now: try again in a moment"
    return None


def _delete_batch(provider: Provider, store: ObjectStore, batch: Sequence[RunName]) -> Deletion:
    with Notes(store) as notes:
        refused = {name: reason for name in batch if (reason := _objection(provider, store, notes, name)) is not None}
        going = [name for name in batch if name not in refused]
        whole = [name for name in going if store.stat(run_key(*name)) is not None]
        spins = spins_by_origin(provider.home.root, whole)
        for name in filter(spins.__contains__, whole):
            refused[name] = f"a spun step reads from it right now ({spins[name]}): wait for its end"
            notes.take_back(name)
        refused.update((name, AT_IT) for name in going if name not in refused and notes.is_lost(name))
        going = [name for name in going if name not in refused]
        sizes = {name: _size(store, notes, name) for name in going}
        _remove(provider, store, notes, going)
    gone = {name for name, (files, _) in sizes.items() if not files and name not in notes.taken_over}
    # Of two who delete the same run, the one whose note came later may find it gone by now.
    gone.update(name for name, reason in refused.items() if reason == AT_IT and not any(store.list(runs_prefix(*name))))
    provider.index.apply([RunForgotten(*name) for name in gone])
    return Deletion(
        tuple(name for name in going if name not in gone),
        tuple((name, reason) for name, reason in refused.items() if name not in gone),
        tuple(sorted(gone)),
        sum(files for files, _ in sizes.values()),
        sum(size for _, size in sizes.values()),
    )


def _objection(provider: Provider, store: ObjectStore, notes: Notes, name: RunName) -> str | None:
    """Why a run is not deleted; None if it is, and that is noted."""
    notes.renew()
    reason = refusal(provider, store, name)
    if reason is None:
        obstacle = notes.leave(name)
        if obstacle is not None:
            return obstacle
        # Who began to read before the note was there is seen now, and who begins later sees the note.
        reason = refusal(provider, store, name)
    if reason is not None:
        notes.take_back(name)
    return reason


def _remove(provider: Provider, store: ObjectStore, notes: Notes, names: Sequence[RunName]) -> None:
    """Remove runs of which it is noted that they are being deleted."""
    for name in names:
        store.delete(run_key(*name))
    provider.index.apply([RunForgotten(*name) for name in names])
    for name in names:
        note = deletion_key(*name)
        # Whoever found out a moment ago that the run had died may have written its record once more.
        while rest := [key for key in store.list(runs_prefix(*name)) if key != note]:
            for start in range(0, len(rest), _OBJECTS_AT_ONCE):
                notes.renew()
                delete_each(store, rest[start : start + _OBJECTS_AT_ONCE])
        notes.remove(name)
        remove_empty_folders(store, runs_prefix(*name))


def _size(store: ObjectStore, notes: Notes, name: RunName) -> tuple[int, int]:
    """How many objects a run has, and their bytes; without chunks."""
    notes.renew()
    sizes = [each.size for each in store.scan(runs_prefix(*name)) if each.key != deletion_key(*name)]
    return len(sizes), sum(sizes)


def remove_empty_folders(store: ObjectStore, prefix: str) -> None:
    """Remove what is left of folders without objects in them, where the store has folders."""
    top = local_file(store, prefix)
    if top is None:
        return
    for folder, _, files in os.walk(top, topdown=False):
        try:
            for name in files:
                if name.startswith(".tmp-"):
                    os.unlink(os.path.join(folder, name))
            os.rmdir(folder)
        except OSError:
            continue  # somebody writes there; an empty folder harms nobody
