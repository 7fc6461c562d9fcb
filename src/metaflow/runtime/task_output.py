"""What a running task prints: cut into lines, kept in its log, shown to the person who watches."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..datastore.logs import LineSplitter, LogWriter
from .console import Console

if TYPE_CHECKING:
    from pathlib import Path

    from ..datastore.logs import LogStream


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

    __slots__ = ("_console", "_early", "_log", "_splitters", "where")

    def __init__(self, path: str | Path | None, max_log_bytes: int, console: Console) -> None:
        self._log = None if path is None else LogWriter(path, max_log_bytes)
        self._splitters = {"stdout": LineSplitter(), "stderr": LineSplitter()}
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
        self._pass_on(stream, self._splitters[stream].feed(data))

    def close(self) -> None:
        """Take a last line without line feed, and close the log."""
        try:
            for stream, splitter in self._splitters.items():
                self._pass_on(stream, splitter.flush())  # type: ignore[arg-type]
        finally:
            if self._log is not None:
                self._log.close()

    def _pass_on(self, stream: LogStream, lines: list[bytes]) -> None:
        if lines:
            if self.where:
                self._console.task_lines(self.where, lines)
            else:
                self._early += lines
            if self._log is not None:
                self._log.write(stream, lines, time.time_ns() // 1000)
