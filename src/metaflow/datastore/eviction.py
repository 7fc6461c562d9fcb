"""Keeping a cache within its limit: what was not used for the longest time goes first."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from metaflow.datastore.cache import FOLDERS, TEMPORARY

#: What is left after an eviction, as a part of the limit: the next one should not come at once.
_LEFT_PART = 0.95
#: Seconds after which a file that is still being written belongs to a process that was killed.
_ABANDONED_SECONDS = 24 * 3600
#: Files of the cache itself: the estimate, which is locked for microseconds, and a lock for who evicts.
_ESTIMATE = ".size"
_EVICTION_LOCK = ".eviction"
_TRIES = 1000
_PAUSE_SECONDS = 0.001


class _Entry(NamedTuple):
    used_at: int
    size: int
    path: str


def account(directory: str, maximum_bytes: int, added_bytes: int) -> None:
    """Add to the estimate of what a cache takes up, and evict what is too much, unless others are at it.

    Parameters
    ----------
    directory : str
        The cache.
    maximum_bytes : int
        Its limit.
    added_bytes : int
        What has come in since this was called last, here or in another process.
    """
    before = _add(directory, added_bytes)
    if before is not None and before <= maximum_bytes:
        return
    with _Lock(f"{directory}/{_EVICTION_LOCK}", tries=1) as evicting:
        if evicting is not None:
            before = _add(directory, 0) or 0
            # What others have added meanwhile stays added; they have left it to us if that is too much again.
            left = _add(directory, evict(directory, maximum_bytes) - before)
            if left is not None and left > maximum_bytes:
                before = _add(directory, 0) or 0
                _add(directory, evict(directory, maximum_bytes) - before)


def _add(directory: str, size: int) -> int | None:
    """Change the estimate, and return it; None if there was none, or it cannot be had."""
    with _Lock(f"{directory}/{_ESTIMATE}", tries=_TRIES) as descriptor:
        if descriptor is None:
            return None
        try:
            text = os.pread(descriptor, 32, 0).strip()
            data = b"%d\n" % max(0, (int(text) if text.isdigit() else 0) + size)
            os.pwrite(descriptor, data, 0)
            os.ftruncate(descriptor, len(data))
        except OSError:
            return None  # the disk is full: there will be a next time
        return int(data) if text else None


class _Lock:
    """A file that is locked for this process alone while it is open; entering gives its descriptor, or None."""

    def __init__(self, path: str, tries: int) -> None:
        self._path = path
        self._tries = tries
        self._descriptor: int | None = None

    def __enter__(self) -> int | None:
        import fcntl

        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
        for attempt in range(self._tries):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if attempt + 1 < self._tries:
                    time.sleep(_PAUSE_SECONDS)
                continue
            self._descriptor = descriptor
            return descriptor
        os.close(descriptor)
        return None

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def evict(directory: str, maximum_bytes: int) -> int:
    """Remove what was not used for the longest time until a cache is a little below its limit.

    Parameters
    ----------
    directory : str
        The cache.
    maximum_bytes : int
        Its limit. Nothing is removed if all that is there stays below it.

    Returns
    -------
    int
        What the files take up now, in bytes.
    """
    entries: list[_Entry] = []
    for folder in FOLDERS:
        _collect(f"{directory}/{folder}", entries, time.time() - _ABANDONED_SECONDS)
    total = sum(entry.size for entry in entries)
    if total <= maximum_bytes:
        return total
    entries.sort()
    for entry in entries:
        if total <= maximum_bytes * _LEFT_PART:
            break
        try:
            os.unlink(entry.path)
        except OSError:
            continue
        total -= entry.size
    return total


def _collect(directory: str, entries: list[_Entry], abandoned_before: float) -> None:
    """Find all copies, and remove what killed processes left half written."""
    try:
        with os.scandir(directory) as found:
            children = list(found)
    except OSError:
        return  # another process has removed it
    for child in children:
        try:
            if child.is_dir(follow_symlinks=False):
                _collect(child.path, entries, abandoned_before)
                continue
            status = child.stat(follow_symlinks=False)
            if not child.name.startswith(TEMPORARY):
                entries.append(_Entry(status.st_atime_ns, status.st_blocks * 512, child.path))
            elif status.st_mtime < abandoned_before:
                os.unlink(child.path)
        except OSError:
            continue
