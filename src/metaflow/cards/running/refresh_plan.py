"""When a card is rendered while its task runs: a state machine without clock, threads or I/O."""

from __future__ import annotations


class RefreshPlan:
    """Merges requests to render one card.

    At most one rendering is in flight. Two renderings begin at least `interval` seconds apart, and after one that took
    longer than that, as much time again is left to the step. Requests that come meanwhile are one request.

    Parameters
    ----------
    interval : float
        Seconds.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._wanted = False
        self._at_once = False
        self._not_before = float("-inf")
        self._began: float | None = None

    @property
    def in_flight(self) -> bool:
        """Whether a rendering has begun and is not over."""
        return self._began is not None

    @property
    def is_wanted(self) -> bool:
        """Whether something is to be rendered that no rendering has begun with."""
        return self._wanted

    def request(self, at_once: bool = False) -> None:
        """The card has changed; with `at_once`, the next rendering does not wait for the interval to pass."""
        self._wanted = True
        self._at_once = self._at_once or at_once

    def due_in(self, now: float) -> float | None:
        """Seconds until a rendering is to begin, not below zero; None if none is, as things are.

        Parameters
        ----------
        now : float
            Seconds on a clock that does not go back.
        """
        if not self._wanted or self._began is not None:
            return None
        return 0.0 if self._at_once else max(0.0, self._not_before - now)

    def begin(self, now: float) -> None:
        """A rendering begins, with what is on the card now."""
        assert self._began is None
        self._began = now
        self._wanted = self._at_once = False

    def end(self, now: float) -> None:
        """The rendering is over, whatever came of it."""
        assert self._began is not None
        took = now - self._began
        self._not_before = max(self._began + self._interval, now + took)
        self._began = None
