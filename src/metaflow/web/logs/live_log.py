"""What is new in the log of a task, message by message, until nothing more can come."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from metaflow.exception import DataException, MetadataException
from metaflow.server.errors import Refusal
from metaflow.web.logs.live_answers import NO_PROBLEM, message
from metaflow.web.logs.requests import find_task, unreadable
from metaflow.web.logs.task_logs import open_task_log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import Any

    from metaflow.metadata_store.records import TaskRecord
    from metaflow.web.logs.log_files import LogFiles
    from metaflow.web.logs.log_pages import Looking
    from metaflow.web.services import WebServices
    from metaflow.web.task.address import TaskAddress

# Seconds between two looks at whether an attempt is over.
_STATUS_SECONDS = 1.0


class LiveLog:
    """Tells one listener what is new in the log of an attempt.

    Parameters
    ----------
    web : WebServices
    files : LogFiles
    address : TaskAddress
        Which attempt.
    looking : Looking
        What of its log.
    version : int or None
        The version of the log that is known; None if none is.
    known : int
        How many lines of it are known.
    """

    def __init__(
        self,
        web: WebServices,
        files: LogFiles,
        address: TaskAddress,
        looking: Looking,
        version: int | None,
        known: int,
    ) -> None:
        self._web = web
        self._files = files
        self._address = address
        self._looking = looking
        self._version = version
        self._known = known
        self._unfinished: Any = None
        self._problem = ""
        self._database_problem = ""
        self._told_attempt: int | None = None
        self._is_first = True

    async def messages(self) -> AsyncIterator[bytes]:
        """Give the messages; an empty one whenever nothing more is new."""
        metadata = self._web.server.metadata
        task, latest = await run_in_threadpool(find_task, metadata, self._address)
        # That attempt from here on, whichever is the latest by then.
        address = self._address._replace(attempt=task.attempt)
        asked_at = 0.0
        while True:
            was_over = task.status != "running"
            for told in await run_in_threadpool(self._look, task, latest):
                yield told
            if was_over and not self._problem:
                yield message("end", {"status": task.status})
                return
            yield b""
            if time.monotonic() - asked_at >= _STATUS_SECONDS:
                asked_at = time.monotonic()
                try:
                    task, latest = await run_in_threadpool(find_task, metadata, address)
                except Refusal as refusal:  # the run was deleted
                    yield message("problem", {"message": refusal.detail})
                    return
                except MetadataException as error:
                    if error.message != self._database_problem:
                        self._database_problem = error.message
                        yield message("problem", {"message": self._web.reason(error)})
                else:
                    if self._database_problem:
                        self._database_problem = ""
                        self._problem = ""  # this ends on the page too, so it is told anew if it is still there
                        yield NO_PROBLEM

    def _look(self, task: TaskRecord, latest: int) -> list[bytes]:
        """Messages about what is new."""
        try:
            log = open_task_log(self._files, task, latest, self._looking)
            growth = log.growth(self._known)
            told = []
            if self._version not in (None, growth["version"]):
                told.append(message("reset", {"version": growth["version"]}))
                self._known, self._is_first = 0, True
                growth = log.growth(0)
        except DataException as error:
            is_told, self._problem = error.message == self._problem, error.message
            return [] if is_told else [message("problem", {"message": unreadable(error).detail})]
        if self._problem and not self._database_problem:
            told.append(NO_PROBLEM)
        self._problem = ""
        self._version = growth["version"]
        return [*told, *self._news(growth), *self._later_attempt(task, latest)]

    def _news(self, growth: dict[str, Any]) -> Iterator[bytes]:
        now = (growth["total_lines"], growth["unfinished"])
        if self._is_first or now != (self._known, self._unfinished):
            (self._known, self._unfinished), self._is_first = now, False
            yield message("rows", growth, f"{self._version}.{self._known}")

    def _later_attempt(self, task: TaskRecord, latest: int) -> Iterator[bytes]:
        if latest > task.attempt and latest != self._told_attempt:
            self._told_attempt = latest
            yield message("attempt", {"attempt": latest})
