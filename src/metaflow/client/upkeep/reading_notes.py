"""How a run that takes over tasks of another one and whoever deletes that one see each other.

The one notes in the other run's folder that it reads there, and then looks whether that run is being deleted. Whoever
deletes it notes that first, and then looks who reads. So at least one of the two sees the other, and steps back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.client.recovery import stored_run
from metaflow.client.upkeep.run_life import has_ended, life_of, newest_file
from metaflow.datastore.layout import deletion_key, reading_key, run_key
from metaflow.exception import DataException, MetadataException, RunDeleted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaflow.datastore.store import ObjectStore
    from metaflow.metadata_store.store import MetadataStore


def note_reading(store: ObjectStore, flow: str, run_ids: Iterable[str], reader_id: str) -> None:
    """Keep runs from being deleted as long as another one takes over their tasks.

    Parameters
    ----------
    store : ObjectStore
        Where all of them are.
    flow : str
    run_ids : iterable of str
        What is read.
    reader_id : str
        The run that reads. Its own record exists, and says that it is cloning.

    Raises
    ------
    RunDeleted
        If one of them is gone or being deleted; then nothing is noted.
    DataException
        If the store fails.
    """
    wanted = sorted(run_ids)
    for run_id in wanted:
        store.put(reading_key(flow, run_id, reader_id), [b"{}"])
    for run_id in wanted:
        if store.stat(deletion_key(flow, run_id)) is not None or store.stat(run_key(flow, run_id)) is None:
            forget_reading(store, flow, wanted, reader_id)
            raise RunDeleted(f"Run {flow}/{run_id} is being deleted, or was deleted just now.")


def forget_reading(store: ObjectStore, flow: str, run_ids: Iterable[str], reader_id: str) -> None:
    """Take back what :func:`note_reading` noted."""
    for run_id in run_ids:
        store.delete(reading_key(flow, run_id, reader_id))


def reader_of(store: ObjectStore, index: MetadataStore, flow: str, run_id: str) -> str | None:
    """A run that takes over tasks of this one now, or may do so; None if there is none."""
    for key in store.list(reading_key(flow, run_id)):
        reader_id = key.rpartition("/")[2].removesuffix(".json")
        try:
            reader = stored_run(store, flow, reader_id)
        except (DataException, MetadataException):
            continue  # what is damaged does not go on
        if reader is None or not reader.is_cloning or has_ended(reader):
            continue
        if life_of(reader, newest_file(store, flow, reader_id), index) in ("running", "unknown"):
            return reader_id
    return None
