"""Whether a datastore can be used, and whether its index says what its files say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from metaflow.client.log_spool import runs_with_spooled_logs
from metaflow.datastore.cached import CachedStore
from metaflow.datastore.layout import INDEX_KEY, STORE_DIRECTORY, runs_prefix
from metaflow.datastore.local import LocalStore
from metaflow.datastore.sizes import size_text
from metaflow.exception import DataException, MetadataException
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.store import RunQuery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.client.home import Home
    from metaflow.datastore.store import ObjectStore

_RUNS_PER_PAGE = 1000
_MISSING = "it is missing; it is rebuilt when runs are next read"
_UNUSABLE = "it is damaged or of an older version; rebuild it with `metaflow reindex`"


class Health(NamedTuple):
    """What a check of a datastore found.

    Attributes
    ----------
    runs : int
        Runs that have a file.
    flows : int
        Flows that these are of.
    free_bytes : int or None
        Room that is left for this user, in bytes; None if nobody says.
    write_problem : str or None
        Why nothing can be written.
    index_problem : str or None
        What is wrong with the index.
    notes : tuple of str
        What else is worth knowing; a line each.
    """

    runs: int
    flows: int
    free_bytes: int | None
    write_problem: str | None
    index_problem: str | None
    notes: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether runs can be started, and found."""
        return self.write_problem is None and self.index_problem is None


def check_datastore(root: Path) -> Health:
    """Check that a datastore on this machine can be written, and that its index is sound. Changes nothing.

    Parameters
    ----------
    root : Path
        The datastore's directory.

    Raises
    ------
    DataException
        It cannot be read.
    """
    per_flow = _count_run_files(root)
    runs = sum(per_flow.values())
    return Health(
        runs=runs,
        flows=len(per_flow),
        free_bytes=_free_bytes(root),
        write_problem=_write_problem(
            LocalStore(root), f"{STORE_DIRECTORY}/" if (root / STORE_DIRECTORY).is_dir() else ""
        ),
        index_problem=_index_problem(root, runs),
    )


def check_remote_datastore(home: Home) -> Health:
    """The same for a datastore that is elsewhere, and for the index and the cache on this machine.

    Parameters
    ----------
    home : Home

    Raises
    ------
    DataException
        It cannot be read.
    """
    store = home.open_store()
    stored = {
        flow: set(store.list(runs_prefix(flow), folders=True)) for flow in store.list(runs_prefix(), folders=True)
    }
    runs = sum(map(len, stored.values()))
    notes = [_cache_note(store)]
    waiting = len(runs_with_spooled_logs(home.root))
    if waiting:
        notes.append(
            f"Logs of {waiting} {'run' if waiting == 1 else 'runs'} are on this machine only; `metaflow reindex` sends "
            "those of runs that are over"
        )
    return Health(
        runs=runs,
        flows=len(stored),
        free_bytes=None,
        write_problem=_write_problem(store, f"{STORE_DIRECTORY}/"),
        index_problem=None if home.service else _remote_index_problem(home, stored),
        notes=tuple(notes),
    )


def _cache_note(store: ObjectStore) -> str:
    if not isinstance(store, CachedStore):
        return "There is no cache"
    cache = store.cache
    size = f"at most {size_text(cache.maximum_bytes)}"
    return f"Cache: {cache.directory}, {size}" if cache.problem is None else f"Cache: NOT USED, as {cache.problem}"


def _remote_index_problem(home: Home, stored: Mapping[str, set[str]]) -> str | None:
    path = Path(home.root) / INDEX_KEY
    index = SqliteMetadata(path)
    try:
        if not path.exists():
            return _MISSING if stored else None
        if not index.is_usable():
            return _UNUSABLE
        known: dict[str, set[str]] = {}
        after = None
        while page := index.runs(RunQuery(limit=_RUNS_PER_PAGE, after=after)):
            after = page[-1].cursor
            for run in page:
                if run.datastore == home.recorded_datastore:
                    known.setdefault(run.flow, set()).add(run.run_id)
    except MetadataException as error:
        return error.message
    finally:
        index.close()
    new = sum(len(runs - known.get(flow, set())) for flow, runs in stored.items())
    gone = sum(len(runs - stored.get(flow, set())) for flow, runs in known.items())
    if new or gone:
        return (
            f"{new} runs in the datastore are not known here, and {gone} that are known are no longer there; bring it "
            "up to date with `metaflow reindex`"
        )
    return None


def _count_run_files(root: Path) -> dict[str, int]:
    """How many runs of each flow have a file; without a walk through all that is in them."""
    per_flow: dict[str, int] = {}
    folder = root / runs_prefix()
    try:
        for flow in folder.iterdir() if folder.is_dir() else ():
            count = sum((run / "run.json").is_file() for run in flow.iterdir())
            if count:
                per_flow[flow.name] = count
    except OSError as error:
        raise DataException(f"The datastore {root} cannot be read: {error.strerror} ({error.filename}).") from error
    return per_flow


def _free_bytes(root: Path) -> int | None:
    try:
        found = os.statvfs(root)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def _write_problem(store: ObjectStore, folder: str) -> str | None:
    """Try it: permissions alone do not tell of full disks and of file systems that may only be read."""
    key = f"{folder}.status-{os.urandom(8).hex()}"
    try:
        store.put(key, [b"."])
        store.delete(key)
    except DataException as error:
        return error.message
    return None


def _index_problem(root: Path, runs: int) -> str | None:
    index = SqliteMetadata(root / INDEX_KEY)
    try:
        if not (root / INDEX_KEY).exists():
            return _MISSING if runs else None
        if not index.is_usable():
            return _UNUSABLE
        known = index.count_runs()
    except MetadataException as error:
        return error.message
    finally:
        index.close()
    if known != runs:
        return f"it knows {known} runs, but {runs} have files; bring it up to date with `metaflow reindex`"
    return None
