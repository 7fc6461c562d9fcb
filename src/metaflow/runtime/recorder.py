"""Writes what happens in a run to the metadata store: in batches, in a thread, without holding up the run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..exception import MetadataException, MetaflowException

if TYPE_CHECKING:
    from ..metadata_store.store import MetadataStore

#: Events are collected for this long, in seconds, before they are written together.
_BATCH_SECONDS = 0.1
#: How long the end of a run waits for an index that others hold, in seconds.
_CLOSE_SECONDS = 10.0


class Recorder:
    """Takes events from the scheduler, and heartbeats by itself.

    If the store cannot be written, the run goes on: events are kept and tried again, and :meth:`close` says what was
    not recorded. Nothing is lost by that, as the index can be rebuilt from the datastore.

    Parameters
    ----------
    open_store : callable
        Opens the metadata store; called in the recorder's own thread.
    make_heartbeat : callable
        Gives the event that says that the run is alive.
    heartbeat_seconds : float
        Time between two of them.
    """

    def __init__(
        self,
        open_store: Callable[[], MetadataStore],
        make_heartbeat: Callable[[], Any],
        heartbeat_seconds: float,
    ) -> None:
        self._open_store = open_store
        self._make_heartbeat = make_heartbeat
        self._heartbeat_seconds = heartbeat_seconds
        self._pending: list[Any] = []
        self._lock = threading.Lock()  # guards the list of pending events
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._error: MetaflowException | None = None
        self._thread = threading.Thread(target=self._write, name="metaflow-recorder", daemon=True)
        self._thread.start()

    def record(self, *events: Any) -> None:
        """Have events written soon, in the order of the calls."""
        with self._lock:
            self._pending.extend(events)
        self._wake.set()

    def close(self) -> MetaflowException | None:
        """Write what is left.

        Returns
        -------
        MetaflowException or None
            Why some events could not be written.
        """
        self._closing.set()
        self._wake.set()
        self._thread.join(_CLOSE_SECONDS)
        if self._thread.is_alive():
            return MetadataException(f"Another process has been holding it for more than {_CLOSE_SECONDS:g} seconds.")
        return self._error

    def _write(self) -> None:
        store = self._open_store()
        beat_due = time.monotonic() + self._heartbeat_seconds
        while True:
            self._wake.wait(max(0.0, beat_due - time.monotonic()))
            # What happens in the next moment is written together with the event that woke us.
            self._closing.wait(_BATCH_SECONDS)
            closing = self._closing.is_set()
            self._wake.clear()
            with self._lock:
                batch, self._pending = self._pending, []
            if time.monotonic() >= beat_due:
                batch.append(self._make_heartbeat())
                beat_due = time.monotonic() + self._heartbeat_seconds
            self._apply(store, batch)
            if closing:
                store.close()
                return

    def _apply(self, store: MetadataStore, batch: Sequence[Any]) -> None:
        try:
            store.apply(batch)
            self._error = None
        except Exception as error:  # whatever it is, the run must not lose its heartbeat
            if not isinstance(error, MetaflowException):
                error = MetadataException(f"{type(error).__name__}: {error}")
            self._error = error
            with self._lock:
                self._pending = [*batch, *self._pending]
