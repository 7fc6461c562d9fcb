"""What the service answers: records, refusals, and what it does with hostile requests."""

from __future__ import annotations

import gzip
import http.client
import itertools
import json
import logging
import socket
import threading
from urllib.parse import quote, urlencode

import pytest

from metaflow.exception import DatabaseUnavailable
from metaflow.metadata_store.records import encodable
from metaflow.metadata_store.sql_queries import recordable
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.wire import event_from_plain
from metaflow.server.configuration import ServerSettings
from metaflow.server.tokens import parse_tokens
from running_service import running

HOSTILE = ["../../etc/passwd", "a/b", "x' OR '1'='1", '"; DROP TABLE runs; --', "nul\0byte", "%2e%2e", "ü€𝄞", "\udce9"]

_later = itertools.count(2000.0)


def run(run_id="1", flow="F", **fields):
    return {"flow": flow, "run_id": run_id, "user": "ann", "started_at": 1000.0 + len(run_id), **fields}


def started(*arguments, **fields):
    return {"kind": "run_started", "run": run(*arguments, **fields)}


def task_ended(number, run_id="1", step="end", **fields):
    task = {"flow": "F", "run_id": run_id, "step": step, "task_id": str(number), "attempt": 0, "started_at": 1001.0}
    ending = {"status": "done", "ok": True, "success": True, "finished_at": 1002.0}
    return {"kind": "task_ended", "task": {**task, **ending, **fields}}


def record(service, *events):
    reply = service.post("/api/v1/events", {"events": list(events)})
    assert reply.status == 200, reply
    return reply.json


def test_what_is_recorded_is_found_again(service):
    first = record(service, started("1", tags=["a"]), started("2", flow="G"))
    again = record(service, started("1", tags=["a"]), task_ended(1), task_ended(2, values={"x": 3}))
    assert (first["recorded"], again["recorded"]) == (2, 3)
    assert again["last_id"] > first["last_id"]
    assert [flow["flow"] for flow in service.get("/api/v1/flows").json["flows"]] == ["G", "F"]
    assert service.get("/api/v1/run?flow=F&run_id=1").json["tags"] == ["a"]
    assert service.get("/api/v1/run?flow=F&run_id=9").kind == "not_found"
    assert [step["step"] for step in service.get("/api/v1/steps?flow=F&run_id=1").json["steps"]] == ["end"]
    tasks = service.get("/api/v1/tasks?flow=F&run_id=1&step=end").json
    assert [task["task_id"] for task in tasks["tasks"]] == ["2", "1"]
    assert tasks["tasks"][0]["values"] == {"x": 3}
    assert tasks["next"] is None
    events = service.get("/api/v1/events?limit=2").json
    assert [event["event"]["kind"] for event in events["events"]] == ["run_started"] * 2
    behind = service.get(f"/api/v1/events?after={first['last_id']}&flow=F&run_id=1").json
    assert [event["event"]["kind"] for event in behind["events"]] == ["run_started", "task_ended", "task_ended"]
    assert behind["last_id"] == again["last_id"]


def test_lists_come_in_pages(service):
    record(service, *(started(str(number), started_at=1000.0 + number) for number in range(7)))
    ids, cursor = [], None
    while True:
        page = service.get("/api/v1/runs?flow=F&limit=3" + (f"&cursor={cursor}" if cursor else "")).json
        ids += [found["run_id"] for found in page["runs"]]
        cursor = page["next"]
        if cursor is None:
            break
        assert len(page["runs"]) == 3
    assert ids == ["6", "5", "4", "3", "2", "1", "0"]
    assert service.get("/api/v1/runs?limit=7").json["next"] is None
    for cursor in ("x", "!!!", "W10", "WzEsMiwzXQ", "WyJhIiwxLDJd"):
        assert service.get(f"/api/v1/runs?cursor={cursor}").status == 422, cursor


def test_runs_are_searched_and_sorted(service):
    values = {"1": 3, "2": 1, "3": 2}
    for run_id, value in values.items():
        record(service, started(run_id, tags=["t" + run_id]), task_ended(1, run_id, "_parameters", values={"x": value}))
    by_value = service.get("/api/v1/runs?flow=F&order=-parameter:x&limit=2").json
    assert [found["run_id"] for found in by_value["runs"]] == ["1", "3"]
    rest = service.get(f"/api/v1/runs?flow=F&order=-parameter:x&limit=2&cursor={by_value['next']}").json
    assert [found["run_id"] for found in rest["runs"]] == ["2"]
    condition = {"kind": "parameter", "name": "x", "operator": ">", "operand": 1}
    found = service.post("/api/v1/runs/query", {"values": [condition], "order": {"by": "started_at"}}).json
    assert {each["run_id"] for each in found["runs"]} == {"1", "3"}
    assert [each["run_id"] for each in service.get("/api/v1/runs?tag=t2&user=ann&id_part=2").json["runs"]] == ["2"]
    assert service.get("/api/v1/runs?status=done").json["runs"] == []
    shown = service.get("/api/v1/runs?tag=t2&with_values=true").json["runs"][0]
    assert shown["outcome"]["parameters"] == {"x": 1}


def test_tags_are_changed_by_the_rules(service):
    record(service, started("1", tags=["a"], system_tags=["user:ann"]))
    change = {"flow": "F", "run_id": "1"}
    assert service.post("/api/v1/tags", {**change, "add": ["b"], "remove": ["a"]}).json["tags"] == ["b"]
    refused = service.post("/api/v1/tags", {**change, "remove": ["user:ann"]})
    assert (refused.status, refused.kind) == (422, "invalid_tags")
    assert service.post("/api/v1/tags", {**change, "add": [f"{n}" for n in range(60)]}).kind == "invalid_tags"
    assert service.post("/api/v1/tags", {**change, "run_id": "2", "add": ["b"]}).status == 404
    assert service.get("/api/v1/runs?tag=b").json["runs"][0]["run_id"] == "1"


def test_a_run_is_claimed_once_but_by_the_same_process_again(service):
    mine = {"run": run("1", host="h", pid=1, process_started=2)}
    assert (service.post("/api/v1/runs", mine).status, service.post("/api/v1/runs", mine).status) == (201, 201)
    other = service.post("/api/v1/runs", {"run": run("1", host="h", pid=3)})
    assert (other.status, other.json) == (409, {"claimed": False})
    assert service.post("/api/v1/runs", {"run": run("2")}).status == 201
    assert service.post("/api/v1/runs", {"run": run("2")}).status == 409, "two unknown processes are not the same"


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_data(shared_service, name):
    service = shared_service
    if name.isprintable():  # in names of runs and flows; the others are refused there
        record(service, started(name, flow=name, tags=[name]))
        query = urlencode({"flow": name, "run_id": name})
        assert service.get(f"/api/v1/run?{query}").json["run_id"] == name
        assert [flow["flow"] for flow in service.get(f"/api/v1/flows?flow={quote(name)}").json["flows"]] == [name]
        found = service.post("/api/v1/runs/query", {"flow": name, "tags": [name], "id_part": name}).json["runs"]
        assert [each["run_id"] for each in found] == [name]
    record(service, started("plain"), task_ended(1, "plain", metadata={name: name}))
    ended = {"kind": "run_ended", "flow": "F", "run_id": "plain", "status": "failed", "finished_at": next(_later)}
    record(service, {**ended, "message": name})
    assert service.get("/api/v1/run?flow=F&run_id=plain").json["message"] == encodable(name)
    assert service.get("/api/v1/tasks?flow=F&run_id=plain").json["tasks"][0]["metadata"] == {name: name}
    assert service.post("/api/v1/runs/query", {"user": name, "id_part": name}).json["runs"] == []
    assert service.post("/api/v1/tasks/query", {"flow": name, "run_id": name, "step": name}).status == 200
    assert service.get(f"/api/v1/{quote(name, errors='surrogatepass')}").status == 404


@pytest.mark.parametrize(
    "event",
    [
        "run_started",
        {},
        {"kind": "nothing"},
        {"kind": "run_started"},
        {"kind": "run_started", "run": run(user=None)},
        {"kind": "run_started", "run": run("")},
        {"kind": "run_started", "run": run("x" * 501)},
        {"kind": "run_started", "run": run(status="odd")},
        {"kind": "run_started", "run": run(started_at="yesterday")},
        {"kind": "run_started", "run": run(tags="a")},
        {"kind": "run_started", "run": run(pid=2**70)},
        task_ended(1, attempt=-1),
        task_ended(1, attempt=True),
        task_ended(1, values={"x": 2**63}),
        task_ended(1, values={"x": "y" * 201}),
        task_ended(1, values={"x": [1]}),
        task_ended(1, index_path=[["a", "b"]]),
        task_ended(1, inputs=["start"]),
        task_ended(1, inputs=["start/1/x"]),
        task_ended(1, origin="F/1/start"),
        {"kind": "tags_changed", "flow": "F", "run_id": "1", "added": [""]},
        {"kind": "heartbeat", "flow": "F", "run_id": "1", "at": None},
    ],
    ids=str,
)
def test_an_event_that_is_none_is_refused_with_its_whole_batch(shared_service, event):
    reply = shared_service.post("/api/v1/events", {"events": [started("refused"), event]})
    assert (reply.status, reply.kind) == (422, "invalid")
    assert "events.1" in reply.json["error"]["message"], "it says which event"
    assert shared_service.get("/api/v1/run?flow=F&run_id=refused").status == 404


@pytest.mark.parametrize(
    "query",
    [
        {"nothing": 1},
        {"limit": -1},
        {"limit": 1001},
        {"status": "odd"},
        {"since": "x"},
        {"after": [1, 2, 3]},
        {"after": [[], "a", "b"]},
        {"order": {"by": "parameter"}},
        {"order": {"by": "user", "name": "x"}},
        {"order": {"by": "user; DROP TABLE runs"}},
        {"values": [{"kind": "parameter", "name": "x", "operator": "= 1 OR 1", "operand": 1}]},
        {"values": [{"kind": "parameter", "name": "x", "operator": "in", "operand": 1}]},
        {"values": [{"kind": "parameter", "name": "x", "operator": "=", "operand": [1]}]},
        {"values": [{"kind": "parameter", "name": "x", "operator": "<", "operand": None}]},
        {"values": [{"kind": "parameter", "name": "x", "operator": "=", "operand": 2**64}]},
        [],
        "x",
    ],
    ids=str,
)
def test_a_query_that_is_none(shared_service, query):
    reply = shared_service.post("/api/v1/runs/query", query)
    assert (reply.status, reply.kind) == (422, "invalid"), reply


@pytest.mark.parametrize(
    "body, headers, status",
    [
        (b"{", {}, 400),
        (b"\xff\xfe", {}, 400),
        (b'{"events": [NaN]}', {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Encoding": "br"}, 415),
        (b"{}", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b'{"events": []}')[:-6], {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b" " * 3_000_000), {"Content-Encoding": "gzip"}, 413),
        (b" " * 1_000_001, {}, 413),
    ],
    ids=range(10),
)
def test_bodies_that_cannot_be_read(shared_service, body, headers, status):
    service = shared_service
    reply = service.ask("POST", "/api/v1/events", body, headers)
    assert reply.status == status
    assert reply.json["error"]["message"]
    packed = gzip.compress(json.dumps({"events": [started("1")]}).encode())
    assert service.ask("POST", "/api/v1/events", packed, {"Content-Encoding": "gzip"}).json["recorded"] == 1


def test_a_body_in_chunks_is_not_larger_than_allowed_either(shared_service):
    service = shared_service
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.putrequest("POST", "/api/v1/events")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    try:
        for _ in range(20):
            connection.send(b"20000\r\n" + b" " * 0x20000 + b"\r\n")
        connection.send(b"0\r\n\r\n")
    except OSError:
        pass  # the service has heard enough
    else:
        assert connection.getresponse().status == 413
    connection.close()
    assert service.get("/readyz").status == 200


def test_tokens(serve):
    service = serve(tokens=parse_tokens("ann:write:writewritewritewrite bob:read:readreadreadread", "test"))
    writer, reader = {"x_api_key": "writewritewritewrite"}, {"Authorization": "Bearer readreadreadread"}
    events = {"events": [started("1")]}
    for path in ("/healthz", "/readyz", "/api/v1/openapi.json"):
        assert service.get(path).status == 200
    for headers in ({}, {"x_api_key": "x"}, {"Authorization": "Basic readreadreadread"}):
        for reply in (service.get("/api/v1/runs", **headers), service.post("/api/v1/events", events, **headers)):
            assert (reply.status, reply.kind) == (401, "unauthorized")
            assert reply.headers["WWW-Authenticate"] == "Bearer"
        assert service.get("/api/v1/nothing", **headers).status == 401, "strangers learn nothing of what there is"
        assert service.get("/metrics", **headers).status == 401
    assert service.post("/api/v1/events", events, **reader).kind == "forbidden"
    assert service.post("/api/v1/runs", {"run": run()}, **reader).kind == "forbidden"
    assert service.post("/api/v1/runs/query", {}, **reader).status == 200
    assert service.post("/api/v1/events", events, **writer).status == 200
    assert len(service.get("/api/v1/runs", **writer).json["runs"]) == 1


def test_a_service_for_reading_only(serve, tmp_path):
    database = SqliteMetadata(tmp_path / "given.sqlite", keep_log=True)
    database.apply([event_from_plain(started("1"))])
    service = serve(database, read_only=True)
    assert len(service.get("/api/v1/runs").json["runs"]) == 1
    assert service.post("/api/v1/runs/query", {}).status == 200
    assert service.post("/api/v1/events", {"events": []}).kind == "read_only"


def test_web_pages_of_others_can_do_nothing(serve):
    service = serve(cors_origins=("https://ui.example.com",))
    assert service.get("/api/v1/runs", Host="evil.example.com").kind == "forbidden", "a name made to lead here"
    assert service.get("/api/v1/runs", Host="localhost:1").status == 200
    foreign = service.post("/api/v1/events", {"events": []}, Origin="https://evil.example.com")
    assert foreign.kind == "forbidden"
    assert "Access-Control-Allow-Origin" not in foreign.headers
    allowed = service.post("/api/v1/events", {"events": []}, Origin="https://ui.example.com")
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://ui.example.com"
    own = service.post("/api/v1/events", {"events": []}, Origin=service.url)
    assert own.status == 200
    for name, value in {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}.items():
        assert own.headers[name] == value


def test_too_many_requests(serve):
    service = serve(requests_per_second=2, requests_at_once=100)
    replies = [service.get("/api/v1/runs") for _ in range(8)]
    refused = [reply for reply in replies if reply.status == 429]
    assert refused and replies[0].status == 200
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert refused[0].kind == "too_many_requests"


class Broken(SqliteMetadata):
    def _query(self, *arguments):
        raise DatabaseUnavailable("nobody knows the password hunter2 of the database")

    def apply(self, events):
        self._query()


def test_a_database_that_is_away(serve, caplog):
    service = serve(Broken())
    with caplog.at_level(logging.ERROR):
        replies = [
            service.get("/api/v1/runs"),
            service.get("/readyz"),
            service.get("/api/v1/events/stream"),
            service.post("/api/v1/events", {"events": [started("1")]}),
        ]
    for reply in replies:
        assert (reply.status, reply.kind) == (503, "database_unavailable")
        assert int(reply.headers["Retry-After"]) >= 1
        assert b"hunter2" not in reply.body
    assert "hunter2" in caplog.text, "the log says what is wrong"
    assert service.get("/healthz").status == 200, "the process itself is well"


class Confused(SqliteMetadata):
    def flows(self, flow=None):
        raise ZeroDivisionError("secret detail")


def test_an_error_that_nobody_foresaw(serve, caplog):
    service = serve(Confused())
    reply = service.get("/api/v1/flows")
    assert (reply.status, reply.kind) == (500, "internal")
    assert b"secret detail" not in reply.body
    assert "secret detail" in caplog.text
    assert service.get("/api/v1/runs").status == 200


def test_the_log_has_a_line_for_each_request_and_no_secrets(caplog):
    settings = ServerSettings(tokens=parse_tokens("ann:write:writewritewritewrite", "test"))
    with caplog.at_level(logging.INFO, "metaflow.server.access"), running(SqliteMetadata(), settings) as service:
        service.get("/api/v1/runs?flow=F%0Aforged", x_api_key="writewritewritewrite", X_Forwarded_For="a\x1b[2J b")
        service.get("/api/v1/runs", Authorization="Bearer wrongwrongwrong")
        service.get("/metrics", x_api_key="writewritewritewrite")
    facts = [entry.facts for entry in caplog.records if hasattr(entry, "facts")]
    assert [(fact["token"], fact["status"]) for fact in facts] == [("ann", 200), ("", 401), ("ann", 200)]
    assert facts[0]["address"] == "a%1B[2J%20b"
    assert facts[0]["path"] == "/api/v1/runs?flow=F%0Aforged"
    assert "wrongwrong" not in str(facts) and "writewrite" not in str(facts)


def test_the_document_describes_every_route(shared_service):
    document = shared_service.get("/api/v1/openapi.json").json
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(ids) == len(set(ids))
    assert {"recordEvents", "listEvents", "streamEvents", "listRuns", "queryRuns", "getRun", "claimRun"} <= set(ids)
    schemas = document["components"]["schemas"]
    for path, method, operation in operations:
        assert operation.get("summary"), f"{method} {path}"
        references = [part.split('"')[0] for part in json.dumps(operation).split("#/components/schemas/")[1:]]
        assert set(references) <= set(schemas), f"{method} {path}"
        if path.startswith("/api/v1/"):
            assert operation["responses"]["401"]["content"]["application/json"]["schema"]["$ref"].endswith("/Error")
        if method == "post" and path.startswith("/api/v1/"):
            assert operation["requestBody"]["content"]
    assert {"Run", "Task", "RunStarted", "RunQuery", "Error"} <= set(schemas)
    assert document["components"]["securitySchemes"]
    assert shared_service.get("/docs").status == 404, "a page that would load programs from elsewhere"


def test_metrics(service):
    record(service, started("1"), started("2"))
    service.get("/api/v1/nothing/secret-name")
    text = service.get("/metrics").body.decode()
    assert 'metaflow_http_requests_total{method="POST",route="/api/v1/events",status="200"} 1' in text
    assert 'route="unmatched",status="404"' in text and "secret-name" not in text
    assert "metaflow_events_recorded_total 2" in text
    assert "metaflow_listeners 0" in text


def test_a_thousand_clients_at_once(serve):
    service = serve(requests_at_once=0, requests_per_second=0)
    sockets = []
    body = json.dumps({"events": [started("1"), *(task_ended(n) for n in range(3))]}).encode()
    head = f"POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    head += "Content-Type: application/json\r\nConnection: close\r\n\r\n"
    for _ in range(1000):
        sockets.append(socket.create_connection(("127.0.0.1", service.port), timeout=60))
    statuses = []

    def client(mine):
        for one in mine:
            one.sendall(head.encode() + body)
        for one in mine:
            statuses.append(one.makefile("rb").readline().split()[1])
            one.close()

    threads = [threading.Thread(target=client, args=(sockets[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [b"200"] * 1000
    assert len(service.get("/api/v1/tasks?flow=F&run_id=1").json["tasks"]) == 3


def test_no_text_that_a_program_of_metaflow_sends_stands_in_the_way_of_what_follows(service):
    """Oddly named users, numbers that no database has room for, numbers that JSON does not know."""
    odd = "caf\udce9"
    assert service.post("/flows/F/run", {"user_name": odd, "run_number": "9" * 500}).status == 200
    assert [run["user_name"] for run in service.get("/flows/F/runs").json] == [odd]
    assert service.post("/flows/F/run", {}).json["run_number"] == 1
    for run_id in ("", 10**30):
        assert service.post("/flows/F/run", {"run_number": run_id}).status == 422
    task = "/flows/F/runs/1/steps/s/tasks/1"
    service.post("/flows/F/runs/1/steps/s/task", {})
    fields = [
        {"field_name": "foreach-execution-path", "value": "a:" + "9" * 20, "ts_epoch": 1},
        {"field_name": "attempt", "value": odd, "tags": ["attempt_id:" + "9" * 20], "ts_epoch": 2},
        {"field_name": "number", "value": float("nan"), "ts_epoch": 3},
    ]
    for field in fields:
        assert service.post(f"{task}/metadata", [field]).status == 200
    assert [field["value"] for field in service.get(f"{task}/metadata").json] == ["a:" + "9" * 20, odd, None]


def test_an_event_that_the_database_cannot_hold_is_not_asked_for_again(serve, tmp_path):
    class Short(SqliteMetadata):
        def apply(self, events):
            with recordable():
                raise OverflowError("too large")

    answer = serve(Short(tmp_path / "x.sqlite", keep_log=True)).post("/api/v1/events", {"events": [started()]})
    assert (answer.status, answer.kind, answer.headers["Retry-After"]) == (422, "not_recordable", None)
