"""Logs that are not files of this machine, or not yet: copies of them are kept as temporary files, within a bound."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from metaflow.datastore.layout import live_key
from metaflow.datastore.live_tasks import read_log_from
from metaflow.datastore.store import ObjectMissing

if TYPE_CHECKING:
    from metaflow.datastore.layout import AttemptKey
    from metaflow.datastore.store import ObjectStore

#: Bytes of all copies together, above which those that were not read for longest are removed.
MOST_BYTES = 1024 * 1024 * 1024
# Seconds for which a copy counts as up to date: of a task that runs, and of one that is over, whose log only changes if
# somebody takes back what it printed.
_FRESH_SECONDS = 0.9
_FRESH_SECONDS_WHEN_OVER = 10.0
_PART = "log_"


class _Copy:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.checked_at = 0.0
        self.bytes = 0
        #: Size and time of the object that the copy was made of; None as long as it was made of parts.
        self.of: tuple[int, float] | None = None


class RemoteCopies:
    """Copies of logs.

    Parameters
    ----------
    most_bytes : int, optional
        Bytes of all copies together.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._copies: OrderedDict[AttemptKey, _Copy] = OrderedDict()
        self._lock = threading.Lock()
        self._number = 0

    def path(self, store: ObjectStore, key: str, attempt: AttemptKey, is_over: bool) -> Path:
        """Path of a copy of a log that is up to date; there is no such file if nothing was printed.

        Parameters
        ----------
        store : ObjectStore
            The run's datastore.
        key : str
            Of the log there.
        attempt : AttemptKey
            Whose log it is.
        is_over : bool
            Whether the attempt is over.

        Raises
        ------
        DataException
            It cannot be read.
        """
        copy = self._copy(attempt)
        with copy.lock:
            fresh = _FRESH_SECONDS_WHEN_OVER if is_over and copy.of is not None else _FRESH_SECONDS
            if time.monotonic() - copy.checked_at >= fresh:
                self._renew(copy, store, key, attempt)
                copy.checked_at = time.monotonic()
        self._make_room(attempt)
        return copy.path

    def _copy(self, attempt: AttemptKey) -> _Copy:
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="metaflow-logs-")
            copy = self._copies.get(attempt)
            if copy is None:
                self._number += 1
                copy = self._copies[attempt] = _Copy(Path(self._folder.name, f"{self._number}.log"))
                copy.checked_at = -_FRESH_SECONDS_WHEN_OVER
            self._copies.move_to_end(attempt)
            return copy

    def _renew(self, copy: _Copy, store: ObjectStore, key: str, attempt: AttemptKey) -> None:
        found = store.stat(key)
        if found is not None:
            if copy.of == (found.size, found.modified_at):
                return
            try:
                content = store.get(key)
            except ObjectMissing:
                return
            _replace(copy.path, content)
            copy.of = (found.size, found.modified_at)
            copy.bytes = len(content)
            return
        if copy.of is not None:  # it was deleted
            copy.path.unlink(missing_ok=True)
            copy.of, copy.bytes = None, 0
        prefix = live_key(*attempt)
        sizes = {
            int(part.key[len(prefix) + len(_PART) :]): part.size
            for part in store.scan(prefix)
            if part.key.startswith(prefix + _PART)
        }
        added = read_log_from(store, attempt, sizes, copy.bytes) if sizes else b""
        if added:
            with open(copy.path, "ab") as file:
                file.write(added)
            copy.bytes += len(added)

    def _make_room(self, keep: AttemptKey) -> None:
        with self._lock:
            total = sum(copy.bytes for copy in self._copies.values())
            for attempt in list(self._copies):
                if total <= self._most_bytes and len(self._copies) <= _MOST_COPIES:
                    return
                if attempt != keep:
                    copy = self._copies.pop(attempt)
                    copy.path.unlink(missing_ok=True)
                    total -= copy.bytes


_MOST_COPIES = 20_000


def _replace(path: Path, content: bytes) -> None:
    """Write a file anew, so that whoever reads the old one goes on reading that."""
    temporary = path.with_suffix(".new")
    temporary.write_bytes(content)
    os.replace(temporary, path)
