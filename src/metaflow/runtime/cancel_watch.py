"""Looks, now and then, whether somebody wants the run to end who cannot send its process a signal."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ..datastore.layout import cancel_key
from ..exception import DataException

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..datastore.store import ObjectStore
    from .loop import EventLoop

#: Seconds between two looks.
LOOK_SECONDS = 5.0


class CancelWatch:
    """Calls back once if the run shall end.

    Parameters
    ----------
    loop : EventLoop
    store : ObjectStore
        The run's datastore. If that is elsewhere, a thread asks it.
    flow, run_id : str
        The run.
    cancelled : callable
        Called in the loop.
    """

    def __init__(
        self, loop: EventLoop, store: ObjectStore, flow: str, run_id: str, cancelled: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._store = store
        self._key = cancel_key(flow, run_id)
        self._cancelled = cancelled
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        loop.call_later(LOOK_SECONDS, self._start if store.is_remote else self._look_here)

    def close(self) -> None:
        """Look no more."""
        self._over.set()

    def _start(self) -> None:
        # Most runs are over before this: they do without the thread.
        self._thread = threading.Thread(target=self._look_there, name="metaflow-cancel-watch", daemon=True)
        self._thread.start()

    def _look_there(self) -> None:
        while not self._over.is_set():
            if self._is_there():
                self._loop.call_from_thread(self._cancelled)
                return
            self._over.wait(LOOK_SECONDS)

    def _look_here(self) -> None:
        if self._is_there():
            self._cancelled()
        else:
            self._loop.call_later(LOOK_SECONDS, self._look_here)

    def _is_there(self) -> bool:
        try:
            return self._store.stat(self._key) is not None
        except DataException:
            return False  # the datastore is out of reach: it is asked again
