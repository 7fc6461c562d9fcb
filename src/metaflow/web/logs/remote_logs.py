"""Logs that are not files of this machine, or not yet: what was read of them is kept, within a bound."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from metaflow.datastore.live_tasks import list_live_tasks
from metaflow.web.logs.remote_log import RemoteLog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.datastore.layout import AttemptKey
    from metaflow.datastore.live_tasks import LiveTask
    from metaflow.datastore.store import ObjectStore

#: Bytes that are kept of all logs together; of more, those of the logs go that were not read for longest.
MOST_BYTES = 1024 * 1024 * 1024
_MOST_LOGS = 20_000
_MOST_RUNS = 16
# Seconds for which what is known of a log counts as up to date: of a task that runs, and of one that is over, whose log
# only changes if somebody takes back what it printed.
_FRESH_SECONDS = 0.9
_FRESH_SECONDS_WHEN_OVER = 10.0


class RemoteLogs:
    """Logs behind a network, and logs of tasks on other machines. May be used by several threads.

    Parameters
    ----------
    most_bytes : int, optional
        Bytes that are kept of all logs together.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._logs: OrderedDict[AttemptKey, RemoteLog] = OrderedDict()
        self._live: OrderedDict[tuple[str, str], tuple[float, Mapping[str, LiveTask]]] = OrderedDict()
        self._lock = threading.Lock()
        self._number = 0
        self._kept_bytes = 0

    def log(self, store: ObjectStore, key: str, attempt: AttemptKey, is_over: bool) -> RemoteLog:
        """A log as it is now.

        Parameters
        ----------
        store : ObjectStore
            The run's datastore.
        key : str
            Of the log there.
        attempt : AttemptKey
            Whose log it is.
        is_over : bool
            Whether the attempt is over.

        Raises
        ------
        DataException
            It cannot be read.
        """
        log = self._known(store, key, attempt)
        fresh = _FRESH_SECONDS_WHEN_OVER if is_over and log.is_whole else _FRESH_SECONDS
        if time.monotonic() - log.checked_at >= fresh:
            stored = store.stat(key)
            if stored is not None:
                log.found(stored)
            else:
                log.found_parts(self.parts(store, attempt))
            log.checked_at = time.monotonic()
        self._make_room(attempt)
        return log

    def parts(self, store: ObjectStore, attempt: AttemptKey) -> Mapping[int, int]:
        """Sizes of the parts of the log of an attempt that runs on another machine, by number; none of any other.

        Raises
        ------
        DataException
            They cannot be listed.
        """
        run = (attempt.flow, attempt.run_id)
        with self._lock:
            until, tasks = self._live.get(run, (0.0, {}))
        if time.monotonic() >= until:
            # One listing tells of all tasks of the run.
            tasks = list_live_tasks(store, *run)
            with self._lock:
                self._live[run] = (time.monotonic() + _FRESH_SECONDS, tasks)
                if len(self._live) > _MOST_RUNS:
                    self._live.popitem(last=False)
        found = tasks.get(f"{attempt.step}/{attempt.task_id}/{attempt.attempt}")
        return {} if found is None else found.log_sizes

    def _known(self, store: ObjectStore, key: str, attempt: AttemptKey) -> RemoteLog:
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="metaflow-logs-")
            log = self._logs.get(attempt)
            if log is None:
                self._number += 1
                path = Path(self._folder.name, f"{self._number}.log")
                log = self._logs[attempt] = RemoteLog(store, key, attempt, path, self._count)
            self._logs.move_to_end(attempt)
            return log

    def _count(self, kept: int) -> None:
        with self._lock:
            self._kept_bytes += kept

    def _make_room(self, keep: AttemptKey) -> None:
        """Let go of what was not read for longest, where there is too much."""
        gone = []
        with self._lock:
            left = self._kept_bytes
            for attempt in list(self._logs) if left > self._most_bytes or len(self._logs) > _MOST_LOGS else ():
                if left <= self._most_bytes and len(self._logs) <= _MOST_LOGS:
                    break
                if attempt != keep:
                    gone.append(self._logs.pop(attempt))
                    left -= gone[-1].kept_bytes
        for log in gone:
            log.drop()
