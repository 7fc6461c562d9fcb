"""Where a server listens, before the libraries that serve are imported: what comes meanwhile waits."""

from __future__ import annotations

import socket

from metaflow.exception import CommandException

#: Connections that may wait to be accepted; a thousand clients may come at once.
BACKLOG = 4096
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises
    ------
    CommandException
        The address cannot be had.
    """
    try:
        return _bound(host, port)
    except OSError as error:
        raise CommandException(
            f"The service cannot listen on {host}:{port}: {error.strerror or error}. Choose another address with "
            "--host or another port with --port (0 takes any that is free), or end the program that uses this one."
        ) from error


def listen_on_first_free(host: str, ports: range) -> socket.socket:
    """A socket that listens on the first of these ports that is free, or on any port if none is.

    Raises
    ------
    CommandException
        The address cannot be had, whatever the port.
    """
    for port in ports:
        try:
            return _bound(host, port)
        except OSError:
            continue
    return listen(host, 0)


def address_of(host: str, listener: socket.socket) -> str:
    """The address at which a browser of this machine reaches a server."""
    name = "127.0.0.1" if host in _EVERYWHERE else host
    return f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}"


def allow_many_connections() -> None:
    """Raise the number of open files to what the system allows: each connection is one."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # From now on connections wait instead of being refused.
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
