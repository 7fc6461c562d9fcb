"""Running the service: open its database, listen, and end without breaking what is going on."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from metaflow.exception import CommandException, DatabaseUnavailable
from metaflow.server.app import create_app
from metaflow.server.configuration import shown_database
from metaflow.server.database import open_database
from metaflow.server.logs import set_up_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI

    from metaflow.server.configuration import ServerSettings
    from metaflow.server.database import Database

_log = logging.getLogger("metaflow.server")

#: Connections that may wait to be accepted; a thousand clients may come at once.
_BACKLOG = 4096
#: Seconds without a request after which a connection is closed.
_KEEP_ALIVE_SECONDS = 75
#: Seconds that requests have to end when the service is stopped.
_GRACE_SECONDS = 20


def serve(settings: ServerSettings, announce: Callable[[str], None]) -> None:
    """Serve until the process is told to end (by SIGTERM or SIGINT).

    Then no connection is accepted any more, requests are finished, listeners are told to come back, and the database is
    closed. A second SIGINT ends the process at once.

    Parameters
    ----------
    settings : ServerSettings
    announce : callable
        Told, in a line for people, where the service listens, once it does.

    Raises
    ------
    CommandException
        It cannot listen there.
    MetadataException
        The database cannot be used.
    """
    set_up_logs(settings.log_format, settings.log_level)
    _allow_many_connections()
    listener = _listen(settings.host, settings.port)
    try:
        database = open_database(settings.database, settings.database_connections)
        try:
            _try_out(database, settings)
            server = http_server(create_app(database, database, database, settings))
            announce(_announcement(settings, listener))
            server.run(sockets=[listener])
        finally:
            database.close()
    finally:
        listener.close()


def http_server(app: FastAPI) -> uvicorn.Server:
    """A server of HTTP for an application that :func:`~metaflow.server.app.create_app` made."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        lifespan="on",
        ws="none",
    )
    return _Server(config)


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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.app.state.live.close()  # type: ignore[union-attr]  # made by create_app()
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            # From now on connections wait instead of being refused.
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise CommandException(
            f"The service cannot listen on {host}:{port}: {error.strerror or error}. Choose another address with "
            "--host or another port with --port (0 takes any that is free), or end the program that uses this one."
        ) from error
    return listener


def _announcement(settings: ServerSettings, listener: socket.socket) -> str:
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
    return f"Metadata service at http://{shown}:{port} ({who}{mode}), database {shown_database(settings.database)}"


def _allow_many_connections() -> None:
    """Raise the number of open files to what the system allows: each connection is one."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
