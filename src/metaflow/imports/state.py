"""How far a run was imported, kept beside it: what makes a run an imported one, and a repeated import a short one."""

from __future__ import annotations

import json
from typing import NamedTuple

from metaflow.datastore.layout import import_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.datastore.store import ObjectStore


class ImportState(NamedTuple):
    """How far a run was imported.

    Attributes
    ----------
    source : str
        The folder that it came from.
    complete : bool
        Whether the last import of it came to its end.
    tags : tuple of str
        User tags that it had there.
    tasks : mapping of str to str
        Stamp of each task that was imported and is over, by ``step/task``.
    cards : mapping of str to str
        Stamp of each file of a card that was imported, by its path there.
    """

    source: str
    complete: bool = False
    tags: tuple[str, ...] = ()
    tasks: Mapping[str, str] = {}
    cards: Mapping[str, str] = {}


def read_state(store: ObjectStore, flow: str, run_id: str) -> ImportState | None:
    """How far a run was imported; None if it never was.

    Raises
    ------
    DataException
        If the store cannot be read.
    """
    key = import_key(flow, run_id)
    if store.stat(key) is None:
        return None
    try:
        plain = json.loads(store.get(key))
        return ImportState(
            str(plain["source"]),
            bool(plain["complete"]),
            tuple(plain["tags"]),
            dict(plain["tasks"]),
            dict(plain["cards"]),
        )
    except (ValueError, LookupError, TypeError):
        return ImportState("")  # damaged: all of the run is imported again


def write_state(store: ObjectStore, flow: str, run_id: str, state: ImportState) -> None:
    """Keep how far a run was imported.

    Raises
    ------
    DataException
        If the store cannot be written.
    """
    store.put(import_key(flow, run_id), [json.dumps(state._asdict(), separators=(",", ":")).encode()])
