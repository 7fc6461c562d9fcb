"""Connections of HTTP, of which none stays that does not say what it wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

#: Seconds that a client may take to send the head of a request. Whoever opens connections and says nothing could take
#: all that there are, without ever showing a token.
_HEAD_SECONDS = 30.0


class Connection(H11Protocol):
    """Closes itself if the head of a request does not come in time; silence between requests has a limit already."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client has come."""
        super().connection_made(transport)
        self._look()

    def _should_upgrade(self) -> bool:
        # Whoever offers another protocol, such as WebSocket, is answered by HTTP, as if there were no offer. By itself,
        # uvicorn would do the same, and advise in the log to install libraries for it.
        return False

    def data_received(self, data: bytes) -> None:
        """A client has sent something."""
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """A client is gone."""
        self._be_patient(False)
        super().connection_lost(exc)

    def _look(self) -> None:
        cycle: Any = self.cycle  # None before the first request
        self._be_patient(cycle is None or cycle.response_complete)

    def _be_patient(self, is_awaited: bool) -> None:
        """Begin to wait for a head, go on waiting, or stop."""
        if is_awaited and self._patience is None:
            self._patience = self.loop.call_later(_HEAD_SECONDS, self.transport.close)
        elif not is_awaited and self._patience is not None:
            self._patience.cancel()
            self._patience = None
