"""What can go wrong with a PostgreSQL database: addresses, rights, restarts, lost connections, crowds, versions."""

from __future__ import annotations

import os
import threading
import time
import traceback

import psycopg
import pytest

import servers
from metaflow.exception import DatabaseUnavailable, MetadataException, UnrecordableEvent
from metaflow.metadata_store import postgres_schema
from metaflow.metadata_store.events import Heartbeat, RunStarted
from metaflow.metadata_store.postgres import PostgresMetadata
from metaflow.metadata_store.postgres_errors import explained
from metaflow.metadata_store.records import RunRecord
from metaflow.metadata_store.store import RunQuery

from .processes import all_at_once, exit_status, in_child

PASSWORD = "s3cret:w@rd/100%"
IN_ADDRESS = "s3cret%3Aw%40rd%2F100%25"


class Guarded:
    """A server of one test module that asks for a password, and can be stopped."""

    def __init__(self, command, log, port):
        self._command, self._log, self.port = command, log, port
        self._running = None
        self.start()

    def start(self):
        self._running = servers.running_postgres(self._command, self._log, self.port)
        self._running.__enter__()

    def stop(self):
        if self._running is not None:
            self._running.__exit__(None, None, None)
            self._running = None

    def url(self, user="postgres", password=IN_ADDRESS, database="postgres", options=""):
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}{options}"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with servers.new_postgres(PASSWORD) as (command, port):
        server = Guarded(command, tmp_path_factory.mktemp("guarded") / "postgres.log", port)
        yield server
        server.stop()


def run_record(run_id="1"):
    return RunRecord("F", run_id, "ann", 1000.0 + int(run_id), system_tags=("user:ann",))


def execute(url, *statements):
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def store(postgres_back_end):
    return postgres_back_end.open()


def test_the_password_opens_and_is_never_shown(guarded):
    store = PostgresMetadata(guarded.url())
    store.apply([RunStarted(run_record())])
    assert store.runs(RunQuery()) == [run_record()]
    assert store.address == f"postgresql://postgres@127.0.0.1:{guarded.port}/postgres"
    store.close()


@pytest.mark.parametrize(
    ("url", "advice", "may_pass"),
    [
        (lambda g: g.url(password="s3cret"), "Check the user and the password", False),
        (lambda g: g.url(user="nobody"), "Check the user and the password", False),
        (lambda g: g.url(database="s3cret-free"), "Create the database", False),
        (lambda g: g.url(options="?sslmode=require"), "whether the server speaks TLS", False),
        (lambda g: f"postgresql://postgres@127.0.0.1:{g.port}/postgres", "Give the password", False),
        (lambda g: f"postgresql://u:{IN_ADDRESS}@127.0.0.1:{servers.free_port()}/d", "See that the server runs", True),
        (lambda g: f"postgresql://u:{IN_ADDRESS}@no.such.host.invalid/d", "Check the host", True),
    ],
)
def test_who_cannot_connect_learns_why_at_once(guarded, url, advice, may_pass):
    store = PostgresMetadata(url(guarded))
    begun = time.monotonic()
    with pytest.raises(MetadataException, match=advice) as error:
        store.runs(RunQuery())
    assert isinstance(error.value, DatabaseUnavailable) is may_pass
    assert time.monotonic() - begun < 25, "an error that stays was tried again"
    assert "postgresql://" in str(error.value)
    shown = "".join(traceback.format_exception(error.value))
    assert PASSWORD not in shown
    assert IN_ADDRESS not in shown


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{PASSWORD}@host:port/d",
        "postgresql://u:s3cret%zz@host/d",
        "postgresql://u:s3cret@host/d?no_such=1",
        "s3cret is no address",
    ],
)
def test_an_address_that_cannot_be_read_is_not_repeated(url):
    with pytest.raises(MetadataException, match="postgresql://USER:PASSWORD@HOST") as error:
        PostgresMetadata(url).runs(RunQuery())
    assert "s3cret" not in "".join(traceback.format_exception(error.value, chain=True))


def test_who_may_not_make_tables_is_told(guarded):
    execute(guarded.url(), "CREATE ROLE reader LOGIN PASSWORD 'r'", "CREATE DATABASE locked")
    execute(guarded.url(database="locked"), "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    with pytest.raises(MetadataException, match="GRANT") as error:
        PostgresMetadata(guarded.url("reader", "r", "locked")).runs(RunQuery())
    assert not isinstance(error.value, DatabaseUnavailable)
    owner = PostgresMetadata(guarded.url(database="locked"))
    owner.apply([RunStarted(run_record())])
    owner.close()
    execute(guarded.url(database="locked"), "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    reader = PostgresMetadata(guarded.url("reader", "r", "locked"))
    assert reader.runs(RunQuery()) == [run_record()]
    with pytest.raises(MetadataException, match="GRANT"):
        reader.apply([Heartbeat("F", "1", 2.0)])
    reader.close()


def test_another_programs_tables_are_left_alone(guarded):
    execute(guarded.url(), "CREATE DATABASE others")
    execute(guarded.url(database="others"), "CREATE TABLE tasks (theirs TEXT)", "INSERT INTO tasks VALUES ('data')")
    with pytest.raises(MetadataException, match="Another program's tables"):
        PostgresMetadata(guarded.url(database="others")).apply([RunStarted(run_record())])
    with psycopg.connect(guarded.url(database="others")) as connection:
        assert connection.execute("SELECT theirs FROM tasks").fetchall() == [("data",)]
        assert connection.execute("SELECT to_regclass('runs')").fetchone() == (None,)


def test_an_encoding_that_cannot_hold_every_text_is_refused(guarded):
    make = "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    execute(guarded.url(), make)
    with pytest.raises(MetadataException, match="LATIN1.*UTF8"):
        PostgresMetadata(guarded.url(database="latin")).runs(RunQuery())


def test_a_full_server_is_told_from_a_broken_one(guarded):
    execute(guarded.url(), "CREATE ROLE few LOGIN PASSWORD 'few-secret' CONNECTION LIMIT 0")
    with pytest.raises(DatabaseUnavailable, match="too many connections.*smaller pools"):
        PostgresMetadata(guarded.url("few", "few-secret")).runs(RunQuery())


def test_a_restart_of_the_server_is_survived(guarded):
    execute(guarded.url(), "CREATE DATABASE restarted")
    store = PostgresMetadata(guarded.url(database="restarted"), keep_log=True)
    store.apply([RunStarted(run_record())])
    guarded.stop()
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(len(store.runs(RunQuery())))),
        threading.Thread(target=lambda: results.append(store.apply([Heartbeat("F", "1", 2000.0)]))),
        threading.Thread(target=lambda: results.append(store.claim_run(run_record("2")))),
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    guarded.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 3
    assert None in results
    assert True in results
    assert store.run("F", "1").heartbeat_at == 2000.0
    assert store.last_event_id() == 3
    store.close()


def end_connections(database):
    execute(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def test_lost_connections_are_replaced(store, postgres_database):
    store.apply([RunStarted(run_record())])
    end_connections(postgres_database)
    assert len(store.runs(RunQuery())) == 1
    end_connections(postgres_database)
    store.apply([Heartbeat("F", "1", 2.0)])
    assert store.run("F", "1").heartbeat_at == 2.0


def test_a_claim_that_was_cut_off_while_it_was_committed_is_still_ones_own(store, monkeypatch):
    write = PostgresMetadata._record
    lost = []

    def commit_and_lose(self, cursor, events):
        write(self, cursor, events)
        if not lost:
            lost.append(cursor.connection)
            cursor.execute("COMMIT")
            cursor.connection.close()
            raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(PostgresMetadata, "_record", commit_and_lose)
    assert store.claim_run(run_record("7"))
    assert not store.claim_run(run_record("7"))
    assert [plain["kind"] for _, plain in store.events_after(0, 9)] == ["run_started"]


def test_who_waits_too_long_for_a_connection_is_told(postgres_back_end, postgres_database):
    store = PostgresMetadata(postgres_database, pool_size=1, wait=0.1)
    taken, go_on = threading.Event(), threading.Event()

    def hold(execute):
        taken.set()
        assert go_on.wait(30)

    holder = threading.Thread(target=store._change, args=(hold,))
    holder.start()
    assert taken.wait(30)
    assert store.pool_statistics() == {"size": 1, "in_use": 1, "idle": 0, "waiting": 0}
    with pytest.raises(DatabaseUnavailable, match="All 1 connections"):
        store.runs(RunQuery())
    go_on.set()
    holder.join()
    assert store.runs(RunQuery()) == []
    assert store.pool_statistics() == {"size": 1, "in_use": 0, "idle": 1, "waiting": 0}
    store.close()
    assert store.pool_statistics()["idle"] == 0


def test_many_threads_share_a_few_connections(postgres_back_end, postgres_database):
    from concurrent.futures import ThreadPoolExecutor

    store = PostgresMetadata(postgres_database, pool_size=3)
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda i: store.apply([RunStarted(run_record(str(i)))]), range(100)))
        counts = list(threads.map(lambda _: len(store.runs(RunQuery())), range(40)))
    assert counts == [100] * 40
    statistics = store.pool_statistics()
    assert 1 <= statistics["idle"] <= 3
    assert statistics["in_use"] == 0
    store.close()


def test_a_forked_child_uses_connections_of_its_own(store):
    store.apply([RunStarted(run_record("1"))])

    def child():
        for i in range(20):
            store.apply([RunStarted(run_record(str(100 + i)))])
        store.close()

    pid = in_child(child)
    for i in range(20):
        store.apply([RunStarted(run_record(str(200 + i)))])
    assert exit_status(pid) == 0
    assert len(store.runs(RunQuery())) == 41


def test_a_writer_killed_in_a_transaction_holds_nobody_up(store, postgres_back_end):
    store.apply([RunStarted(run_record())])

    def die():
        def work(cursor):
            from metaflow.metadata_store.postgres_batch import write_events

            write_events(cursor, [Heartbeat("F", "1", 9.0)])
            os._exit(7)

        postgres_back_end.open()._pool.transact(work)

    assert exit_status(in_child(die)) == 7
    store.apply([Heartbeat("F", "1", 5.0)])
    assert store.run("F", "1").heartbeat_at == 5.0


def test_without_the_driver_the_error_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MetadataException, match=r"pip install 'metaflow\[postgres\]'"):
        PostgresMetadata("postgresql://host/db")


@pytest.fixture
def old_database(postgres_url):
    """A database with the tables of the first version, and a run in them."""
    execute(
        postgres_url,
        "CREATE TABLE metaflow_schema (version INTEGER NOT NULL PRIMARY KEY, applied_at TIMESTAMPTZ DEFAULT now())",
        *postgres_schema.MIGRATIONS[0],
        "INSERT INTO metaflow_schema (version) VALUES (1)",
        """INSERT INTO runs (flow, run_id, "user", started_at, status, tags, end_step, record) VALUES ('F', '1', 'ann',
        1001, 'running', '["a"]', 'end', '{"flow":"F","run_id":"1","user":"ann","started_at":1001}')""",
        "INSERT INTO run_tags (flow, tag, started_at, run_id) VALUES ('F', 'a', 1001, '1')",
    )
    return postgres_url


def test_an_older_database_is_brought_up_to_date_once_whoever_comes_first(old_database):
    def use(number):
        mine = PostgresMetadata(old_database, keep_log=True)
        mine.apply([Heartbeat("F", "1", 2000.0 + number)])
        mine.close()

    all_at_once(4, use)
    store = PostgresMetadata(old_database)
    store.migrate()
    (run,) = store.runs(RunQuery(tags=("a",)))
    assert (run.tags, run.heartbeat_at) == (("a",), 2003.0)
    assert store.last_event_id() == 4
    assert store.put_document("c", "k", {})
    versions = store._query("SELECT version FROM metaflow_schema ORDER BY version")
    assert versions == [(n + 1,) for n in range(len(postgres_schema.MIGRATIONS))]
    store.close()


def test_a_migration_that_fails_changes_nothing(old_database, monkeypatch):
    bad = (*postgres_schema.MIGRATIONS, ("CREATE TABLE half_done (x TEXT)", "CREATE TABLE runs (x TEXT)"))
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", bad)
    with pytest.raises(MetadataException):
        PostgresMetadata(old_database).runs(RunQuery())
    with psycopg.connect(old_database) as connection:
        assert connection.execute("SELECT MAX(version) FROM metaflow_schema").fetchone() == (1,)
        assert connection.execute("SELECT to_regclass('half_done'), to_regclass('events')").fetchone() == (None, None)


def test_a_newer_database_is_refused(store, postgres_database):
    store.migrate()
    execute(postgres_database, "INSERT INTO metaflow_schema (version) VALUES (999)")
    try:
        with pytest.raises(MetadataException, match="newer version.*999.*Upgrade the package"):
            PostgresMetadata(postgres_database).runs(RunQuery())
    finally:
        execute(postgres_database, "DELETE FROM metaflow_schema WHERE version = 999")


@pytest.mark.parametrize(
    "error", [psycopg.errors.ProgramLimitExceeded, psycopg.errors.NumericValueOutOfRange, psycopg.DataError]
)
def test_what_the_database_cannot_hold_is_told_from_what_is_wrong_with_it(error):
    problem = explained(error("index row size 4000 exceeds the maximum"), "postgresql://ann@inside/records", "")
    assert isinstance(problem, UnrecordableEvent) and "exceeds the maximum" in str(problem)
    assert "inside" not in str(problem)  # it is answered to whoever sent it
    assert not isinstance(explained(psycopg.errors.UndefinedTable("x"), "y", ""), UnrecordableEvent)
