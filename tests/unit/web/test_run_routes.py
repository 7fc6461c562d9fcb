"""Routes of one run, asked of a real app over the store of real runs."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.datastore.layout import INDEX_KEY, manifest_key
from metaflow.datastore.manifest import Manifest
from metaflow.exception import DamagedRecord, MetadataException
from metaflow.metadata_store.events import RunEnded, RunStarted
from metaflow.metadata_store.liveness import process_identity
from metaflow.metadata_store.records import RunRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.server.configuration import ServerSettings
from metaflow.web.openapi import document
from metaflow.web.serving import create_web_app
from running_service import Service, running_app

FLOW = """
from metaflow import Config, FlowSpec, JSONType, Parameter, step
class SomeFlow(FlowSpec):
    '''What it is for.'''
    alpha = Parameter("alpha", default=0.5, help="A rate")
    options = Parameter("options", type=JSONType, default='{"a": 1}')
    name_of_it = Parameter("name-of-it", required=True)
    made = Parameter("made", default=lambda context: "x")
    settings = Config("settings", default_value={"model": {"depth": 3}})
    LIMIT = 7
    @step
    def start(self):
        self.items = [1, 0]
        self.big = list(range(1000))
        self.next(self.work, foreach="items")
    @step
    def work(self):
        print("dividing")
        self.before = "x" * 300
        self.ratio = 1 / self.input
        self.next(self.join)
    @step
    def join(self, inputs):
        self.next(self.end)
    @step
    def end(self):
        self.result = 3
if __name__ == "__main__":
    SomeFlow()
"""


class Store(NamedTuple):
    """A project with one run that failed after one that succeeded."""

    path: Path
    good: str
    failed: str


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("project")
    env = {name: value for name, value in os.environ.items() if not name.startswith("METAFLOW_")}
    env |= {"METAFLOW_USER": "ann", "HOME": str(path), "PYTHONPATH": os.pathsep.join(sys.path)}

    def run(source: str, settings: tuple[str, ...] = (), *options: str) -> str:
        (path / "flow.py").write_text(source)
        given = ["--run-id-file", "id", "--name-of-it", "it's", *options]
        command = [sys.executable, "flow.py", *settings, "run", *given]
        subprocess.run(command, cwd=path, env=env, capture_output=True)
        return (path / "id").read_text()

    good = run(FLOW.replace("[1, 0]", "[1, 2]"))
    return Store(path, good, run(FLOW, ("--config-value", "settings", '{"model": {"depth": 4}}'), "--alpha", "0.75"))


@pytest.fixture
def service(project: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The app, in a process where nothing can be unpickled."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the server unpickles")

    monkeypatch.setattr(pickle, "loads", refuse)
    root = project.path / ".metaflow"
    database = SqliteMetadata(root / INDEX_KEY)
    app = create_web_app(database, Provider(Home(str(root))), ServerSettings(), project.path)
    with running_app(app, database) as running:
        yield running
    database.close()


@pytest.fixture
def team(project: Store) -> Iterator[tuple[Service, Provider]]:
    """A team's server, and what reads for it."""
    root = project.path / ".metaflow"
    database = SqliteMetadata(root / INDEX_KEY)
    provider = Provider(Home(str(root)), database)
    with running_app(create_web_app(database, provider, ServerSettings()), database) as running:
        yield running, provider
    database.close()


def ask(service: Service, part: str, run_id: str, **query: Any) -> Any:
    reply = service.get(f"/api/v1/run/{part}?" + urlencode({"flow": "SomeFlow", "run_id": run_id, **query}, doseq=True))
    assert reply.status == 200, reply
    return reply.json


def test_how_a_run_was_started(service: Service, project: Store) -> None:
    details = ask(service, "details", project.failed)
    assert details["run"]["status"] == "failed" and details["run"]["tags"] == []
    assert details["description"] == "What it is for." and details["problems"] == []
    assert (
        " run --name-of-it" in details["command"]
        and "--config-value" in details["command"]
        and "it'\"'\"'s" in details["command"]
    )
    assert "--run-id-file" not in details["command"]
    assert details["command_is_recorded"] and details["directory"] == str(project.path.resolve())
    assert (details["previous"], details["next"], details["last_success"]) == (project.good, None, project.good)
    schema = document()["components"]["schemas"]["WholeRun"]
    assert "origin_run_id" in schema["required"] and set(schema["required"]) <= set(details["run"])
    assert [each["run_id"] for each in details["recent"]] == [project.failed, project.good]
    parameters = {each["name"]: each for each in details["parameters"]}
    assert list(parameters) == ["alpha", "options", "name_of_it", "made"]
    assert (parameters["alpha"]["scalar"], parameters["alpha"]["is_default"]) == (0.75, False)
    assert (parameters["alpha"]["default"], parameters["alpha"]["help"]) == ("0.5", "A rate")
    assert parameters["options"]["is_default"] is None and parameters["made"]["default_is_computed"]
    assert parameters["name_of_it"]["required"] and parameters["name_of_it"]["option"] == "name-of-it"
    (config,) = details["configs"]
    assert config["tree"] == {"model": {"depth": 4}} and details["constants"][0]["scalar"] == 7
    assert details["code"]["script"] == "flow.py" and [each["step"] for each in details["steps"]][-1] == "end"


def test_why_it_failed(service: Service, project: Store) -> None:
    failure = ask(service, "failure", project.failed)
    task = failure["task"]
    assert failure["cause"] == "user_code" and task["error_type"] == "ZeroDivisionError"
    marked = [each for each in task["source"]["lines"] if each["is_marked"]]
    assert [each["text"].strip() for each in marked] == ["self.ratio = 1 / self.input"]
    assert [line["text"] for line in task["log"] if line["text"]] == ["dividing"]
    assert [(each["name"], each["is_new"]) for each in task["artifacts"]] == [
        ("before", True),
        ("items", False),
        ("big", False),
    ]
    assert task["artifacts"][0]["text"].startswith("'xxx") and not task["artifacts"][0]["is_scalar"]
    assert failure["groups"][0]["count"] == failure["failures"] == 1 and failure["is_complete"]
    found = ask(service, "tasks", project.failed, text=failure["groups"][0]["search"], status="failed")
    assert [each["task"]["task_id"] for each in found["tasks"]] == [task["task_id"]]
    nothing = ask(service, "failure", project.good)
    assert nothing["cause"] is None and nothing["task"] is None and nothing["groups"] == []


def test_what_changed(service: Service, project: Store) -> None:
    changes = ask(service, "changes", project.failed)["changes"]
    assert changes["base"]["run_id"] == project.good
    assert changes["parameters"] == [{"name": "alpha", "before": "0.5", "after": "0.75"}]
    assert changes["configs"] == [{"name": "settings.model.depth", "before": "3", "after": "4"}]
    (file,) = changes["code"]["files"]
    assert (file["path"], file["added"], file["removed"]) == ("flow.py", 1, 1)
    assert changes["environment"] == []
    assert [each["name"] for each in changes["data"]["artifacts"]] == ["items"]
    assert ask(service, "changes", project.good)["changes"] is None
    itself = ask(service, "changes", project.good, base=project.good)["changes"]
    assert itself["parameters"] == itself["code"]["files"] == []
    since = ask(service, "code/changes", project.failed, against="success")
    assert since["files"] == changes["code"]["files"]
    assert ask(service, "code/changes", project.failed)["obstacle"] is not None  # it is in no repository


def test_steps_tasks_results_and_code(service: Service, project: Store) -> None:
    steps = {each["step"]: each for each in ask(service, "steps", project.failed)["steps"]}
    assert steps["work"]["counts"]["failed"] == 1 and steps["work"]["status"] == "failed"
    page = ask(service, "tasks", project.failed, order="status", limit=1)
    assert page["total"] == 3 and page["tasks"][0]["status"] == "failed" and page["tasks"][0]["task"]["metadata"] == {}
    rest = ask(service, "tasks", project.failed, order="status", limit=10, cursor=page["next"])
    assert rest["total"] is None and rest["next"] is None and len(rest["tasks"]) == 2
    results = ask(service, "results", project.good)
    assert [(each["name"], each["scalar"]) for each in results["artifacts"]] == [("result", 3)]
    assert ask(service, "code/files", project.good)["files"][0]["path"] == "flow.py"
    assert "[1, 2]" in ask(service, "code/file", project.good, path="flow.py")["text"]
    archive = service.get("/api/v1/run/code/archive?" + urlencode({"flow": "SomeFlow", "run_id": project.good}))
    assert archive.status == 200 and archive.body[:2] == b"\x1f\x8b"


@pytest.mark.parametrize(
    ("part", "query", "status", "kind"),
    [
        ("details", {"run_id": "17"}, 404, "run_not_found"),
        ("details", {"flow": "Nobody", "run_id": "17"}, 404, "flow_not_found"),
        ("failure", {"run_id": "../../etc"}, 404, "run_not_found"),
        ("changes", {"base": "17"}, 404, "run_not_found"),
        ("tasks", {"cursor": "WzEsMl0"}, 422, "invalid"),
        ("tasks", {"order": "wrong"}, 422, "invalid"),
        ("tasks", {"status": "wrong"}, 422, "invalid"),
        ("code/file", {"path": "../flow.py"}, 404, "not_found"),
        ("code/changes", {"against": "17"}, 404, "run_not_found"),
    ],
)
def test_what_is_refused(service: Service, project: Store, part: str, query: Any, status: int, kind: str) -> None:
    asked = {"flow": "SomeFlow", "run_id": project.failed, **query}
    reply = service.get(f"/api/v1/run/{part}?{urlencode(asked)}")
    assert (reply.status, reply.kind) == (status, kind)


def test_code_that_claims_to_be_a_pickle_is_not_read(service: Service, project: Store) -> None:
    key = manifest_key("SomeFlow", project.good, "_parameters", "0", 0)
    path = project.path / ".metaflow" / key
    original = path.read_bytes()
    manifest = Manifest.decode(original)
    code = manifest.artifacts["_source_files"]._replace(encoding="pickle-v5")
    changed = manifest._replace(artifacts={**manifest.artifacts, "_source_files": code})
    path.write_bytes(changed.encode())
    try:
        reply = service.get("/api/v1/run/code/files?" + urlencode({"flow": "SomeFlow", "run_id": project.good}))
        assert (reply.status, reply.kind) == (502, "files_unreadable")
        assert "no code of a run ever is" in ask(service, "details", project.good)["problems"][0]
    finally:
        path.write_bytes(original)


def test_of_a_run_without_files_the_records_are_shown(service: Service) -> None:
    run = RunRecord("SomeFlow", "lost", "ann", 1.0, script="flow.py", datastore="/nowhere/at/all")
    service.database.apply([RunStarted(run), RunEnded("SomeFlow", "lost", "failed", 2.0, "the run's process died")])
    details = ask(service, "details", "lost")
    assert not details["has_files"] and details["command"] == "python flow.py run"
    assert not details["command_is_recorded"] and details["code"] is None
    failure = ask(service, "failure", "lost")
    assert failure["cause"] == "lost" and failure["task"] is None
    assert ask(service, "steps", "lost") == {"steps": []}
    assert ask(service, "changes", "lost") == {"changes": None}


@pytest.mark.parametrize("place", ["its own directory", "elsewhere"])
def test_a_run_that_was_deleted_elsewhere_is_told_of_as_deleted_and_listed_no_more(
    service: Service, project: Store, place: str
) -> None:
    datastore = "" if place == "its own directory" else str(project.path / ".metaflow")
    host, pid, _ = process_identity()
    run = RunRecord("SomeFlow", "gone", "ann", time.time(), host=host, pid=pid, script="flow.py", datastore=datastore)
    service.database.apply([RunStarted(run), RunEnded("SomeFlow", "gone", "done", time.time(), None)])
    listed = "/api/v1/runs/find?flow=SomeFlow&limit=3"
    assert "gone" in [each["run_id"] for each in service.get(listed).json["runs"]]
    for part in ("details", "details", "steps"):
        reply = service.get(f"/api/v1/run/{part}?flow=SomeFlow&run_id=gone")
        assert (reply.status, reply.kind) == (404, "run_deleted"), reply
    reply = service.get("/api/v1/task?flow=SomeFlow&run_id=gone&step=start&task_id=1")
    assert (reply.status, reply.kind) == (404, "run_deleted")
    assert "gone" not in [each["run_id"] for each in service.get(listed).json["runs"]]


@pytest.mark.parametrize("broken", ["graph", "reader", "store_of"])
def test_what_is_wrong_with_the_database_of_a_team_is_for_its_log_only(
    team: tuple[Service, Provider], project: Store, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    service, provider = team
    run = {"flow": "SomeFlow", "run_id": project.failed}
    failed = service.get(f"/api/v1/run/failure?{urlencode(run)}").json["task"]
    task = {**run, "step": failed["step"], "task_id": failed["task_id"]}

    def fail(*_: Any) -> Any:
        raise MetadataException("password of the database: 123")

    monkeypatch.setattr(provider, broken, fail)
    parts = ("details", "failure", "results", "changes", "graph", "timeline", "export", "code/changes")
    replies = [service.get(f"/api/v1/run/{part}?{urlencode(run)}") for part in parts]
    replies += [service.get(f"/api/v1/task{part}?{urlencode(task)}") for part in ("", "/lineage")]
    replies.append(service.ask("POST", "/api/v1/compare", {"runs": [run]}))
    pair = {"before": run, "after": {**run, "run_id": project.good}}
    replies.append(service.ask("POST", "/api/v1/compare/code", pair))
    replies.append(service.ask("POST", "/api/v1/compare/value", {**pair, "section": "parameters", "name": "alpha"}))
    assert [reply for reply in replies if b"password" in reply.body] == []
    assert {reply.status for reply in replies} <= {200, 503}, replies
    assert any(b"cannot use its database" in reply.body for reply in replies)


def test_a_damaged_record_is_told_of_beside_the_rest_of_the_page(
    team: tuple[Service, Provider], project: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, provider = team

    def fail(*_: Any) -> Any:
        raise DamagedRecord("The file run.json is damaged.")

    monkeypatch.setattr(provider, "graph", fail)
    run = urlencode({"flow": "SomeFlow", "run_id": project.failed})
    for part in ("details", "failure", "results", "graph", "timeline"):
        reply = service.get(f"/api/v1/run/{part}?{run}")
        assert reply.status == 200 and b"The file run.json is damaged." in reply.body, (part, reply)
