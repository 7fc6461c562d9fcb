"""What tasks leave running that no process of ours is the parent of: it is found by the mark of its task, and ended."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from ..distributed.outliving import OUTLIVES_VARIABLE
from .process import signal_all
from .process_family import TASK_VARIABLE, processes_marked
from .stopping import STOP_GRACE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .loop import EventLoop

#: Seconds between two looks, at the end, whether all of it has ended.
_LOOK_SECONDS = 0.05
#: Asks processes to end, and kills all that have the mark later: also what some have started anew meanwhile, for which
#: it takes a second look. One `grep` is much faster than one for each process, but takes task 10 for task 1.
_END = r"""mark=$1 outlives=$2 grace=$3; shift 3
kill "$@"; sleep "$grace"
for look in 1 2; do
  for file in $(grep -lsF "$mark" /proc/[0-9]*/environ); do
    tr '\0' '\n' <"$file" | grep -qxF "$mark" || continue
    tr '\0' '\n' <"$file" | grep -q "^$outlives=" && continue
    pid=${file#/proc/}; kill -KILL "${pid%/environ}"
  done
done"""


class LeftByMark:
    """Processes that tasks which did not succeed have left outside of their process groups.

    Parameters
    ----------
    loop : EventLoop
    """

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop
        #: By the marks of tasks, when what they have left is killed.
        self._deadlines: dict[str, float] = {}

    def end(self, marks: Iterable[str]) -> None:
        """Ask what the tasks with these marks have left to end, and kill it later if it does not."""
        wanted = set(marks)
        found = processes_marked(wanted) if wanted else {}
        if not found:
            return
        signal_all(found, signal.SIGTERM)
        self._deadlines.update(dict.fromkeys(found.values(), time.monotonic() + STOP_GRACE))
        self._loop.call_later(STOP_GRACE, self._look)

    def wait(self) -> None:
        """Wait until all is gone, but not for what cannot even be killed."""
        give_up_at = time.monotonic() + 2 * STOP_GRACE
        self._look()
        while self._deadlines and time.monotonic() < give_up_at:
            time.sleep(_LOOK_SECONDS)
            self._look()

    def _look(self) -> None:
        """Kill what has had its time, and forget the tasks of which nothing is left."""
        if not self._deadlines:
            return
        found = processes_marked(self._deadlines)
        now = time.monotonic()
        signal_all([pid for pid, mark in found.items() if self._deadlines[mark] <= now], signal.SIGKILL)
        self._deadlines = {mark: self._deadlines[mark] for mark in found.values()}


def end_from_outside(mark: str) -> None:
    """Have another process end what a task has left, in the same way: for a task that is about to be killed itself."""
    left = processes_marked([mark])
    if not left:
        return
    try:
        # Not by `subprocess`, which takes long to import: every task that is a new interpreter gets ready for this.
        os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", _END, "sh", f"{TASK_VARIABLE}={mark}", OUTLIVES_VARIABLE, f"{STOP_GRACE:g}", *map(str, left)],
            {**os.environ, OUTLIVES_VARIABLE: "1"},
            file_actions=[(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)],
            setsid=True,
        )
    except OSError:  # there is no shell, or no room for it
        signal_all(left, signal.SIGKILL)
