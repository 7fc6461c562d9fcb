"""What tasks leave running when they are over: it is asked to end, and later made to, or let go."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from .process import signal_all
from .process_family import with_descendants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class LeftRunning:
    """Processes that have become children of this one because the task that started them is over.

    Parameters
    ----------
    grace_seconds : float
        How long they have to end by themselves when they are asked to.
    clock : callable
        Gives the time in seconds.
    send : callable
        Sends a signal to processes, those that are gone left out.
    """

    def __init__(
        self,
        grace_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        send: Callable[[Iterable[int], int], None] | None = None,
    ) -> None:
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._send = send or signal_family
        #: When each is killed; None if it may stay.
        self._deadlines: dict[int, float | None] = {}

    @property
    def is_ending(self) -> bool:
        """Whether some are awaited that have been asked to end."""
        return any(deadline is not None for deadline in self._deadlines.values())

    def seconds_left(self) -> float | None:
        """Time until some have to be killed; None if none have."""
        deadlines = [deadline for deadline in self._deadlines.values() if deadline is not None]
        return max(0.0, min(deadlines) - self._clock()) if deadlines else None

    def found(self, pids: Iterable[int], may_stay: bool) -> None:
        """Take in processes that are not known yet, and ask them to end if they may not stay."""
        new = [pid for pid in pids if pid not in self._deadlines]
        if not new:
            return
        deadline = None if may_stay else self._clock() + self._grace_seconds
        self._deadlines.update(dict.fromkeys(new, deadline))
        if not may_stay:
            self._send(new, signal.SIGTERM)

    def gone(self, pid: int) -> bool | None:
        """Forget a process that is over; returns whether it might have stayed, None if it was not known."""
        return self._deadlines.pop(pid) is None if pid in self._deadlines else None

    def enforce(self) -> None:
        """Kill those whose time is over. What they leave comes to us in its turn, and has as long again."""
        now = self._clock()
        late = [pid for pid, deadline in self._deadlines.items() if deadline is not None and deadline <= now]
        if late:
            self._send(late, signal.SIGKILL)
            # A process that cannot even be killed now is tried again, instead of being waited for without a pause.
            self._deadlines.update(dict.fromkeys(late, now + self._grace_seconds))


def signal_family(pids: Iterable[int], number: int) -> None:
    """Send a signal to processes and to all that descend from them."""
    signal_all(with_descendants(pids), number)
