"""In doubt, a clean-up leaves things alone: silent runs, clocks that are off, old copies, notes taken back."""

from __future__ import annotations

import json
import os
import time

import pytest

from client.stored_flow import StoredRun
from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.client.upkeep.clean_up import CleanUp
from metaflow.client.upkeep.deletion import refusal
from metaflow.client.upkeep.retention import Rules
from metaflow.client.upkeep.run_deletion import delete_run
from metaflow.client.upkeep.verification import Scope, verify
from metaflow.datastore.layout import blobs_prefix, deletion_key, run_key, runs_prefix
from metaflow.datastore.local import LocalStore
from metaflow.datastore.task_writer import TaskWriter
from metaflow.datastore.tasks import open_task
from metaflow.exception import DataException, RunDeleted
from metaflow.imports.state import ImportState, write_state
from metaflow.metadata_store.events import Heartbeat
from metaflow.metadata_store.records import RunRecord
from metaflow.testing.memory_provider import MemoryProvider
from remote_double import RemoteDouble, cached

HOUR = 3600.0
ELSEWHERE = "elsewhere/boot/pid:[1]"
FAILED = Rules(statuses=("failed",))


def aged(root, hours):
    """As if everything in a datastore had been written earlier."""
    for path in (root / "mf-store").rglob("*"):
        if path.is_file() and "index.sqlite" not in path.name:
            moment = path.stat().st_mtime_ns - int(hours * HOUR) * 10**9
            os.utime(path, ns=(moment, moment))


def put_run(store, run_id, **fields):
    record = RunRecord("F", run_id, "ann", **{"started_at": time.time() - 50 * HOUR, **fields})
    store.put(run_key("F", run_id), [json.dumps(record.to_dict()).encode()])
    return record


def put_task(store, run_id, value, task_id="1"):
    writer = TaskWriter(store, "F", run_id, "start", task_id, 0)
    writer.save("x", value)
    writer.commit({"task": {}})


@pytest.mark.parametrize("is_told_dead", [False, True])
def test_a_run_whose_heartbeats_stay_away_is_not_taken_for_dead_at_once(root, is_told_dead):
    """The service may have been down, or the clock of its machine is slow; others record it as failed meanwhile."""
    run = StoredRun(root, host=ELSEWHERE, started_at=time.time() - 30 * HOUR)
    provider, store = Provider(Home(str(root))), LocalStore(root)
    writer = TaskWriter(store, "F", "1", "start", "1", 0)
    writer.save("x", b"x" * 5000)
    aged(root, 3)
    run.index.apply([Heartbeat("F", "1", time.time() - 3 * HOUR)])
    if is_told_dead:
        assert provider.run("F", "1").status == "failed"
        assert b"failed" in store.get(run_key("F", "1"))
        aged(root, 3)
    assert "it may still be running (process" in refusal(provider, store, ("F", "1"))
    clean_up = CleanUp(provider, store)
    plan = clean_up.plan(FAILED)
    assert plan.runs == () and plan.chunks.chunks == 0
    clean_up.carry_out(plan)
    writer.commit({"task": {}})
    assert open_task(store, "F", "1", "start", "1", 0).load("x") == b"x" * 5000


def test_a_run_of_which_nothing_was_heard_for_a_day_is_dead(root):
    run = StoredRun(root, host=ELSEWHERE, started_at=time.time() - 60 * HOUR)
    run.index.apply([Heartbeat("F", "1", time.time() - 25 * HOUR)])
    provider, store = Provider(Home(str(root))), LocalStore(root)
    assert provider.run("F", "1").status == "failed"
    aged(root, 25)
    clean_up = CleanUp(provider, store)
    assert clean_up.carry_out(clean_up.plan(FAILED)).deleted == (("F", "1"),)


def test_nothing_goes_if_the_clock_here_is_ahead_of_that_of_the_datastore(monkeypatch):
    provider = MemoryProvider()
    store = provider.store
    put_run(store, "1", status="failed", finished_at=time.time() - 49 * HOUR)
    put_task(store, "1", b"x" * 5000)
    put = store.put

    def put_an_hour_ago(key, parts):
        put(key, parts)
        store.times[key] -= HOUR

    monkeypatch.setattr(store, "put", put_an_hour_ago)
    clean_up = CleanUp(provider, store)
    before = dict(store.objects)
    with pytest.raises(DataException, match=r"3,\d00 seconds ahead of that of the datastore.*Nothing was removed"):
        clean_up.carry_out(clean_up.plan(FAILED))
    assert store.objects == before


def test_an_old_copy_of_a_result_on_this_machine_hides_nothing(tmp_path, root):
    """A run of the same id was here once, was deleted from another machine, and its id was given out again there."""
    remote = RemoteDouble()
    here, there = cached(remote, tmp_path / "here"), cached(remote, tmp_path / "there")
    ended = {"status": "done", "finished_at": time.time() - 40 * HOUR}
    for store, value in ((here, b"a" * 5000), (there, b"b" * 5000)):
        for found in list(store.scan(runs_prefix("F", "1"))):
            store.delete(found.key)
        put_run(store, "1", **ended)
        put_task(store, "1", value)
    clean_up = CleanUp(Provider(Home(str(root))), here, grace=-60.0)
    assert clean_up.carry_out(clean_up.plan(Rules())).chunks.chunks == 1
    assert open_task(cached(remote, tmp_path / "new"), "F", "1", "start", "1", 0).load("x") == b"b" * 5000


def test_a_deletion_that_was_given_up_meanwhile_is_not_finished(root):
    StoredRun(root).ended()
    store = LocalStore(root)
    store.put(deletion_key("F", "1"), [b"{}"])
    clean_up = CleanUp(Provider(Home(str(root))), store)
    plan = clean_up.plan(Rules())
    assert plan.unfinished == (("F", "1"),)
    store.delete(deletion_key("F", "1"))
    assert clean_up.carry_out(plan).deleted == ()
    assert store.stat(run_key("F", "1")) is not None


def test_no_chunk_goes_that_a_run_may_need_whose_record_cannot_be_read(root):
    """It may have been written by a newer program, and go on."""
    StoredRun(root)
    store = LocalStore(root)
    writer = TaskWriter(store, "F", "1", "start", "1", 0)
    writer.save("x", b"x" * 5000)
    store.put(run_key("F", "1"), [b'{"format": 99}'])
    aged(root, 3)
    clean_up = CleanUp(Provider(Home(str(root))), store)
    assert clean_up.carry_out(clean_up.plan(Rules())).chunks.chunks == 0
    aged(root, 8 * 24)
    assert clean_up.carry_out(clean_up.plan(Rules())).chunks.chunks == 1


@pytest.mark.parametrize("look", [1, 2])
def test_a_run_that_ends_while_it_is_read_keeps_what_it_committed_last(look, monkeypatch):
    """Its record, read after its results were listed, says that it is over; the list lacks the last of them."""
    provider = MemoryProvider()
    store = provider.store
    fields = {"host": ELSEWHERE, "started_at": time.time() - 50 * HOUR}
    put_run(store, "1", **fields)
    writer = TaskWriter(store, "F", "1", "start", "1", 0)
    writer.save("x", b"x" * 5000)
    for key in store.times:
        store.times[key] -= 30 * HOUR
    reads = []
    get = store.get

    def get_late(key):
        if key == run_key("F", "1"):
            reads.append(key)
            if len(reads) == look:
                writer.commit({"task": {}})
                put_run(store, "1", **fields, status="done", finished_at=time.time())
        return get(key)

    monkeypatch.setattr(store, "get", get_late)
    clean_up = CleanUp(provider, store)
    clean_up.carry_out(clean_up.plan(Rules()))
    assert len(reads) >= look
    assert open_task(store, "F", "1", "start", "1", 0).load("x") == b"x" * 5000
    assert any(key.startswith(blobs_prefix()) for key in store.objects) and any(store.scan(runs_prefix("F", "1")))


def test_a_tag_that_cannot_be_read_any_more_keeps_the_run(root):
    StoredRun(root).ended("failed")
    provider, store = Provider(Home(str(root))), LocalStore(root)
    clean_up = CleanUp(provider, store)
    plan = clean_up.plan(FAILED._replace(keep_tags=("keep",)))
    assert len(plan.runs) == 1
    provider.change_tags(provider.run("F", "1"), ["keep"], [])
    (change,) = (root / runs_prefix("F", "1") / "user-tags").iterdir()
    change.write_bytes(b"{")
    outcome = clean_up.carry_out(plan)
    assert outcome.deleted == () and "a change of its tags cannot be read" in outcome.refused[0][1]


def test_folders_of_others_among_the_runs_hold_nothing_up(root):
    for run_id in ("1", "2"):
        run = StoredRun(root, run_id=run_id)
        run.finished("start", 1, artifacts={"x": run_id.encode() * 5000})
        run.ended("failed")
    for name in ("a\\b/1", "F/a\nb", "F/.trash", ".DS/1"):
        folder = root / runs_prefix() / name
        folder.mkdir(parents=True)
        (folder / "deleting.json").write_bytes(b"?")
        (folder / "run.json").write_bytes(b"?")
    aged(root, 3)
    provider, store = Provider(Home(str(root))), LocalStore(root)
    clean_up = CleanUp(provider, store)
    outcome = clean_up.carry_out(clean_up.plan(FAILED._replace(keep_last=1)))
    assert outcome.deleted == (("F", "1"),) and outcome.chunks.chunks == 1
    assert (folder / "run.json").exists()
    assert verify(provider, store, Scope()).findings == ()


@pytest.mark.parametrize("exists", [False, True])
def test_what_an_import_has_saved_for_a_task_that_is_not_complete_yet_is_left(root, exists):
    store = LocalStore(root)
    if exists:
        StoredRun(root).ended()
    aged(root, 3)
    write_state(store, "F", "1", ImportState("s3://theirs"))
    writer = TaskWriter(store, "F", "1", "start", "1", 0)
    writer.save("x", b"x" * 5000)
    chunks = [path for path in (root / blobs_prefix()).rglob("*") if path.is_file()]
    for path in chunks:
        moment = path.stat().st_mtime_ns - 7200 * 10**9
        os.utime(path, ns=(moment, moment))
    clean_up = CleanUp(Provider(Home(str(root))), store)
    assert clean_up.carry_out(clean_up.plan(Rules())).chunks.chunks == 0
    write_state(store, "F", "1", ImportState("s3://theirs", complete=True))
    assert clean_up.carry_out(clean_up.plan(Rules())).chunks.chunks == 1


def test_a_run_without_files_is_forgotten_or_it_is_said_that_it_was_not(root):
    for run_id in ("1", "2"):
        StoredRun(root, run_id=run_id).ended()
        (root / run_key("F", run_id)).unlink()
    provider = Provider(Home(str(root)))
    with pytest.raises(RunDeleted, match="Run F/1 was deleted by somebody else already"):
        delete_run(provider, "F", "1", chunks=True)
    assert provider.index.run("F", "1") is None
    plan = CleanUp(provider, provider.store).plan_for([("F", "2")])
    assert plan.kept[0][0] == "F/2" and "verify --repair" in plan.kept[0][1] and plan.is_empty
