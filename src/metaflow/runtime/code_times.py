"""When the step's own code began and ended, within an attempt."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class CodeTimes:
    """Times of the step's own code; both None as long as it has not been called.

    Attributes
    ----------
    started_at, ended_at : float or None
        Seconds since the epoch. If something calls the code several times, its first start and its last end.
    """

    __slots__ = ("ended_at", "started_at")

    def __init__(self) -> None:
        self.started_at: float | None = None
        self.ended_at: float | None = None

    def of(self, call: Callable[[], None]) -> Callable[[], None]:
        """The same call, of which the times are noted."""

        def timed() -> None:
            if self.started_at is None:
                self.started_at = time.time()
            try:
                call()
            finally:
                self.ended_at = time.time()

        return timed
