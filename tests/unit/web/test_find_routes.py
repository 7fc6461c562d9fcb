"""Finding runs through the app's interface: filters, pages, columns, counts, names, flows at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest

from attack_strings import ATTACKS
from metaflow.client.home import Home
from metaflow.client.trigger import METADATA_FIELD
from metaflow.metadata_store.events import RunEnded, RunForgotten, RunStarted, TaskEnded, TaskStarted
from metaflow.metadata_store.liveness import process_identity
from metaflow.metadata_store.records import RunRecord, TaskRecord, encodable
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.server.configuration import ServerSettings
from metaflow.web.find.facets import FacetIndex
from metaflow.web.serving import create_web_app
from running_service import running_app

THIS_PROCESS = dict(zip(("host", "pid", "process_started"), process_identity(), strict=True))


class NoProvider:
    """These routes read records only."""

    description = "nowhere"
    home = Home("nowhere", service="none")
    index = SqliteMetadata()
    deleted: frozenset[tuple[str, str]] = frozenset()

    def renew_index(self) -> None:
        """There is none."""

    def is_out_of_reach(self, location: str) -> bool:
        """Nothing is asked for."""
        return False


def run_events(flow, number, *, user="ana", status="done", tags=(), system=(), values=None, message=None, seconds=10):
    """What a run of two tasks records; those that run have not ended."""
    at = 1000.0 + 10 * number
    run = RunRecord(flow, str(number), user, at, tuple(sorted(tags)), tuple(sorted((f"user:{user}", *system))))
    if status == "running":
        run = run._replace(**THIS_PROCESS, heartbeat_at=at + 25)
    key = (flow, str(number))
    parameters = TaskRecord(*key, "_parameters", "0", 0, at, status="done", values=values or {})
    start = TaskRecord(*key, "start", "1", 0, at + 1)
    events = [RunStarted(run), TaskEnded(parameters._replace(finished_at=at)), TaskStarted(start)]
    if status != "running":
        end = TaskRecord(*key, "end", "2", 0, at + 2, status="done", ok=True, success=status == "done")
        end = end._replace(finished_at=at + seconds, values={**(values or {}), "loss": 1 / (number + 1)})
        events += [TaskEnded(start._replace(status="done", finished_at=at + 2)), TaskEnded(end)]
        events.append(RunEnded(*key, status, at + seconds, message))
    return events


HISTORY = [
    *run_events("Train", 1, tags=("prod",), values={"lr": 0.1, "model": "Forest"}, seconds=30),
    *run_events("Train", 2, user="ben", status="failed", message="Step Ünit failed", values={"lr": 0.01}, seconds=20),
    *run_events("Score", 3, tags=("prod", "nightly"), system=("project:p1", "project_branch:user.ana")),
    *run_events("Score", 4, status="stopped", system=("project:p2", "project_branch:prod"), values={"lr": 5}),
    *run_events("Train", 5, user="ben", status="running", tags=("nightly",), values={"lr": 0.5}),
]


@pytest.fixture
def database(tmp_path):
    store = SqliteMetadata(tmp_path / "records.sqlite", keep_log=True)
    yield store
    store.close()


class Client:
    """Asks an app that runs."""

    def __init__(self, service: Any) -> None:
        self._service = service

    def get(self, path: str, **query: Any) -> Any:
        """What is answered, which must be no refusal."""
        reply = self.ask("GET", path, **query)
        assert reply.status == 200, reply.body
        return reply.json

    def ask(self, method: str, path: str, content: Any = None, **query: Any) -> Any:
        text = urlencode(query, doseq=True, errors="surrogatepass")
        return self._service.ask(method, f"/api/v1/{path}" + (f"?{text}" if text else ""), content)


@contextmanager
def client_of(database: SqliteMetadata, **settings: Any) -> Iterator[Client]:
    served = create_web_app(
        database, NoProvider(), ServerSettings(requests_per_second=0, requests_at_once=0, **settings)
    )
    with running_app(served, database) as service:
        yield Client(service)


@pytest.fixture
def app(database):
    database.apply(HISTORY)
    with client_of(database) as client:
        yield client


def found(app, **query):
    """Ids of the runs that are found, in order."""
    return [run["run_id"] for run in app.get("runs/find", **query)["runs"]]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, "54321"),
        ({"status": ["failed", "stopped"]}, "42"),
        ({"flow": ["Score"], "user": ["ana", "ben"]}, "43"),
        ({"user": "ben"}, "52"),
        ({"tag": ["prod", "nightly"]}, "3"),
        ({"without_tag": ["prod", "user:ben"]}, "4"),
        ({"without_flow": "Train"}, "43"),
        ({"without_flow": ["Train", "Score"]}, ""),
        ({"project": ["p1", "p2"]}, "43"),
        ({"project": ["p1", "p2"], "branch": "prod"}, "4"),
        ({"text": "ünit"}, "2"),
        ({"text": "TRAIN forest"}, "1"),
        ({"text": "p1"}, "3"),
        ({"text": "nightly ben"}, "5"),
        ({"text": "python_version"}, ""),
        ({"where": "parameter:lr:>:0.05"}, "541"),
        ({"where": ["parameter:lr:>=:0.1", "parameter:lr:<:1"]}, "51"),
        ({"where": "parameter:lr:<:1.2345678901234567e+19", "flow": "Score"}, "4"),
        ({"where": 'parameter:model:=:"Forest"'}, "1"),
        ({"where": "artifact:loss:<:0.3", "flow": "Score"}, "43"),
        ({"since": 1020, "until": 1040}, "32"),
        ({"run": ["Train/1", "Score/4", "Train/4", "No/1"]}, "41"),
        ({"run": ["Train/1", "Score/4"], "status": "done"}, "1"),
        ({"order": "-duration", "status": ["done", "failed"]}, "123"),
        ({"order": "-duration"}, "15243"),  # one that goes on has taken a while, too
        ({"order": "flow"}, "43521"),
        ({"order": "-parameter:lr"}, "45123"),
    ],
)
def test_runs_are_found(app, query, ids):
    assert "".join(found(app, **query)) == ids


@pytest.mark.parametrize("order", ["", "-duration", "flow", "parameter:lr", "-artifact:loss"])
def test_pages_put_together_are_the_whole(app, order):
    query = {"order": order} if order else {}
    whole, pages, cursor = found(app, **query), [], None
    while True:
        answer = app.get("runs/find", **query, limit=2, **({"cursor": cursor} if cursor else {}))
        pages += [run["run_id"] for run in answer["runs"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert pages == whole
    assert len(whole) == 5


def test_a_row_has_what_lists_show_and_only_the_values_that_are_asked_for(app):
    query = {"flow": "Train", "column": ["parameter:lr", "artifact:loss", "parameter:gone"]}
    running, failed, done = app.get("runs/find", **query)["runs"]
    assert running["tasks"] == {"known": 2, "running": 1}
    assert (running["finished_at"], running["artifacts"], running["parameters"]) == (None, {}, {"lr": 0.5})
    assert (failed["message"], failed["user"], failed["tasks"]) == ("Step Ünit failed", "ben", None)
    assert (done["parameters"], done["artifacts"]) == ({"lr": 0.1}, {"loss": 0.5})
    assert (done["tags"], done["finished_at"] - done["started_at"]) == (["prod"], 30)
    score = app.get("runs/find", project="p1")["runs"][0]
    assert (score["project"], score["branch"], score["parameters"]) == ("p1", "user.ana", {})


def test_what_started_a_run_is_told(app, database):
    triggers = '[{"name": "data_ready", "id": "x", "timestamp": 1, "type": "event"}, {"no": "name"}, 3]'
    for number, text in ((6, triggers), (7, "no JSON"), (8, '{"a": 1}')):
        task = TaskRecord("Train", str(number), "start", "1", 0, 2000.0, metadata={METADATA_FIELD: text})
        database.apply([*run_events("Train", number, status="running"), TaskEnded(task._replace(status="done"))])
    runs = app.get("runs/find", flow="Train", since=1060)["runs"]
    assert [run["triggers"] for run in runs] == [["?"], ["?"], ["data_ready"]]


def test_what_matches_is_counted_up_to_a_bound(app, database, monkeypatch):
    def count(**query):
        answer = app.get("runs/find", limit=1, **query)
        return answer["total"], answer["total_is_exact"]

    assert count() == (None, True)
    assert count(count="true") == (5, True)
    assert count(count="true", user="ben", order="-duration") == (2, True)
    monkeypatch.setattr("metaflow.web.find.run_rows.MOST_COUNTED", 4)
    assert count(count="true") == (4, False)


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ({"where": "lr>1"}, "parameter:NAME"),
        ({"where": "parameter:lr:>:{}"}, "not valid"),
        ({"where": "parameter:lr:~:1"}, "not valid"),
        ({"where": "parameter:lr:>:null"}, "Use = or !="),
        ({"column": "lr"}, "neither parameter:NAME"),
        ({"run": "Train"}, "FLOW/RUN"),
        ({"order": "luck"}, "not valid"),
        ({"cursor": "abc"}, "cursor"),
        ({"status": "gone"}, "status"),
        ({"limit": "1000"}, "limit"),
        ({"flow": ["x"] * 101}, "flow"),
        ({"where": "parameter:lr:=:" + "[" * 20_000}, "condition"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(app, query, part):
    answer = app.ask("GET", "runs/find", **query)
    assert answer.status == 422
    assert part in answer.json["error"]["message"]


def test_names_are_given_with_how_many_runs_have_them(app):
    facets = app.get("runs/facets")

    def pairs(kind):
        return [(each["name"], each["runs"]) for each in facets[kind]["names"]]

    assert pairs("flows") == [("Train", 3), ("Score", 2)]
    assert pairs("users") == [("ana", 3), ("ben", 2)]
    assert pairs("tags") == [("nightly", 2), ("prod", 2)]
    assert (pairs("projects"), pairs("branches")) == ([("p1", 1), ("p2", 1)], [("prod", 1), ("user.ana", 1)])
    assert dict(pairs("statuses")) == {"done": 2, "failed": 1, "running": 1, "stopped": 1}
    assert facets["parameters"]["names"] == ["lr", "model"]
    assert set(facets["artifacts"]["names"]) == {"lr", "loss", "model"}
    narrow = app.get("runs/facets", text="R", limit=1)
    assert narrow["flows"] == {"names": [{"name": "Train", "runs": 3}], "more": True}
    assert narrow["parameters"] == {"names": ["lr"], "more": False}


def test_names_are_read_anew_after_a_while(database):
    database.apply(HISTORY)
    now = [0.0]
    index = FacetIndex(database, lambda: now[0])
    assert len(index.names().flows) == 2
    database.apply(run_events("New", 9))
    assert len(index.names().flows) == 2
    now[0] = 60.0
    assert ("New", 1) in index.names().flows


def test_flows_are_summed_up_the_newest_first(app):
    answer = app.get("flows/summary", last=2)
    train, score = answer["flows"]
    assert answer["total"] == 2
    assert (train["flow"], train["runs"], train["running"]) == ("Train", 3, 1)
    assert [(run["run_id"], run["status"]) for run in train["last"]] == [("5", "running"), ("2", "failed")]
    assert (train["last_success"]["run_id"], train["median_seconds"]) == ("1", 30)
    assert (score["last_success"]["run_id"], score["last"][0]["run_id"]) == ("3", "4")
    only = app.get("flows/summary", text="sco")
    assert ([flow["flow"] for flow in only["flows"]], only["total"]) == (["Score"], 1)
    rest = app.get("flows/summary", limit=1, offset=1)
    assert ([flow["flow"] for flow in rest["flows"]], rest["total"]) == (["Score"], 2)


def test_an_empty_store_has_nothing_and_fails_nowhere(tmp_path):
    database = SqliteMetadata(tmp_path / "none" / "records.sqlite", keep_log=True)
    with client_of(database) as client:
        rows = client.get("runs/find", count="true")
        assert (rows["runs"], rows["total"], rows["next"]) == ([], 0, None)
        assert client.get("flows/summary") == {"flows": [], "total": 0}
        assert client.get("runs/facets")["tags"] == {"names": [], "more": False}
        assert client.get("views") == {"views": []}


def test_a_database_that_is_damaged_is_told_and_is_no_crash(tmp_path):
    path = tmp_path / "records.sqlite"
    path.write_bytes(b"this is no database" * 100)
    database = SqliteMetadata(path, keep_log=True)
    with client_of(database) as client:
        for route in ("runs/find", "runs/facets", "flows/summary", "views"):
            answer = client.ask("GET", route)
            assert (answer.status, answer.kind) == (503, "database_unavailable")


def test_any_name_is_only_a_name(app, database):
    texts = [text for text in ATTACKS if text.strip() and len(text) <= 500]
    for number, text in enumerate(texts):
        database.apply(run_events("Odd", 100 + number, user=text, tags=(text,), status="failed", message=text))
    odd = app.get("runs/find", flow="Odd", limit=200)["runs"]
    by_id = {run["run_id"]: run for run in odd}
    assert len(odd) == len(texts)
    for number, text in enumerate(texts):
        run = by_id[str(100 + number)]
        # What a database cannot hold in columns is there as its escape.
        assert (run["user"], run["tags"], run["message"]) == (text, [text], encodable(text))
    for text in texts[:20]:
        ids = found(app, tag=text)
        assert ids == found(app, user=text)
        assert len(ids) == 1
    assert len(app.get("runs/facets", limit=500)["users"]["names"]) == len(texts) + 2


def test_a_run_that_was_deleted_is_found_no_more(app, database):
    database.apply([RunForgotten("Train", "2")])
    assert found(app, text="ünit") == found(app, run="Train/2") == []
    assert "".join(found(app)) == "5431"


def test_views_are_saved_and_deleted_by_their_names(app):
    def save(name, search="status=failed", **more):
        return app.ask("POST", "views", {"name": name, "search": search, **more})

    assert save("nightly").status == 200
    assert save("nightly, long", "flow=Train").status == 200
    again = save("nightly", "flow=Score")
    assert (again.status, again.kind) == (409, "exists")
    assert save("  nightly ", "flow=Score", replace=True).json["name"] == "nightly"
    views = {view["name"]: view["search"] for view in app.get("views")["views"]}
    assert views == {"nightly": "flow=Score", "nightly, long": "flow=Train"}
    assert app.ask("DELETE", "views", name="nightly").status == 200
    assert [view["name"] for view in app.get("views")["views"]] == ["nightly, long"]
    assert app.ask("DELETE", "views", name="nightly").status == 200
    for wrong in ("", "two\nlines", "x" * 101):
        assert save(wrong).status == 422


def test_there_are_not_any_number_of_views(app, monkeypatch):
    monkeypatch.setattr("metaflow.web.find.saved_views.MOST_VIEWS", 2)
    for name in ("a", "b"):
        assert app.ask("POST", "views", {"name": name, "search": ""}).status == 200
    refused = app.ask("POST", "views", {"name": "c", "search": ""})
    assert (refused.status, refused.kind) == (409, "too_many")
    assert app.ask("POST", "views", {"name": "a", "search": "x", "replace": True}).status == 200


def test_a_read_only_app_saves_no_views(database):
    with client_of(database, read_only=True) as client:
        assert client.ask("POST", "views", {"name": "a", "search": ""}).status == 403
        assert client.get("runs/find")["runs"] == []
