"""Databases of other versions: older ones are changed in place and keep what they have, newer ones are refused."""

from __future__ import annotations

import sqlite3

import pytest

from metaflow.exception import MetadataException
from metaflow.metadata_store import sqlite_file, sqlite_schema
from metaflow.metadata_store.events import Heartbeat
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.store import RunQuery, TaskQuery

from .processes import all_at_once

CONTENT = (
    """INSERT INTO runs (flow, run_id, user, started_at, status, tags, end_step, record) VALUES ('F', '1', 'ann', 1001,
    'running', '["a"]', 'end', '{"flow":"F","run_id":"1","user":"ann","started_at":1001}')""",
    "INSERT INTO run_tags (flow, tag, started_at, run_id) VALUES ('F', 'a', 1001, '1')",
    """INSERT INTO tasks (flow, run_id, step, task_id, attempt, created_at, started_at, weight, finished_at, index_path,
    record) VALUES ('F', '1', 'end', '2', 0, 1002, 1002, 0, 0, '',
    '{"flow":"F","run_id":"1","step":"end","task_id":"2","attempt":0,"started_at":1002}')""",
)


def old_file(path, version):
    """A database as the version that is `version` migrations from the first left it, with a run in it."""
    connection = sqlite3.connect(path)
    for migration in sqlite_schema.MIGRATIONS[: version - sqlite_schema.OLDEST_VERSION + 1]:
        for statement in migration:
            connection.execute(statement)
    for statement in CONTENT:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.commit()
    connection.close()


def version_of(path):
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()


def assert_is_whole(store):
    assert [run.tags for run in store.runs(RunQuery(tags=("a",)))] == [("a",)]
    assert [task.task_id for task in store.tasks(TaskQuery("F", "1"))] == ["2"]
    assert [step.step for step in store.steps("F", "1")] == ["end"]


@pytest.mark.parametrize("keep_log", [False, True])
@pytest.mark.parametrize("version", range(sqlite_schema.OLDEST_VERSION, sqlite_schema.SCHEMA_VERSION))
def test_an_older_file_keeps_what_it_has(tmp_path, version, keep_log):
    path = tmp_path / "records.sqlite"
    old_file(path, version)
    store = SqliteMetadata(path, keep_log)
    assert_is_whole(store)
    assert version_of(path) == sqlite_schema.SCHEMA_VERSION
    assert [run.run_id for run in store.runs(RunQuery(text="ANN a"))] == ["1"]
    store.apply([Heartbeat("F", "1", 2000.0)])
    assert store.run("F", "1").heartbeat_at == 2000.0
    assert store.last_event_id() == int(keep_log)
    assert store.put_document("c", "k", {"x": 1})
    assert store.is_usable()
    new = SqliteMetadata(tmp_path / "new.sqlite")
    new.apply([Heartbeat("F", "1", 1.0)])
    tables = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
    assert store._query(tables) == new._query(tables)


def test_several_processes_may_find_an_older_file_at_once(tmp_path):
    path = tmp_path / "records.sqlite"
    old_file(path, sqlite_schema.OLDEST_VERSION)
    all_at_once(4, lambda number: SqliteMetadata(path, keep_log=True).apply([Heartbeat("F", "1", 2000.0 + number)]))
    store = SqliteMetadata(path, keep_log=True)
    assert_is_whole(store)
    assert (store.run("F", "1").heartbeat_at, store.last_event_id()) == (2003.0, 4)


@pytest.mark.parametrize("through_a_copy", [False, True])
@pytest.mark.parametrize("version", range(sqlite_schema.OLDEST_VERSION, sqlite_schema.SCHEMA_VERSION))
def test_who_may_only_read_reads_and_searches_an_older_file_as_it_is(tmp_path, monkeypatch, version, through_a_copy):
    path = tmp_path / "records.sqlite"
    old_file(path, version)
    monkeypatch.setattr(sqlite_file, "_is_writable", lambda path: False)
    if through_a_copy:
        log = tmp_path / "records.sqlite-wal"
        log.touch()
        monkeypatch.setattr(sqlite_file, "_open_unwritable", lambda path: sqlite_file._read_copy(path, log))
    store = SqliteMetadata(path)
    assert_is_whole(store)
    assert [run.run_id for run in store.runs(RunQuery(text="ANN a"))] == ["1"]
    assert [run.run_id for run in store.runs(RunQuery("F", text="ann", status="running"))] == ["1"]
    assert not store.runs(RunQuery(text="nobody"))
    assert version_of(path) == version


def test_a_migration_that_fails_changes_nothing(tmp_path, monkeypatch):
    path = tmp_path / "records.sqlite"
    old_file(path, sqlite_schema.OLDEST_VERSION)
    bad = [*sqlite_schema.statements_from(sqlite_schema.OLDEST_VERSION), "CREATE TABLE runs (x)"]
    monkeypatch.setattr(sqlite_file, "statements_from", lambda version: bad)
    with pytest.raises(MetadataException):
        SqliteMetadata(path).apply([Heartbeat("F", "1", 2000.0)])
    monkeypatch.undo()
    assert version_of(path) == sqlite_schema.OLDEST_VERSION
    assert_is_whole(SqliteMetadata(path))


@pytest.mark.parametrize(("version", "advice"), [(1, "earlier version"), (999, "newer version.*Upgrade the package")])
def test_a_services_database_is_never_to_be_rebuilt(tmp_path, version, advice):
    path = tmp_path / "service.sqlite"
    old_file(path, sqlite_schema.OLDEST_VERSION)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    store = SqliteMetadata(path, keep_log=True)
    for use in (lambda: store.runs(RunQuery()), lambda: store.apply([Heartbeat("F", "1", 1.0)])):
        with pytest.raises(MetadataException, match=advice) as error:
            use()
        assert "reindex" not in str(error.value)
    assert version_of(path) == version


def test_a_damaged_database_of_a_service_is_told_as_what_it_is(tmp_path):
    path = tmp_path / "service.sqlite"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(MetadataException, match="metadata service's database .* is damaged.*copy") as error:
        SqliteMetadata(path, keep_log=True).runs(RunQuery())
    assert "reindex" not in str(error.value)
