"""A task's process on this machine, as the scheduler sees it: the pipes that it prints to, and its end."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from .executor import TaskListener
from .loop import EventLoop

if TYPE_CHECKING:
    from ..datastore.logs import LogStream
    from .own_use import Used

_STREAMS: tuple[LogStream, LogStream] = ("stdout", "stderr")
_READ_SIZE = 256 * 1024
#: Reads of one pipe in one round of the loop, so that a task that never stops printing cannot starve the others.
_READS_PER_ROUND = 4


class LocalTask:
    """Pipes and process of one running task."""

    __slots__ = ("_loop", "_readers", "listener", "pid")

    def __init__(self, loop: EventLoop, listener: TaskListener) -> None:
        self._loop = loop
        self._readers: dict[LogStream, int] = {}
        self.listener = listener
        self.pid = 0

    def open_pipes(self) -> tuple[int, int]:
        """Make both pipes and watch them; returns the ends that the task writes to."""
        writers: list[int] = []
        for stream in _STREAMS:
            try:
                read, write = os.pipe()
            except OSError:
                self.abandon()
                for fd in writers:
                    os.close(fd)
                raise
            os.set_blocking(read, False)
            self._readers[stream] = read
            self._loop.watch(read, self._reader(stream))
            writers.append(write)
        return writers[0], writers[1]

    def _reader(self, stream: LogStream) -> Callable[[], None]:
        return lambda: self._read(stream, _READS_PER_ROUND)

    def _read(self, stream: LogStream, rounds: int) -> None:
        """Pass on what can be read now, in at most so many reads."""
        fd = self._readers.get(stream)
        while fd is not None and rounds:
            rounds -= 1
            try:
                data = os.read(fd, _READ_SIZE)
            except BlockingIOError:
                return
            if not data:
                self._close(stream)
                return
            self.listener.output(stream, data)
            if len(data) < _READ_SIZE:
                return  # most likely empty by now; the loop will tell

    def finish(self, status: int, used: Used | None = None) -> None:
        """The process is gone: read what is left in the pipes, and do not wait for others that hold them."""
        for stream in tuple(self._readers):
            # Not to the end: somebody else may hold the pipe and never stop writing.
            self._read(stream, _READS_PER_ROUND)
            self._close(stream)
        self.listener.ended(status, used=used)

    def abandon(self) -> None:
        """The process was never started."""
        for stream in tuple(self._readers):
            self._close(stream)

    def _close(self, stream: LogStream) -> None:
        fd = self._readers.pop(stream, None)
        if fd is not None:
            self._loop.unwatch(fd)
            os.close(fd)
