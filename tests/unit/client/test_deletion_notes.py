"""Who is deleting a run is left to it, and what somebody left half-done is finished by others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from client.stored_flow import foreach_run
from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.client.upkeep import clean_up, deletion, deletion_notes
from metaflow.client.upkeep.clean_up import CleanUp
from metaflow.client.upkeep.deletion import delete_runs
from metaflow.client.upkeep.deletion_notes import AT_IT, Notes
from metaflow.client.upkeep.retention import Rules
from metaflow.client.upkeep.run_deletion import delete_run
from metaflow.client.upkeep.verification import Scope, verify
from metaflow.datastore.layout import deletion_key, run_key, runs_prefix
from metaflow.datastore.local import LocalStore
from metaflow.exception import CannotDelete, DataException, StoreUnavailable
from metaflow.metadata_store.liveness import process_identity
from metaflow.web.contained_store import ContainedStore

NAME = ("F", "1")
NOTE = deletion_key(*NAME)


@pytest.fixture
def store(root):
    """With two runs."""
    foreach_run(root, run_id="1")
    foreach_run(root, run_id="2")
    return LocalStore(root)


@pytest.fixture
def provider(root, store):
    return Provider(Home(str(root)))


@pytest.fixture
def other_process():
    """The identity of another process, which lives."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process_identity(process.pid)
    process.kill()
    process.wait()
    process.stdin.close()


def left(store):
    return sorted(store.list(runs_prefix(*NAME)))


def write_as(store, identity, **changes):
    """Make a note one of another process."""
    host, pid, started = identity
    note = json.loads(store.get(NOTE)) | {"host": host, "pid": pid, "process_started": started}
    store.put(NOTE, [json.dumps(note | changes).encode()])


def test_who_fails_and_lives_on_leaves_it_to_others(store, provider, monkeypatch, other_process):
    """As a server does; seen from another process."""

    def fail(*_):
        raise DataException("the disk is asleep")

    with monkeypatch.context() as patch:
        patch.setattr(deletion, "delete_each", fail)
        patch.setattr(deletion_notes, "process_identity", lambda: other_process)
        with pytest.raises(DataException, match="asleep"):
            delete_runs(provider, store, [NAME])
    assert NOTE in left(store) and len(left(store)) > 1
    planner = CleanUp(provider, store)
    plan = planner.plan(Rules())
    assert plan.unfinished == (NAME,)
    assert planner.carry_out(plan).deleted == (NAME,)
    assert not left(store)


def test_whose_store_does_not_even_take_the_note_back_is_told_the_first_error(store, provider):
    class Failing(LocalStore):
        __slots__ = ()

        def delete(self, key):
            raise StoreUnavailable("the first")

        def put(self, key, parts):
            raise StoreUnavailable("another")

    with pytest.raises(StoreUnavailable, match="the first"):
        delete_runs(provider, Failing(store.local_path("")), [NAME])


def test_what_a_living_process_noted_long_ago_is_a_leftover_and_until_then_nothing_is_gone(
    store, provider, other_process
):
    assert Notes(store).leave(NAME) is None
    write_as(store, other_process)
    store.delete(run_key(*NAME))
    files = left(store)
    (finding,) = verify(provider, store, Scope(repair=True)).findings
    assert not finding.repaired and AT_IT in finding.problem
    done = delete_runs(provider, store, [NAME])
    assert done.refused == ((NAME, AT_IT),) and done.gone == () == done.deleted and left(store) == files
    write_as(store, other_process, deleted_at=time.time() - 601)
    (finding,) = verify(provider, store, Scope(repair=True)).findings
    assert finding.repaired and not left(store)


def test_a_deletion_that_goes_on_for_long_says_so(store, provider, monkeypatch):
    """Others look at each of its removals."""
    monkeypatch.setattr(deletion, "_OBJECTS_AT_ONCE", 1)
    clock, ages = [time.time()], []

    class Slow(LocalStore):
        __slots__ = ()

        def delete(self, key):
            if key.startswith(runs_prefix(*NAME)) and key != NOTE:
                ages.append(clock[0] - json.loads(self.get(NOTE))["deleted_at"])
            clock[0] += 100
            super().delete(key)

    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: clock[0])
        assert delete_runs(provider, Slow(store.local_path("")), [("F", "2"), NAME]).deleted
    assert len(ages) > 6 and max(ages) < 300


def test_of_two_who_meet_the_same_leftover_one_goes_on(store, provider):
    store.put(NOTE, [b'{"deleted_at":1}'])
    other = Notes(store)
    told = []

    class Between(LocalStore):
        __slots__ = ()

        def put(self, key, parts):
            super().put(key, parts)
            if key == NOTE:
                store.put(NOTE, [b"{}"])  # which the other one met too
                told.append(other.leave(NAME))

    files = left(store)
    with other:
        done = delete_runs(provider, Between(store.local_path("")), [NAME])
        assert told == [None] and done.refused == ((NAME, AT_IT),) and done.size == 0
        assert left(store) == files and not other.is_lost(NAME)


@pytest.mark.parametrize("kind", [LocalStore, ContainedStore])
@pytest.mark.parametrize("thing", ["link", "folder"])
def test_what_is_no_note_but_stands_in_its_place_holds_no_other_run_up(store, provider, tmp_path, kind, thing):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"{}")
    place = store.local_path(NOTE)
    if thing == "link":
        place.symlink_to(elsewhere)
    else:
        place.mkdir()
    done = delete_runs(provider, kind(os.path.realpath(store.local_path(""))), [NAME, ("F", "2")])
    if thing == "link":
        assert done.deleted == (NAME, ("F", "2")) and not left(store) and elsewhere.read_bytes() == b"{}"
    else:
        assert done.deleted == (("F", "2"),) and "in the place of the note" in done.refused[0][1]
        assert store.stat(run_key(*NAME)) is not None


def test_a_clean_up_finishes_a_deletion_whose_note_became_a_link(store, provider, tmp_path):
    store.delete(run_key(*NAME))
    store.local_path(NOTE).symlink_to(tmp_path)
    store.local_path(NOTE).parent.joinpath("x").write_bytes(b"x")
    contained = ContainedStore(os.path.realpath(store.local_path("")))
    planner = CleanUp(provider, contained)
    plan = planner.plan_for([NAME])
    assert plan.unfinished == (NAME,)
    assert planner.carry_out(plan).deleted == (NAME,)
    assert not store.local_path(NOTE).parent.exists()


def test_a_note_that_cannot_be_read_because_the_store_is_out_of_reach_is_not_replaced(store, provider):
    store.put(NOTE, [b'{"deleted_at":1}'])

    class Failing(LocalStore):
        __slots__ = ()

        def get(self, key):
            if key == NOTE:
                raise StoreUnavailable("asleep")
            return super().get(key)

    with pytest.raises(StoreUnavailable):
        delete_runs(provider, Failing(store.local_path("")), [NAME])
    assert store.get(NOTE) == b'{"deleted_at":1}'


def test_a_run_that_began_to_be_read_while_the_store_was_looked_through_is_told_whole(store, provider, monkeypatch):
    files = left(store)
    monkeypatch.setattr(clean_up, "refusal", lambda *_: "run F/9 takes over its results right now: try again")
    with pytest.raises(CannotDelete, match="Run F/1 cannot be deleted: run F/9 takes over its results right now"):
        delete_run(provider, *NAME, chunks=True)
    assert left(store) == files
