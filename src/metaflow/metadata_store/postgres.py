"""The metadata store in a PostgreSQL database: what a service uses that many machines write to."""

from __future__ import annotations

from metaflow.metadata_store.events import RunStarted
from metaflow.metadata_store.overviews import OverviewQueries
from metaflow.metadata_store.postgres_batch import lock_runs, write_events, write_log
from metaflow.metadata_store.postgres_pool import PostgresPool
from metaflow.metadata_store.record_sql import POSTGRES_RECORD, POSTGRES_RECORDS
from metaflow.metadata_store.records import encodable
from metaflow.metadata_store.run_sql import Dialect
from metaflow.metadata_store.service_tables import ServiceTables, log_rows
from metaflow.metadata_store.sql_queries import SELECT_RUN, SqlQueries, recordable, run_of, run_record_text
from metaflow.metadata_store.value_key import value_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TypeVar

    from psycopg import Cursor

    from metaflow.metadata_store.events import Event
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.service_tables import Execute

    T = TypeVar("T")

POSTGRES = Dialect(
    "PostgreSQL",
    value_key,
    first_text=r"'\x02'::bytea",
    differs="IS DISTINCT FROM",
    join=(
        "CROSS JOIN LATERAL (SELECT * FROM runs AS r WHERE r.flow = chosen.flow AND r.run_id = chosen.run_id OFFSET 0) "
        "AS runs"
    ),
    by_flow=frozenset({"run_values"}),
    no_limit=None,
    position="strpos({}, ?)",
    records=POSTGRES_RECORDS,
    field=lambda name: f"({POSTGRES_RECORD} ->> '{name}')",
    error=f"({POSTGRES_RECORD} -> 'error' ->> 0) || ': ' || ({POSTGRES_RECORD} -> 'error' ->> 1)",
)


class PostgresMetadata(SqlQueries, OverviewQueries, ServiceTables):
    """A metadata store in a PostgreSQL database. Any number of threads, processes and machines may use it at once.

    Nothing is connected before it is needed. The first connection makes the tables, or brings them up to date.

    Parameters
    ----------
    url : str
        ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE``, or anything else that libpq takes.
    keep_log : bool
        Whether every event is also appended to the log.
    pool_size : int
        How many connections this object may have at once.
    wait : float
        Seconds that a thread waits for one of them to be free.

    Raises
    ------
    MetadataException
        The address cannot be read, or psycopg is not installed.
    """

    _dialect = POSTGRES

    def __init__(self, url: str, keep_log: bool = False, pool_size: int = 10, wait: float = 30.0) -> None:
        self._pool = PostgresPool(url, pool_size, wait)
        self._keep_log = keep_log

    @property
    def address(self) -> str:
        """Where the database is, without the password."""
        return self._pool.address

    def apply(self, events: Iterable[Event]) -> None:
        """Record `events` in one transaction, in order.

        Parameters
        ----------
        events : iterable of events
            See :mod:`metaflow.metadata_store.events`. Recording an event again changes nothing.

        Raises
        ------
        MetadataException
            They cannot be written; then none of them is recorded.
        """
        batch = list(events)
        if batch:
            with recordable():
                self._pool.transact(lambda cursor: self._record(cursor, batch))

    def claim_run(self, run: RunRecord) -> bool:
        """Record that a run exists, unless its id is taken.

        Returns
        -------
        bool
            False if it is taken; then nothing is recorded.
        """
        key = encodable(run.flow), encodable(run.run_id)
        tried = False

        def claim(cursor: Cursor[Any]) -> bool:
            nonlocal tried
            lock_runs(cursor, [key])
            row = cursor.execute(_placed(SELECT_RUN), key).fetchone()
            if row is None:
                tried = True
                self._record(cursor, [RunStarted(run)])
                return True
            # If the connection was lost while our claim was being committed, it may be what is there.
            return tried and run_record_text(run_of(row)) == run_record_text(run)

        with recordable():
            return self._pool.transact(claim)

    def is_log_kept(self) -> bool:
        """Whether what is recorded now is in the log."""
        return self._keep_log

    def migrate(self) -> None:
        """See that the tables are there and up to date; the first connection does so by itself.

        Raises
        ------
        MetadataException
            They are of a newer version, or may not be changed.
        """
        self._pool.migrate()

    def pool_statistics(self) -> dict[str, int]:
        """How many connections there may be (`size`), are `in_use` and `idle`, and how many threads are `waiting`."""
        return self._pool.statistics()

    def close(self) -> None:
        """Close the connections that nobody uses; the next call opens new ones."""
        self._pool.close()

    def _record(self, cursor: Cursor[Any], events: list[Event]) -> None:
        write_events(cursor, events)
        if self._keep_log:
            write_log(cursor, log_rows(_execute_with(cursor), events))

    def _query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return self._pool.query(_placed(sql), parameters)

    def _change(self, work: Callable[[Execute], T]) -> T:
        return self._pool.transact(lambda cursor: work(_execute_with(cursor)))


def _placed(sql: str) -> str:
    """A statement with the driver's mark for values instead of question marks; ours have no others."""
    return sql.replace("?", "%s")


def _execute_with(cursor: Cursor[Any]) -> Execute:
    return lambda sql, parameters: cursor.execute(_placed(sql), parameters or None)
