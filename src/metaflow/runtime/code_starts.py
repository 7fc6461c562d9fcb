"""When the step's own code began, told while the task runs.

A task leaves a note in a pipe that all tasks of an executor share. Nobody is woken by that: whoever started the tasks
reads the pipe once a second. So it costs a task that is shorter one write, and the run nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .loop import EventLoop, Timer

#: Seconds between two looks.
_LOOK_SECONDS = 1.0
#: More than a pipe holds.
_READ_SIZE = 1024 * 1024


class CodeStarts:
    """The reading side.

    Parameters
    ----------
    loop : EventLoop
    tell : callable
        Told, by process, when the code of tasks began since the last look, in seconds since the epoch.

    Attributes
    ----------
    writing_end : int
        What tasks need.
    """

    def __init__(self, loop: EventLoop, tell: Callable[[Mapping[int, float]], None]) -> None:
        self._loop = loop
        self._tell = tell
        self._reading_end, self.writing_end = os.pipe()
        # A task never waits for us: what has no room is not told.
        os.set_blocking(self._reading_end, False)
        os.set_blocking(self.writing_end, False)
        self._timer: Timer = loop.call_later(_LOOK_SECONDS, self._look)

    def close(self) -> None:
        """Look no more."""
        self._timer.cancel()
        os.close(self._reading_end)
        os.close(self.writing_end)

    def _look(self) -> None:
        found = dict(note.split() for note in self._read().splitlines())
        if found:
            self._tell({int(pid): float(at) for pid, at in found.items()})
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)

    def _read(self) -> bytes:
        try:
            return os.read(self._reading_end, _READ_SIZE)
        except BlockingIOError:
            return b""


def note_code_start(writing_end: int, at: float) -> None:
    """In a task: leave the note, and close the pipe."""
    try:
        # So little is written as a whole or not at all.
        os.write(writing_end, b"%d %r\n" % (os.getpid(), at))
    except OSError:
        pass  # there is no room, or nobody reads: the record at the end says it
    os.close(writing_end)
