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
#: How long the start and the end of a run wait for an index that others hold, in seconds.
_START_SECONDS = 1.0
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
    first : sequence of events
        How the run begins: written at once, see :meth:`await_first`.
    """

    def __init__(
        self,
        open_store: Callable[[], MetadataStore],
        make_heartbeat: Callable[[], Any],
        heartbeat_seconds: float,
        first: Sequence[Any] = (),
    ) -> None:
        self._open_store = open_store
        self._make_heartbeat = make_heartbeat
        self._heartbeat_seconds = heartbeat_seconds
        self._pending: list[Any] = list(first)
        self._lock = threading.Lock()  # guards the list of pending events
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._has_begun = threading.Event()
        self._error: MetaflowException | None = None
        self._thread = threading.Thread(target=self._write, name="metaflow-recorder", daemon=True)
        self._thread.start()

    def record(self, *events: Any) -> None:
        """Have events written soon, in the order of the calls."""
        with self._lock:
            self._pending.extend(events)
        self._wake.set()

    def await_first(self) -> None:
        """Wait until the store knows of the run, or a moment at most.

        Whoever has seen the run, by what its first task prints, finds it then, also if it is killed right away.
        """
        self._has_begun.wait(_START_SECONDS)

    def close(self) -> str | None:
        """Write what is left.

        Returns
        -------
        str or None
            For a person: what could not be written, why, and what to do.
        """
        self._closing.set()
        self._wake.set()
        self._thread.join(_CLOSE_SECONDS)
        return self._leave(is_stuck=self._thread.is_alive())

    def _write(self) -> None:
        store = self._open_store()
        beat_due = time.monotonic() + self._heartbeat_seconds
        first = self._taken()
        if first:
            self._apply(store, first, None, closing=False)
        self._has_begun.set()
        while True:
            self._wake.wait(max(0.0, beat_due - time.monotonic()))
            # What happens in the next moment is written together with the event that woke us.
            self._closing.wait(_BATCH_SECONDS)
            closing = self._closing.is_set()
            self._wake.clear()
            heartbeat = None
            if time.monotonic() >= beat_due:
                heartbeat = self._make_heartbeat()
                beat_due = time.monotonic() + self._heartbeat_seconds
            self._apply(store, self._taken(), heartbeat, closing)
            if closing:
                store.close()
                return

    def _taken(self) -> list[Any]:
        """Take what is pending."""
        with self._lock:
            batch, self._pending = self._pending, []
        return batch

    def _given_back(self, batch: Sequence[Any]) -> None:
        """Let events be pending again."""
        with self._lock:
            self._pending = [*batch, *self._pending]

    def _apply(self, store: MetadataStore, batch: list[Any], heartbeat: Any, closing: bool) -> None:
        """Write events, and the heartbeat if it is due; called once more with `closing` at the end."""
        events = batch if heartbeat is None else [*batch, heartbeat]
        try:
            store.apply(events)
            self._error = None
        except Exception as error:  # whatever it is, the run must not lose its heartbeat
            self._error = as_metaflow_error(error)
            self._given_back(events)

    def _leave(self, is_stuck: bool) -> str | None:
        """What to tell a person at the end; `is_stuck` if the writing is still going on."""
        error = self._error
        if is_stuck:
            error = MetadataException(f"Another process has been holding it for more than {_CLOSE_SECONDS:g} seconds.")
        if error is None:
            return None
        return f"The index of runs is behind: {error}\nAll results are safe; `metaflow reindex` brings it up to date."


def as_metaflow_error(error: Exception) -> MetaflowException:
    """An error of any kind as one that can be shown."""
    return error if isinstance(error, MetaflowException) else MetadataException(f"{type(error).__name__}: {error}")
