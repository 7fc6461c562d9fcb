"""Connections to a PostgreSQL database: a bounded number, shared by threads, made again when they are lost.

A connection is made by the thread that needs it, so whoever cannot have one learns why. No thread of its own runs here,
and a forked process makes connections of its own.
"""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import contextmanager

from metaflow.exception import DatabaseUnavailable, MetadataException
from metaflow.metadata_store.postgres_errors import explained, unreadable_address
from metaflow.metadata_store.postgres_schema import MIGRATIONS, migrate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeVar

    from psycopg import Connection, Cursor

    T = TypeVar("T")

# Seconds to wait for the server's answer to a new connection.
_CONNECT_SECONDS = 10
# Seconds after which an idle connection is not trusted any more: firewalls drop those, and do not tell.
_MAX_IDLE = 300.0
# Seconds for which a database that did answer before is asked again: as long as a restart takes.
_PATIENCE = 30.0

# For each connection. Compiling a query costs more than all of ours take. Plans fit the query at hand, as a tag may be
# on one run or on all, and go by indexes whatever the planner knows of the tables. Nobody may hold up the others by a
# query that never ends, or by dying in a transaction.
_SESSION = """
SET jit = off; SET plan_cache_mode = force_custom_plan;
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
SET default_transaction_isolation = 'read committed'; SET timezone = 'UTC';
SET statement_timeout = '60s'; SET idle_in_transaction_session_timeout = '30s'"""

# Connections of a parent process, which a child may neither use nor close.
_inherited: list[Any] = []


class PostgresPool:
    """Connections to one database.

    Parameters
    ----------
    url : str
        ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE``, or anything else that libpq takes.
    size : int
        How many connections there may be at once.
    wait : float
        Seconds that a thread waits for one of them to be free.

    Raises
    ------
    MetadataException
        The address cannot be read, or psycopg is not installed.
    """

    def __init__(self, url: str, size: int, wait: float) -> None:
        self._conninfo, self.address, self._secret = _read_address(url)
        self._size = size
        self._wait = wait
        self._is_migrated = False
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._slots = threading.BoundedSemaphore(self._size)
        self._migrating = threading.Lock()
        # The one that was used last is taken first, so that those that nobody needs grow old.
        self._idle: list[tuple[float, Connection]] = []
        self._counting = threading.Lock()
        self._in_use = 0
        self._waiting = 0

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Rows that a statement gives.

        Raises
        ------
        MetadataException
            The database cannot be used; a `DatabaseUnavailable` if that may pass.
        """
        return self._patiently(lambda connection: connection.execute(sql, parameters or None).fetchall())

    def transact(self, work: Callable[[Cursor[Any]], T]) -> T:
        """Do `work` in one transaction: all of it or, if it raises, nothing. It may be called more than once.

        Raises
        ------
        MetadataException
            The database cannot be used; a `DatabaseUnavailable` if that may pass.
        """

        def act(connection: Connection) -> T:
            with connection.transaction(), connection.cursor() as cursor:
                return work(cursor)

        return self._patiently(act)

    def statistics(self) -> dict[str, int]:
        """How many connections there may be, are in use and are idle, and how many threads wait for one."""
        return {"size": self._size, "in_use": self._in_use, "idle": len(self._idle), "waiting": self._waiting}

    def close(self) -> None:
        """Close the connections that nobody uses; the next call opens new ones."""
        self._leave_parent()
        while self._idle:
            self._idle.pop()[1].close()

    def migrate(self) -> None:
        """See that the tables are there and up to date; the first connection does so by itself.

        Raises
        ------
        MetadataException
            They are of a newer version, or may not be changed.
        """
        self._patiently(lambda _: None)

    def _patiently(self, action: Callable[[Connection], T]) -> T:
        import psycopg

        self._leave_parent()
        deadline = time.monotonic() + _PATIENCE
        pause = 0.01
        while True:
            try:
                with self._connection() as connection:
                    return action(connection)
            except psycopg.Error as error:
                problem = explained(error, self.address, self._secret)
                # What never worked is told at once: somebody waits to correct it.
                was_there = self._is_migrated or "starting up" in str(error)
                may_retry = isinstance(problem, DatabaseUnavailable) and was_there
                if not may_retry or not _passes_soon(error) or time.monotonic() > deadline:
                    raise problem from error
                if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
                    self._drop_lost()
            # Processes that collided must not come back in step.
            time.sleep(pause * (0.5 + random.random()))  # noqa: S311
            pause = min(2 * pause, 1.0)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        self._count(waiting=1)
        got = self._slots.acquire(timeout=self._wait)
        self._count(waiting=-1, in_use=int(got))
        if not got:
            raise DatabaseUnavailable(
                f"All {self._size} connections to the database {self.address} were in use for {self._wait:g} seconds. "
                "Allow more of them, or send larger batches less often."
            )
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                self._keep(connection)
        finally:
            self._count(in_use=-1)
            self._slots.release()

    def _count(self, waiting: int = 0, in_use: int = 0) -> None:
        with self._counting:
            self._waiting += waiting
            self._in_use += in_use

    def _take(self) -> Connection:
        while self._idle:
            try:
                since, connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if time.monotonic() - since < _MAX_IDLE and not connection.closed:
                return connection
            connection.close()
        return self._connect()

    def _keep(self, connection: Connection) -> None:
        from psycopg.pq import TransactionStatus

        if not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE:
            self._idle.append((time.monotonic(), connection))
        else:
            connection.close()

    def _drop_lost(self) -> None:
        """After one connection was lost, the others that are idle have most likely been, too."""
        while self._idle:
            try:
                self._idle.pop()[1].close()
            except IndexError:
                break

    def _connect(self) -> Connection:
        import psycopg

        connection = psycopg.connect(self._conninfo, autocommit=True)
        try:
            connection.execute(_SESSION)
            if not self._is_migrated:
                self._make_ready(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_ready(self, connection: Connection) -> None:
        with self._migrating:
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != "UTF8":
                raise MetadataException(
                    f"The database {self.address} has the encoding {encoding}, which cannot hold every text. Make "
                    "one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."
                )
            version = migrate(connection)
            if version > len(MIGRATIONS):
                raise MetadataException(
                    f"The tables of the database {self.address} were written by a newer version of this package "
                    f"(format {version}, this one knows {len(MIGRATIONS)}). Upgrade the package here, too."
                )
            self._is_migrated = True

    def _leave_parent(self) -> None:
        """Forget what was opened before a fork."""
        if self._process != os.getpid():
            _inherited.append(self._idle)
            self._begin()


def _passes_soon(error: Any) -> bool:
    """Whether to ask again: not after a full disk or a query that took too long, which only cost more time."""
    state = error.sqlstate or ""
    return not state or state.startswith(("08", "40", "53300", "57P"))


def _read_address(url: str) -> tuple[str, str, str]:
    """The address as libpq takes it, with what we add; without its password, for messages; and the password."""
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict, make_conninfo
    except ImportError as error:
        raise MetadataException(
            "A PostgreSQL database needs the package psycopg. Install it: pip install 'metaflow[postgres]'"
        ) from error
    try:
        given: dict[str, Any] = dict(conninfo_to_dict(url))
    except (psycopg.Error, ValueError):
        problem = unreadable_address()
    else:
        ours = {
            "application_name": "metaflow",
            "connect_timeout": _CONNECT_SECONDS,
            # A server that vanished without a word is noticed within a minute.
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
            **given,
            "client_encoding": "utf8",
        }
        place = f"{given.get('host', 'localhost')}:{given.get('port', 5432)}"
        user = f"{given['user']}@" if given.get("user") else ""
        address = f"postgresql://{user}{place}/{given.get('dbname', '')}"
        return make_conninfo("", **ours), address, str(given.get("password") or "")
    # Outside of the handler, so that no traceback shows the text of libpq's error, which has the address in it.
    raise problem
