"""How much one client may ask for: so many requests a second, and so many at a time."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

# Clients that are remembered; the ones that were quiet for longest are forgotten first.
_MOST_CLIENTS = 10_000
#: Seconds of full speed that a client may use at once after a time of silence.
BURST_SECONDS = 2.0


class _Client:
    __slots__ = ("credit", "in_flight", "seen_at")

    def __init__(self, credit: float, now: float) -> None:
        self.credit = credit
        self.seen_at = now
        self.in_flight = 0


class ClientLimits:
    """Counts the requests of each client; used from the event loop only.

    Parameters
    ----------
    per_second : float
        Requests that a client may begin each second, in the long run; 0 for any number.
    at_once : int
        Requests of a client that may be in progress; 0 for any number.
    clock : callable
        Gives the time in seconds.
    """

    def __init__(self, per_second: float, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._at_once = at_once
        self._clock = clock
        self._burst = max(1.0, per_second * BURST_SECONDS)
        self._clients: OrderedDict[Hashable, _Client] = OrderedDict()

    def begin(self, client: Hashable) -> float:
        """Ask to begin a request.

        Parameters
        ----------
        client : hashable
            Whose it is.

        Returns
        -------
        float
            0 if it may begin, and then :meth:`end` is due; else after how many seconds it is worth another try.
        """
        now = self._clock()
        known = self._clients.pop(client, None) or _Client(self._burst, now)
        self._clients[client] = known
        self._forget_some()
        known.credit = min(self._burst, known.credit + (now - known.seen_at) * self._per_second)
        known.seen_at = now
        if self._at_once and known.in_flight >= self._at_once:
            return 1.0
        if self._per_second:
            if known.credit < 1:
                return (1 - known.credit) / self._per_second
            known.credit -= 1
        known.in_flight += 1
        return 0.0

    def end(self, client: Hashable) -> None:
        """A request of a client is over."""
        known = self._clients.get(client)
        if known is not None:
            known.in_flight -= 1

    def _forget_some(self) -> None:
        for _ in range(len(self._clients) - _MOST_CLIENTS):
            name, longest_quiet = next(iter(self._clients.items()))
            if longest_quiet.in_flight:
                # It must stay, or its count would begin anew.
                self._clients.move_to_end(name)
            else:
                del self._clients[name]
