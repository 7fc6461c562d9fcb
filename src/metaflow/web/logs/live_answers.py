"""Answers that go on: what is new in logs, as server-sent events, until nothing more can come."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response

from metaflow.server.answers import encode
from metaflow.server.live import Interest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import Any

    from starlette.types import Receive, Scope, Send

    from metaflow.server.live import Listener, LiveEvents

#: Seconds between two looks for what is new.
LOOK_SECONDS = 0.4
#: Seconds of silence after which a comment is sent: proxies end connections on which nothing happens.
_HEARTBEAT_SECONDS = 15.0
_RETRY = b"retry: 1500\n\n"


def message(kind: str, data: Any, event_id: str = "") -> bytes:
    """A server-sent event."""
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {kind}\ndata: {encode(data)}\n\n".encode("ascii")


#: Says that what was told to be wrong is over.
NO_PROBLEM = message("problem", {"message": ""})


class GoingOn(Response):
    """Sends messages until there are no more, the listener goes, or the service ends.

    Parameters
    ----------
    live : LiveEvents
        Counts the listener, and tells it when the service ends.
    messages : callable
        Gives the messages; an empty one if nothing is new, and then again after a while.
    """

    media_type = "text/event-stream"

    def __init__(self, live: LiveEvents, messages: Callable[[], AsyncIterator[bytes]]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._live = live
        self._messages = messages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until it is over."""
        listener = self._live.enter(Interest())
        gone = asyncio.create_task(_until_gone(receive))
        gone.add_done_callback(lambda _: listener.end("gone"))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _write(send, _RETRY)
            await self._send_all(listener, send)
            if listener.ended != "gone":
                if listener.ended:
                    await _write(send, message(listener.ended, {}))
                await _write(send, b"", more=False)
        finally:
            gone.cancel()
            self._live.leave(listener)

    async def _send_all(self, listener: Listener, send: Send) -> None:
        silent = 0.0
        async for body in self._messages():
            if listener.ended:
                return
            if body:
                await _write(send, body)
                silent = 0.0
                continue
            await listener.next(LOOK_SECONDS)
            silent += LOOK_SECONDS
            if listener.ended:
                return
            if silent >= _HEARTBEAT_SECONDS:
                await _write(send, b":\n\n")
                silent = 0.0


async def _write(send: Send, body: bytes, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
