"""Logs of tasks on their way to a datastore that is elsewhere: files on this machine, removed once they are there.

A log is written line by line, and objects behind a network are written whole. So the run's process writes a file here,
and sends what it has from time to time, and all of it when the task is over. If the process dies, or the datastore
cannot be reached, the file stays, and is sent by whoever looks after the run next.
"""

from __future__ import annotations

import os

from metaflow.datastore.layout import STORE_DIRECTORY, runs_prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.datastore.store import ObjectStore

_SPOOL = f"{STORE_DIRECTORY}/spool"


def spool_path(root: str, key: str) -> str:
    """Path of the file that has a log until it is in the datastore.

    Parameters
    ----------
    root : str
        Directory of this machine in which runs are kept.
    key : str
        Of the log in the datastore.
    """
    return f"{root}/{_SPOOL}/{key.removeprefix(f'{STORE_DIRECTORY}/')}"


def spooled(root: str, key: str) -> bytes | None:
    """What is in the file that has a log until it is in the datastore; None if there is none."""
    try:
        with open(spool_path(root, key), "rb") as file:
            return file.read()
    except OSError:
        return None


def send_spooled(root: str, store: ObjectStore, flow: str, run_id: str) -> None:
    """Bring the logs of a run that is over to its datastore.

    Parameters
    ----------
    root : str
        Directory of this machine in which runs are kept.
    store : ObjectStore
        The run's datastore.
    flow, run_id : str

    Raises
    ------
    DataException
        If the datastore cannot be written.
    """
    prefix = runs_prefix(flow, run_id)
    for key in list(_keys(spool_path(root, prefix), prefix)):
        content = spooled(root, key)
        if content is not None:
            store.put(key, [content])
            remove_spooled(root, key)
    remove_folders(root, flow, run_id)


def remove_spooled(root: str, key: str) -> None:
    """Remove the file of a log that is in the datastore."""
    _unlink(spool_path(root, key))


def remove_folders(root: str, flow: str, run_id: str) -> None:
    """Remove the folders of a run that is over, as far as they are empty."""
    top = spool_path(root, runs_prefix(flow, run_id)).rstrip("/")
    for path in [*(f"{top}/{name}" for name in _names(top)), top]:
        try:
            os.rmdir(path)
        except OSError:
            continue  # something could not be sent


def runs_with_spooled_logs(root: str) -> list[tuple[str, str]]:
    """Flow and id of every run that has logs here."""
    folder = spool_path(root, runs_prefix()).rstrip("/")
    return [(flow, run_id) for flow in _names(folder) for run_id in _names(f"{folder}/{flow}")]


def _keys(folder: str, prefix: str) -> Iterator[str]:
    for name in _names(folder.rstrip("/")):
        path = f"{folder}{name}"
        if name.startswith("."):  # what a task printed since its last line feed, left by a process that was killed
            _unlink(path)
        elif os.path.isdir(path):
            yield from _keys(f"{path}/", f"{prefix}{name}/")
        else:
            yield prefix + name


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
