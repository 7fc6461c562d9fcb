"""Signals that ask a run to stop, at times at which no event loop hears them."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from .stopping import RunStopped

if TYPE_CHECKING:
    from types import FrameType

    from typing_extensions import Self


class StopSignals:
    """Has ``SIGTERM`` and ``SIGHUP`` stop the run within a ``with`` block; by themselves they end its process silently.

    Not once the run's end is being recorded: what comes twice, or too late, must not leave a run without one. Signals
    that were being ignored go on being ignored. For the main thread.
    """

    def __init__(self) -> None:
        self._previous: dict[int, Any] = {}
        self._is_over = False

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def hold(self) -> None:
        """Hear none any more."""
        self._is_over = True

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if not self._is_over:
            raise RunStopped()
