"""When the step's own code began and ended, within an attempt."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class CodeTimes:
    """Times of the step's own code; both None as long as it has not been called.

    Parameters
    ----------
    tell_start : callable, optional
        Told, before its first call, of the time.

    Attributes
    ----------
    started_at, ended_at : float or None
        Seconds since the epoch. If something calls the code several times, its first start and its last end.
    """

    __slots__ = ("_tell_start", "ended_at", "started_at")

    def __init__(self, tell_start: Callable[[float], None] | None = None) -> None:
        self._tell_start = tell_start
        self.started_at: float | None = None
        self.ended_at: float | None = None

    def of(self, call: Callable[[], None]) -> Callable[[], None]:
        """The same call, of which the times are noted."""

        def timed() -> None:
            if self.started_at is None:
                self.started_at = time.time()
                if self._tell_start is not None:
                    self._tell_start(self.started_at)
            try:
                call()
            finally:
                self.ended_at = time.time()

        return timed
