"""Live events: one reader of the log of events for any number of listeners.

The reader runs only while somebody listens. It reads an event once, writes it down once as a server-sent event, and
puts the same bytes into the queue of each listener that asked for such events.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.concurrency import run_in_threadpool

from metaflow.exception import MetadataException
from metaflow.server.answers import encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from metaflow.metadata_store.store import EventLog

_log = logging.getLogger("metaflow.server")

#: Events that are read from the log at a time.
PAGE = 500
#: Events that may wait for a listener before it counts as too slow.
MOST_WAITING = 5_000
#: Seconds between two looks at the log, which other services may write to as well.
POLL_SECONDS = 0.5
_DATABASE_RETRY_SECONDS = 2.0
# A listener that was found too slow is told so, if it takes that within this many seconds.
_FAREWELL_SECONDS = 10.0


class Interest(NamedTuple):
    """Which events a listener wants: all, those of a flow, or those of a run."""

    flow: str | None = None
    run_id: str | None = None


def frame(event_id: int, kind: str, data: Any) -> bytes:
    """A server-sent event."""
    return f"id: {event_id}\nevent: {kind}\ndata: {encode(data)}\n\n".encode("ascii")


def event_frame(event_id: int, plain: dict[str, Any]) -> bytes:
    """A server-sent event of an event of the log."""
    return frame(event_id, plain["kind"], plain)


class Listener:
    """Somebody who is sent events; used from the event loop only.

    Parameters
    ----------
    interest : Interest
    """

    def __init__(self, interest: Interest) -> None:
        self.interest = interest
        #: Why it is to be sent no more events: ``closing``, ``slow`` or ``gone``; empty while it is.
        self.ended = ""
        self._task = asyncio.current_task()
        self._waiting: list[tuple[int, bytes]] = []
        self._woken = asyncio.Event()

    def put(self, events: list[tuple[int, bytes]]) -> None:
        """Give it events to send."""
        if len(self._waiting) + len(events) > MOST_WAITING:
            self.end("slow")
            return
        self._waiting += events
        self._woken.set()

    def end(self, why: str) -> None:
        """Send no more to it."""
        if self.ended:
            return
        self.ended = why
        self._waiting = []
        self._woken.set()
        if self._task is not None and why == "slow":
            # It may well be stuck in sending something that nobody reads.
            asyncio.get_running_loop().call_later(_FAREWELL_SECONDS, self._task.cancel)

    async def next(self, patience: float) -> list[tuple[int, bytes]]:
        """Events that came since the last call, waiting for `patience` seconds at most; none if it has ended."""
        if not self._waiting and not self.ended:
            try:
                await asyncio.wait_for(self._woken.wait(), patience)
            except asyncio.TimeoutError:
                return []
        self._woken.clear()
        events, self._waiting = self._waiting, []
        return events


class LiveEvents:
    """Reads the log of events, and hands out what is new.

    Parameters
    ----------
    log : EventLog
    most_listeners : int
        How many listeners there may be.
    poll_seconds : float
        Seconds between two looks at the log.
    """

    def __init__(self, log: EventLog, most_listeners: int, poll_seconds: float = POLL_SECONDS) -> None:
        self._log = log
        self._poll_seconds = poll_seconds
        self._most_listeners = most_listeners
        self._listeners: dict[Interest, set[Listener]] = {}
        self._everyone: set[Listener] = set()
        self._wake = asyncio.Event()
        self._position: int | None = None
        self._joined: asyncio.Future[int] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._closing = False
        # All of these listeners may come back at once, for instance after a restart: let them not starve the rest.
        self._catching_up = asyncio.Semaphore(4)
        self.dropped = 0
        #: Awaited before a listener is told what the log has: for a log that is kept only while somebody listens.
        self.before_listening: Callable[[], Awaitable[None]] | None = None

    @property
    def count(self) -> int:
        """How many are listening."""
        return len(self._everyone)

    @property
    def is_full(self) -> bool:
        """Whether no further listener is accepted."""
        return self._closing or len(self._everyone) >= self._most_listeners

    def wake(self) -> None:
        """Say that there may be new events."""
        self._wake.set()

    def enter(self, interest: Interest) -> Listener:
        """Count a new listener, which is sent nothing before it calls :meth:`join`."""
        listener = Listener(interest)
        self._everyone.add(listener)
        if self._closing:
            listener.end("closing")
        return listener

    async def join(self, listener: Listener) -> int:
        """Have events put into a listener's queue.

        Returns
        -------
        int
            Id of the last event before those that it will get.
        """
        if self._position is None:
            position = await self._first_position()
        else:
            position = self._position
        # No await from here on: an event that is read now would be missed.
        position = self._position if self._position is not None else position
        if not listener.ended:
            self._listeners.setdefault(listener.interest, set()).add(listener)
        return position

    def leave(self, listener: Listener) -> None:
        """A listener is gone."""
        if listener.ended == "slow":
            self.dropped += 1
        self._everyone.discard(listener)
        same = self._listeners.get(listener.interest, set())
        same.discard(listener)
        if not same:
            self._listeners.pop(listener.interest, None)
        if not self._everyone and self._reader is not None:
            self._reader.cancel()
            self._reader, self._position = None, None

    async def past(self, after: int, interest: Interest) -> list[tuple[int, dict[str, Any]]]:
        """The next events behind `after`, from the log; fewer than ``PAGE`` are all there are."""
        async with self._catching_up:
            return await run_in_threadpool(self._log.events_after, after, PAGE, interest.flow, interest.run_id)

    async def bounds(self) -> tuple[int, int]:
        """Ids of the oldest and of the last event of the log."""
        if self.before_listening is not None:
            await self.before_listening()
        async with self._catching_up:
            oldest = await run_in_threadpool(self._log.oldest_event_id)
            return oldest, await run_in_threadpool(self._log.last_event_id)

    async def position_before(self, seconds: float) -> int:
        """Id of the last event that is older than so many seconds."""
        async with self._catching_up:
            return await run_in_threadpool(self._log.last_event_id_before, time.time() - seconds)

    def start_over(self, last_id: int) -> None:
        """Tell all listeners that events are missing in the log: they read everything anew.

        Parameters
        ----------
        last_id : int
            Id of the last event of the log; higher than any that was there before.
        """
        if self._position is not None:
            self._position = last_id
        told = [(last_id, frame(last_id, "reset", {"last_id": last_id}))]
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.put(told)

    def close(self) -> None:
        """End all listeners, telling them to come back."""
        self._closing = True
        for listener in list(self._everyone):
            listener.end("closing")

    async def _first_position(self) -> int:
        """Start the reader, or wait for the one that somebody else is starting."""
        if self._joined is None:
            self._joined = asyncio.get_running_loop().create_future()
            self._joined.add_done_callback(lambda done: done.cancelled() or done.exception())
            try:
                position = await run_in_threadpool(self._log.last_event_id)
            except BaseException as error:
                failed, self._joined = self._joined, None
                failed.set_exception(error if isinstance(error, MetadataException) else MetadataException("cancelled"))
                raise
            self._position = position
            self._reader = asyncio.create_task(self._read(), name="metaflow-live-events")
            ready, self._joined = self._joined, None
            ready.set_result(position)
            return position
        return await asyncio.shield(self._joined)

    async def _read(self) -> None:
        while True:
            assert self._position is not None
            self._wake.clear()
            try:
                page = await run_in_threadpool(self._log.events_after, self._position, PAGE)
                if page:
                    self._publish(page)
                    self._position = page[-1][0]
            except MetadataException as error:
                _log.error("Live events wait for the database: %s", error)
                await asyncio.sleep(_DATABASE_RETRY_SECONDS)
                continue
            except Exception:  # without the reader, all listeners would wait for ever
                _log.exception("Live events cannot be read, and are tried again.")
                await asyncio.sleep(_DATABASE_RETRY_SECONDS)
                continue
            if len(page) < PAGE:
                await _quietly(asyncio.wait_for(self._wake.wait(), self._poll_seconds))

    def _publish(self, page: list[tuple[int, dict[str, Any]]]) -> None:
        batches: dict[Interest, list[tuple[int, bytes]]] = {}
        for event_id, plain in page:
            flow, run_id = subject(plain)
            written: tuple[int, bytes] | None = None
            for interest in (Interest(), Interest(flow), Interest(flow, run_id)):
                if interest in self._listeners:
                    written = written or (event_id, event_frame(event_id, plain))
                    batches.setdefault(interest, []).append(written)
        for interest, events in batches.items():
            for listener in self._listeners[interest]:
                listener.put(events)


def subject(plain: dict[str, Any]) -> tuple[str, str]:
    """Flow and run that an event is about."""
    about = plain.get("run") or plain.get("task") or plain
    return about["flow"], about["run_id"]


async def _quietly(waiting: Coroutine[Any, Any, Any]) -> None:
    try:
        await waiting
    except asyncio.TimeoutError:
        pass
