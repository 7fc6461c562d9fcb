"""Clean-up and checks of a datastore that is not on this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.client.upkeep.clean_up import CleanUp
from metaflow.client.upkeep.retention import Rules
from metaflow.client.upkeep.verification import Scope, verify
from metaflow.datastore import freshness
from metaflow.datastore.layout import blobs_prefix, deletion_key, run_key, runs_prefix
from metaflow.datastore.store import ObjectStore
from metaflow.datastore.task_writer import TaskWriter
from metaflow.datastore.tasks import open_task
from metaflow.metadata_store.events import RunStarted
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.store import RunQuery

SHARED = os.urandom(6000)


def write_run(provider: Provider, store: ObjectStore, run_id: str, own: bytes) -> None:
    record = RunRecord(
        "F", run_id, "ann", float(run_id), status="done", finished_at=float(run_id) + 1, script="flow.py"
    )._replace(datastore=provider.home.recorded_datastore)
    store.put(run_key("F", run_id), [json.dumps(record.to_dict()).encode()])
    writer = TaskWriter(store, "F", run_id, "start", "1", 0)
    writer.save("shared", SHARED)
    writer.save("own", own)
    task = TaskRecord("F", run_id, "start", "1", 0, float(run_id), status="done", ok=True, finished_at=1e9)
    writer.commit({"task": task.to_dict()})
    provider.index.apply([RunStarted(record)])


@pytest.mark.parametrize("bucket", ["s3_bucket"])
def test_runs_go_from_an_object_store_with_what_only_they_need(
    bucket: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = request.getfixturevalue(bucket)
    root = tmp_path / ".metaflow"
    root.mkdir()
    provider = Provider(Home(str(root), place.location))
    store = provider.store
    for run_id in ("1", "2", "3"):
        write_run(provider, store, run_id, run_id.encode() * 6000)
    store.put(deletion_key("F", "3"), [b"{}"])
    clean_up = CleanUp(provider, store)
    plan = clean_up.plan(Rules(keep_last=1, statuses=("done",)))
    assert [each.run.run_id for each in plan.runs] == ["1"] and plan.kept == ()
    assert plan.unfinished == (("F", "3"),) and (plan.chunks.chunks, plan.chunks.young_chunks) == (0, 2)
    # As if a day had passed.
    monkeypatch.setattr(freshness, "REMOTE_GRACE_SECONDS", -60.0)
    outcome = clean_up.carry_out(clean_up.plan(Rules(keep_last=1, statuses=("done",))))
    assert set(outcome.deleted) == {("F", "1"), ("F", "3")} and outcome.chunks.chunks == 2
    assert not list(store.scan(runs_prefix("F", "1"))) and not list(store.scan(runs_prefix("F", "3")))
    reader = open_task(store, "F", "2", "start", "1", 0)
    assert reader.load("shared") == SHARED and reader.load("own") == b"2" * 6000
    assert [run.run_id for run in provider.index.runs(RunQuery())] == ["2"]

    report = verify(provider, store, Scope(hashes=True))
    assert report.runs == 1 and report.hashed == 2 and all("index" in finding.what for finding in report.findings)
    verify(provider, store, Scope(repair=True))
    assert verify(provider, store, Scope()).findings == ()
    (key,) = [found.key for found in store.scan(blobs_prefix()) if found.size > 6000]
    changed = bytearray(store.get(key))
    changed[17] ^= 1
    getattr(store, "remote", store).put(key, [bytes(changed)])
    assert not verify(provider, store, Scope()).is_lost
    (finding,) = verify(provider, store, Scope(hashes=True)).findings
    assert finding.affected == ("F/2/start/1/shared",) and "resume start" in finding.advice
