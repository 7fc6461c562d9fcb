"""Runs whose processes died are set right by the app, however many there are and whatever their files are like."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.datastore.layout import INDEX_KEY, run_key
from metaflow.metadata_store.events import RunStarted
from metaflow.metadata_store.liveness import process_identity
from metaflow.metadata_store.records import RunRecord
from metaflow.metadata_store.served_index import ServedIndex
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.store import RunQuery
from metaflow.web.healing import Healer

HOST, PID, STARTED = process_identity()


def run_of(run_id: str, *, alive: bool = False, datastore: str = "") -> RunRecord:
    started = STARTED if alive else 1
    return RunRecord("F", run_id, "ann", time.time(), host=HOST, pid=PID, process_started=started, datastore=datastore)


@pytest.fixture
def index(tmp_path: Path) -> ServedIndex:
    index = ServedIndex(tmp_path / INDEX_KEY)
    index.apply([])
    return index


def put(root: Path, run: RunRecord) -> Path:
    file = root / run_key(run.flow, run.run_id)
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(run.to_dict()))
    return file


def statuses(index: SqliteMetadata) -> dict[str, str]:
    return {run.run_id: run.status for run in index.runs(RunQuery())}


def test_the_dead_are_recorded_as_failed_and_the_living_are_left_alone(tmp_path, index):
    runs = [run_of("1"), run_of("2", alive=True), run_of("3"), run_of("4")]
    files = [put(tmp_path, run) for run in runs]
    files[2].write_text("half writ")
    index.apply([RunStarted(run) for run in runs])
    index.apply([RunStarted(run_of("5", datastore=str(tmp_path / "gone")))])
    healer = Healer(Provider(Home(str(tmp_path)), index))
    healer.heal()
    found = statuses(index)
    assert found == {"1": "failed", "2": "running", "3": "failed", "4": "failed", "5": "running"}
    assert files[2].read_text() == "half writ"
    assert json.loads(files[0].read_text())["status"] == "failed", "so that every reader knows"
    assert healer.heal() == 0


def test_a_run_that_cannot_be_set_right_is_not_tried_all_the_time(tmp_path, index, monkeypatch):
    index.apply([RunStarted(run_of("1"))])
    put(tmp_path, run_of("1"))
    provider = Provider(Home(str(tmp_path)), index)
    asked: list[str] = []
    monkeypatch.setattr(provider, "run", lambda flow, run_id: asked.append(run_id))
    healer = Healer(provider)
    for _ in range(3):
        assert healer.heal() == 0
    assert asked == ["1"]


def test_who_may_only_read_sees_the_truth_and_writes_nothing(tmp_path, index):
    file = put(tmp_path, run_of("1"))
    index.apply([RunStarted(run_of("1"))])
    before = file.read_bytes()
    provider = Provider(Home(str(tmp_path)), index, may_write=False)
    assert provider.run("F", "1").status == "failed"
    assert [run.status for run in provider.runs(RunQuery())] == ["failed"]
    assert file.read_bytes() == before and statuses(index) == {"1": "running"}


def test_an_index_that_was_deleted_is_made_again(tmp_path, index):
    put(tmp_path, run_of("1", alive=True))
    provider = Provider(Home(str(tmp_path)), index)
    healer = Healer(provider)
    healer.heal()
    index.discard()
    assert statuses(index) == {}
    healer.heal()
    assert statuses(index) == {"1": "running"}
    read_only = Provider(Home(str(tmp_path)), index, may_write=False)
    index.discard()
    assert [run.run_id for run in read_only.runs(RunQuery())] == ["1"], "known to this reader"
    assert not (tmp_path / INDEX_KEY).exists()
