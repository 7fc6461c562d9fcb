"""The timeline of a run over HTTP, on a store as runs leave it."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attack_strings import MARKUP
from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.datastore.layout import INDEX_KEY, run_key
from metaflow.datastore.local import LocalStore
from metaflow.exception import DataException
from metaflow.metadata_store.events import RunStarted, TaskEnded, TaskStarted
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.runtime.run_files import record_to_json
from metaflow.server.configuration import ServerSettings
from metaflow.server.serving import http_server
from metaflow.web.serving import create_web_app
from metaflow.web.timeline import models

ZERO = 1_700_000_000.0
GRAPH = {
    "start_step": "start",
    "steps": {
        "join": {"type": "join", "next": ["end"]},
        "end": {"type": "end", "next": []},
        "work": {"type": "linear", "next": ["join"]},
        "start": {"type": "split-foreach", "next": ["work"]},
    },
}


class Answer:
    def __init__(self, status: int, body: bytes, headers: Any) -> None:
        self.status, self.headers = status, headers
        self.json = json.loads(gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body)


class Place:
    """A store with its app."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = SqliteMetadata(root / INDEX_KEY)

    def add(self, run: RunRecord, *tasks: TaskRecord) -> None:
        events = [(TaskStarted if task.status == "running" else TaskEnded)(task) for task in tasks]
        # Before the run's file, as what has runs but no index gets one, made of what their tasks left.
        self.index.apply([RunStarted(run._replace(graph=None)), *events])
        LocalStore(self.root).put_new(run_key(run.flow, run.run_id), [record_to_json(run)])

    def ask(self, path: str, **query: str) -> Answer:
        request = urllib.request.Request(f"{self.url}/api/v1/run/{path}?{urllib.parse.urlencode(query)}")
        request.add_header("Accept-Encoding", "gzip")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.read(), answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read(), error.headers)

    def timeline(self, flow: str = "F", run_id: str = "1", **query: str) -> Any:
        answer = self.ask("timeline", flow=flow, run_id=run_id, **query)
        assert answer.status == 200, answer.json
        models.Timeline.model_validate(answer.json)  # what the document says of it
        return answer.json

    url: str


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    provider = Provider(Home(str(tmp_path), "", ""))
    database = SqliteMetadata(tmp_path / INDEX_KEY)
    server = http_server(create_web_app(database, provider, ServerSettings()))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    found.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield found
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        database.close()
        found.index.close()


def run_of(**fields: Any) -> RunRecord:
    return RunRecord("F", "1", "ann", ZERO, status="done", finished_at=ZERO + 9, graph=GRAPH)._replace(**fields)


def attempt(step: str, task_id: str, start: float, end: float | None, number: int = 0, **fields: Any) -> TaskRecord:
    status = fields.pop("status", "running" if end is None else "done")
    return TaskRecord(
        *("F", "1", step, task_id, number, ZERO + start),
        status=status,
        ok=status == "done",
        success=fields.pop("success", status == "done"),
        finished_at=None if end is None else ZERO + end,
        **{name: ZERO + value if name.endswith("_at") else value for name, value in fields.items()},
    )


def in_foreach(index: int, of: int = 3) -> dict[str, Any]:
    return {
        "index_path": (("start", index),),
        "foreach_stack": (("items", f"item {index}", index, of),),
        "inputs": ("start/1/0",),
    }


@pytest.fixture
def foreach(place: Place) -> Place:
    place.add(
        run_of(),
        attempt("_parameters", "0", 0, 0),
        attempt("start", "1", 0.5, 1, ready_at=0.25, code_started_at=0.6, code_ended_at=0.9),
        attempt("work", "2", 1, 3, **in_foreach(0), ready_at=1, code_started_at=1.1, code_ended_at=2.5),
        attempt("work", "3", 1, 2, **in_foreach(1), status="failed"),
        attempt("work", "3", 2.5, 5, 1, **in_foreach(1), ready_at=2.4),
        attempt("work", "4", 3, 4, **in_foreach(2), success=False),
        attempt("join", "5", 6, 8, inputs=("work/2/0", "work/3/1", "work/4/0"), code_started_at=6.5, code_ended_at=7),
        attempt("end", "6", 8, 9, inputs=("join/5/0",)),
    )
    return place


def test_attempts_are_columns_in_milliseconds_since_the_start(foreach: Place) -> None:
    answer = foreach.timeline()
    assert [step["name"] for step in answer["steps"]] == ["start", "work", "join", "end"]
    columns = answer["attempts"]
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    by_key = {(answer["steps"][row["step"]]["name"], row["task"], row["attempt"]): row for row in rows}
    assert len(by_key) == 7
    start = by_key["start", "1", 0]
    assert [start[name] for name in ("ready", "started", "code_started", "code_ended", "finished")] == [
        *(250, 500, 600, 900, 1000)
    ]
    states = {key: answer["states"][row["state"]] for key, row in by_key.items()}
    assert states["work", "3", 0] == "failed" and states["work", "3", 1] == "done"
    assert states["work", "4", 0] == "caught"
    again = by_key["work", "3", 1]
    assert (again["indexes"], again["label"], again["code_started"]) == ("1", "item 1", None)
    assert (answer["status"], answer["started_at"], answer["finished_at"]) == ("done", ZERO, ZERO + 9)
    assert (answer["cut"], answer["notes"], answer["counts"]["all"]) == (False, [], 8)


def test_steps_are_summed_up(foreach: Place) -> None:
    work = foreach.timeline()["steps"][1]
    assert (work["tasks"], work["attempts"], work["expected"], work["type"]) == (3, 4, 3, "linear")
    assert work["states"] == {"done": 2, "caught": 1}
    # The latest attempts took 1, 2 and 2.5 seconds.
    assert (work["median"], work["p95"], work["started"], work["finished"]) == (2000, 2500, 1000, 5000)


def test_the_critical_path_leads_through_the_task_that_ended_last(foreach: Place) -> None:
    path = foreach.ask("critical-path", flow="F", run_id="1").json
    models.CriticalPath.model_validate(path)
    keys = [(each["step"], each["task"], each["attempt"]) for each in path["attempts"]]
    assert keys == [("start", "1", 0), ("work", "3", 0), ("work", "3", 1), ("join", "5", 0), ("end", "6", 0)]
    join = path["attempts"][3]
    assert [join[part] for part in ("waiting", "startup", "code", "saving")] == [1000, 500, 500, 1000]
    assert path["waiting"] == 500 + 0 + 500 + 1000 + 0


def test_changes_are_those_since_an_answer(place: Place) -> None:
    now = time.time()
    run = RunRecord("F", "1", "ann", now - 100, heartbeat_at=now, graph=GRAPH)
    old = attempt("start", "1", now - 99 - ZERO, now - 98 - ZERO)
    place.add(run, old, attempt("work", "2", now - 90 - ZERO, None, **in_foreach(0)))
    first = place.timeline()
    assert (first["changes_only"], first["status"], first["finished_at"]) == (False, "running", None)
    place.index.apply([TaskEnded(attempt("work", "2", now - 90 - ZERO, now + 1 - ZERO, **in_foreach(0)))])
    place.index.apply([TaskStarted(attempt("work", "3", now + 1 - ZERO, None, **in_foreach(1)))])
    changes = place.timeline(since=first["cursor"])
    assert changes["changes_only"]
    assert sorted(zip(changes["attempts"]["task"], changes["attempts"]["finished"], strict=True)) == [
        ("2", pytest.approx(101_000, abs=2)),
        ("3", None),
    ]
    assert changes["counts"] == {"all": 3, "running": 1, "killed": 0}
    assert [step["name"] for step in changes["steps"]] == ["start", "work", "join", "end"]


def test_more_attempts_than_a_page_of_the_database_has_are_read(place: Place, monkeypatch: Any) -> None:
    monkeypatch.setattr("metaflow.web.timeline.table.each_attempt.__defaults__", (None, False, 7))
    tasks = [attempt("work", str(number), 1, 2, **in_foreach(number, 50)) for number in range(50)]
    place.add(run_of(), *tasks)
    columns = place.timeline()["attempts"]
    assert sorted(map(int, columns["task"])) == list(range(50))


def test_what_is_beyond_the_most_is_left_out_and_said(foreach: Place, monkeypatch: Any) -> None:
    monkeypatch.setattr("metaflow.web.timeline.table.read_table.__defaults__", (3,))
    answer = foreach.timeline()
    assert answer["cut"] and len(answer["attempts"]["task"]) == 3


def test_names_may_be_anything(place: Place) -> None:
    text = MARKUP[0] + "\u202e\0\udce9"
    flow = "F'; DROP TABLE tasks; --?&#"
    place.add(
        run_of(flow=flow, run_id="a b"),
        attempt("<b>step</b>", text, 1, 2, foreach_stack=(("x", text, 0, 1),), index_path=(("s:,\0", 0),))._replace(
            flow=flow, run_id="a b"
        ),
    )
    answer = place.timeline(flow, "a b")
    assert "<script>" in answer["attempts"]["label"][0]
    assert answer["steps"][-1]["name"] == "<b>step</b>"


def test_a_graph_that_cannot_be_read_is_said_and_the_rest_is_shown(foreach: Place) -> None:
    (foreach.root / run_key("F", "1")).write_bytes(b"{ no json")
    answer = foreach.timeline()
    assert len(answer["attempts"]["task"]) == 7
    assert "graph" in answer["notes"][0]
    assert {step["name"] for step in answer["steps"]} == {"start", "work", "join", "end"}


@pytest.mark.parametrize("path", ["timeline", "critical-path"])
def test_runs_that_are_not_there_are_refused(foreach: Place, path: str) -> None:
    answer = foreach.ask(path, flow="F", run_id="2")
    assert (answer.status, answer.json["error"]["kind"]) == (404, "run_not_found")
    assert foreach.ask(path, flow="F").status == 422


@pytest.mark.parametrize("path", ["timeline", "critical-path"])
def test_a_datastore_that_is_gone_is_no_failure_of_the_service(
    foreach: Place, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*names: str) -> None:
        raise DataException("Cannot use the datastore.")

    monkeypatch.setattr(Provider, "records_of", gone)
    answer = foreach.ask(path, flow="F", run_id="1")
    assert (answer.status, answer.json["error"]) == (502, {"kind": "datastore", "message": "Cannot use the datastore."})


def test_a_cursor_of_something_else_is_refused(foreach: Place) -> None:
    for since in ("yesterday", "nan", "inf", ""):
        answer = foreach.ask("timeline", flow="F", run_id="1", since=since)
        assert (answer.status, answer.json["error"]["kind"]) == (422, "invalid"), since


def test_large_answers_are_packed(place: Place) -> None:
    place.add(run_of(), *[attempt("work", str(number), 1, 2, **in_foreach(number, 900)) for number in range(900)])
    answer = place.ask("timeline", flow="F", run_id="1")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.json["attempts"]["task"]) == 900
