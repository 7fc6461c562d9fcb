"""Runs whose processes died are set right by the app, however many there are and whatever their files are like."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.client.recovery import PROCESS_DIED
from metaflow.datastore.layout import INDEX_KEY, run_key
from metaflow.metadata_store.events import RunEnded, RunStarted, TaskStarted
from metaflow.metadata_store.liveness import process_identity
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.served_index import ServedIndex
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.store import RunQuery
from metaflow.server.configuration import ServerSettings
from metaflow.web.healing import Healer
from metaflow.web.serving import create_web_app
from running_service import running_app

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


def test_an_app_that_may_only_read_shows_the_truth_on_all_pages(tmp_path, index):
    put(tmp_path, run_of("1"))
    run = run_of("1")
    task = TaskRecord("F", "1", "start", "1", 0, run.started_at)
    index.apply([RunStarted(run), TaskStarted(task)])
    settings = ServerSettings(read_only=True)
    app = create_web_app(index, Provider(Home(str(tmp_path)), index, may_write=False), settings)
    with running_app(app, index) as service:

        def ask(path: str):
            reply = service.get(f"/api/v1/{path}?flow=F&run_id=1")
            assert reply.status == 200, reply
            return reply.json

        assert [(each["status"], each["message"]) for each in ask("runs/find")["runs"]] == [("failed", PROCESS_DIED)]
        details = ask("run/details")
        assert details["run"]["status"] == details["recent"][0]["status"] == "failed"
        assert [each["status"] for each in ask("run/steps")["steps"]] == ["killed"]
        assert [each["status"] for each in ask("run/tasks")["tasks"]] == ["killed"]
        timeline = ask("run/timeline")
        states = [timeline["states"][state] for state in timeline["attempts"]["state"]]
        assert (timeline["status"], states, timeline["counts"]["running"]) == ("failed", ["killed"], 0)
        assert [each["killed"] for each in ask("run/graph/state")["steps"]] == [1]
        assert ask("run/failure")["cause"] == "lost"
        assert ask("flow/history")["runs"][0]["status"] == "failed"
    assert statuses(index) == {"1": "running"}, "nothing was written"


def test_an_app_that_may_only_read_lists_no_run_whose_page_says_that_it_was_deleted(tmp_path, index):
    put(tmp_path, run_of("1", alive=True))
    index.apply([RunStarted(run_of("1", alive=True)), RunStarted(run_of("2"))])
    index.apply([RunEnded("F", "2", "done", time.time())])
    app = create_web_app(index, Provider(Home(str(tmp_path)), index, may_write=False), ServerSettings(read_only=True))
    with running_app(app, index) as service:

        def listed(query: str) -> list[str]:
            return [run["run_id"] for run in service.get(f"/api/v1/runs/find?{query}").json["runs"]]

        assert listed("") == ["2", "1"]
        page = service.get("/api/v1/run/details?flow=F&run_id=2")
        assert (page.status, page.kind) == (404, "run_deleted")
        assert listed("") == ["1"]
        cursor = service.get("/api/v1/runs/find?limit=1").json["next"]
        assert listed(f"limit=1&cursor={cursor}") == ["1"], "the next page begins after it"
    assert set(statuses(index)) == {"1", "2"}, "nothing was written"


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


def test_a_run_that_was_killed_before_the_index_heard_of_it_is_found(tmp_path, index):
    put(tmp_path, run_of("1", alive=True))
    index.apply([RunStarted(run_of("1", alive=True))])
    healer = Healer(Provider(Home(str(tmp_path)), index))
    healer.heal()
    put(tmp_path, run_of("2"))
    healer.heal()
    assert statuses(index) == {"1": "running", "2": "failed"}
