"""Running the service: open its database, listen, and end without breaking what is going on."""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from metaflow.exception import DatabaseUnavailable
from metaflow.server.app import create_app
from metaflow.server.configuration import shown_database
from metaflow.server.connections import Connection
from metaflow.server.database import open_database
from metaflow.server.listening import BACKLOG, address_of, allow_many_connections, listen
from metaflow.server.logs import set_up_logs

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI

    from metaflow.server.configuration import ServerSettings
    from metaflow.server.database import Database

_log = logging.getLogger("metaflow.server")

#: Seconds without a request after which a connection is closed.
_KEEP_ALIVE_SECONDS = 75
#: Seconds that requests have to end when the service is stopped.
_GRACE_SECONDS = 20


def _plain_app(database: Database, settings: ServerSettings) -> FastAPI:
    return create_app(database, database, database, settings)


def serve(
    settings: ServerSettings,
    announce: Callable[[str], None],
    make_app: Callable[[Database, ServerSettings], FastAPI] = _plain_app,
    pages: str = "",
) -> None:
    """Serve until the process is told to end (by SIGTERM or SIGINT).

    Then no connection is accepted any more, requests are finished, listeners are told to come back, and the database is
    closed. A second SIGINT ends the process at once.

    Parameters
    ----------
    settings : ServerSettings
    announce : callable
        Told, in a line for people, where the service listens, once it answers and can be told to end.
    make_app : callable
        Makes the application.
    pages : str
        Path of its pages; empty if it has none.

    Raises
    ------
    CommandException
        It cannot listen there.
    MetadataException
        The database cannot be used.
    """
    set_up_logs(settings.log_format, settings.log_level)
    allow_many_connections()
    listener = listen(settings.host, settings.port)
    try:
        database = open_database(settings.database, settings.database_connections)
        try:
            _try_out(database, settings)
            text = _announcement(settings, listener, pages)
            http_server(make_app(database, settings), lambda: announce(text)).run(sockets=[listener])
        finally:
            database.close()
    finally:
        listener.close()


def http_server(
    app: FastAPI, announce: Callable[[], None] | None = None, grace_seconds: int = _GRACE_SECONDS
) -> uvicorn.Server:
    """A server of HTTP for an application that :func:`~metaflow.server.app.create_app` made.

    Parameters
    ----------
    app : FastAPI
    announce : callable, optional
        Called once it answers, and ends when it is told to.
    grace_seconds : int
        Seconds that requests have to end when the server is stopped.
    """
    config = uvicorn.Config(
        app,
        http=Connection,
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=grace_seconds,
        lifespan="on",
        ws="none",
    )
    return _Server(config, announce)


def _try_out(database: Database, settings: ServerSettings) -> None:
    """See that the database can be used. One that cannot be reached yet is waited for by the clients."""
    try:
        if settings.read_only:
            database.last_event_id()
        else:
            database.trim_log(0.0)  # writes, and changes nothing
    except DatabaseUnavailable as error:
        _log.warning("The service starts without its database: %s", error)


class _Server(uvicorn.Server):
    """Ends streams before it waits for requests to end, as these never would; and returns when it was told to end."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._announce = announce

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Have signals end the server, and nothing else: uvicorn's own way raises them again when it has ended."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._announce is not None:
            self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.app.state.live.close()  # type: ignore[union-attr]  # made by create_app()
        await super().shutdown(sockets)


def _announcement(settings: ServerSettings, listener: socket.socket, pages: str) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    if settings.tokens:
        who = f"{len(settings.tokens)} token{'s' if len(settings.tokens) > 1 else ''}"
    else:
        who = (
            "no tokens: everybody on this machine may use it"
            if settings.is_on_loopback
            else "no tokens: everybody may use it"
        )
    mode = ", for reading only" if settings.read_only else ""
    app = f"; web app at {address_of(settings.host, listener)}{pages}" if pages else ""
    place = shown_database(settings.database)
    return f"Metadata service at http://{shown}:{port} ({who}{mode}), database {place}{app}"
