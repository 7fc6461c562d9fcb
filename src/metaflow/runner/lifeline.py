"""What ties processes to the life of this one: however it ends, the kernel ends them.

All of them hold the reading end of one pipe, whose writing end only this process has. When it is gone, the kernel
closes that end, and sends the signal that was asked for on each reading end. Neither a thread of this process (as
``PR_SET_PDEATHSIG`` does) nor any help of the other process is needed: it may hang in an import.
"""

from __future__ import annotations

import os
import signal
import sys


class Lifeline:
    """The pipe, made when it is first needed; a forked copy of this process begins with none."""

    def __init__(self) -> None:
        self._reading = -1
        self._writing = -1
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def end(self) -> int | None:
        """A descriptor for one process to inherit; None where the system knows no such thing."""
        if sys.platform != "linux":
            return None
        if self._writing < 0:
            self._reading, self._writing = os.pipe()
        # A description of its own, as the signal is asked for on it.
        return os.open(f"/proc/self/fd/{self._reading}", os.O_RDONLY | os.O_CLOEXEC)

    @staticmethod
    def tie(end: int, group: int) -> None:
        """Have the process group `group`, whose leader holds `end`, be asked to end when this process is gone."""
        if sys.platform == "linux":
            import fcntl

            fcntl.fcntl(end, fcntl.F_SETOWN, -group)
            fcntl.fcntl(end, fcntl.F_SETSIG, signal.SIGTERM)
            fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)

    def _forget(self) -> None:
        for descriptor in (self._reading, self._writing):
            if descriptor >= 0:
                os.close(descriptor)
        self._reading = self._writing = -1


LIFELINE = Lifeline()
