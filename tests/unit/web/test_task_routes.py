"""Routes of one task, over a real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from client.stored_flow import StoredRun, dead_process, foreach_run

from attack_strings import ATTACKS
from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.datastore.layout import INDEX_KEY, card_key, manifest_key, resources_key, runs_prefix
from metaflow.datastore.resource_series import Point, ResourceUse
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.secret_names import MASK, looks_secret
from metaflow.server.configuration import ServerSettings
from metaflow.web.serving import create_web_app
from metaflow.web.task import cards
from running_service import Reply, Service, running_app

CARD = "default-" + "ab12" * 8


class Client:
    """Asks an app that runs."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def reply(self, path: str, query: str) -> Reply:
        return self._service.get(f"/api/v1/{path}?{query}")

    def ask(self, path: str, task: tuple[Any, ...] = ("F", "1", "work", "2"), **query: Any) -> Reply:
        named = dict(zip(("flow", "run_id", "step", "task_id"), map(str, task), strict=True))
        return self.reply(path, urlencode({**named, **query}, errors="surrogatepass"))

    def get(self, path: str, task: tuple[Any, ...] = ("F", "1", "work", "2"), **query: Any) -> Any:
        answer = self.ask(path, task, **query)
        assert answer.status == 200, answer.body
        return answer.json

    def refused(self, status: int, path: str, task: tuple[Any, ...] = ("F", "1", "work", "2"), **query: Any) -> str:
        answer = self.ask(path, task, **query)
        assert answer.status == status, answer.body
        return str(answer.json["error"]["message"])


ROUTES = ("task", "task/artifacts", "task/lineage", "task/metadata", "task/resources", "task/cards")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Callable[[], Client]]:
    """Starts an app over what the test has written."""
    with ExitStack() as stack:

        def start() -> Client:
            database = SqliteMetadata(tmp_path / INDEX_KEY, keep_log=True)
            stack.callback(database.close)
            app = create_web_app(database, Provider(Home(str(tmp_path))), ServerSettings())
            return Client(stack.enter_context(running_app(app, database)))

        yield start


def test_a_task_is_told_with_its_place_and_its_neighbours(client, tmp_path):
    foreach_run(tmp_path, 3)
    facts = client().get("task", ("F", "1", "work", "3"))
    assert facts["foreach"] == [{"step": "start", "variable": "xs", "value": "value 1", "index": 1, "count": 3}]
    assert [facts["siblings"][side]["task_id"] for side in ("previous", "next")] == ["2", "4"]
    commands = {each["label"]: each["command"] for each in facts["commands"]}
    assert commands["Print its log"] == "metaflow logs F/1/work/3"
    assert commands["Run this task again, alone"] == "python flow.py spin 1/work/3"
    assert commands["Resume the run from this step"] == "python flow.py resume work --origin-run-id 1"
    assert commands["In Python"].endswith("task = Task('F/1/work/3')")
    edge = client().get("task")["siblings"]
    assert edge["previous"] is None and edge["next"]["value"] == "value 1"


def test_attempts_are_told_apart(client, tmp_path):
    run = StoredRun(tmp_path)
    first = run.finished("work", 2, 0, {"x": 1}, "failed", error=("builtins.ValueError", "no <b>luck</b>"))
    run.printed(first, "stderr", b"noise", b"<flow F step work> failed:", b"    Traceback", b"      here", b"")
    run.finished("work", 2, 1, {"x": 2})
    run.ended()
    app = client()
    latest, failed = app.get("task"), app.get("task", attempt=0)
    assert [each["status"] for each in latest["attempts"]] == ["failed", "done"] and latest["failure"] is None
    assert failed["failure"]["message"] == "no <b>luck</b>" and failed["failure"]["lines"] == ["Traceback", "  here"]
    assert failed["commands"][0]["command"] == "metaflow logs F/1/work/2 --attempt 0"
    values = [app.get("task/artifacts", attempt=number)["artifacts"][0]["value"] for number in (0, 1)]
    assert values == [1, 2]
    assert "has no attempt 7" in app.refused(404, "task", attempt=7)
    assert app.ask("task", attempt=-1).status == 422


def test_artifacts_say_where_they_come_from(client, tmp_path):
    run = StoredRun(tmp_path)
    run.finished("_parameters", 0, artifacts={"alpha": 0.5})
    before = {"kept": [1] * 2000, "changed": 1, "alpha": 0.5}
    run.finished("start", 1, artifacts=before, inputs=("_parameters/0/0",))
    after = {**before, "changed": 2, "made": "x" * 5000, "_secret": 1}
    run.finished("work", 2, artifacts=after, inputs=("start/1/0",))
    run.ended()
    app = client()
    page = app.get("task/artifacts")
    assert [(each["name"], each["state"]) for each in page["artifacts"]] == [
        ("made", "new"),
        ("changed", "changed"),
        ("alpha", "inherited"),
        ("kept", "inherited"),
    ]
    assert page["public"] == 4 and page["private"] == 1 and page["compared_with"] == page["compared_of"] == 1
    assert [each["name"] for each in app.get("task/artifacts", private=True, search="secret")["artifacts"]] == [
        "_secret"
    ]
    by_size = app.get("task/artifacts", order="size", limit=1)
    assert by_size["artifacts"][0]["name"] == "made" and by_size["next"] == 1 and by_size["found"] == 4
    rest = app.get("task/artifacts", order="size", limit=9, offset=1)
    assert len(rest["artifacts"]) == 3 and rest["next"] is None
    same = app.get("task/artifact/same", name="kept")
    assert same["made_by"] == {"step": "start", "task_id": "1", "attempt": 0} and same["all_tasks"]
    assert [each["task_id"] for each in same["in_run"]] == ["1"]
    assert app.get("task/artifact/same", name="made")["made_by"] is None
    tree = app.get("task/artifact", name="kept")["facts"]["tree"]
    assert len(tree) > 900, "containers of plain values are shown from what is stored"


def test_the_same_value_is_found_in_other_runs(client, tmp_path):
    for number in ("1", "2", "3"):
        foreach_run(tmp_path, 2, run_id=number)
    same = client().get("task/artifact/same", ("F", "3", "work", "3"), name="x")
    assert {(each["run_id"], each["task_id"]) for each in same["in_runs"]} == {("1", "3"), ("2", "3")}
    assert same["runs_looked_at"] == 2 and same["all_runs"]


def test_texts_files_and_pictures_are_given_as_such(client, tmp_path):
    run = StoredRun(tmp_path)
    run.finished("work", 2, artifacts={"text": "ü" * 100_000, "list": [1], "png": b"\x89PNG\r\n\x1a\n" + b"0" * 40})
    run.ended()
    app = client()
    piece = app.get("task/artifact/text", name="text", limit=101)
    assert piece == {"text": "ü" * 50, "offset": 0, "total": 200_000, "next": 100, "is_text": True}
    assert "no text" in app.refused(422, "task/artifact/text", name="list")
    raw = app.ask("task/artifact/raw", name="text")
    assert raw.body.decode() == "ü" * 100_000 and raw.headers["content-type"] == "application/octet-stream"
    assert raw.headers["content-disposition"].startswith('attachment; filename="text.txt"')
    image = app.ask("task/artifact/image", name="png")
    assert image.headers["content-type"] == "image/png" and "sandbox" in image.headers["content-security-policy"]
    assert "has no artifact 'other'" in app.refused(404, "task/artifact", name="other")


def test_any_name_of_an_artifact_can_be_asked_for(client, tmp_path):
    names = {name for name in ATTACKS if name}
    run = StoredRun(tmp_path)
    run.finished("work", 2, artifacts=dict.fromkeys(names, "value"))
    run.ended()
    app = client()
    assert {row["name"] for row in app.get("task/artifacts", private=True)["artifacts"]} == names
    for name in names:
        if name.isprintable() and len(name) < 1000 and not name.startswith("_"):
            found = app.get("task/artifact", name=name)
            assert (found["value"] or found["preview"]) == (MASK if looks_secret(name) else "value")
            assert app.ask("task/artifact/raw", name=name).status == 200


def test_lineage_goes_both_ways_and_says_what_it_leaves_out(client, tmp_path):
    foreach_run(tmp_path, 30)
    app = client()
    around = app.get("task/lineage", ("F", "1", "work", "5"))
    names = [[f"{task['step']}/{task['task_id']}" for task in level["tasks"]] for level in around["levels"]]
    assert names == [["_parameters/0"], ["start/1"], ["work/5"], ["join/32"], ["end/33"]]
    assert {"source": {"step": "start", "task_id": "1"}, "target": {"step": "work", "task_id": "5"}} in around["edges"]
    assert around["levels"][1]["tasks"][0]["made"] == ["name", "xs"]
    join = app.get("task/lineage", ("F", "1", "join", "32"), up=1, down=0)
    assert len(join["levels"][0]["tasks"]) == 12 and join["levels"][0]["left_out"] == 18
    start = app.get("task/lineage", ("F", "1", "start", "1"), up=0, down=1)
    assert start["levels"][1]["left_out"] == 18 and len(start["levels"][1]["tasks"]) == 12
    assert app.ask("task/lineage", up=9).status == 422


def test_metadata_is_told_of_every_attempt(client, tmp_path):
    run = StoredRun(tmp_path)
    run.finished("work", 2, 0, status="failed", metadata={"note": "<b>x</b>" * 5000})
    run.finished("work", 2, 1)
    run.ended()
    fields = client().get("task/metadata")["fields"]
    assert {each["attempt"] for each in fields} == {0, 1}
    [note] = [each for each in fields if each["name"] == "note"]
    assert note["is_cut"] and len(note["value"]) == 10_000 and note["value"].startswith("<b>")


def test_resources_are_told_from_the_file_and_the_record(client, tmp_path):
    run = StoredRun(tmp_path)
    task = run.finished("work", 2)
    run.ended()
    points = [Point(float(second), 2.0, 500_000_000, 10.0, 0.0, 3) for second in range(1, 4)]
    key = resources_key(*task[:5])
    run.store.put(key, [ResourceUse(task.started_at, points, {"cores": 8, "host": "<b>h"}, False).encode()])
    app = client()
    found = app.get("task/resources")
    assert found["machine"]["cores"] == 8 and len(found["points"]) == 3 and found["is_over"]
    assert found["totals"]["peak_memory"] == 500_000_000 and found["totals"]["cpu_seconds"] == pytest.approx(6)
    run.store.put(key, [b"{ torn"])
    assert "damaged" in app.refused(502, "task/resources")
    run.store.delete(key)
    assert app.get("task/resources")["points"] == []


def test_a_card_is_a_stranger_to_the_app(client, tmp_path, monkeypatch):
    run = StoredRun(tmp_path)
    task = run.finished("work", 2)
    run.ended()
    page = b"<script>parent.attacked = 1</script>"
    run.store.put(card_key("F", "1", "work", "2", f"{CARD}.html"), [page])
    app = client()
    [card] = app.get("task/cards")["cards"]
    assert (card["type"], card["size"], card["is_live"]) == ("default", len(page), False)
    shown = app.ask("task/card", card=card["hash"])
    policy = shown.headers["content-security-policy"]
    assert shown.body == page and policy.startswith("sandbox allow-scripts ") and "allow-same-origin" not in policy
    assert "frame-ancestors 'self'" in policy and shown.headers["x-frame-options"] == "SAMEORIGIN"
    kept = app.ask("task/card", card=card["hash"], download=True)
    assert kept.headers["content-disposition"].startswith('attachment; filename="F-1-work-2-default.html"')
    data = app.get("task/card/data", card=card["hash"])
    assert data["data"] is None and data["is_complete"] and data["token"].startswith("version ")
    assert "no card" in app.refused(404, "task/card", card="ffffffff")
    live = b'{"data": {"render_seq": 3, "user": NaN}, "reload_token": "t"}'
    run.store.put(card_key("F", "1", "work", task.task_id, f"{CARD}.data.json"), [live])
    assert app.get("task/card/data", card=card["hash"]) == {
        "token": "token t",
        "is_complete": True,
        "data": {"render_seq": 3, "user": None},
    }
    run.store.put(card_key("F", "1", "work", "2", f"{CARD}.data.json"), [b"\xff torn"])
    assert app.get("task/card/data", card=card["hash"])["data"] is None
    monkeypatch.setattr(cards, "_LARGEST_PAGE", len(page) - 1)
    assert "metaflow card get F/1/work/2" in app.refused(422, "task/card", card=card["hash"])


def test_a_task_that_runs_has_no_artifacts_yet(client, tmp_path):
    run = StoredRun(tmp_path)
    run.running("work", 2)
    app = client()
    assert app.get("task")["task"]["status"] == "running"
    assert "still runs" in app.refused(404, "task/artifacts")
    for route in ("task/lineage", "task/metadata", "task/resources", "task/cards"):
        app.get(route)


def test_a_task_of_a_run_that_died_was_killed(client, tmp_path):
    run = StoredRun(tmp_path, **dead_process())
    run.running("work", 2)
    facts = client().get("task")
    assert facts["task"]["status"] == "killed" and "together with its run" in facts["failure"]["message"]


def test_names_that_no_task_can_have_name_none(client, tmp_path):
    foreach_run(tmp_path, 1)
    app = client()
    keys = ("flow", "run_id", "step", "task_id")
    routes = (*ROUTES, "task/artifact/raw?name=x", "task/card?card=abcde", "task/artifact/same?name=x")
    for name in ("", ".", "../../etc", "a/b", "\u202e", "x" * 5000, "\x00", "\ud800"):
        for place in keys:
            task = {**dict(zip(keys, ("F", "1", "work", "2"), strict=True)), place: name}
            query = "&".join(f"{key}={quote(value, errors='surrogatepass')}" for key, value in task.items())
            for route in routes:
                path, _, more = route.partition("?")
                answer = app.reply(path, f"{query}&{more}")
                assert answer.status in (404, 422), (route, place, name, answer.body)
                assert "error" in answer.json


def test_what_is_damaged_or_gone_is_said_plainly(client, tmp_path):
    foreach_run(tmp_path, 1)
    app = client()
    manifest = tmp_path / manifest_key("F", "1", "work", "2", 0)
    content = manifest.read_bytes()
    manifest.write_bytes(content[:-20])
    assert "cut short" in app.refused(502, "task/artifacts")
    assert app.get("task")["task"]["status"] == "done", "what the index knows is still told"
    nodes = [task for level in app.get("task/lineage")["levels"] for task in level["tasks"]]
    assert [bool(node["problem"]) for node in nodes if node["step"] == "work"] == [True]
    manifest.write_bytes(content.replace(b"metaflow-manifest 1", b"metaflow-manifest 9"))
    assert "newer" in app.refused(502, "task/artifacts")
    manifest.unlink()
    assert "has no data" in app.refused(404, "task/artifacts")
    (tmp_path / runs_prefix("F", "1") / "run.json").unlink()
    assert "was deleted" in app.refused(404, "task/artifacts")
    assert app.get("task")["problems"] == [] or "graph" in app.get("task")["problems"][0]
    assert "There is no run" in app.refused(404, "task", ("F", "77", "work", "2"))
