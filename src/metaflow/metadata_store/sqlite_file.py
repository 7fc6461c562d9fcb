"""A SQLite file that many processes write to: opened late, retried when busy, never carried over a fork."""

from __future__ import annotations

import os
import sqlite3
import threading
import time

from metaflow.exception import MetadataException
from metaflow.metadata_store.sqlite_schema import SCHEMA_VERSION, STATEMENTS

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


class SqliteFile:
    """The database at a path.

    Parameters
    ----------
    path : Path or None
        The file, created with its directory by the first write; None for a database in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
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

        def read() -> list[Any]:
            connection = self._open(create=False)
            return [] if connection is None else connection.execute(sql, parameters).fetchall()

        return self._patiently(read)

    def transact(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do `work` in one transaction: all of it or, if it raises, nothing. It may be called more than once.

        Raises
        ------
        MetadataException
            The file cannot be written.
        """

        def write() -> None:
            connection = self._open(create=True)
            assert connection is not None
            # IMMEDIATE takes the write lock at once. A transaction that began by reading could find, when it
            # comes to write, that another process wrote in between, and no waiting would cure that.
            connection.execute("BEGIN IMMEDIATE")
            try:
                work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

        self._patiently(write)

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

    def _patiently(self, action: Callable[[], T]) -> T:
        self._leave_parent()
        deadline = time.monotonic() + _PATIENCE
        with self._lock:
            while True:
                try:
                    return action()
                except sqlite3.Error as error:
                    if "locked" not in str(error) or time.monotonic() > deadline:
                        raise _explained(error, self.path) from error
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

    def _open(self, create: bool) -> sqlite3.Connection | None:
        """Give the connection, or None if there is nothing to read."""
        if self.path is None:
            if self._connection is None:
                self._connection = _connect(":memory:")
                _create_tables(self._connection)
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
        connection = _connect(str(self.path)) if create or _is_writable(self.path) else _open_unwritable(self.path)
        try:
            if not _prepare(connection, self.path, create):
                connection.close()
                return None
        except BaseException:
            connection.close()
            raise
        self._connection, self._file_id = connection, _file_id(self.path)
        return connection

    @staticmethod
    def _make_directory(directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MetadataException(
                f"The directory {directory} for the index of runs cannot be created: {error.strerror}. "
                "Make its parent writable, or choose another place with METAFLOW_DATASTORE_SYSROOT_LOCAL."
            ) from error


def _connect(database: str, uri: bool = False) -> sqlite3.Connection:
    # Threads take turns by the lock above; SQLite's own check would forbid them to share at all.
    return sqlite3.connect(database, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, uri=uri)


def _prepare(connection: sqlite3.Connection, path: Path, create: bool) -> bool:
    """See that the tables are there and ours; False if they are not there yet and may not be created."""
    version = _schema_version(connection)
    if version == 0 and create:
        # No waiting for the disk: until the first commit there is nothing to lose.
        connection.execute("PRAGMA synchronous = OFF")
        # Where write-ahead logging is impossible (some network file systems) SQLite keeps its older journal.
        connection.execute("PRAGMA journal_mode = WAL")
        _create_tables(connection)
        version = _schema_version(connection)
    if version == 0:
        return False
    if version != SCHEMA_VERSION:
        raise _wrong_version(path, version)
    # With a write-ahead log nothing but a power cut can lose a commit then, and never the file's consistency.
    connection.execute("PRAGMA synchronous = NORMAL")
    return True


def _create_tables(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _schema_version(connection) == 0:
            for statement in STATEMENTS:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _schema_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _wrong_version(path: Path, version: int) -> MetadataException:
    if version > SCHEMA_VERSION:
        return MetadataException(
            f"The index of runs {path} was written by a newer version of this package (format {version}, "
            f"this one knows {SCHEMA_VERSION}). Upgrade the package, or give this version a datastore of "
            "its own with "
            "METAFLOW_DATASTORE_SYSROOT_LOCAL."
        )
    return UnusableIndex(
        f"The index of runs {path} has the older format {version} (this version writes {SCHEMA_VERSION}). "
        "It can be rebuilt from the results of the runs, which stay as they are: run `metaflow reindex`."
    )


def _file_id(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MetadataException(
            f"The index of runs {path} cannot be reached: {error.strerror}. Check the path and its permissions."
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
            memory.execute("PRAGMA query_only = ON")
    except OSError as error:
        raise MetadataException(
            f"The index of runs {path} may not be written here, and copying it to read it failed: {error}. "
            "Make its directory writable, or free some space for temporary files."
        ) from error
    return memory


def _explained(error: sqlite3.Error, path: Path | None) -> MetadataException:
    text = str(error)
    about = f"The index of runs {path or '(in memory)'}"
    if "not a database" in text or "malformed" in text or "corrupt" in text:
        return UnusableIndex(
            f"{about} is damaged ({text}). The results of the runs are kept elsewhere and can still be read: "
            "rebuild the index with `metaflow reindex`."
        )
    if "readonly" in text or "unable to open" in text:
        return MetadataException(
            f"{about} cannot be opened for this ({text}). Make the file and its directory writable for you, "
            "or choose another place with METAFLOW_DATASTORE_SYSROOT_LOCAL."
        )
    if "locked" in text:
        return MetadataException(
            f"{about} stayed locked by another process for {_PATIENCE:.0f} seconds. See which program keeps "
            "it open, "
            "end that program, and try again."
        )
    if "full" in text or "I/O" in text:
        return MetadataException(
            f"{about} cannot be used because of the disk it is on ({text}). Free some space or check the "
            "disk, "
            "and try again."
        )
    return MetadataException(f"{about} cannot be used: {text}. If it goes on, `metaflow reindex` rebuilds the index.")
