"""Runs are deleted as a whole: after a crash at any moment, and beside whoever reads them."""

from __future__ import annotations

import json
import os
import time

import pytest

from client.stored_flow import StoredRun, dead_process, foreach_run
from metaflow import Run, namespace
from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.client.recovery import reindex, stored_run
from metaflow.client.upkeep.clean_up import CleanUp
from metaflow.client.upkeep.deletion import delete_runs, refusal
from metaflow.client.upkeep.deletion_notes import Notes
from metaflow.client.upkeep.reading_notes import forget_reading, note_reading
from metaflow.client.upkeep.retention import Rules
from metaflow.datastore.layout import deletion_key, run_key, runs_prefix
from metaflow.datastore.local import LocalStore
from metaflow.datastore.store import ObjectMissing
from metaflow.datastore.tasks import list_attempts, open_task
from metaflow.exception import CannotDelete, MetaflowNotFound, RunDeleted
from metaflow.metadata_store.liveness import process_identity


class Killed(BaseException):
    """The process is gone."""


class Stepping:
    """A store that tells of each of its operations before it does it."""

    def __init__(self, store, before):
        self._store = store
        self._before = before

    def __getattr__(self, name):
        method = getattr(self._store, name)

        def call(*arguments, **options):
            self._before(name)
            return method(*arguments, **options)

        return call


def provider_of(root):
    return Provider(Home(str(root)))


def left(root, flow="F", run_id="1"):
    return sorted(found.key for found in LocalStore(root).scan(runs_prefix(flow, run_id)))


def is_whole(store, run_id="1", tasks=7):
    """The run is there, with all that its tasks left."""
    attempts = list(list_attempts(store, "F", run_id))
    for step, task_id, attempt in attempts:
        open_task(store, "F", run_id, step, task_id, attempt)
    return stored_run(store, "F", run_id) is not None and len(attempts) == tasks


def test_a_deleted_run_is_gone_from_files_and_index_and_others_stay(root):
    foreach_run(root, run_id="1", tags=("nightly",))
    foreach_run(root, run_id="2")
    namespace(None)
    run = Run("F/1")
    task = run["start"].task
    deleted = run.delete()
    assert deleted.pathspec == "F/1" and deleted.size > 1000
    with pytest.raises(MetaflowNotFound):
        Run("F/1")
    assert not (root / runs_prefix("F", "1")).exists(), "not even a folder is left"
    assert Run("F/2")["end"].task.data.total == 5
    with pytest.raises(RunDeleted, match=r"Run F/1 was deleted, and the artifacts of its task F/1/start/1 with it"):
        _ = task["xs"].data
    reindex(Home(str(root)))
    with pytest.raises(MetaflowNotFound):
        Run("F/1")


def test_a_reader_that_was_there_before_is_told_that_the_run_was_deleted(root):
    run = StoredRun(root)
    run.finished("start", 1, artifacts={"big": b"x" * 5000})
    run.ended()
    store = LocalStore(root)
    reader = open_task(store, "F", "1", "start", "1", 0)
    delete_runs(provider_of(root), store, [("F", "1")])
    for found in list(store.scan("mf-store/blobs/")):
        store.delete(found.key)
    with pytest.raises(RunDeleted, match="Run F/1 was deleted"):
        reader.load("big")


def test_a_running_run_is_refused_and_a_dead_one_is_not(root):
    StoredRun(root, run_id="1").finished("start", 1)
    dead = StoredRun(root, run_id="2", **dead_process())
    dead.finished("start", 1)
    namespace(None)
    with pytest.raises(
        CannotDelete, match=r"Run F/1 cannot be deleted: it is still running \(process \d+ on .*\): stop"
    ):
        Run("F/1").delete()
    assert left(root) and not any("deleting" in key for key in left(root))
    Run("F/2").delete()
    assert not left(root, run_id="2")


def test_a_run_elsewhere_of_which_nothing_was_heard_may_be_running(root):
    StoredRun(root, host="elsewhere/boot/pid:[1]")
    provider, store = provider_of(root), LocalStore(root)
    assert "it is still running" in refusal(provider, store, ("F", "1")), "its record was written just now"
    hour_ago = time.time() - 3600
    os.utime(root / run_key("F", "1"), (hour_ago, hour_ago))
    assert "it may still be running (process" in refusal(provider, store, ("F", "1"))
    os.utime(root / run_key("F", "1"), (2000, 2000))
    assert delete_runs(provider, store, [("F", "1")]).deleted, "nobody has heard of it for a week"


@pytest.mark.parametrize("steps", range(40))
def test_a_crash_at_any_moment_is_finished_by_the_next_clean_up(root, steps):
    foreach_run(root, run_id="1")
    foreach_run(root, run_id="2")
    countdown = [steps]

    def before(name):
        if name in ("put", "delete", "put_new"):
            countdown[0] -= 1
            if countdown[0] < 0:
                raise Killed

    store = LocalStore(root)
    provider = provider_of(root)
    try:
        delete_runs(provider, Stepping(store, before), [("F", "1")])
    except Killed:
        # Either nothing has happened, or it is not taken for a run any more; and the note is there.
        assert is_whole(store) or stored_run(store, "F", "1") is None
        if left(root):
            if steps:
                assert deletion_key("F", "1") in left(root)
            else:
                assert is_whole(store)
        # Nor does an index that is made of the files know half of it.
        provider = provider_of(root)
        reindex(provider.home)
        known = provider.run("F", "1")
        assert (known is not None) == is_whole(store)
    clean_up = CleanUp(provider, store)
    plan = clean_up.plan(Rules())
    assert plan.unfinished == ((("F", "1"),) if steps and left(root) else ())
    clean_up.carry_out(plan)
    assert not left(root) or steps == 0
    assert (provider_of(root).run("F", "1") is None) == (steps > 0)
    assert is_whole(store, "2")


def cloning(root, run_id="9", **fields):
    return StoredRun(root, run_id=run_id, origin_run_id="1", is_cloning=True, **fields)


@pytest.mark.parametrize("moment", range(45))
def test_a_run_that_begins_to_read_at_any_moment_of_a_deletion_sees_it_or_is_seen(root, moment):
    foreach_run(root, run_id="1")
    store = LocalStore(root)
    count = [0]
    outcome = []

    def before(_name):
        if count[0] == moment:
            count[0] += 1
            cloning(root)
            try:
                note_reading(store, "F", ["1"], "9")
                outcome.append("reads")
            except RunDeleted as error:
                assert "F/1 is being deleted" in error.message
                outcome.append("refused")
        count[0] += 1

    done = delete_runs(provider_of(root), Stepping(store, before), [("F", "1")])
    if not outcome:
        assert count[0] <= moment
    elif outcome == ["reads"]:
        assert done.deleted == () and "run F/9 takes over its results right now" in done.refused[0][1]
        assert is_whole(store) and deletion_key("F", "1") not in left(root)
        forget_reading(store, "F", ["1"], "9")
        assert delete_runs(provider_of(root), store, [("F", "1")]).deleted == (("F", "1"),)
    else:
        assert done.deleted == (("F", "1"),) and not left(root)


@pytest.mark.parametrize("moment", range(6))
def test_a_deletion_at_any_moment_of_beginning_to_read_sees_it_or_is_seen(root, moment):
    foreach_run(root, run_id="1")
    store = LocalStore(root)
    cloning(root)
    count = [0]
    done = []

    def before(_name):
        if count[0] == moment:
            done.append(delete_runs(provider_of(root), store, [("F", "1")]))
        count[0] += 1

    try:
        note_reading(Stepping(store, before), "F", ["1"], "9")
        reads = True
    except RunDeleted:
        reads = False
    if done:
        assert reads == bool(done[0].refused) or (reads and moment >= 3 and done[0].deleted)
        assert not (reads and done[0].deleted)
    if not reads:
        assert not left(root), "what it noted is taken back"


@pytest.mark.parametrize("fields", [dead_process, lambda: {"is_cloning": False}, lambda: {"status": "done"}])
def test_who_does_not_read_any_more_holds_nothing_up(root, fields):
    foreach_run(root, run_id="1")
    StoredRun(root, run_id="9", **{"origin_run_id": "1", "is_cloning": True, **fields()})
    store = LocalStore(root)
    note_reading(store, "F", ["1"], "9")
    assert delete_runs(provider_of(root), store, [("F", "1")]).deleted == (("F", "1"),)


def test_a_step_that_is_spun_on_a_run_holds_it(root):
    foreach_run(root, run_id="1")
    spins = root.parent / ".metaflow_spin"
    spins.mkdir()
    host, pid, process_started = process_identity()
    spin = {"flow": "F", "user": "ann", "status": "running", "host": host, "pid": pid, "origin_run_id": "1"}
    run_id = str(int(time.time() * 1e6))
    spin |= {"run_id": run_id, "started_at": 1.0, "process_started": process_started}
    LocalStore(spins).put(run_key("F", run_id), [json.dumps(spin).encode()])
    store = LocalStore(root)
    done = delete_runs(provider_of(root), store, [("F", "1")])
    assert f"a spun step reads from it right now (F/{run_id}, process {pid})" in done.refused[0][1]
    assert is_whole(store) and deletion_key("F", "1") not in left(root)
    LocalStore(spins).put(run_key("F", run_id), [json.dumps({**spin, "status": "done"}).encode()])
    assert delete_runs(provider_of(root), store, [("F", "1")]).deleted


def test_a_run_whose_record_is_damaged_can_be_deleted_when_it_is_quiet(root):
    foreach_run(root, run_id="1")
    path = root / run_key("F", "1")
    path.write_bytes(b"{")
    provider, store = provider_of(root), LocalStore(root)
    assert "its record cannot be read" in refusal(provider, store, ("F", "1"))
    for each in (root / runs_prefix("F", "1")).rglob("*.*"):
        os.utime(each, (1000, 1000))
    assert delete_runs(provider, store, [("F", "1")]).deleted
    with pytest.raises(ObjectMissing):
        store.get(run_key("F", "1"))


@pytest.mark.parametrize("moment", range(45))
def test_of_two_who_delete_a_run_at_once_one_is_told_so(root, moment):
    foreach_run(root, run_id="1")
    foreach_run(root, run_id="2")
    store = LocalStore(root)
    count = [0]
    second = []

    def before(_name):
        count[0] += 1
        if count[0] == moment:
            second.append(delete_runs(provider_of(root), store, [("F", "1")]))

    first = delete_runs(provider_of(root), Stepping(store, before), [("F", "1")])
    assert not left(root) and provider_of(root).run("F", "1") is None
    if second:
        told = [bool(done.deleted) for done in (first, *second)]
        assert sorted(told) == [False, True], "exactly one of them has deleted it"
        other = first if second[0].deleted else second[0]
        assert other.gone == (("F", "1"),) or "somebody else is deleting it right now" in other.refused[0][1]
        assert other.files == 0 and other.size == 0
    else:
        assert first.deleted == (("F", "1"),)


@pytest.mark.parametrize(
    "changes",
    [
        {"process_started": 1},
        {"host": "elsewhere/boot/1", "deleted_at": 1000.0},
        {"host": "elsewhere/boot/1", "deleted_at": "x"},
        {"host": "elsewhere/boot/1", "deleted_at": time.time() + 86400},
        {"host": "elsewhere/boot/1", "deleted_at": float("inf")},
        {"host": "elsewhere/boot/1", "deleted_at": 10**400},
        {"pid": 10**30, "process_started": None},
        {"pid": 1, "process_started": None, "deleted_at": 1000.0},
        {"token": []},
        {"host": None},
        {"pid": "x"},
        None,
    ],
)
def test_what_somebody_left_who_is_not_at_it_any_more_is_finished(root, changes):
    foreach_run(root, run_id="1")
    store = LocalStore(root)
    assert Notes(store).leave(("F", "1")) is None, "a deletion that has not ended as it should"
    if changes is None:
        store.put(deletion_key("F", "1"), [b"{"])
    else:
        note = json.loads(store.get(deletion_key("F", "1")))
        store.put(deletion_key("F", "1"), [json.dumps(note | changes).encode()])
    assert delete_runs(provider_of(root), store, [("F", "1")]).deleted == (("F", "1"),)
    assert not left(root)


def test_who_deletes_on_another_machine_is_left_to_it(root):
    foreach_run(root, run_id="1")
    store = LocalStore(root)
    Notes(store).leave(("F", "1"))
    note = json.loads(store.get(deletion_key("F", "1"))) | {"host": "elsewhere/boot/1"}
    store.put(deletion_key("F", "1"), [json.dumps(note).encode()])
    done = delete_runs(provider_of(root), store, [("F", "1")])
    assert done.deleted == () and "somebody else is deleting it right now" in done.refused[0][1]
    assert is_whole(store) and deletion_key("F", "1") in left(root)
    store.delete(run_key("F", "1"))
    done = delete_runs(provider_of(root), store, [("F", "1")])
    assert done.gone == () and done.refused, "most of it is there still"


def test_a_run_that_somebody_else_deleted_is_not_deleted_again(root):
    foreach_run(root, run_id="1")
    foreach_run(root, run_id="2")
    namespace(None)
    run = Run("F/1")
    clean_up = CleanUp(provider_of(root), LocalStore(root))
    plan = clean_up.plan_for([("F", "1")])
    assert Run("F/1").delete().size > 1000
    with pytest.raises(RunDeleted, match="Run F/1 was deleted by somebody else already"):
        run.delete()
    outcome = clean_up.carry_out(plan)
    assert (outcome.deleted, outcome.refused, outcome.gone, outcome.size) == ((), (), (("F", "1"),), 0)
    assert "somebody else deleted it" in clean_up.plan_for([("F", "1")]).kept[0][1]
