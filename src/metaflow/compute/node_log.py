"""The log of a task on its own machine: a file there, sent home in parts while it grows, and whole at the end."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from ..datastore.layout import log_key
from ..datastore.live_tasks import PART_BYTES, log_part_key
from ..datastore.logs import LineSplitter, LogWriter
from ..exception import DataException

if TYPE_CHECKING:
    from ..datastore.layout import AttemptKey
    from ..datastore.logs import LogStream
    from ..datastore.store import ObjectStore


class NodeLog:
    """What a task prints.

    Parameters
    ----------
    store : ObjectStore
        The run's datastore.
    attempt : AttemptKey
    max_bytes : int
        Size at which the log of a stream is cut.
    folder : str, optional
        Directory for the file; that of temporary files if not given.
    """

    def __init__(self, store: ObjectStore, attempt: AttemptKey, max_bytes: int, folder: str | None = None) -> None:
        self._store = store
        self._attempt = attempt
        self._folder = tempfile.TemporaryDirectory(prefix=".metaflow-log-", dir=folder)
        self._path = os.path.join(self._folder.name, "log")
        self._writer = LogWriter(self._path, max_bytes)
        self._splitters = {"stdout": LineSplitter(), "stderr": LineSplitter()}
        self._echo_left = 2 * max_bytes
        #: Bytes before the part that grows now, that part's number, and the size up to which it was sent.
        self._part_begin = 0
        self._part = 0
        self._sent = 0
        #: Why lines were lost, if any were.
        self._problem: str | None = None

    def feed(self, stream: LogStream, data: bytes) -> None:
        """Take what the task wrote."""
        self._echo(stream, data)
        self._write(stream, self._splitters[stream].feed(data))

    def say(self, text: str) -> None:
        """Add a line of our own."""
        self.feed("stderr", text.encode() + b"\n")

    def send(self) -> None:
        """Send what is new. Called by one thread at a time, which may not be the one that writes.

        Raises
        ------
        DataException
            If it cannot be sent now; the next call sends it too.
        """
        try:
            size = os.stat(self._path).st_size
        except OSError:
            return  # nothing was printed
        while self._sent < size:
            end = min(size, self._part_begin + PART_BYTES)
            with open(self._path, "rb") as file:
                file.seek(self._part_begin)
                content = file.read(end - self._part_begin)
            self._store.put(log_part_key(self._attempt, self._part), [content])
            self._sent = end
            if end == self._part_begin + PART_BYTES:
                self._part_begin, self._part = end, self._part + 1

    def finish(self) -> int:
        """Nothing more comes: send the log as a whole, to where logs are kept; returns its size in bytes.

        Raises
        ------
        DataException
            If it cannot be sent.
        """
        for stream, splitter in self._splitters.items():
            self._write(stream, splitter.flush())  # type: ignore[arg-type]
        self._writer.close()
        if self._problem is not None:
            sys.stderr.write(f"Lines of the log were lost: {self._problem}\n")
        try:
            with open(self._path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            return 0  # nothing was printed
        self._store.put(log_key(*self._attempt), [content])
        return len(content)

    def close(self) -> None:
        """Remove the file."""
        self._folder.cleanup()

    def _write(self, stream: LogStream, lines: list[bytes]) -> None:
        if not lines:
            return
        try:
            self._writer.write(stream, lines, time.time_ns() // 1000)
        except DataException as error:  # a full disk must not end the task
            self._problem = error.message

    def _echo(self, stream: LogStream, data: bytes) -> None:
        """Print it again, for those who look at the engine's own logs."""
        if self._echo_left <= 0:
            return
        self._echo_left -= len(data)
        try:
            os.write(1 if stream == "stdout" else 2, data)
        except OSError:
            self._echo_left = 0
