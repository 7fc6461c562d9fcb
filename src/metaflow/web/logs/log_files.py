"""Finds the log of a task attempt, wherever it is, and keeps the indexes of those that were looked at lately."""

from __future__ import annotations

import io
import itertools
import os
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from metaflow.client.log_spool import spool_path
from metaflow.datastore.layout import AttemptKey, log_key
from metaflow.datastore.local import local_file
from metaflow.metadata_store.store import TaskQuery
from metaflow.web.contained_store import opener_of
from metaflow.web.logs.line_text import SHOWN_BYTES
from metaflow.web.logs.log_index import LogIndex, parsed
from metaflow.web.logs.remote_logs import RemoteLogs
from metaflow.web.logs.sources import LogFile, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator
    from typing import TypeVar

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import TaskRecord
    from metaflow.web.logs.log_index import Line
    from metaflow.web.logs.sources import LogBytes, LogSource

    T = TypeVar("T")
    R = TypeVar("R")

#: How many indexes are kept; each has a few kilobytes for a hundred megabytes of log.
_MOST_INDEXES = 2000
#: Logs that are fetched at a time from behind a network.
_AT_ONCE = 16
#: How often a clone may be one of a clone.
_MOST_ORIGINS = 100


class Origin(NamedTuple):
    """Whose log it is.

    Attributes
    ----------
    task : TaskRecord
        The attempt that printed it: that of another run, if the one that was asked for is a clone.
    pathspec : str
        Of the task that was cloned; empty if the task is none.
    is_gone : bool
        Whether that one does not exist any more, so that there is no log.
    """

    task: TaskRecord
    pathspec: str = ""
    is_gone: bool = False


class OpenLog:
    """The log of an attempt.

    Attributes
    ----------
    index : LogIndex
        Of what it had when it was opened last.
    version : int
        Another one if what was read before is not there any more: somebody has taken it back.
    is_missing : bool
        Whether there is no log: nothing was printed, or it was deleted.
    """

    def __init__(self) -> None:
        self.index = LogIndex()
        self.version = next(_versions)
        self.is_missing = True
        self._source: LogSource = LogFile(os.devnull)
        # How the log was before it was last read; then there is nothing new if it still is.
        self._seen: Hashable | None = None
        self._lock = threading.Lock()

    def renew(self, source: LogSource) -> None:
        """Take in what was added, from a source that may be another than before.

        Raises
        ------
        DataException
            If it cannot be read.
        """
        with self._lock:
            self._source = source
            state = source.state()
            if state is not None and state == self._seen:
                return
            file = source.open()
            self._seen, self.is_missing = None, file is None
            if file is None:
                if self.index.end:
                    self._forget()
                return
            with reading(file) as content:
                if not self.index.extend(content):
                    self._forget()
                    self.index.extend(content)
            self._seen = state

    @contextmanager
    def reading(self) -> Iterator[LogBytes]:
        """The bytes of the log, for as long as the block runs; none if there is no log.

        Raises
        ------
        DataException
            If it cannot be read.
        """
        with reading(self._source.open() or io.BytesIO()) as file:
            yield file

    def unfinished(self) -> list[Line]:
        """What was printed since the last line feed of each stream; only of a task that runs on this machine."""
        content = self._source.unfinished(4 * SHOWN_BYTES)
        return [parsed(self.index.lines, raw) for raw in content.split(b"\n") if raw]

    def _forget(self) -> None:
        self.index = LogIndex()
        self.version = next(_versions)


#: Begins with the time, so that a page that outlives the server never takes one log for another.
_versions = itertools.count(int(time.time() * 1000))


class LogFiles:
    """Logs of task attempts. Its methods wait for files and networks, so they are called in threads.

    Parameters
    ----------
    provider : Provider
        Knows the datastore of each run.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._remote = RemoteLogs()
        self._logs: OrderedDict[AttemptKey, OpenLog] = OrderedDict()
        self._lock = threading.Lock()

    def origin(self, task: TaskRecord) -> Origin:
        """Whose log a task shows."""
        first, found = task, task
        for _ in range(_MOST_ORIGINS):
            if found.origin is None:
                break
            flow, run_id, step, task_id = found.origin.split("/")
            origins = self._provider.tasks(TaskQuery(flow, run_id, step, task_id))
            if not origins:
                return Origin(found, found.origin, True)
            found = origins[0]
        return Origin(found, "" if found is first else found.pathspec)

    def open(self, task: TaskRecord) -> OpenLog:
        """The log that an attempt itself has written, as it is now.

        Raises
        ------
        DataException
            If it cannot be read.
        """
        return self._renewed(task, self.source(task))

    def printed(self, task: TaskRecord) -> OpenLog | None:
        """The same; None if there is no log, of which nothing is kept then, as a run may have very many such tasks.

        Raises
        ------
        DataException
            If it cannot be read.
        """
        source = self.source(task)
        return None if source.state() is None else self._renewed(task, source)

    def _renewed(self, task: TaskRecord, source: LogSource) -> OpenLog:
        attempt = AttemptKey(task.flow, task.run_id, task.step, task.task_id, task.attempt)
        with self._lock:
            log = self._logs.get(attempt)
            if log is None:
                log = self._logs[attempt] = OpenLog()
                if len(self._logs) > _MOST_INDEXES:
                    self._logs.popitem(last=False)
            self._logs.move_to_end(attempt)
        log.renew(source)
        return log

    def source(self, task: TaskRecord) -> LogSource:
        """The bytes of the log that an attempt itself has written, wherever they are now.

        Raises
        ------
        DataException
            If they cannot be reached.
        """
        attempt = AttemptKey(task.flow, task.run_id, task.step, task.task_id, task.attempt)
        store, key = self._provider.store_of(task.flow, task.run_id), log_key(*attempt)
        path = local_file(store, key)
        # The log of a task that runs here is a file, also if it will be elsewhere.
        here = spool_path(self._provider.home.root, key) if path is None else str(path)
        if os.path.exists(here) or (path is not None and not self._remote.parts(store, attempt)):
            return LogFile(here, opener_of(store))
        return self._remote.log(store, key, attempt, task.status != "running")

    def ahead(self, flow: str, run_id: str, tasks: Iterable[T], read: Callable[[T], R]) -> Iterator[tuple[T, R]]:
        """Read something for each of many tasks of a run, in order: several at a time, where that is a journey.

        Parameters
        ----------
        flow, run_id : str
            The run.
        tasks : iterable
            What to read it for. No more are taken than are needed.
        read : callable
            Reads it for one; it must not raise.
        """
        if not self._provider.store_of(flow, run_id).is_remote:
            yield from ((each, read(each)) for each in tasks)
            return
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            left = iter(tasks)
            while some := list(islice(left, _AT_ONCE)):
                yield from zip(some, pool.map(read, some), strict=True)
