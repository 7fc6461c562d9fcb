"""One writer for all clients: what many send at the same time is recorded in one transaction."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from starlette.concurrency import run_in_threadpool

from metaflow.exception import DatabaseUnavailable, UnrecordableEvent
from metaflow.server.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metaflow.metadata_store.events import Event
    from metaflow.metadata_store.store import EventLog, MetadataStore

# Larger transactions are no faster, and keep others waiting.
_MOST_TOGETHER = 5_000
#: Events that may wait to be written; more than a database that lives takes in a few seconds.
MOST_WAITING = 100_000


class _Batch(NamedTuple):
    events: Sequence[Event]
    done: asyncio.Future[int]


class EventWriter:
    """Records events of many clients in the order in which they come.

    Parameters
    ----------
    metadata : MetadataStore
        Where they are recorded.
    log : EventLog
        Gives their ids.
    on_written : callable
        Called after each transaction with the number of its events.
    """

    def __init__(self, metadata: MetadataStore, log: EventLog, on_written: Callable[[int], None]) -> None:
        self._metadata = metadata
        self._log = log
        self._on_written = on_written
        self._waiting: deque[_Batch] = deque()
        self._count = 0
        self._work: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many events wait to be recorded."""
        return self._count

    async def apply(self, events: Sequence[Event]) -> int:
        """Record events, all or none.

        Parameters
        ----------
        events : sequence of events

        Returns
        -------
        int
            An id in the log of events; none of these has a higher one.

        Raises
        ------
        Refusal
            Too many wait already.
        UnrecordableEvent
            One of them has what the database cannot hold.
        MetadataException
            The database does not work. They may be sent again.
        """
        if self._count and self._count + len(events) > MOST_WAITING:
            raise Refusal(
                503,
                "overloaded",
                "The service gets more events than its database takes. Send them again later.",
                {"Retry-After": "2"},
            )
        batch = _Batch(events, asyncio.get_running_loop().create_future())
        self._waiting.append(batch)
        self._count += len(events)
        if self._work is None:
            self._work = asyncio.create_task(self._write(), name="metaflow-event-writer")
        # A client that hangs up does not take its events back: they may be part of what others wait for.
        return await asyncio.shield(batch.done)

    async def finish(self) -> None:
        """Wait until all that came is recorded."""
        while self._work is not None:
            await asyncio.wait([self._work])

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._write_together(self._take())
        finally:
            self._work = None

    def _take(self) -> list[_Batch]:
        taken: list[_Batch] = []
        count = 0
        while self._waiting and (not taken or count + len(self._waiting[0].events) <= _MOST_TOGETHER):
            taken.append(self._waiting.popleft())
            count += len(taken[-1].events)
        return taken

    async def _write_together(self, batches: list[_Batch]) -> None:
        error = await self._try(batches)
        if error is None:
            return
        if len(batches) == 1 or isinstance(error, DatabaseUnavailable):
            for batch in batches:
                self._settle(batch, error)
        else:
            await self._write_apart(batches)

    async def _write_apart(self, batches: list[_Batch]) -> None:
        """What is wrong with the events of one client is nothing to the others.

        But if two fail one after the other, and not for what their events are, it is the database, and every further
        attempt might take long to fail.
        """
        error: Exception | None = None
        failures = 0
        for batch in batches:
            if failures < 2:
                error = await self._try([batch])
                is_about_events = isinstance(error, UnrecordableEvent)
                failures = 0 if error is None or is_about_events else failures + 1
            if error is not None:
                self._settle(batch, error)

    async def _try(self, batches: list[_Batch]) -> Exception | None:
        events = [event for batch in batches for event in batch.events]
        try:
            last_id = await run_in_threadpool(self._record, events)
        except Exception as error:  # whatever it is, whoever waits must hear of it
            return error
        self._on_written(len(events))
        for batch in batches:
            self._settle(batch, last_id)
        return None

    def _settle(self, batch: _Batch, result: int | Exception) -> None:
        self._count -= len(batch.events)
        if batch.done.cancelled():
            return
        if isinstance(result, Exception):
            batch.done.set_exception(result)
        else:
            batch.done.set_result(result)

    def _record(self, events: list[Event]) -> int:
        if events:
            self._metadata.apply(events)
        return self._log.last_event_id()
