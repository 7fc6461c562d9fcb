"""Tasks of a dead run that go on on other machines: what they save and what they need is not thrown away."""

from __future__ import annotations

import os
import time

import pytest

from client.stored_flow import StoredRun, dead_process
from metaflow import Run, namespace
from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.client.recovery import reindex
from metaflow.client.upkeep.clean_up import CleanUp
from metaflow.client.upkeep.deletion import delete_runs, refusal
from metaflow.client.upkeep.retention import Rules
from metaflow.client.upkeep.verification import Scope, verify
from metaflow.datastore.layout import AttemptKey, blobs_prefix, bundle_key, job_key, live_key, runs_prefix
from metaflow.datastore.live_tasks import STATE, End, forget_signs, live_log, log_part_key
from metaflow.datastore.local import LocalStore
from metaflow.datastore.task_writer import TaskWriter
from metaflow.exception import CannotDelete

FAILED = Rules(statuses=("failed",))
TASK = AttemptKey("F", "1", "work", "2", 0)


@pytest.fixture
def store(root):
    """The datastore with a run whose process died; one of its tasks goes on elsewhere and has saved something."""
    run = StoredRun(root, started_at=time.time() - 50 * 3600, **dead_process())
    run.finished("start", 1)
    store = LocalStore(root)
    store.put(bundle_key("F", "1"), [b"{}"])
    store.put(job_key("F", "1", "mf-1"), [b"[]"])
    store.put(live_key(*TASK, STATE), [b"{}"])
    store.put(log_part_key(TASK, 0), [b"something"])
    writer = TaskWriter(store, *TASK)
    writer.save("x", b"x" * 5000)
    for found in store.scan(blobs_prefix()):
        moment = time.time() - 40 * 3600
        os.utime(root / found.key, (moment, moment))
    namespace(None)
    return store


def provider_at(root):
    return Provider(Home(str(root)))


def test_a_run_stays_as_long_as_tasks_of_it_go_on(root, store):
    with pytest.raises(CannotDelete, match=r"1 task of it still runs on other machines.*metaflow runs cancel F/1"):
        Run("F/1").delete()
    provider = provider_at(root)
    clean_up = CleanUp(provider, store)
    plan = clean_up.plan(FAILED)
    assert plan.runs == () and plan.chunks.chunks == 0, "it may need what it has saved"
    assert clean_up.carry_out(plan).deleted == ()
    assert not delete_runs(provider, store, [("F", "1")]).deleted
    assert list(store.list(blobs_prefix()))

    forget_signs(store, "F", "1")

    assert live_log(store, TASK) == b"something", "what it printed is kept"
    plan = clean_up.plan(FAILED)
    assert [each.name for each in plan.runs] == [("F", "1")] and plan.chunks.chunks == 1
    assert clean_up.carry_out(plan).deleted == (("F", "1"),)
    assert not list(store.list(runs_prefix())), "with what was there for its tasks"


def test_tasks_that_have_ended_or_are_long_silent_hold_nothing(root, store):
    store.put(live_key(*TASK, End(0, 9).name), [b""])
    assert refusal(provider_at(root), store, ("F", "1")) is None
    store.delete(live_key(*TASK, End(0, 9).name))
    assert refusal(provider_at(root), store, ("F", "1")) is not None
    moment = time.time() - 400
    os.utime(root / live_key(*TASK, STATE), (moment, moment))
    assert refusal(provider_at(root), store, ("F", "1")) is None


def test_checks_and_a_new_index_take_such_a_run_for_what_it_is(root, store):
    provider = provider_at(root)
    wrong, _ = verify(provider, store, Scope()).findings
    assert (wrong.what, wrong.problem) == ("index of runs", "says that the run F/1 is running, but its process died")
    counts = reindex(provider.home)
    assert (counts.runs, counts.tasks, counts.damaged) == (1, 1, ())
    assert Run("F/1").status == "failed"
    (chunks,) = verify(provider, store, Scope()).findings
    assert chunks.severity == "litter"
