"""The answer that never ends: events as they happen, as server-sent events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response

from metaflow.server.live import PAGE, event_frame, frame

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from metaflow.server.live import Interest, Listener, LiveEvents

#: Seconds of silence after which a comment is sent: proxies end connections on which nothing happens.
_HEARTBEAT_SECONDS = 15.0
# Listeners come back after this many milliseconds; an outage should not last much longer for them than for others.
_RETRY = b"retry: 2000\n\n"


class EventStream(Response):
    """Sends a listener the events behind one that it knows, and then every new one.

    Parameters
    ----------
    live : LiveEvents
    interest : Interest
    after : int or None
        Id of the last event that the listener knows; None to begin with what happens next.
    """

    media_type = "text/event-stream"

    def __init__(self, live: LiveEvents, interest: Interest, after: int | None) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._live = live
        self._interest = interest
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the listener goes, is too slow, or the service ends."""
        listener = self._live.enter(self._interest)
        gone = asyncio.create_task(_until_gone(receive))
        gone.add_done_callback(lambda _: listener.end("gone"))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _write(send, _RETRY)
            await self._send_all(listener, send)
            if listener.ended != "gone":
                await _write(send, f"event: {listener.ended}\ndata: {{}}\n\n".encode("ascii"))
                await _write(send, b"", more=False)
        except asyncio.CancelledError:
            if listener.ended != "slow":
                raise
        finally:
            gone.cancel()
            self._live.leave(listener)

    async def _send_all(self, listener: Listener, send: Send) -> None:
        sent = await self._start(listener, send)
        last = await self._live.join(listener)
        sent = await self._catch_up(listener, send, sent if sent is not None else last, last)
        await _write(send, frame(sent, "ready", {"last_id": sent}))
        while not listener.ended:
            events = await listener.next(_HEARTBEAT_SECONDS)
            if listener.ended:
                return
            await _write(send, b"".join([text for event_id, text in events if event_id > sent]) or b":\n\n")
            sent = max(sent, events[-1][0]) if events else sent

    async def _start(self, listener: Listener, send: Send) -> int | None:
        """Bring the listener near to the present, which it then waits for without reading from the log."""
        if self._after is None:
            return None
        oldest, last = await self._live.bounds()
        if not oldest - 1 <= self._after <= last:
            # What it missed is no longer known, or its ids are those of another database.
            await _write(send, frame(last, "reset", {"last_id": last}))
            return last
        return await self._catch_up(listener, send, self._after, last)

    async def _catch_up(self, listener: Listener, send: Send, sent: int, last: int) -> int:
        """Send what the log has up to an id; gives the id that the listener then knows."""
        while sent < last and not listener.ended:
            page = await self._live.past(sent, self._interest)
            if page:
                await _write(send, b"".join([event_frame(event_id, plain) for event_id, plain in page]))
                sent = page[-1][0]
            if len(page) < PAGE:
                return max(sent, last)
        return sent


async def _write(send: Send, body: bytes, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
