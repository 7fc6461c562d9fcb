"""What a running task prints: cut into lines, kept in its log, shown to the person who watches."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from ..datastore.logs import LineSplitter, LogWriter, format_lines, unfinished_path
from .console import Console

if TYPE_CHECKING:
    from pathlib import Path

    from ..datastore.logs import LogStream


#: Seconds between two times at which a line that is not finished, such as a progress bar, is shown to readers.
_UNFINISHED_SECONDS = 0.25
#: How much of the end of such a line is shown.
_UNFINISHED_BYTES = 8192


class TaskOutput:
    """Both streams of one attempt.

    Parameters
    ----------
    path : str or Path or None
        The log file; it is created with the first line. None if somebody else keeps the log.
    max_log_bytes : int
        Size at which the log of a stream is cut.
    console : Console

    Attributes
    ----------
    where : str
        Prefix of the lines on the console; empty until the task is known to have started.
    """

    __slots__ = ("_console", "_early", "_log", "_splitters", "_unfinished", "where")

    def __init__(self, path: str | Path | None, max_log_bytes: int, console: Console) -> None:
        self._log = None if path is None else LogWriter(path, max_log_bytes)
        self._unfinished = None if path is None else _UnfinishedLines(unfinished_path(path))
        self._splitters: dict[LogStream, LineSplitter] = {"stdout": LineSplitter(), "stderr": LineSplitter()}
        self._console = console
        # A fast task prints before the news of its start has arrived, on another way, with its process id.
        self._early: list[bytes] = []
        self.where = ""

    def release(self) -> None:
        """Show what was printed before `where` was known."""
        self._console.task_lines(self.where, self._early)
        self._early = []

    def feed(self, stream: LogStream, data: bytes) -> None:
        """Take what the task wrote."""
        lines = self._splitters[stream].feed(data)
        self._pass_on(stream, lines)
        if self._unfinished is not None:
            if lines:
                self._unfinished.remove()  # they may have been in it
            self._unfinished.show(self._splitters)

    def close(self) -> None:
        """Take a last line without line feed, and close the log."""
        try:
            for stream, splitter in self._splitters.items():
                self._pass_on(stream, splitter.flush())
        finally:
            if self._log is not None:
                self._log.close()
            if self._unfinished is not None:
                self._unfinished.remove()

    def _pass_on(self, stream: LogStream, lines: list[bytes]) -> None:
        if lines:
            if self.where:
                self._console.task_lines(self.where, lines)
            else:
                self._early += lines
            if self._log is not None:
                self._log.write(stream, lines, time.time_ns() // 1000)


class _UnfinishedLines:
    """The file with what was printed since the last line feed, which is there only while there is something."""

    __slots__ = ("_exists", "_path", "_written_at")

    def __init__(self, path: str) -> None:
        self._path = path
        self._exists = False
        self._written_at = 0.0

    def show(self, splitters: dict[LogStream, LineSplitter]) -> None:
        """Write it, if it is time to. That it cannot be written costs nobody a line, so it is no error."""
        now = time.time()
        if abs(now - self._written_at) < _UNFINISHED_SECONDS:
            return
        content = b"".join(
            [
                format_lines(stream, [text], int(now * 1_000_000))
                for stream, splitter in splitters.items()
                if (text := splitter.unfinished(_UNFINISHED_BYTES))
            ]
        )
        if not content:
            return
        self._written_at = now
        temporary = f"{self._path}.new"
        try:
            os.makedirs(os.path.dirname(temporary), exist_ok=True)
            with open(temporary, "wb", buffering=0) as file:
                file.write(content)
            os.replace(temporary, self._path)
        except OSError:
            return
        self._exists = True

    def remove(self) -> None:
        """Remove it, if it is there."""
        if self._exists:
            self._exists = False
            self._written_at = 0.0  # what the other stream has not finished is to be shown at once again
            try:
                os.unlink(self._path)
            except OSError:
                pass
