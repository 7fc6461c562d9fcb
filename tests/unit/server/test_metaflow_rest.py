"""The interface of Netflix's Metaflow, spoken to as its client does."""

from __future__ import annotations

import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from metaflow.datastore.location import open_store
from metaflow.exception import DataException, MetaflowTaggingError
from metaflow.metadata_store.events import RunEnded, RunStarted, TaskEnded
from metaflow.metadata_store.liveness import effective_status
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.store import RunQuery, TaskQuery

pytest.importorskip("fastapi")

from metaflow.server.metaflow_rest_service import MetaflowService, NotThere, TakenAlready

HOSTILE = ["../../etc/passwd", "a/b", "'; DROP TABLE runs; --", "%2e%2e", "x" * 400, "ü\u2028", "*", " "]


@pytest.fixture
def metadata(tmp_path: Path) -> SqliteMetadata:
    return SqliteMetadata(tmp_path / "service.sqlite", keep_log=True)


@pytest.fixture
def service(metadata: SqliteMetadata) -> MetaflowService:
    return MetaflowService(metadata, metadata, lambda count: None)


def field(name: str, value: object, at: int, attempt: int | None = 0) -> dict[str, object]:
    tags = [] if attempt is None else [f"attempt_id:{attempt}"]
    return {"field_name": name, "type": name, "value": value, "tags": tags, "user_name": "ann", "ts_epoch": at}


def start(service: MetaflowService) -> str:
    """A run as Metaflow begins one; its number."""
    sent = {"user_name": "ann", "tags": ["mine"], "system_tags": ["user:ann", "runtime:dev"], "ts_epoch": 1_000_000}
    return str(service.create_run("F", sent)["run_number"])


def test_a_run_of_metaflow_is_a_run_of_ours(service: MetaflowService, metadata: SqliteMetadata) -> None:
    run = start(service)
    with pytest.raises(TakenAlready):
        service.create_run("F", {"run_number": run})
    service.create_step("F", run, "end", {"ts_epoch": 1_000_100})
    with pytest.raises(TakenAlready):
        service.create_step("F", run, "end", {})
    place = ("F", run, "end", str(service.create_task("F", run, "end", {"ts_epoch": 1_000_200})["task_id"]))
    service.add_fields(*place, [field("attempt", "0", 1_000_300), field("ds-root", "/x", 1_000_300)])
    [record] = metadata.tasks(TaskQuery("F", run, "end"))
    assert (record.status, record.started_at) == ("running", 1000.3)
    # The first attempt fails, the second one succeeds; what is repeated is kept once.
    failure = [field("attempt_ok", "False", 1_000_400), field("attempt-done", "0", 1_000_410)]
    service.add_fields(*place, failure)
    service.add_fields(*place, failure)
    assert len([each for each in service.fields(*place) if each["field_name"] == "attempt_ok"]) == 1
    assert metadata.run("F", run).status == "running"
    service.add_fields(*place, [field("attempt", "1", 1_000_500, 1), field("foreach-stack", ["a=1"], 1_000_500, 1)])
    service.add_fields(*place, [field("attempt_ok", "True", 1_000_600, 1), field("attempt-done", "1", 1_000_610, 1)])
    attempts = metadata.tasks(TaskQuery("F", run, "end", all_attempts=True))
    assert {task.attempt: task.status for task in attempts} == {0: "failed", 1: "done"}
    ended = metadata.run("F", run)
    assert (ended.status, ended.finished_at, ended.user) == ("done", 1000.61, "ann")
    assert metadata.runs(RunQuery("F", tags=("mine", "user:ann"))) and metadata.events_after(0, 100, "F", run)
    with pytest.raises(DataException, match="Netflix's Metaflow"):
        open_store(ended.datastore)


def test_artifacts_are_those_of_the_attempt_that_is_asked_for(service: MetaflowService) -> None:
    run = start(service)
    place = ("F", run, "s", str(service.create_task("F", run, "s", {})["task_id"]))
    for attempt, names in enumerate([["x", "only_first"], ["x"]]):
        sent = [{"name": name, "attempt_id": attempt, "sha": f"{name}{attempt}"} for name in names]
        service.add_artifacts(*place, sent)
    assert [each["sha"] for each in service.artifacts(*place)] == ["x1"]
    assert {each["sha"] for each in service.artifacts(*place, 0)} == {"x0", "only_first0"}
    assert service.artifact(*place, "x", 0)["sha"] == "x0"
    assert service.artifact(*place, "only_first") is None
    with pytest.raises(NotThere):
        service.add_artifacts("F", run, "s", "999", [])


def test_runs_of_ours_can_be_read(service: MetaflowService, metadata: SqliteMetadata) -> None:
    run = RunRecord("G", "1700000000000001", "bob", 50.0, ("t",), ("user:bob",), datastore="s3://b/p", script="g.py")
    task = TaskRecord("G", run.run_id, "start", "1", 0, 51.0, status="done", ok=True, success=True, finished_at=52.0)
    ending = RunEnded("G", run.run_id, "done", 53.0)
    metadata.apply([RunStarted(run), TaskEnded(task._replace(values={"x": 3})), ending])
    assert [flow["flow_id"] for flow in service.flows()] == ["G"] and service.flow("nope") is None
    [shown] = service.runs("G")
    assert shown["run_number"] == 1700000000000001 and shown["tags"] == ["t"] and shown["ts_epoch"] == 50000
    assert [step["step_name"] for step in service.steps("G", run.run_id)] == ["start"]
    assert service.step("G", run.run_id, "nope") is None
    assert service.task("G", run.run_id, "start", "1")["task_id"] == 1
    assert service.task("G", run.run_id, "start", "2") is None
    fields = {each["field_name"]: each["value"] for each in service.fields("G", run.run_id, "start", "1")}
    assert fields["script-name"] == "g.py" and fields["attempt_ok"] == "True" and fields["ds-type"] == "s3"
    assert {each["name"] for each in service.artifacts("G", run.run_id, "start", "1")} == {"x", "_task_ok", "_success"}
    # A number that Metaflow gets is never that of a run of ours.
    metadata.apply([RunStarted(run._replace(run_id="1")), RunStarted(run._replace(run_id="2"))])
    assert service.create_run("G", {})["run_number"] == 3


def test_tags_obey_the_rules(service: MetaflowService) -> None:
    run = start(service)
    assert service.change_tags("F", run, ["new", "runtime:dev"], ["mine"]) == ["new"]
    for add, remove in (([], ["user:ann"]), ([], []), ([f"{n}" for n in range(51)], []), ([""], [])):
        with pytest.raises(MetaflowTaggingError):
            service.change_tags("F", run, add, remove)
    assert service.run("F", run)["tags"] == ["new"]
    with pytest.raises(NotThere):
        service.change_tags("F", "999", ["a"], [])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: service.change_tags("F", run, [f"t{number}"], []), range(40)))
    assert len(service.run("F", run)["tags"]) == 41


def test_numbers_are_given_once(metadata: SqliteMetadata, tmp_path: Path) -> None:
    """Also by several processes over one database."""
    services = [
        MetaflowService(other, other, lambda count: None)
        for other in (metadata, SqliteMetadata(tmp_path / "service.sqlite", keep_log=True))
    ]
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda number: services[number % 2].create_run("F", {})["run_number"], range(60)))
        tasks = list(pool.map(lambda number: services[number % 2].create_task("F", "1", "s", {})["task_id"], range(60)))
    assert sorted(runs) == list(range(1, 61)) and sorted(tasks) == list(range(1, 61))
    assert services[0].create_run("F", {"run_number": "argo-x"})["run_number"] == "argo-x"


def test_names_are_data(service: MetaflowService) -> None:
    for name in HOSTILE:
        run = str(service.create_run(name, {"user_name": name, "tags": [name]})["run_number"])
        service.create_step(name, run, name, {})
        task = str(service.create_task(name, run, name, {"task_id": name})["task_id"])
        service.add_fields(name, run, name, task, [field(name, name, 1)])
        service.add_artifacts(name, run, name, task, [{"name": name, "attempt_id": 0}])
        assert service.fields(name, run, name, task)[0]["value"] == name
        assert [each["name"] for each in service.artifacts(name, run, name, task)] == [name]
        assert [each["step_name"] for each in service.steps(name, run)] == [name]
    assert len(service.flows()) == len(HOSTILE)


def test_a_dead_run_fails_and_a_heartbeat_keeps_it_alive(service: MetaflowService, metadata: SqliteMetadata) -> None:
    run = start(service)
    assert effective_status(metadata.run("F", run), time.time()) == "running"
    assert effective_status(metadata.run("F", run), time.time() + 60) == "failed"
    before = metadata.run("F", run).heartbeat_at
    service.beat("F", run)
    assert metadata.run("F", run).heartbeat_at > before
    service.beat("F", "999")
    assert metadata.run("F", "999") is None


def test_tasks_are_found_by_fields(service: MetaflowService) -> None:
    run = start(service)
    for index in range(12):
        task = str(service.create_task("F", run, "s", {})["task_id"])
        service.add_fields("F", run, "s", task, [field("foreach-execution-path", f"a:0,b:{index}", 5)])
    assert len(service.matching_tasks("F", run, "s", "foreach-execution-path", "a:0,b:.*")) == 12
    assert service.matching_tasks("F", run, "s", "foreach-execution-path", "^a:0,b:3$") == [f"F/{run}/s/4"]
    assert len(service.matching_tasks("F", run, "s", "", "")) == 12


def test_the_routes_answer_as_metaflow_expects(metadata: SqliteMetadata) -> None:
    """Over HTTP, as statuses and bodies are what the other side sees."""
    import uvicorn
    from fastapi import FastAPI

    from metaflow.server.metaflow_rest import router

    app = FastAPI()
    app.include_router(router(metadata, metadata, lambda count: None))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        connection = http.client.HTTPConnection("127.0.0.1", server.servers[0].sockets[0].getsockname()[1])

        def ask(method: str, path: str, body: object = None) -> tuple[int, object]:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

        assert ask("GET", "/flows/F")[0] == 404
        assert ask("POST", "/flows/F", {"tags": []})[0] == 200
        assert ask("POST", "/flows/F", {})[0] == 409
        assert ask("POST", "/flows/F/run", {"tags": ["a"], "system_tags": ["s"]})[1]["run_number"] == 1
        assert ask("POST", "/flows/F/run", {"run_number": 1})[0] == 409
        assert ask("POST", "/flows/F/runs/7/steps/s/step", {})[0] == 404
        assert ask("POST", "/flows/F/runs/1/steps/s/step", {})[0] == 200
        assert ask("POST", "/flows/F/runs/1/steps/s/task", {"task_id": "t"})[1]["task_id"] == "t"
        task = "/flows/F/runs/1/steps/s/tasks/t"
        assert ask("POST", f"{task}/metadata", [{"field_name": "x", "value": "1"}]) == (200, {"metadata_created": 1})
        assert ask("POST", f"{task}/metadata", {"field_name": "x"})[0] == 422
        assert ask("POST", f"{task}/artifact", [{"name": "x", "attempt_id": -1}])[0] == 422
        assert ask("POST", f"{task}/artifact", [{"name": "x", "attempt_id": 2, "sha": "s"}])[0] == 200
        for path in ("artifacts/x", "artifacts/x/attempt/2"):
            assert ask("GET", f"{task}/{path}")[1]["sha"] == "s"
        assert ask("GET", f"{task}/attempt/2/artifacts")[1][0]["sha"] == "s"
        assert ask("GET", f"{task}/artifacts/x/attempt/0")[0] == 404
        # As Metaflow sends it: text that looks like JSON, without saying that it is.
        connection.request("POST", "/flows/F/runs/1/heartbeat", "{}")
        assert json.loads(connection.getresponse().read()) == {"wait_time_in_seconds": 10}
        change = {"tags_to_add": ["b"], "tags_to_remove": ["a"]}
        assert ask("PATCH", "/flows/F/runs/1/tag/mutate", change) == (200, {"tags": ["b"]})
        assert ask("PATCH", "/flows/F/runs/1/tag/mutate", {"tags_to_remove": ["s"]})[0] == 422
        assert ask("GET", "/flows/F/runs/1/steps/s/filtered_tasks?metadata_field_name=x&pattern=(a*)*b")[0] == 422
    finally:
        server.should_exit = True
        thread.join()
