"""How the service is set up: options, settings, and the variables of Metaflow's own service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow import settings
from metaflow.datastore.sizes import MEGABYTE
from metaflow.exception import CommandException
from metaflow.server.tokens import parse_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.server.tokens import Token

_LOOPBACK = ("localhost", "::1")


class ServerSettings(NamedTuple):
    """How the service is set up.

    Attributes
    ----------
    host, port : str, int
        Where it listens.
    database : str
        URL of a PostgreSQL database, or path of a SQLite file.
    database_connections : int
        How many connections to PostgreSQL there may be at once.
    tokens : tuple of Token
        Who may use it; everybody if empty.
    insecure : bool
        Serve everybody without tokens also from other machines.
    read_only : bool
        Refuse all writes.
    cors_origins : tuple of str
        Web pages that may use it from a browser.
    body_bytes : int
        Largest body of a request, in bytes.
    requests_per_second, requests_at_once : int
        What one client may ask for; 0 for any number.
    most_listeners : int
        How many may listen to live events.
    event_days : float
        How long events are kept for listeners that were away.
    log_format, log_level : str
        ``text`` or ``json``; ``debug``, ``info``, ``warning`` or ``error``.
    project : str
        Which project it serves, if it is no team's: differs from all others, and stays the same.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    database: str = ""
    database_connections: int = 20
    tokens: tuple[Token, ...] = ()
    insecure: bool = False
    read_only: bool = False
    cors_origins: tuple[str, ...] = ()
    body_bytes: int = 16 * 10**6
    requests_per_second: int = 1000
    requests_at_once: int = 500
    most_listeners: int = 5000
    event_days: float = 7
    log_format: str = "text"
    log_level: str = "info"
    project: str = ""

    @property
    def app(self) -> str:
        """What tells it from all other apps that a browser may meet at the same address."""
        if self.project:
            return self.project
        # Files of the same name on two machines are two databases.
        return shown_database(self.database) if "://" in self.database else f"{os.uname().nodename}:{self.database}"

    @property
    def is_on_loopback(self) -> bool:
        """Whether only programs of this machine can reach it."""
        return self.host in _LOOPBACK or self.host.startswith("127.")


def server_settings(options: Mapping[str, Any]) -> ServerSettings:
    """Settings of a service: what the command line says, else the environment and the configuration files.

    Parameters
    ----------
    options : mapping
        Options of ``metaflow server`` by name; None for one that was not given.

    Raises
    ------
    CommandException
        They cannot be used, or would let everybody in.
    """

    def chosen(option: str, *variables: str) -> Any:
        given = options.get(option)
        if given is not None:
            return given
        resolved = settings.resolve(f"SERVER_{option.upper()}")
        if resolved.source == "default":
            for variable in variables:
                if os.environ.get(variable):
                    return os.environ[variable]
        return resolved.value

    made = ServerSettings(
        host=str(chosen("host", "MF_METADATA_HOST")),
        port=_port(chosen("port", "MF_METADATA_PORT")),
        database=str(chosen("database") or _database_of_variables() or default_database()),
        database_connections=_at_least("SERVER_DATABASE_CONNECTIONS", 2),
        tokens=_tokens(chosen("tokens_file")),
        insecure=bool(options.get("insecure")),
        read_only=bool(options.get("read_only") or settings.get("SERVER_READ_ONLY")),
        cors_origins=tuple(str(origin).rstrip("/") for origin in settings.get("SERVER_CORS_ORIGINS")),
        body_bytes=_at_least("SERVER_MAX_BODY", 1) * MEGABYTE,
        requests_per_second=_at_least("SERVER_REQUESTS_PER_SECOND", 0),
        requests_at_once=_at_least("SERVER_REQUESTS_AT_ONCE", 0),
        most_listeners=_at_least("SERVER_LISTENERS", 0),
        event_days=_at_least("SERVER_EVENT_DAYS", 0),
        log_format=_one_of("log_format", chosen("log_format"), ("text", "json")),
        log_level=_one_of("log_level", str(chosen("log_level")).lower(), ("debug", "info", "warning", "error")),
    )
    if not (made.tokens or made.insecure or made.is_on_loopback):
        raise CommandException(
            f"Everybody who can reach {made.host} could read and change all records, because there are no tokens. Make "
            "one with `metaflow server token NAME`, and name the file with --tokens, or put it into "
            "METAFLOW_SERVER_TOKENS. If nobody else can reach this address, say --insecure."
        )
    return made


def default_database() -> str:
    """The SQLite file that is used if no database is named: in the user's directory for data."""
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(data, "metaflow", "service.sqlite")


def shown_database(database: str) -> str:
    """The database for people: without the password."""
    if "://" not in database:
        return database
    scheme, _, rest = database.partition("://")
    address = rest.partition("?")[0]
    authority, slash, path = address.partition("/")
    user, at, host = authority.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}{at}{host}{slash}{path}"


def _database_of_variables() -> str | None:
    """The PostgreSQL database that the variables of Metaflow's own service name."""
    from urllib.parse import quote

    names = ("HOST", "PORT", "USER", "PSWD", "NAME")
    host, port, user, password, name = (os.environ.get(f"MF_METADATA_DB_{part}", "") for part in names)
    if not host:
        return None
    login = quote(user or "postgres", safe="") + (f":{quote(password, safe='')}" if password else "")
    return f"postgresql://{login}@{host}:{port or '5432'}/{quote(name or 'postgres', safe='')}"


def _tokens(file: str | None) -> tuple[Token, ...]:
    found: list[Token] = []
    listed = settings.get("SERVER_TOKENS")
    if listed:
        found += parse_tokens(listed, "METAFLOW_SERVER_TOKENS")
    if file:
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandException(
                f"The file of tokens {file} cannot be read: {error}. `metaflow server token NAME >> {file}` makes one."
            ) from error
        found += parse_tokens(text, file)
    names = [token.name for token in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CommandException(f"METAFLOW_SERVER_TOKENS and {file} both name {', '.join(twice)}. Remove one of them.")
    if (listed or file) and not found:
        raise CommandException(
            f"{file or 'METAFLOW_SERVER_TOKENS'} lists no token, so that nobody could use the service."
        )
    return tuple(found)


def _port(given: Any) -> int:
    try:
        port = int(given)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise CommandException(f"{given!r} is no port. Give a number from 0 to 65535; 0 takes any that is free.")
    return port


def _at_least(name: str, least: int) -> int:
    value = int(settings.get(name))
    if value < least:
        raise CommandException(f"METAFLOW_{name} is {value}; it must be at least {least}.")
    return value


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise CommandException(
            f"{value!r} cannot be the {option.replace('_', ' ')}: it is one of {', '.join(allowed)}."
        )
    return value
