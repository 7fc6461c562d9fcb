"""Says what a run waits for where a person would otherwise see nothing for a long time."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds after which it is said first; each time after that it takes twice as long, up to the longest.
_FIRST_SECONDS = 3.0
_LONGEST_SECONDS = 60.0


def _write_to_stderr(text: str) -> None:
    # In one piece, as other threads write as well.
    os.write(sys.stderr.fileno(), f"{text}\n".encode("utf-8", "backslashreplace"))


class StillWaiting:
    """A context in which something may take long, told by a thread that ends with it.

    Parameters
    ----------
    what : str
        What is waited for, to go on behind "Still waiting for"; may be changed meanwhile.
    is_over_network : bool
        Whether it can take long at all: otherwise there is no thread.
    tell : callable
        Tells a person something.
    """

    def __init__(self, what: str, is_over_network: bool, tell: Callable[[str], None] = _write_to_stderr) -> None:
        self.what = what
        self._tell = tell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True) if is_over_network else None

    def __enter__(self) -> StillWaiting:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()  # a process with threads is not to be forked

    def _watch(self) -> None:
        began = time.monotonic()
        pause = _FIRST_SECONDS
        while not self._over.wait(pause):
            self._tell(f"Still waiting for {self.what} ({time.monotonic() - began:.0f} seconds)...")
            pause = min(2 * pause, _LONGEST_SECONDS)
