"""Runs that were deleted elsewhere are forgotten by the index, and none is forgotten because its store is not seen."""

from __future__ import annotations

import shutil
import time

import pytest

from client.stored_flow import StoredRun, foreach_run
from metaflow.client import Flow, Run, Task, namespace
from metaflow.client.deleted_runs import is_deleted
from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.client.recovery import assumed_dead
from metaflow.datastore.layout import deletion_key, run_key, runs_prefix
from metaflow.datastore.local import LocalStore
from metaflow.exception import AccessDenied, BucketMissing, MetaflowNotFound, RunDeleted, StoreUnavailable
from metaflow.metadata_store.events import RunForgotten, RunStarted
from metaflow.metadata_store.records import RunRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.store import RunQuery, TaskQuery
from remote_double import RemoteDouble

BUCKET = "s3://ours"


def remove(root, run_id="1"):
    shutil.rmtree(root / runs_prefix("F", run_id))


@pytest.fixture
def two_runs(root):
    namespace(None)
    foreach_run(root, run_id="1")
    foreach_run(root, run_id="2")
    return root


@pytest.mark.parametrize("way", ["run", "task", "container"])
def test_who_opens_a_run_that_was_deleted_elsewhere_is_told_so_and_lists_have_it_no_more(two_runs, way):
    remove(two_runs)
    assert [run.id for run in Flow("F")] == ["2", "1"], "nobody has looked yet"
    if way == "container":
        assert "1" not in Flow("F")
    else:
        kind, name = (Run, "F/1") if way == "run" else (Task, "F/1/start/1")
        with pytest.raises(
            MetaflowNotFound, match=r"does not exist any more: run F/1 was deleted elsewhere, or by hand"
        ):
            kind(name)
    assert [run.id for run in Flow("F")] == ["2"]
    assert SqliteMetadata(two_runs / "mf-store" / "index.sqlite").run("F", "1") is None


def test_a_run_that_is_put_back_is_there_again(two_runs, tmp_path):
    shutil.copytree(two_runs / runs_prefix("F", "1"), tmp_path / "copy")
    remove(two_runs)
    with pytest.raises(MetaflowNotFound):
        Run("F/1")
    shutil.copytree(tmp_path / "copy", two_runs / runs_prefix("F", "1"))
    assert Run("F/1").successful


def test_a_run_whose_files_are_elsewhere_by_now_is_looked_for_there(bucket, tmp_path):
    """It was moved, and another process told the index."""
    provider, store, tasks = bucket
    assert len(provider.runs(RunQuery())) == 2, "now its old place is known"
    store.put(run_key("F", "9"), [b"{}"])
    for run_id in ("1", "2"):
        foreach_run(tmp_path, run_id=run_id)
        delete_all(store, run_id)
        record = provider.index.run("F", run_id)
        provider.index.apply([RunForgotten("F", run_id), RunStarted(record._replace(datastore=""))])
    assert provider.run("F", "1") is not None and provider.index.run("F", "1") is not None
    with pytest.raises(RunDeleted):
        provider.reader(next(task for task in tasks if task.step == "start"))
    assert provider.index.run("F", "2") is not None and ("F", "2") not in provider.deleted


def test_who_may_only_read_knows_that_it_is_gone_and_writes_nothing(two_runs):
    remove(two_runs)
    provider = Provider(Home(str(two_runs)), may_write=False)
    assert provider.run("F", "1") is None
    assert [run.run_id for run in provider.runs(RunQuery())] == ["2"]
    assert Provider(Home(str(two_runs))).index.run("F", "1") is not None


def damaged(root, how):
    """Have a directory not show the record of a run, though the run was not deleted."""
    folder = root / runs_prefix()
    if how == "only the record is lost":
        (root / run_key("F", "1")).unlink()
    elif how == "it goes on":
        StoredRun(root, run_id="1", host="elsewhere/boot/1", started_at=time.time())
        remove(root)
    elif how == "nothing else is there":
        remove(root)
        remove(root, "2")
    elif how == "not mounted, and empty":
        folder.rename(root / "away")
        folder.mkdir()
    elif how == "not mounted, and missing":
        folder.rename(root / "away")
    elif how == "a link that leads nowhere":
        folder.rename(root / "away")
        folder.symlink_to(root / "nowhere")
    elif how == "a file is in the way":
        folder.rename(root / "away")
        folder.touch()


@pytest.mark.parametrize(
    "how",
    [
        "only the record is lost",
        "it goes on",
        "nothing else is there",
        "not mounted, and empty",
        "not mounted, and missing",
        "a link that leads nowhere",
        "a file is in the way",
    ],
)
def test_nothing_is_forgotten_that_was_perhaps_not_deleted(root, how):
    namespace(None)
    if how != "it goes on":
        foreach_run(root, run_id="1")
    foreach_run(root, run_id="2")
    damaged(root, how)
    provider = Provider(Home(str(root)))
    provider.run("F", "1")
    assert provider.index.run("F", "1") is not None and ("F", "1") not in provider.deleted


@pytest.mark.parametrize("moment", range(8))
@pytest.mark.parametrize("returns", [False, True])
def test_a_directory_that_is_unmounted_or_mounted_while_somebody_looks_proves_nothing(two_runs, moment, returns):
    """Whether it goes, or comes back, before any of the looks at it."""
    run = SqliteMetadata(two_runs / "mf-store" / "index.sqlite").run("F", "1")
    folder, away = two_runs / runs_prefix(), two_runs / "away"
    count = [0]

    def switch():
        if count[0] == moment:
            away.rename(folder) if returns else folder.rename(away)
        count[0] += 1

    class Flickering(LocalStore):
        def stat(self, key):
            switch()
            return super().stat(key)

        def list(self, prefix, folders=False):
            switch()
            return super().list(prefix, folders)

    if returns:
        folder.rename(away)
    assert not is_deleted(Flickering(two_runs), run)


@pytest.fixture
def bucket(tmp_path):
    """A provider over a bucket, with two runs in it, and its store."""
    store = RemoteDouble()
    (tmp_path / "other").mkdir()
    index = SqliteMetadata()
    for run_id in ("1", "2"):
        run = foreach_run(tmp_path / "other", run_id=run_id, datastore=BUCKET)
        tasks = run.index.tasks(TaskQuery("F", run_id))
        index.apply([RunStarted(assumed_dead(run.record)._replace(status="done"))])
    own = LocalStore(tmp_path / "other")
    for key in own.list("mf-store/"):
        if not key.startswith("mf-store/index"):
            store.put(key, [own.get(key)])
    provider = Provider(Home(str(tmp_path), BUCKET))
    provider._index, provider._store = index, store
    return provider, store, tasks


def delete_all(store, run_id):
    """Delete a run; gives what it left."""
    left = {key: store.get(key) for key in store.list(runs_prefix("F", run_id))}
    for key in left:
        store.delete(key)
    return left


@pytest.mark.parametrize("way", ["open", "list"])
def test_a_run_in_a_bucket_that_is_put_back_is_there_again(bucket, way):
    provider, store, _ = bucket
    record, left = provider.index.run("F", "1"), delete_all(store, "1")
    provider.graph("F", "1")
    assert provider.run("F", "1") is None
    for key, content in left.items():
        store.put(key, [content])
    provider.index.apply([RunStarted(record)])
    if way == "open":
        assert provider.run("F", "1") is not None
    assert [run.run_id for run in provider.runs(RunQuery())] == ["2", "1"]


def test_lists_ask_no_store_for_runs_that_the_index_cannot_forget(bucket):
    provider, store, _ = bucket
    provider.deleted._may_write = False
    delete_all(store, "1")
    provider.graph("F", "1")
    store.requests.clear()
    assert [run.run_id for run in provider.runs(RunQuery())] == ["2"] and not store.requests
    assert provider.run("F", "1") is None and store.requests, "who opens it has it looked for"


def test_nothing_is_asked_of_a_store_that_was_out_of_reach_a_moment_ago(bucket, monkeypatch):
    provider, store, _ = bucket
    delete_all(store, "1")
    monkeypatch.setattr(Provider, "is_out_of_reach", lambda self, location: location == BUCKET)
    store.requests.clear()
    assert not provider.deleted.look(provider.index.run("F", "1")) and not store.requests


@pytest.mark.parametrize(("host", "seconds", "proven"), [("away", 60, False), ("away", 600, True), ("here", 60, True)])
def test_a_run_that_ended_elsewhere_a_moment_ago_may_not_be_seen_yet(two_runs, host, seconds, proven):
    """Directories that machines share show new folders late."""
    remove(two_runs)
    run = SqliteMetadata(two_runs / "mf-store" / "index.sqlite").run("F", "1")
    ended = run._replace(finished_at=time.time() - seconds)
    if host == "away":
        ended = ended._replace(host="elsewhere/boot/1")
    assert is_deleted(LocalStore(two_runs), ended) == proven


@pytest.mark.parametrize("left", [(), ("deleting.json",), ("deleting.json", "start/1.0.manifest")])
def test_a_run_in_a_bucket_is_forgotten_when_its_files_are_asked_for(bucket, left):
    provider, store, _ = bucket
    delete_all(store, "1")
    for name in left:
        store.put(f"{runs_prefix('F', '1')}{name}", [b"{}"])
    store.requests.clear()
    assert provider.run("F", "1") is not None and not store.requests, "the index answers without a request"
    assert provider.graph("F", "1") == {}
    for _ in range(2):
        assert provider.run("F", "1") is None and ("F", "1") in provider.deleted
    assert [run.run_id for run in provider.runs(RunQuery())] == ["2"]


def test_who_reads_artifacts_of_a_run_that_was_deleted_has_it_forgotten(bucket):
    provider, store, tasks = bucket
    delete_all(store, "2")
    with pytest.raises(RunDeleted, match="Run F/2 was deleted"):
        provider.reader(next(task for task in tasks if task.step == "start"))
    assert provider.index.run("F", "2") is None


@pytest.mark.parametrize("error", [StoreUnavailable, AccessDenied, BucketMissing])
@pytest.mark.parametrize("method", ["stat", "list"])
def test_a_store_that_is_out_of_reach_proves_nothing(bucket, monkeypatch, error, method):
    provider, store, _ = bucket
    delete_all(store, "1")

    def fail(*_arguments):
        raise error("it is not to be had")

    monkeypatch.setattr(store, method, fail)
    assert not provider.deleted.look(provider.index.run("F", "1"))
    assert provider.index.run("F", "1") is not None


def test_a_run_elsewhere_that_seemed_to_go_on_and_was_deleted_is_not_listed_as_if_it_did(bucket):
    provider, store, _ = bucket
    silent = RunRecord("F", "3", "ann", 1000.0, host="elsewhere/boot/1", pid=7, datastore=BUCKET)
    provider.index.apply([RunStarted(silent)])
    assert [run.run_id for run in provider.runs(RunQuery())] == ["2", "1"]
    assert deletion_key("F", "3") not in store.objects
