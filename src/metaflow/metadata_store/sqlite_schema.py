"""Tables of a SQLite database, and how those of an older version become those of this one.

A run and an attempt are each one row: the columns that queries filter and sort by, and the whole record as
JSON. What changes while a run goes on (status, heartbeat, tags) is in columns only, and stands over the JSON.

What a run's tasks say of it (how its last step ended, values of parameters and artifacts) is repeated in its own row
and in the table of values, and made anew whenever one of these tasks is written.

The log of events, documents and numbers are used by a metadata service, and hardly elsewhere: an index notes in
documents which folders of runs were looked at, and logs events while somebody listens.
"""

from __future__ import annotations

from metaflow.metadata_store.run_sql import RUN_COLUMNS_WITH_VALUES

#: Function that a connection must have to bring older tables up to date: `sql_queries.text_of_row`.
TEXT_OF_ROW = "text_of_row"
#: The oldest version that can be brought up to date in place. An index that is older still is rebuilt.
OLDEST_VERSION = 2

#: Texts for searching, on a connection to tables that lack them and may not be changed: made anew by each search.
TEXTS_FROM_RUNS = f"""
CREATE TEMP VIEW run_texts AS
SELECT started_at, flow, run_id, {TEXT_OF_ROW}({RUN_COLUMNS_WITH_VALUES}) AS text FROM runs"""  # noqa: S608 - ours
#: The first version whose tables have these texts.
VERSION_WITH_TEXTS = 4

_OTHER_ATTEMPT = """
    SELECT 1 FROM tasks
    WHERE flow = NEW.flow AND run_id = NEW.run_id AND step = NEW.step AND task_id = NEW.task_id
      AND attempt <> NEW.attempt"""

# A task is as old as its first attempt, and what is read of it is its latest one. Both hold in whatever order
# attempts arrive. A task with one attempt, the common case, passes at the cost of one look into the primary
# key.
_RANK_ATTEMPTS = """
BEGIN
    UPDATE tasks SET
        latest = (attempt = (
            SELECT MAX(attempt) FROM tasks
            WHERE flow = NEW.flow AND run_id = NEW.run_id AND step = NEW.step AND task_id = NEW.task_id)),
        created_at = (
            SELECT MIN(started_at) FROM tasks
            WHERE flow = NEW.flow AND run_id = NEW.run_id AND step = NEW.step AND task_id = NEW.task_id)
    WHERE flow = NEW.flow AND run_id = NEW.run_id AND step = NEW.step AND task_id = NEW.task_id;
END"""

_VERSION_2 = (
    """
    CREATE TABLE runs (
        flow TEXT NOT NULL,
        run_id TEXT NOT NULL,
        user TEXT NOT NULL,
        started_at REAL NOT NULL,
        status TEXT NOT NULL,
        finished_at REAL,
        message TEXT,
        heartbeat_at REAL,
        tags TEXT NOT NULL,
        end_step TEXT NOT NULL,
        end_ok INTEGER,
        end_success INTEGER,
        end_finished_at REAL,
        parameters TEXT NOT NULL DEFAULT '{}',
        artifacts TEXT NOT NULL DEFAULT '{}',
        record TEXT NOT NULL,
        PRIMARY KEY (flow, run_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX runs_of_flow_by_time ON runs (flow, started_at, run_id)",
    "CREATE INDEX runs_by_time ON runs (started_at, flow, run_id)",
    "CREATE INDEX runs_by_status ON runs (flow, status, started_at, run_id)",
    "CREATE INDEX runs_by_user ON runs (flow, user, started_at, run_id)",
    "CREATE INDEX runs_that_run ON runs (flow) WHERE status = 'running'",
    "CREATE INDEX runs_that_succeeded ON runs (flow, started_at, run_id) WHERE end_success",
    """
    CREATE TABLE run_values (
        flow TEXT NOT NULL,
        run_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        value,
        started_at REAL NOT NULL,
        PRIMARY KEY (flow, run_id, kind, name)
    ) WITHOUT ROWID""",
    "CREATE INDEX runs_by_value ON run_values (flow, kind, name, value, started_at, run_id)",
    # User and system tags alike.
    """
    CREATE TABLE run_tags (
        flow TEXT NOT NULL,
        tag TEXT NOT NULL,
        started_at REAL NOT NULL,
        run_id TEXT NOT NULL,
        PRIMARY KEY (flow, tag, started_at, run_id)
    ) WITHOUT ROWID""",
    """
    CREATE TABLE tasks (
        flow TEXT NOT NULL,
        run_id TEXT NOT NULL,
        step TEXT NOT NULL,
        task_id TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        latest INTEGER NOT NULL DEFAULT 1,
        created_at REAL NOT NULL,
        started_at REAL NOT NULL,
        weight INTEGER NOT NULL,
        finished_at REAL NOT NULL,
        index_path TEXT NOT NULL,
        foreach_index INTEGER,
        foreach_value TEXT,
        record TEXT NOT NULL,
        PRIMARY KEY (flow, run_id, step, task_id, attempt)
    ) WITHOUT ROWID""",
    "CREATE INDEX tasks_of_step_by_time ON tasks (flow, run_id, step, created_at) WHERE latest",
    """
    CREATE INDEX tasks_by_index_path ON tasks (flow, run_id, step, index_path)
    WHERE latest AND index_path <> ''""",
    f"CREATE TRIGGER attempt_added AFTER INSERT ON tasks WHEN EXISTS ({_OTHER_ATTEMPT}) {_RANK_ATTEMPTS}",
    f"""
    CREATE TRIGGER attempt_moved AFTER UPDATE OF started_at ON tasks
    WHEN NEW.started_at <> OLD.started_at {_RANK_ATTEMPTS}""",
)

_VERSION_3 = (
    "CREATE INDEX runs_by_tag ON run_tags (tag, started_at, flow, run_id)",
    "CREATE TABLE counters (name TEXT NOT NULL PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE events (
        id INTEGER NOT NULL PRIMARY KEY,
        flow TEXT NOT NULL,
        run_id TEXT NOT NULL,
        recorded_at REAL NOT NULL,
        event TEXT NOT NULL
    )""",
    "CREATE INDEX events_of_run ON events (flow, run_id, id)",
    """
    CREATE TABLE documents (
        collection TEXT NOT NULL,
        key TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (collection, key)
    ) WITHOUT ROWID""",
)

# For searching runs, and for what runs on at the moment, across all flows.
_VERSION_4 = (
    """
    CREATE TABLE run_texts (
        started_at REAL NOT NULL,
        flow TEXT NOT NULL,
        run_id TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (started_at, flow, run_id)
    ) WITHOUT ROWID""",
    f"""
    INSERT INTO run_texts (started_at, flow, run_id, text)
    SELECT started_at, flow, run_id, {TEXT_OF_ROW}({RUN_COLUMNS_WITH_VALUES}) FROM runs""",  # noqa: S608 - ours
    "CREATE INDEX runs_of_all_by_status ON runs (status, started_at, flow, run_id)",
    "CREATE INDEX runs_of_all_by_user ON runs (user, started_at, flow, run_id)",
    "CREATE INDEX tasks_that_run ON tasks (flow, run_id) WHERE weight = 0 AND latest",
)

#: What makes each version of the tables from the one before; the first makes the oldest version from nothing. A change
#: of the tables is a new entry at the end. No entry ever changes, as there are databases that it has made.
MIGRATIONS = (_VERSION_2, _VERSION_3, _VERSION_4)

SCHEMA_VERSION = OLDEST_VERSION + len(MIGRATIONS) - 1


def statements_from(version: int) -> list[str]:
    """All that leads from the tables of a version, 0 for none, to those of this version."""
    done = 0 if version == 0 else version - OLDEST_VERSION + 1
    return [statement for migration in MIGRATIONS[done:] for statement in migration]
