"""Deleting runs, so that a crash at any moment leaves each of them whole or on its way out, and never half of one.

1. A note in the run's folder says that it is being deleted. Whoever finds such a note later, finishes what it says.
2. If a run takes over tasks of this one right now, the note is taken back, and nothing has happened.
3. The run's own record goes, so that nobody takes the run for whole any more; then what the index says of it.
4. The rest goes: manifests, logs, cards; the note last.

The chunks that its results referred to are collected afterwards, see :mod:`metaflow.client.upkeep.collection`.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from metaflow.client.recovery import stored_run
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
    files, size : int
        Objects that were removed, and their bytes; without chunks.
    """

    deleted: tuple[RunName, ...] = ()
    refused: tuple[tuple[RunName, str], ...] = ()
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
            total.deleted + done.deleted, total.refused + done.refused, total.files + done.files, total.size + done.size
        )
        if progress is not None:
            progress(len(total.deleted) + len(total.refused))
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
    refused: list[tuple[RunName, str]] = []
    going: list[RunName] = []
    for name in batch:
        reason = refusal(provider, store, name)
        if reason is None:
            note = {"deleted_at": time.time(), "pid": os.getpid()}
            store.put(deletion_key(*name), [json.dumps(note, separators=(",", ":")).encode()])
            # Who began to read before the note was there is seen now, and who begins later sees the note.
            reason = refusal(provider, store, name)
        if reason is None:
            going.append(name)
        else:
            refused.append((name, reason))
    whole = [name for name in going if store.stat(run_key(*name)) is not None]
    spins = spins_by_origin(provider.home.root, whole)
    for name in whole:
        if name in spins:
            refused.append((name, f"a spun step reads from it right now ({spins[name]}): wait for its end"))
    for name, _ in refused:
        store.delete(deletion_key(*name))
    kept = {name for name, _ in refused}
    going = [name for name in going if name not in kept]
    files, size = _remove(provider, store, going)
    return Deletion(tuple(going), tuple(refused), files, size)


def _remove(provider: Provider, store: ObjectStore, names: Sequence[RunName]) -> tuple[int, int]:
    """Remove runs of which it is noted that they are being deleted; how many objects that were, and their bytes."""
    found = _sizes(store, names)
    for name in names:
        store.delete(run_key(*name))
    provider.index.apply([RunForgotten(*name) for name in names])
    for name in names:
        note = deletion_key(*name)
        # Whoever found out a moment ago that the run had died may have written its record once more.
        while rest := [key for key in store.list(runs_prefix(*name)) if key != note]:
            delete_each(store, rest)
        store.delete(note)
        remove_empty_folders(store, runs_prefix(*name))
    return found


def _sizes(store: ObjectStore, names: Iterable[RunName]) -> tuple[int, int]:
    """How many objects runs have, and their bytes; without chunks."""
    files = size = 0
    for name in names:
        for each in store.scan(runs_prefix(*name)):
            if each.key != deletion_key(*name):
                files, size = files + 1, size + each.size
    return files, size


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
