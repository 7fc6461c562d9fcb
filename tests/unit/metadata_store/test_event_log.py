"""The log of events: ids in order, nothing missed, trimmed from its old end."""

from __future__ import annotations

import os
import time

import pytest

from metaflow.exception import MetadataException
from metaflow.metadata_store import service_tables, wire
from metaflow.metadata_store.events import Heartbeat, RunForgotten, RunStarted, TaskEnded
from metaflow.metadata_store.records import RunRecord, TaskRecord

from .processes import exit_status, in_child


def run_record(run_id="1", flow="F"):
    return RunRecord(flow, run_id, "ann", 1000.0)


def kinds(entries):
    return [plain["kind"] for _, plain in entries]


def test_what_was_recorded_can_be_followed(service_database):
    store = service_database.open()
    assert (store.last_event_id(), store.oldest_event_id()) == (0, 1)
    task = TaskRecord("F", "1", "work", "1", 0, 1.0, values={"x": "\udce9\0"})
    recorded = [RunStarted(run_record()), TaskEnded(task), Heartbeat("F", "1", 5.0)]
    store.apply(recorded)
    entries = store.events_after(0, 10)
    assert [number for number, _ in entries] == [1, 2, 3]
    assert [wire.event_from_plain(plain) for _, plain in entries] == recorded
    assert store.events_after(1, 1) == entries[1:2]
    assert store.claim_run(run_record("2", "G"))
    assert not store.claim_run(run_record("2", "G"))
    store.apply([RunForgotten("F", "1"), RunStarted(run_record("2"))])
    assert kinds(store.events_after(3, 10)) == ["run_started", "run_forgotten", "run_started"]
    assert kinds(store.events_after(0, 10, flow="G")) == ["run_started"]
    assert kinds(store.events_after(1, 10, flow="F", run_id="1")) == ["task_ended", "heartbeat", "run_forgotten"]
    assert store.events_after(6, 10) == []
    assert (store.last_event_id(), store.oldest_event_id()) == (6, 1)


def test_what_was_not_recorded_is_not_in_the_log(service_database):
    store = service_database.open()
    with pytest.raises(MetadataException):
        store.apply([RunStarted(run_record()), RunStarted(run_record("2")._replace(started_at=None))])
    assert store.events_after(0, 10) == []
    assert store.last_event_id() == 0


def test_ids_go_on_after_the_log_was_trimmed(service_database, monkeypatch):
    monkeypatch.setattr(service_tables, "_TRIMMED_AT_ONCE", 2)
    store = service_database.open()
    store.apply([Heartbeat("F", "1", float(i)) for i in range(3)])
    between = time.time()
    time.sleep(0.01)
    store.apply([Heartbeat("F", "1", 9.0)])
    assert store.trim_log(between) == 3
    assert (store.oldest_event_id(), store.last_event_id()) == (4, 4)
    assert [plain["at"] for _, plain in store.events_after(0, 10)] == [9.0]
    assert store.trim_log(time.time() + 100) == 1
    assert store.trim_log(time.time() + 100) == 0
    assert (store.oldest_event_id(), store.last_event_id()) == (5, 4)
    store.apply([Heartbeat("F", "1", 10.0)])
    assert [number for number, _ in store.events_after(0, 10)] == [5]


def test_a_follower_misses_nothing_while_many_write(service_database):
    store, writers, batches, size = service_database.open(), 4, 25, 3
    store.apply([RunStarted(run_record(str(number))) for number in range(writers)])
    seen = store.last_event_id()

    def write(number):
        mine = service_database.open()
        for batch in range(batches):
            mine.apply([Heartbeat("F", str(number), float(batch * size + i)) for i in range(size)])

    children = [in_child(lambda number=number: write(number)) for number in range(writers)]
    heard = {str(number): [] for number in range(writers)}
    deadline = time.monotonic() + 100
    while sum(map(len, heard.values())) < writers * batches * size and time.monotonic() < deadline:
        for number, plain in store.events_after(seen, 7):
            assert number == seen + 1, "an event became visible after one with a higher id"
            seen = number
            heard[plain["run_id"]].append(plain["at"])
    assert [exit_status(pid) for pid in children] == [0] * writers
    in_order = [float(i) for i in range(batches * size)]
    assert heard == {str(number): in_order for number in range(writers)}


def test_without_a_log_nothing_is_kept_of_events(tmp_path, postgres_database, request):
    from metaflow.metadata_store.postgres import PostgresMetadata
    from metaflow.metadata_store.sqlite import SqliteMetadata

    request.getfixturevalue("postgres_back_end")
    for store in (SqliteMetadata(tmp_path / "index.sqlite"), PostgresMetadata(postgres_database)):
        store.apply([RunStarted(run_record())])
        assert store.events_after(0, 10) == []
        assert store.last_event_id() == 0
        store.close()


def test_runs_are_counted_by_status(service_database):
    store = service_database.open()
    assert store.runs_by_status() == {}
    store.apply([RunStarted(run_record(str(i))) for i in range(3)])
    store.apply([RunStarted(run_record("9", "G")._replace(status="failed"))])
    assert store.runs_by_status() == {"failed": 1, "running": 3}
    assert store.runs_by_status("F") == {"running": 3}
    store.ping()


def test_threads_read_a_file_while_another_writes(tmp_path):
    """A reader that waited for the writer would never end: the writer waits for it."""
    from threading import Event, Thread

    from metaflow.metadata_store.sqlite import SqliteMetadata

    store = SqliteMetadata(tmp_path / "service.sqlite", keep_log=True)
    store.apply([RunStarted(run_record())])
    writing, read = Event(), Event()

    def write(execute):
        execute("UPDATE runs SET status = 'done'", ())
        writing.set()
        assert read.wait(30)

    writer = Thread(target=store._change, args=(write,))
    writer.start()
    assert writing.wait(30)
    assert store.run("F", "1").status == "running"
    read.set()
    writer.join()
    assert store.run("F", "1").status == "done"
    os.replace(tmp_path / "service.sqlite", tmp_path / "moved.sqlite")
    assert store.run("F", "1") is None
    store.close()
