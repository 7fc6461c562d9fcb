"""Finds the log of a task attempt, wherever it is, and keeps the indexes of those that were looked at lately."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from metaflow.client.log_spool import spool_path
from metaflow.datastore.file_errors import file_error
from metaflow.datastore.layout import AttemptKey, live_key, log_key
from metaflow.datastore.local import local_file
from metaflow.datastore.logs import unfinished_path
from metaflow.metadata_store.store import TaskQuery
from metaflow.web.logs.line_text import SHOWN_BYTES
from metaflow.web.logs.log_index import LogIndex, parsed
from metaflow.web.logs.remote_copies import RemoteCopies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import TaskRecord
    from metaflow.web.logs.log_index import Line

#: How many indexes are kept; each has a few kilobytes for a hundred megabytes of log.
_MOST_INDEXES = 2000
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
        self._path = Path()
        # What the system said of the file before it was last read; then there is nothing new if it says the same.
        self._seen: tuple[int, int, int, int] | None = None
        self._lock = threading.Lock()

    def renew(self, path: Path) -> None:
        """Take in what was added, from a file that may be another than before.

        Raises
        ------
        DataException
            If it cannot be read.
        """
        with self._lock:
            self._path = path
            try:
                status = os.stat(path)
                identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                if identity == self._seen:
                    return
                with open(path, "rb", buffering=0) as file:
                    self.is_missing = False
                    if os.fstat(file.fileno()).st_size < self.index.end or not self.index.extend(file):
                        self._forget()
                        self.index.extend(file)
                self._seen = identity
            except FileNotFoundError:
                self.is_missing, self._seen = True, None
                if self.index.end:
                    self._forget()
            except OSError as error:
                raise file_error("read the log", path, error) from error

    @contextmanager
    def reading(self) -> Iterator[BinaryIO]:
        """The file, for as long as the block runs; an empty one if there is none.

        Raises
        ------
        DataException
            If it cannot be read.
        """
        try:
            file = open(os.devnull if self.is_missing else self._path, "rb", buffering=0)  # noqa: SIM115
        except FileNotFoundError:
            file = open(os.devnull, "rb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise file_error("read the log", self._path, error) from error
        with file:
            try:
                yield file
            except OSError as error:
                raise file_error("read the log", self._path, error) from error

    def unfinished(self) -> list[Line]:
        """What was printed since the last line feed of each stream; only of a task that runs on this machine."""
        try:
            with open(unfinished_path(self._path), "rb") as file:
                content = file.read(4 * SHOWN_BYTES)
        except OSError:
            return []
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
        self._copies = RemoteCopies()
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
        attempt = AttemptKey(task.flow, task.run_id, task.step, task.task_id, task.attempt)
        with self._lock:
            log = self._logs.get(attempt)
            if log is None:
                log = self._logs[attempt] = OpenLog()
                if len(self._logs) > _MOST_INDEXES:
                    self._logs.popitem(last=False)
            self._logs.move_to_end(attempt)
        log.renew(self.path(task))
        return log

    def path(self, task: TaskRecord) -> Path:
        """The file with the log of an attempt, brought here first if it is elsewhere.

        There is no such file if nothing was printed.

        Raises
        ------
        DataException
            If it cannot be read.
        """
        attempt = AttemptKey(task.flow, task.run_id, task.step, task.task_id, task.attempt)
        store, key = self._provider.store_of(task.flow, task.run_id), log_key(*attempt)
        path = local_file(store, key)
        if path is None:
            spooled = Path(spool_path(self._provider.home.root, key))
            if spooled.exists():
                return spooled
        elif path.exists() or not any(store.scan(live_key(*attempt))):
            return path
        return self._copies.path(store, key, attempt, task.status != "running")

    def is_remote(self, flow: str, run_id: str) -> bool:
        """Whether reading a log of a run is a journey over a network, so that many should be made at a time."""
        return self._provider.store_of(flow, run_id).is_remote
