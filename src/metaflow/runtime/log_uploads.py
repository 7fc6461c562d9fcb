"""Sends the logs of tasks to a datastore that is elsewhere, while the tasks run and when they are over."""

from __future__ import annotations

import os
import threading
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from ..client.log_spool import remove_folders, remove_spooled, spool_path, spooled
from ..datastore.uploads import Uploads, as_error_of_store

if TYPE_CHECKING:
    from ..datastore.store import ObjectStore

#: How many logs are under way at a time.
_THREADS = 8
#: A log is sent as a whole each time, so a long one is not sent often: this many bytes a second, on average.
_BYTES_PER_SECOND = 100_000


class _Log:
    """What is known of a log that is not in the datastore as a whole."""

    __slots__ = ("is_over", "sent_at", "sent_bytes", "wanted")

    def __init__(self) -> None:
        self.is_over = False
        self.sent_bytes = 0
        self.sent_at = 0.0
        #: Whether it is to be sent; what comes meanwhile is sent by the same thread, so that no older state wins.
        self.wanted = False


class LogUploads:
    """Logs of a run, on their way from files on this machine to the datastore. Nothing here waits but :meth:`close`.

    Parameters
    ----------
    store : ObjectStore
        The datastore.
    root : str
        Directory of this machine in which runs are kept.
    flow, run_id : str
        The run.
    """

    #: Seconds between two looks at what running tasks have printed.
    refresh_seconds = 5.0

    def __init__(self, store: ObjectStore, root: str, flow: str, run_id: str) -> None:
        self._store = store
        self._root = root
        self._run = (flow, run_id)
        self._uploads = Uploads(_THREADS)
        self._lock = threading.Lock()  # guards what follows
        self._logs: dict[str, _Log] = {}
        self._busy: set[str] = set()
        self._failure: str | None = None

    def add(self, key: str) -> str:
        """Expect the log `key` of a task that starts; returns the path of the file to write it to."""
        with self._lock:
            self._logs[key] = _Log()
        return spool_path(self._root, key)

    def refresh(self) -> None:
        """Send the logs that have grown, of tasks that still run; the longer a log, the more rarely."""
        now = monotonic()
        with self._lock:
            running = [
                (key, log.sent_bytes)
                for key, log in self._logs.items()
                if not log.is_over and now - log.sent_at >= log.sent_bytes / _BYTES_PER_SECOND
            ]
        for key, sent_bytes in running:
            if self._size(key) > sent_bytes:
                self._send(key)

    def finish(self, key: str) -> None:
        """The task is over: send all that it has printed."""
        if not self._size(key):
            with self._lock:
                self._logs.pop(key, None)
            return
        with self._lock:
            self._logs[key].is_over = True
        self._send(key)

    def close(self) -> str | None:
        """Wait until all logs are in the datastore.

        Returns
        -------
        str or None
            What to tell if some could not be sent. Their files stay.
        """
        self._uploads.finish()
        left = [key for key in self._logs if self._size(key)]
        for key in left:
            # Once more: the datastore may have been out of reach for a while only.
            self._logs[key].is_over = True
            self._work(key)
            if key in self._logs:
                break
        left = [key for key in left if key in self._logs]
        if not left:
            remove_folders(self._root, *self._run)
            return None
        what = "1 task" if len(left) == 1 else f"{len(left)} tasks"
        path = spool_path(self._root, left[0])
        return (
            f"What {what} printed could not be sent to the datastore and stays on this machine, such as {path}. "
            f"{self._failure} Once the datastore can be reached, `metaflow reindex` sends it."
        )

    def _size(self, key: str) -> int:
        try:
            return os.stat(spool_path(self._root, key)).st_size
        except OSError:
            return 0

    def _send(self, key: str) -> None:
        with self._lock:
            self._logs[key].wanted = True
            if key in self._busy:
                return
            self._busy.add(key)
        self._uploads.submit(key, 0, partial(self._work, key))

    def _work(self, key: str) -> None:
        """Send a log until nobody wants it sent any more."""
        while True:
            with self._lock:
                log = self._logs[key]
                log.wanted = False
                is_over = log.is_over
            failure = self._put(key, log)
            with self._lock:
                self._failure = failure or self._failure
                if failure is None and is_over:
                    del self._logs[key]
                if not log.wanted or key not in self._logs:
                    self._busy.discard(key)
                    break
        if key not in self._logs:
            remove_spooled(self._root, key)

    def _put(self, key: str, log: _Log) -> str | None:
        """Send a log as it is now; returns why that failed."""
        content = spooled(self._root, key)
        try:
            if content:
                self._store.put(key, [content])
                log.sent_bytes = len(content)
                log.sent_at = monotonic()
        except Exception as error:  # the run must not fail because of what it prints
            return as_error_of_store(error).message
        return None
