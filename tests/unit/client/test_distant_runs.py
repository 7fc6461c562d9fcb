"""Runs that other machines start come into this machine's index, and are followed until they end."""

from __future__ import annotations

import json
import time

import pytest

from client.stored_flow import StoredRun
from metaflow.client.distant_runs import DistantRuns, Reading
from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.client.tag_log import change_run_tags
from metaflow.client.upkeep import many_objects
from metaflow.datastore.layout import deletion_key, live_key, run_key
from metaflow.datastore.local import LocalStore
from metaflow.datastore.location import open_store
from metaflow.exception import DataException, StoreUnavailable
from metaflow.metadata_store.events import Heartbeat, RunStarted
from metaflow.metadata_store.records import RunRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.store import RunQuery, TaskQuery
from metaflow.testing.memory_store import MemoryStore

ELSEWHERE = {"host": "elsewhere/boot/1", "pid": 7, "process_started": 1}


def new_id(age=0.0):
    return str(int((time.time() - age) * 1e6))


class OtherMachine:
    """Runs things in a directory of its own, and has what they leave in the shared datastore."""

    def __init__(self, root, store):
        self.root, self.store = root, store
        self._sent = {}

    def run(self, run_id, **fields):
        return StoredRun(self.root, run_id=run_id, started_at=int(run_id) / 1e6, **{**ELSEWHERE, **fields})

    def send(self):
        own = LocalStore(self.root)
        for key in sorted(own.list("mf-store/runs/"), key=lambda key: key.endswith("run.json")):
            content = own.get(key)
            if self._sent.get(key) != content:
                self.store.put(key, [content])
                self._sent[key] = content


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def other(tmp_path, store):
    (tmp_path / "other").mkdir()
    return OtherMachine(tmp_path / "other", store)


@pytest.fixture
def index():
    return SqliteMetadata()


@pytest.fixture
def distant(store, index):
    return DistantRuns(store, index, "s3://ours")


def statuses(index):
    return {run.run_id: run.status for run in index.runs(RunQuery())}


def finished_tasks(index, run_id):
    return sorted(task.step for task in index.tasks(TaskQuery("F", run_id)) if task.status == "done")


def test_runs_on_s3_are_found_and_followed_to_their_end(tmp_path, s3_bucket, index, monkeypatch):
    monkeypatch.setenv("METAFLOW_HOME", str(tmp_path / "home"))
    store = open_store(s3_bucket.location)
    (tmp_path / "other").mkdir()
    other = OtherMachine(tmp_path / "other", store)
    old, going = new_id(86400), new_id(7200)
    run = other.run(old, tags=("t",))
    run.finished("start", 1, artifacts={"x": 1})
    run.ended("failed", "it broke")
    going_run = other.run(going)
    other.send()
    distant = DistantRuns(store, index, s3_bucket.location)
    distant.look_at_all()
    assert statuses(index) == {old: "failed", going: "running"}
    known = index.run("F", old)
    assert (known.datastore, known.tags, known.message) == (s3_bucket.location, ("t",), "it broke")
    assert finished_tasks(index, old) == ["start"]

    just_now = new_id()
    other.run(just_now).ended()
    going_run.finished("start", 1)
    other.send()
    distant.look_at_newest()
    assert statuses(index)[just_now] == "done"
    assert distant.requests == 1 + 2 + 1, "the flows, two windows of its ids, and the run that goes on"
    assert finished_tasks(index, going) == ["start"]
    change_run_tags(store, SqliteMetadata(), going_run.record, ["good"], [])
    going_run.finished("end", 2)
    going_run.ended()
    other.send()
    distant.look_at_newest()
    assert statuses(index)[going] == "done" and finished_tasks(index, going) == ["end", "start"]
    assert index.run("F", going).tags == ("good",)
    distant.look_at_newest()
    assert distant.requests == 1 + 2, "nothing goes on"


def test_what_tasks_on_other_machines_say_is_seen_while_they_run(other, store, index, distant):
    run = other.run(new_id(100))
    other.send()
    store.put(live_key("F", run.record.run_id, "work", "3", 0, "state"), [b"{}"])
    distant.look_at_all()
    (task,) = index.tasks(TaskQuery("F", run.record.run_id))
    assert (task.step, task.task_id, task.status) == ("work", "3", "running")
    assert index.run("F", run.record.run_id).heartbeat_at == pytest.approx(time.time(), abs=60)


def test_a_record_that_is_damaged_holds_up_no_other_and_counts_when_it_is_whole(other, store, index, distant):
    damaged, whole = new_id(300), new_id(200)
    other.run(damaged).ended()
    other.run(whole).ended()
    other.send()
    content = store.get(run_key("F", damaged))
    store.put(run_key("F", damaged), [b"half writ"])
    distant.look_at_all()
    assert statuses(index) == {whole: "done"}
    store.put(run_key("F", damaged), [content])
    distant.look_at_newest()
    assert statuses(index) == {damaged: "done", whole: "done"}


def test_what_is_being_deleted_or_was_is_left_out(other, store, index, distant):
    being_deleted, leftover = new_id(300), new_id(200)
    other.run(being_deleted).ended()
    other.send()
    store.put(deletion_key("F", being_deleted), [b"{}"])
    store.put(f"mf-store/runs/F/{leftover}/start/1.0.log", [b"x"])
    distant.look_at_all()
    assert statuses(index) == {}


def test_runs_that_another_machine_deleted_are_forgotten(other, store, index, distant):
    deleted, going, lost, stays = (new_id(age) for age in (400, 300, 200, 100))
    for run_id in (deleted, lost, stays):
        other.run(run_id).ended()
    other.run(going)
    other.run(stays).ended()
    other.send()
    store.put(f"mf-store/runs/F/{lost}/start/1.0.log", [b"x"])
    index.apply([RunStarted(RunRecord("F", "here", "ann", 1.0, status="done", datastore=""))])
    distant.look_at_all()
    for run_id in (deleted, lost, going):
        store.delete(run_key("F", run_id))
    index.apply([Heartbeat("F", going, time.time())])
    distant.look_at_all()
    assert set(statuses(index)) == {"here", going, lost, stays}, "only what is surely gone"
    assert distant.requests == 2 + 2 * 4, "of the run that goes on, as far as is known, is asked too"
    other._sent.clear()
    other.send()
    distant.look_at_all()
    assert deleted in statuses(index), "it was put back"


@pytest.mark.parametrize("problem", ["empty", "unavailable", "stopped"])
def test_no_run_is_forgotten_because_its_store_shows_nothing(other, store, index, distant, problem, monkeypatch):
    ids = {new_id(300), new_id(200)}
    for run_id in ids:
        other.run(run_id).ended()
    other.send()
    distant.look_at_all()
    first = min(ids)
    if problem == "empty":
        store.objects.clear()
    else:
        store.delete(run_key("F", first))
    if problem == "unavailable":
        monkeypatch.setattr(store, "stat", lambda key: (_ for _ in ()).throw(StoreUnavailable("no network")))
        with pytest.raises(StoreUnavailable):
            distant.look_at_all()
    else:
        distant.is_stopped = problem == "stopped"
        distant.look_at_all()
    assert set(statuses(index)) == ids


def test_what_was_read_but_not_recorded_is_read_again(other, index, distant, monkeypatch):
    run = other.run(new_id(100))
    other.send()
    distant.look_at_all()
    run.finished("start", 1)
    other.send()
    apply = index.apply

    def fail(events):
        raise DataException("the disk is full")

    monkeypatch.setattr(index, "apply", fail)
    with pytest.raises(DataException):
        distant.look_at_newest()
    monkeypatch.setattr(index, "apply", apply)
    distant.look_at_newest()
    assert finished_tasks(index, run.record.run_id) == ["start"]


def test_it_says_how_far_it_is_and_begins_with_the_newest(other, index, distant, monkeypatch):
    ids = sorted((new_id(age) for age in (100, 200, 300)), reverse=True)
    for run_id in ids:
        other.run(run_id).ended()
    other.send()
    seen = []
    apply = index.apply

    def note(events):
        batch = list(events)
        seen.extend((event.run.run_id, distant.reading) for event in batch if isinstance(event, RunStarted))
        apply(batch)

    monkeypatch.setattr(index, "apply", note)
    monkeypatch.setattr(many_objects, "_AT_A_TIME", 1)  # threads that overtake each other say nothing of the order
    distant.look_at_all()
    assert [run_id for run_id, _ in seen] == ids
    assert {reading.total for _, reading in seen} == {3} and seen[0][1] == Reading(0, 3)
    assert distant.reading is None


def test_a_look_that_is_stopped_leaves_the_rest_for_later(other, index, distant, monkeypatch):
    for age in range(200):
        other.run(new_id(1000 + age)).ended()
    other.send()
    apply = index.apply

    def stop(events):
        distant.is_stopped = True
        apply(events)

    monkeypatch.setattr(index, "apply", stop)
    distant.look_at_all()
    assert 0 < len(statuses(index)) < 200
    distant.is_stopped = False
    monkeypatch.setattr(index, "apply", apply)
    distant.look_at_all()
    assert len(statuses(index)) == 200


def test_a_silent_run_elsewhere_is_not_declared_dead(tmp_path, other, store, index, monkeypatch):
    """Its heartbeats do not come here, and a task may take its time: only what is certain is written."""
    store.is_remote = True
    run_id = new_id(3600)
    run = other.run(run_id)
    other.send()
    provider = Provider(Home(str(tmp_path), "s3://ours"), index)
    provider._store = store
    index.apply([RunStarted(run.record._replace(datastore="s3://ours"))])
    assert provider.run("F", run_id).status == "running"
    assert json.loads(store.get(run_key("F", run_id))).get("status", "running") == "running"
    assert not provider.is_out_of_reach("s3://ours")
    monkeypatch.setattr(store, "get", lambda key: (_ for _ in ()).throw(StoreUnavailable("no network")))
    assert provider.run("F", run_id).status == "running"
    assert provider.is_out_of_reach("s3://ours")
    monkeypatch.undo()
    provider = Provider(Home(str(tmp_path), "s3://ours"), index)
    provider._store = store
    run.ended()
    other.send()
    assert provider.run("F", run_id).status == "done" and statuses(index) == {run_id: "done"}


def test_a_run_of_this_machine_that_writes_to_the_index_itself_is_not_followed(other, index, store):
    run = StoredRun(other.root, run_id=new_id(50), started_at=time.time() - 50)
    other.send()
    index.apply([RunStarted(run.record)])
    distant = DistantRuns(store, index, "")
    distant.look_at_newest()
    distant.look_at_newest()
    assert distant.requests == 1 + 2
