"""A log in an object store, read piece by piece: what was read once is kept in a temporary file."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, NamedTuple

from metaflow.datastore.file_errors import file_error
from metaflow.datastore.live_tasks import read_log_from
from metaflow.datastore.ranges import read_range
from metaflow.exception import DataException

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from pathlib import Path
    from types import TracebackType

    from metaflow.datastore.layout import AttemptKey
    from metaflow.datastore.store import ObjectStore, StoredObject

#: Bytes that are asked for at least, and at most where a log is read from one end to the other.
PIECE_BYTES = 256 * 1024
MOST_AHEAD = 4 * 1024 * 1024
# Bytes at the end of what is known, by which a log that has grown is told from another one.
_MARK_BYTES = 4096


class _Known(NamedTuple):
    """What a log had when it was looked at last.

    Attributes
    ----------
    size : int
    modified_at : float or None
        None as long as it was in parts, of a task that runs.
    number : int
        Which log it is, of those that were one after the other under the same key.
    """

    size: int
    modified_at: float | None
    number: int


class RemoteLog:
    """A log behind a network. May be used by several threads.

    Parameters
    ----------
    store : ObjectStore
    key : str
        Of the log.
    attempt : AttemptKey
        Whose log it is.
    path : Path
        Of the file for what was read; there is none yet.
    count : callable
        Told how many more bytes are kept there, or how many fewer, as a negative number.
    """

    def __init__(
        self, store: ObjectStore, key: str, attempt: AttemptKey, path: Path, count: Callable[[int], None]
    ) -> None:
        self._store = store
        self._key = key
        self._attempt = attempt
        self._path = path
        self._count = count
        self._known: _Known | None = None
        # Where the file has the bytes of the log: how many from the beginning of each piece on.
        self._pieces: dict[int, int] = {}
        self._lock = threading.Lock()
        self.checked_at = float("-inf")

    @property
    def kept_bytes(self) -> int:
        """How much of it is kept here."""
        return sum(self._pieces.values())

    @property
    def is_whole(self) -> bool:
        """Whether it is one object, as when its task is over."""
        return self._known is not None and self._known.modified_at is not None

    def found(self, stored: StoredObject) -> None:
        """Take note of the object as the store has it now.

        Raises
        ------
        DataException
            It cannot be read.
        """
        with self._lock:
            known = self._known
            if known is not None and (known.size, known.modified_at) == (stored.size, stored.modified_at):
                return
            number = 0 if known is None else known.number
            if known is not None and not self._goes_on(known, stored):
                self._drop()
                number += 1
            self._known = _Known(stored.size, stored.modified_at, number)

    def found_parts(self, sizes: Mapping[int, int]) -> None:
        """Take note of the parts that there are of the log of a task that runs; of none, if there is no log.

        Raises
        ------
        DataException
            They cannot be read.
        """
        with self._lock:
            known = self._known
            if known is not None and (known.modified_at is not None or (not sizes and not known.size)):
                self._drop()  # the object was deleted
                known = None
            if not sizes:
                self._known = None
                return
            size, number = (0, 0) if known is None else (known.size, known.number)
            added = read_log_from(self._store, self._attempt, sizes, size)
            if added:
                self._write(size, added)
            self._known = _Known(size + len(added), None, number)

    def drop(self) -> None:
        """Keep nothing of it here; it is read again when it is asked for."""
        with self._lock:
            self._drop()
            if not self.is_whole:
                self._known = None
                self.checked_at = float("-inf")

    def state(self) -> Hashable | None:
        """Another value whenever there is something new; None if there is no log."""
        return self._known

    def open(self) -> RemoteLogFile | None:
        """The log as a file; None if there is none."""
        return None if self._known is None else RemoteLogFile(self)

    def unfinished(self, most: int) -> bytes:
        """Nothing: a task elsewhere tells of finished lines only."""
        return b""

    def read(self, offset: int, size: int, ahead: int) -> bytes:
        """Bytes of the log, fetched if they are not here.

        Parameters
        ----------
        offset, size : int
            Where.
        ahead : int
            How many bytes to fetch at least, if any are missing.

        Raises
        ------
        DataException
            They cannot be read.
        """
        with self._lock:
            if self._known is None:
                return b""
            end = min(offset + size, self._known.size)
            if offset >= end:
                return b""
            missing = self._missing(offset, end)
            if missing is not None:
                self._fetch(missing, min(max(end, missing + ahead), self._known.size))
            return self._stored(offset, end - offset)

    def _missing(self, offset: int, end: int) -> int | None:
        """The first place from one to another that is not here."""
        for piece in range(offset // PIECE_BYTES, (end - 1) // PIECE_BYTES + 1):
            begin = piece * PIECE_BYTES
            have = begin + self._pieces.get(piece, 0)
            if have < min(end, begin + PIECE_BYTES):
                return have
        return None

    def _fetch(self, begin: int, end: int) -> None:
        content = read_range(self._store, self._key, begin, end)
        if len(content) != end - begin:
            raise DataException(f"{self._key} has changed while it was read. Read it again.")
        self._write(begin, content)

    def _write(self, offset: int, content: bytes) -> None:
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                view = memoryview(content)
                written = 0
                while written < len(view):
                    written += os.pwrite(descriptor, view[written:], offset + written)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise file_error("keep a part of a log in", self._path, error) from error
        end = offset + len(content)
        while offset < end:
            piece = offset // PIECE_BYTES
            until = min(end, (piece + 1) * PIECE_BYTES)
            before = self._pieces.get(piece, 0)
            self._pieces[piece] = max(before, until - piece * PIECE_BYTES)
            self._count(self._pieces[piece] - before)
            offset = until

    def _stored(self, offset: int, size: int) -> bytes:
        try:
            with open(self._path, "rb", buffering=0) as file:
                file.seek(offset)
                return file.read(size)
        except OSError as error:
            raise file_error("read a part of a log from", self._path, error) from error

    def _goes_on(self, known: _Known, stored: StoredObject) -> bool:
        """Whether what is known is still there, and the rest was added to it."""
        if stored.size < known.size:
            return False
        begin = max(0, known.size - _MARK_BYTES)
        if begin == known.size:
            return True
        if self._missing(begin, known.size) is not None:
            return not self._pieces  # whoever has an index of it finds out by itself
        return read_range(self._store, self._key, begin, known.size) == self._stored(begin, known.size - begin)

    def _drop(self) -> None:
        self._count(-self.kept_bytes)
        self._pieces = {}
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise file_error("remove", self._path, error) from error


class RemoteLogFile:
    """A remote log as a file that is open for reading.

    Parameters
    ----------
    log : RemoteLog
    """

    def __init__(self, log: RemoteLog) -> None:
        self._log = log
        self._offset = 0
        self._read_until = -1
        self._ahead = PIECE_BYTES

    def seek(self, offset: int, /) -> int:
        """Go to a place."""
        self._offset = offset
        return offset

    def read(self, size: int, /) -> bytes:
        """The bytes from there on; the longer they are read one after the other, the more are fetched at a time."""
        goes_on = self._read_until - PIECE_BYTES <= self._offset <= self._read_until
        self._ahead = min(2 * self._ahead, MOST_AHEAD) if goes_on else PIECE_BYTES
        found = self._log.read(self._offset, size, self._ahead)
        self._offset += len(found)
        self._read_until = self._offset
        return found

    def __enter__(self) -> RemoteLogFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Nothing is open."""
