"""A SQLite file that many processes write to: opened late, retried when busy, never carried over a fork."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import nullcontext
from typing import NamedTuple

from metaflow.exception import DatabaseUnavailable, MetadataException
from metaflow.metadata_store.sql_queries import text_of_row
from metaflow.metadata_store.sqlite_schema import (
    OLDEST_VERSION,
    SCHEMA_VERSION,
    TEXT_OF_ROW,
    TEXTS_FROM_RUNS,
    VERSION_WITH_TEXTS,
    statements_from,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any, TypeVar

    T = TypeVar("T")

# How long SQLite itself waits for another writer, in seconds...
_BUSY_TIMEOUT = 30.0
# ...and how long we go on asking. SQLite does not wait in every case: not while another process recovers the
# write-ahead log or switches the journal's mode.
_PATIENCE = 120.0

# Connections of a parent process. SQLite forbids a child to use or to close them, so they are kept from being
# freed.
_inherited: list[sqlite3.Connection] = []


class UnusableIndex(MetadataException):
    """The index must be rebuilt: it is damaged, or has the format of an older version."""


class Purpose(NamedTuple):
    """What a file is for.

    Attributes
    ----------
    name : str
        What messages call it.
    when_damaged, when_too_old, elsewhere, when_newer : str
        What messages advise.
    is_source : bool
        Whether it is the only place that has what is in it, so that a commit must outlive a power cut.
    reads_aside : bool
        Whether many threads read it at once, so that none should wait for those that write.
    patience : float
        For how many seconds to wait while others write.
    """

    name: str
    when_damaged: str
    when_too_old: str
    elsewhere: str
    when_newer: str
    is_source: bool
    reads_aside: bool = False
    patience: float = _PATIENCE


INDEX = Purpose(
    "The index of runs",
    "The results of the runs are kept elsewhere and can still be read: rebuild the index with `metaflow reindex`.",
    "It can be rebuilt from the results of the runs, which stay as they are: run `metaflow reindex`.",
    "choose another place with METAFLOW_DATASTORE_SYSROOT_LOCAL",
    "give this version a datastore of its own with METAFLOW_DATASTORE_SYSROOT_LOCAL",
    is_source=False,
)
SERVICE = Purpose(
    "The metadata service's database",
    "Stop the service, and put back a copy of the file that is whole.",
    "Start the service once with an earlier version of this package, which can read it.",
    "give the service another place for it",
    "give this version a database of its own",
    is_source=True,
    reads_aside=True,
)

# Bytes of a file that has nothing but what SQLite writes when it makes one.
_SMALLEST_PAGE = 4096
# Connections that only read, as many as are kept open while nobody uses them.
_IDLE_READERS = 8


class SqliteFile:
    """The database at a path.

    Parameters
    ----------
    path : Path or None
        The file, created with its directory by the first write; None for a database in memory.
    purpose : Purpose
        What it is for.
    """

    def __init__(self, path: Path | None, purpose: Purpose = INDEX) -> None:
        self.path = path
        self._purpose = purpose
        # Connections that only read, and the file that each has open.
        self._readers: list[tuple[tuple[int, int] | None, sqlite3.Connection]] = []
        self._connection: sqlite3.Connection | None = None
        self._file_id: tuple[int, int] | None = None
        self._process = os.getpid()
        self._lock = threading.Lock()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Rows that a query gives; none if the file does not exist yet.

        Raises
        ------
        MetadataException
            The file cannot be read.
        """
        if self._purpose.reads_aside and self.path is not None:
            return self._query_aside(self.path, sql, parameters)

        def read() -> list[Any]:
            connection = self._open(create=False)
            return [] if connection is None else connection.execute(sql, parameters).fetchall()

        return self._patiently(read)

    def _query_aside(self, path: Path, sql: str, parameters: Sequence[Any]) -> list[Any]:
        """Read over a connection of its own, while others write."""

        def read() -> list[Any]:
            file_id = _file_id(path)
            if file_id is None:
                return []
            connection = self._take_reader(path, file_id)
            if connection is None:
                return []
            try:
                return connection.execute(sql, parameters).fetchall()
            finally:
                self._keep_reader(file_id, connection)

        return self._patiently(read, alone=False)

    def _take_reader(self, path: Path, file_id: tuple[int, int]) -> sqlite3.Connection | None:
        while self._readers:
            try:
                known, connection = self._readers.pop()
            except IndexError:  # another thread was faster
                break
            if known == file_id:
                return connection
            connection.close()
        return self._connect_to(path, create=False)

    def _keep_reader(self, file_id: tuple[int, int], connection: sqlite3.Connection) -> None:
        if len(self._readers) < _IDLE_READERS:
            self._readers.append((file_id, connection))
        else:
            connection.close()

    def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` in one transaction: all of it or, if it raises, nothing. It may be called more than once.

        Gives what `work` gives.

        Raises
        ------
        MetadataException
            The file cannot be written.
        """

        def write() -> T:
            connection = self._open(create=True)
            assert connection is not None
            # IMMEDIATE takes the write lock at once. A transaction that began by reading could find, when it
            # comes to write, that another process wrote in between, and no waiting would cure that.
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result

        return self._patiently(write)

    def discard(self) -> None:
        """Delete the file and what SQLite keeps beside it; the next write begins a new one.

        Raises
        ------
        MetadataException
            A file cannot be deleted.
        """
        self.close()
        if self.path is None:
            return
        for ending in ("", "-wal", "-shm"):
            file = self.path.with_name(self.path.name + ending)
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise MetadataException(
                    f"The file {file} cannot be deleted: {error.strerror}. Make its directory writable for you."
                ) from error

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        self._leave_parent()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            while self._readers:
                self._readers.pop()[1].close()

    def _patiently(self, action: Callable[[], T], alone: bool = True) -> T:
        self._leave_parent()
        deadline = time.monotonic() + self._purpose.patience
        with self._lock if alone else nullcontext():
            while True:
                try:
                    return action()
                except sqlite3.Error as error:
                    if "locked" not in str(error) or time.monotonic() > deadline:
                        raise _explained(error, self.path, self._purpose) from error
                # Processes that collided must not come back in step.
                time.sleep(0.002 + time.perf_counter_ns() % 20_000 / 1e6)

    def _leave_parent(self) -> None:
        """Forget what was opened before a fork; a database in memory is simply copied by it."""
        if self._process == os.getpid():
            return
        self._process = os.getpid()
        self._lock = threading.Lock()
        if self._connection is not None and self.path is not None:
            _inherited.append(self._connection)
            self._connection = None
        _inherited.extend(connection for _, connection in self._readers)
        self._readers = []

    def _open(self, create: bool) -> sqlite3.Connection | None:
        """Give the connection, or None if there is nothing to read."""
        if self.path is None:
            if self._connection is None:
                self._connection = _connect(":memory:")
                _bring_up_to_date(self._connection)
            return self._connection
        file_id = _file_id(self.path)
        if self._connection is not None:
            if file_id == self._file_id:
                return self._connection
            # The file was deleted or replaced: what is still open has no name any more.
            self._connection.close()
            self._connection = None
        if file_id is None:
            if not create:
                return None
            self._make_directory(self.path.parent)
        self._connection = self._connect_to(self.path, create)
        self._file_id = _file_id(self.path)
        return self._connection

    def _connect_to(self, path: Path, create: bool) -> sqlite3.Connection | None:
        writable = create or _is_writable(path)
        timeout = min(_BUSY_TIMEOUT, self._purpose.patience)
        connection = _connect(str(path), timeout) if writable else _open_unwritable(path)
        try:
            if self._prepare(connection, path, create, writable):
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()
        return None

    def _prepare(self, connection: sqlite3.Connection, path: Path, create: bool, writable: bool) -> bool:
        """See that the tables are there and ours; False if they are not there yet and may not be created."""
        version = _schema_version(connection)
        if version == 0 and create:
            # No waiting for the disk: until the first commit there is nothing to lose.
            connection.execute("PRAGMA synchronous = OFF")
            # Where write-ahead logging is impossible (some network file systems) SQLite keeps its older journal.
            connection.execute("PRAGMA journal_mode = WAL")
        if (version == 0 and create) or (OLDEST_VERSION <= version < SCHEMA_VERSION and writable):
            version = _bring_up_to_date(connection)
        if version == 0:
            return False
        if version > SCHEMA_VERSION or version < OLDEST_VERSION:
            raise self._wrong_version(path, version)
        if version < VERSION_WITH_TEXTS:
            # All else that queries ask for has been there since the oldest version.
            _add_text_of_row(connection)
            connection.execute(TEXTS_FROM_RUNS)
        # With a write-ahead log nothing but a power cut can lose a commit then, and never the file's consistency.
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._purpose.is_source else 'NORMAL'}")
        return True

    def _wrong_version(self, path: Path, version: int) -> MetadataException:
        purpose = self._purpose
        if version > SCHEMA_VERSION:
            return MetadataException(
                f"{purpose.name} {path} was written by a newer version of this package (format {version}, "
                f"this one knows {SCHEMA_VERSION}). Upgrade the package, or {purpose.when_newer}."
            )
        return UnusableIndex(
            f"{purpose.name} {path} has the older format {version} (this version writes {SCHEMA_VERSION}). "
            f"{purpose.when_too_old}"
        )

    def _make_directory(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MetadataException(
                f"{self._purpose.name} needs the directory {directory}, which cannot be created: {error.strerror}. "
                f"Make its parent writable, or {self._purpose.elsewhere}."
            ) from error


def is_empty(path: Path) -> bool:
    """Whether a file is missing, or has no tables yet: who made it was killed before the first write.

    Told from its size, without opening it: to close a file of a database lets go of all locks that this process has on
    it (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    try:
        size = os.stat(path).st_size
    except FileNotFoundError:
        return True
    except OSError:
        return False  # why it cannot be read is told to whoever reads it
    # Each table has a page of its own behind the first; the tables may be in the log still.
    return size <= _SMALLEST_PAGE and not os.path.exists(f"{path}-wal")


def _connect(database: str, timeout: float = _BUSY_TIMEOUT, uri: bool = False) -> sqlite3.Connection:
    # Threads take turns by the lock above; SQLite's own check would forbid them to share at all.
    return sqlite3.connect(database, timeout=timeout, isolation_level=None, check_same_thread=False, uri=uri)


def _bring_up_to_date(connection: sqlite3.Connection) -> int:
    """Make the tables, or change those of an older version, unless another process just did; the version then."""
    _add_text_of_row(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _schema_version(connection)
        if version == 0 or OLDEST_VERSION <= version < SCHEMA_VERSION:
            for statement in statements_from(version):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return _schema_version(connection)


def _add_text_of_row(connection: sqlite3.Connection) -> None:
    connection.create_function(TEXT_OF_ROW, -1, lambda *row: text_of_row(row), deterministic=True)


def _schema_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _file_id(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MetadataException(
            f"The database {path} cannot be reached: {error.strerror}. Check the path and its permissions."
        ) from error
    return status.st_dev, status.st_ino


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _open_unwritable(path: Path) -> sqlite3.Connection:
    """Open a database that this process may only read.

    A database with a write-ahead log cannot be read without a shared-memory file beside it, which perhaps
    cannot be created here. Without a log the file can be read as one that nobody writes; with one, a copy is
    read.
    """
    name = str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    connection = _connect(f"file:{name}?mode=ro", uri=True)
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        return connection
    except sqlite3.OperationalError:
        connection.close()
    log = path.with_name(path.name + "-wal")
    if not log.exists() or not log.stat().st_size:
        return _connect(f"file:{name}?mode=ro&immutable=1", uri=True)
    return _read_copy(path, log)


def _read_copy(path: Path, log: Path) -> sqlite3.Connection:
    import shutil
    import tempfile

    memory = _connect(":memory:")
    try:
        with tempfile.TemporaryDirectory(prefix="metaflow-index-") as directory:
            copy = shutil.copy(path, directory)
            shutil.copy(log, directory)
            source = _connect(str(copy))
            source.backup(memory)
            source.close()
            if OLDEST_VERSION <= _schema_version(memory) < SCHEMA_VERSION:
                _bring_up_to_date(memory)
            memory.execute("PRAGMA query_only = ON")
    except OSError as error:
        raise MetadataException(
            f"The database {path} may not be written here, and copying it to read it failed: {error}. "
            "Make its directory writable, or free some space for temporary files."
        ) from error
    return memory


def _explained(error: sqlite3.Error, path: Path | None, purpose: Purpose) -> MetadataException:
    text = str(error)
    about = f"{purpose.name} {path or '(in memory)'}"
    if "not a database" in text or "malformed" in text or "corrupt" in text:
        return UnusableIndex(f"{about} is damaged ({text}). {purpose.when_damaged}")
    if "readonly" in text or "unable to open" in text:
        return MetadataException(
            f"{about} cannot be opened for this ({text}). Make the file and its directory writable for you, "
            f"or {purpose.elsewhere}."
        )
    if "locked" in text:
        return DatabaseUnavailable(
            f"{about} stayed locked by another process for {purpose.patience:.0f} seconds. See which program keeps "
            "it open, end that program, and try again."
        )
    if "full" in text or "I/O" in text:
        return MetadataException(
            f"{about} cannot be used because of the disk it is on ({text}). Free some space or check the "
            "disk, and try again."
        )
    cure = "" if purpose.is_source else " If it goes on, `metaflow reindex` rebuilds the index."
    return MetadataException(f"{about} cannot be used: {text}.{cure}")
