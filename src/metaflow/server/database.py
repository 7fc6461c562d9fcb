"""The database of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from metaflow.exception import CommandException
from metaflow.metadata_store.attempt_rows import AttemptReader
from metaflow.metadata_store.overviews import RunOverviews
from metaflow.metadata_store.store import DocumentStore, EventLog, MetadataStore
from metaflow.metadata_store.task_listing import TaskTables

# Seconds that a request waits for a connection; clients that are refused come back later.
_WAIT_SECONDS = 10.0


class Database(MetadataStore, TaskTables, AttemptReader, EventLog, DocumentStore, RunOverviews, Protocol):
    """All that the service keeps, in one place."""


def open_database(location: str, connections: int) -> Database:
    """Open the database at a location. Nothing is contacted or created before it is used.

    Parameters
    ----------
    location : str
        ``postgresql://USER:PASSWORD@HOST:PORT/NAME``, or the path of a SQLite file.
    connections : int
        How many connections to PostgreSQL there may be at once.

    Raises
    ------
    MetadataException
        The location cannot be read, or a package is missing.
    CommandException
        There is no such kind of database.
    """
    scheme, separator, _ = location.partition("://")
    if separator and scheme not in ("postgresql", "postgres"):
        raise CommandException(
            f"There is no kind of database called '{scheme}': give postgresql://USER@HOST/NAME or the path of a "
            "SQLite file."
        )
    if separator:
        from metaflow.metadata_store.postgres import PostgresMetadata

        return PostgresMetadata(location, keep_log=True, pool_size=connections, wait=_WAIT_SECONDS)
    from metaflow.metadata_store.sqlite import SqliteMetadata

    return SqliteMetadata(Path(location).expanduser(), keep_log=True)
