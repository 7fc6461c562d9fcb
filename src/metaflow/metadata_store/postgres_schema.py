"""Tables of a PostgreSQL database, and how those of an older version become those of this one.

They are those of SQLite, see `sqlite_schema`, but for three things. Texts are compared by their code points, whatever
the database's language. A value of a parameter or artifact is kept as its key, see `value_key`. And there are indexes
for queries over all flows, since a shared database has many.
"""

from __future__ import annotations

from metaflow.metadata_store.run_sql import RUN_COLUMNS_WITH_VALUES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

#: First of the two numbers of every advisory lock of ours.
LOCKS = 0x6D666C77
# Second number of the lock of whoever changes the tables; runs have those below it.
_SCHEMA_LOCK = 1 << 20

_ROWS_AT_ONCE = 1000

_TEXT = 'TEXT COLLATE "C"'

_RECORDS = (
    f"""
    CREATE TABLE runs (
        flow {_TEXT} NOT NULL,
        run_id {_TEXT} NOT NULL,
        "user" {_TEXT} NOT NULL,
        started_at DOUBLE PRECISION NOT NULL,
        status {_TEXT} NOT NULL,
        finished_at DOUBLE PRECISION,
        message TEXT,
        heartbeat_at DOUBLE PRECISION,
        tags TEXT NOT NULL,
        end_step {_TEXT} NOT NULL,
        end_ok BOOLEAN,
        end_success BOOLEAN,
        end_finished_at DOUBLE PRECISION,
        parameters TEXT NOT NULL DEFAULT '{{}}',
        artifacts TEXT NOT NULL DEFAULT '{{}}',
        record TEXT NOT NULL,
        PRIMARY KEY (flow, run_id)
    ) WITH (fillfactor = 80)""",
    "CREATE INDEX runs_of_flow_by_time ON runs (flow, started_at, run_id)",
    "CREATE INDEX runs_by_time ON runs (started_at, flow, run_id)",
    "CREATE INDEX runs_of_flow_by_status ON runs (flow, status, started_at, run_id)",
    "CREATE INDEX runs_by_status ON runs (status, started_at, flow, run_id)",
    'CREATE INDEX runs_of_flow_by_user ON runs (flow, "user", started_at, run_id)',
    'CREATE INDEX runs_by_user ON runs ("user", started_at, flow, run_id)',
    "CREATE INDEX runs_that_succeeded ON runs (flow, started_at, run_id) WHERE end_success",
    f"""
    CREATE TABLE run_values (
        flow {_TEXT} NOT NULL,
        run_id {_TEXT} NOT NULL,
        kind {_TEXT} NOT NULL,
        name {_TEXT} NOT NULL,
        value BYTEA,
        started_at DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (flow, run_id, kind, name)
    )""",
    "CREATE INDEX runs_by_value ON run_values (flow, kind, name, value, started_at, run_id)",
    f"""
    CREATE TABLE run_tags (
        flow {_TEXT} NOT NULL,
        tag {_TEXT} NOT NULL,
        started_at DOUBLE PRECISION NOT NULL,
        run_id {_TEXT} NOT NULL,
        PRIMARY KEY (flow, tag, started_at, run_id)
    )""",
    "CREATE INDEX runs_by_tag ON run_tags (tag, started_at, flow, run_id)",
    f"""
    CREATE TABLE tasks (
        flow {_TEXT} NOT NULL,
        run_id {_TEXT} NOT NULL,
        step {_TEXT} NOT NULL,
        task_id {_TEXT} NOT NULL,
        attempt INTEGER NOT NULL,
        latest BOOLEAN NOT NULL DEFAULT TRUE,
        created_at DOUBLE PRECISION NOT NULL,
        started_at DOUBLE PRECISION NOT NULL,
        weight SMALLINT NOT NULL,
        finished_at DOUBLE PRECISION NOT NULL,
        index_path {_TEXT} NOT NULL,
        foreach_index BIGINT,
        foreach_value {_TEXT},
        record TEXT NOT NULL,
        PRIMARY KEY (flow, run_id, step, task_id, attempt)
    ) WITH (fillfactor = 80)""",
    "CREATE INDEX tasks_of_step_by_time ON tasks (flow, run_id, step, created_at) WHERE latest",
    """
    CREATE INDEX tasks_by_index_path ON tasks (flow, run_id, step, index_path)
    WHERE latest AND index_path <> ''""",
)

_SERVICE = (
    f"CREATE TABLE counters (name {_TEXT} NOT NULL PRIMARY KEY, last BIGINT NOT NULL) WITH (fillfactor = 50)",
    f"""
    CREATE TABLE events (
        id BIGINT NOT NULL PRIMARY KEY,
        flow {_TEXT} NOT NULL,
        run_id {_TEXT} NOT NULL,
        recorded_at DOUBLE PRECISION NOT NULL,
        event TEXT NOT NULL
    )""",
    "CREATE INDEX events_of_run ON events (flow, run_id, id)",
    f"""
    CREATE TABLE documents (
        collection {_TEXT} NOT NULL,
        key {_TEXT} NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (collection, key)
    )""",
)


def _fill_texts(connection: Connection) -> None:
    """Make the texts of the runs that are there already."""
    from metaflow.metadata_store.sql_queries import text_of_row

    insert = "INSERT INTO run_texts (started_at, flow, run_id, text) VALUES (%s, %s, %s, %s)"
    with connection.cursor("runs_without_text") as reading, connection.cursor() as writing:
        # A part at a time: there may be more runs than fit into memory.
        reading.execute(f"SELECT started_at, flow, run_id, {RUN_COLUMNS_WITH_VALUES} FROM runs")  # noqa: S608
        while rows := reading.fetchmany(_ROWS_AT_ONCE):
            writing.executemany(insert, [(*row[:3], text_of_row(row[3:])) for row in rows])


_SEARCH: tuple[str | Callable[[Connection], None], ...] = (
    f"""
    CREATE TABLE run_texts (
        started_at DOUBLE PRECISION NOT NULL,
        flow {_TEXT} NOT NULL,
        run_id {_TEXT} NOT NULL,
        text {_TEXT} NOT NULL,
        PRIMARY KEY (started_at, flow, run_id)
    )""",
    _fill_texts,
    "CREATE INDEX tasks_that_run ON tasks (flow, run_id) WHERE weight = 0 AND latest",
)

#: What makes each version of the tables from the one before. A change of the tables is a new entry at the end. No entry
#: ever changes, as there are databases that it has made.
MIGRATIONS: tuple[tuple[str | Callable[[Connection], None], ...], ...] = (_RECORDS, _SERVICE, _SEARCH)


def schema_version(connection: Connection) -> int:
    """Version of the tables that a database has; 0 for none."""
    # Two questions, since a statement that names a table that is not there fails as a whole.
    found = connection.execute("SELECT to_regclass('metaflow_schema')").fetchone()
    if found is None or found[0] is None:
        return 0
    row = connection.execute("SELECT MAX(version) FROM metaflow_schema").fetchone()
    return int(row[0]) if row is not None and row[0] is not None else 0


def migrate(connection: Connection) -> int:
    """Bring the tables up to date, all or nothing; of several who try at once, one does it.

    Parameters
    ----------
    connection : psycopg.Connection
        Not in a transaction.

    Returns
    -------
    int
        The version that the database has then: that of this program, or a newer one, which is left as it is.
    """
    version = schema_version(connection)
    if version >= len(MIGRATIONS):
        return version
    with connection.transaction():
        connection.execute("SET LOCAL statement_timeout = 0")  # a large table takes its time
        connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (LOCKS, _SCHEMA_LOCK))
        version = schema_version(connection)
        if version == 0:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS metaflow_schema (version INTEGER NOT NULL PRIMARY KEY, "
                "applied_at TIMESTAMPTZ NOT NULL DEFAULT now())"
            )
        for number in range(version + 1, len(MIGRATIONS) + 1):
            for statement in MIGRATIONS[number - 1]:
                if isinstance(statement, str):
                    connection.execute(statement)
                else:
                    statement(connection)
            connection.execute("INSERT INTO metaflow_schema (version) VALUES (%s)", (number,))
        return max(version, len(MIGRATIONS))
