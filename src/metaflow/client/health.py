"""Whether a datastore can be used, and whether its index says what its files say."""

from __future__ import annotations

import os
from typing import NamedTuple

from metaflow.datastore.layout import INDEX_KEY, STORE_DIRECTORY, runs_prefix
from metaflow.datastore.local import LocalStore
from metaflow.exception import DataException, MetadataException
from metaflow.metadata_store.sqlite import SqliteMetadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


class Health(NamedTuple):
    """What a check of a datastore found.

    Attributes
    ----------
    runs : int
        Runs that have a file.
    flows : int
        Flows that these are of.
    free_bytes : int or None
        Room that is left for this user, in bytes; None if the system does not say.
    write_problem : str or None
        Why nothing can be written.
    index_problem : str or None
        What is wrong with the index.
    """

    runs: int
    flows: int
    free_bytes: int | None
    write_problem: str | None
    index_problem: str | None

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
        write_problem=_write_problem(root),
        index_problem=_index_problem(root, runs),
    )


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


def _write_problem(root: Path) -> str | None:
    """Try it: permissions alone do not tell of full disks and of file systems that may only be read."""
    folder = f"{STORE_DIRECTORY}/" if (root / STORE_DIRECTORY).is_dir() else ""
    key = f"{folder}.status-{os.urandom(8).hex()}"
    store = LocalStore(root)
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
            return "it is missing; it is rebuilt when runs are next read" if runs else None
        if not index.is_usable():
            return "it is damaged or of an older version; rebuild it with `metaflow reindex`"
        known = index.count_runs()
    except MetadataException as error:
        return error.message
    finally:
        index.close()
    if known != runs:
        return f"it knows {known} runs, but {runs} have files; bring it up to date with `metaflow reindex`"
    return None
