"""Tagging, pinning, cancelling and deleting through the app: what is done, what is refused, and what is recorded."""

from __future__ import annotations

import shutil
import threading
import time

import pytest
from client.stored_flow import StoredRun

from attack_strings import MARKUP
from metaflow.client.cancellation import CancelledRun, CancelledTask
from metaflow.client.upkeep import clean_up
from metaflow.datastore.layout import blobs_prefix, run_key, runs_prefix
from metaflow.exception import DataException, MetadataException
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.server.tokens import parse_tokens
from metaflow.web.actions import acting, cancelling, journal, operations, tagging
from metaflow.web.actions.operations import Operations

from .acting_app import acting_app, age_chunks, named

READER, WRITER = "reader-token-reader", "writer-token-writer"
TOKENS = parse_tokens(f"bob:read:{READER} ann:write:{WRITER}", "the test")
POSTS = [
    ("/actions/tags", {"runs": [{"flow": "F", "run_id": "1"}], "add": ["a"]}),
    ("/actions/pin", {"runs": [{"flow": "F", "run_id": "1"}], "pinned": True}),
    ("/actions/cancel", {"runs": [{"flow": "F", "run_id": "1"}]}),
    ("/actions/delete/preview", {"runs": [{"flow": "F", "run_id": "1"}]}),
    ("/actions/delete", {"preview": "x"}),
    ("/actions/start", {"request_id": "12345678", "file": "flow.py"}),
    ("/actions/start/command", {"file": "flow.py"}),
    ("/actions/resume", {"request_id": "12345678", "flow": "F", "run_id": "1"}),
    ("/actions/resume/command", {"flow": "F", "run_id": "1"}),
]


@pytest.fixture(autouse=True)
def user(monkeypatch):
    monkeypatch.setenv("METAFLOW_USER", "ann")


@pytest.fixture
def root(tmp_path, monkeypatch):
    directory = tmp_path / ".metaflow"
    directory.mkdir()
    monkeypatch.chdir(tmp_path)
    return directory


@pytest.fixture
def app(root, tmp_path):
    with acting_app(root, tmp_path) as running:
        yield running


def run_with(root, run_id="1", numbers=(), **fields):
    """A finished run whose one task has an artifact for each number, equal for equal numbers."""
    run = StoredRun(root, run_id=run_id, started_at=time.time() - 9000 + int(run_id), **fields)
    run.finished("start", 1, artifacts={f"a{number}": (b"%d " % number * 5000)[:5000] for number in numbers})
    return run.ended()


def test_tags_of_several_runs_change_and_change_back(root, app):
    one, two = run_with(root, "1", tags=("old",)), run_with(root, "2")
    gone = {"flow": "F", "run_id": "9"}
    said = app.post("/actions/tags", {"runs": [*named(one, two, one), gone], "add": ["new"], "remove": ["old"]}).json
    first, second, third = said["runs"]
    assert (first["tags"], first["added"], first["removed"]) == (["new"], ["new"], ["old"])
    assert (second["tags"], second["added"], second["removed"]) == (["new"], ["new"], [])
    assert "F/9" in third["problem"] and "2 runs changed" in said["message"]
    app.post("/actions/tags", {"runs": named(one), "add": first["removed"], "remove": first["added"]})
    assert app.get("/run?flow=F&run_id=1").json["tags"] == ["old"]
    newest, oldest = app.log()
    assert (newest["outcome"], newest["who"], newest["address"]) == ("done", "ann", "127.0.0.1")
    assert (oldest["outcome"], oldest["run_count"], oldest["details"]) == (
        "failed",
        3,
        {"added": ["new"], "removed": ["old"]},
    )
    assert app.get("/actions/known-tags?flow=F").json["tags"] == ["new", "old"]


def test_a_tag_that_no_run_can_have_is_refused_and_recorded(root, app):
    runs = named(run_with(root))
    assert app.post("/actions/tags", {"runs": runs, "add": ["\ud800"]}).kind == "invalid"
    reply = app.post("/actions/tags", {"runs": runs, "add": ["x" * 501]})
    assert (reply.status, reply.kind) == (422, "invalid_tags")
    (entry,) = app.log()
    assert (entry["outcome"], entry["message"]) == ("refused", reply.json["error"]["message"])


def test_a_system_tag_stays_and_others_do_not_suffer(root, app):
    one, two = run_with(root, "1"), run_with(root, "2", tags=("user:ann",), system_tags=("x",))
    said = app.post("/actions/tags", {"runs": named(one, two), "remove": ["user:ann"]}).json
    assert "system tags" in said["runs"][0]["problem"]
    assert said["runs"][1]["removed"] == ["user:ann"]


@pytest.mark.parametrize("text", [*MARKUP[:4], "../../etc/passwd", "a/b", "nul\0byte", "\u202egnp"])
def test_hostile_names_are_answered_in_words(root, app, text):
    runs = [{"flow": text, "run_id": text}]
    for path, wish in POSTS[:4]:
        reply = app.post(path, {**wish, "runs": runs})
        assert reply.status in (200, 202, 409, 422), (path, reply)
        if reply.status == 202:
            app.done(reply)
    tagged = app.post("/actions/tags", {"runs": named(run_with(root)), "add": [text]})
    assert tagged.status == 200 and tagged.json["runs"][0]["problem"] is None, tagged
    assert all(entry["outcome"] != "begun" for entry in app.log())


def test_a_pinned_run_is_not_deleted_and_what_others_need_stays(root, app):
    pinned, shared, going = run_with(root, "1"), run_with(root, "2", [1]), run_with(root, "3", [1, 2])
    age_chunks(root)
    assert app.post("/actions/pin", {"runs": named(pinned), "pinned": True}).json["runs"][0]["tags"] == ["pinned"]
    looked = app.done(app.post("/actions/delete/preview", {"runs": named(pinned, going)}))["preview"]
    assert [each["run_id"] for each in looked["runs"]] == ["3"]
    assert [(each["run_id"], "tag pinned" in each["reason"]) for each in looked["protected"]] == [("1", True)]
    assert (looked["run_count"], looked["task_count"], looked["bytes_later"]) == (1, 1, 0)
    before = sum(path.stat().st_size for path in (root / blobs_prefix()).rglob("*") if path.is_file())
    done = app.done(app.post("/actions/delete", {"preview": looked["token"]}))
    assert (done["state"], done["deletion"]["bytes"]) == ("done", looked["bytes"])
    after = sum(path.stat().st_size for path in (root / blobs_prefix()).rglob("*") if path.is_file())
    assert 0 < after < before
    assert app.get("/run?flow=F&run_id=3").status == 404
    assert {each["run_id"] for each in app.get("/runs?flow=F").json["runs"]} == {"1", "2"}
    assert shared.store.stat(run_key("F", "2")) is not None
    # Pressed twice, it is done once.
    again = app.post("/actions/delete", {"preview": looked["token"]}).json
    assert again["id"] == done["id"]
    (entry,) = app.log("action=delete")
    assert (entry["outcome"], entry["runs"], entry["details"]["bytes"]) == (
        "done",
        [{"flow": "F", "run_id": "3"}],
        looked["bytes"],
    )


def test_runs_may_be_deleted_before_all_others_were_looked_through(root, app, monkeypatch):
    going = run_with(root, "1", [1, 2])
    run_with(root, "2", [2])
    age_chunks(root)
    may_look = threading.Event()
    survey = clean_up.survey

    def slow_survey(store, runs=None, progress=None):
        assert runs is not None or may_look.wait(60)
        return survey(store, runs, progress)

    monkeypatch.setattr(clean_up, "survey", slow_survey)
    with monkeypatch.context() as patient:
        patient.setattr(acting, "_SHORTLY", 60.0)  # the answer comes as soon as there is something to be seen
        looking = app.post("/actions/delete/preview", {"runs": named(going)}).json
    shown = looking["preview"]
    assert looking["state"] == "going" and not shown["is_counted"]
    assert (shown["run_count"], shown["task_count"], shown["bytes_later"]) == (1, 1, 0) and shown["bytes"] > 0
    deleting = app.post("/actions/delete", {"preview": shown["token"]})
    may_look.set()
    done = app.done(deleting)
    assert done["state"] == "done" and done["deletion"]["deleted"] == named(going)
    assert done["deletion"]["bytes"] > shown["bytes"], "what only it needed goes too"
    assert sum(path.is_file() for path in (root / blobs_prefix()).rglob("*")) == 1, "what another run needs stays"
    (entry,) = app.log("action=delete")
    assert entry["runs"] == named(going)


def test_a_preview_that_nobody_waits_for_ends_and_can_be_carried_out(root, app, monkeypatch):
    monkeypatch.setattr(operations, "_PATIENCE_SECONDS", 0.0)
    going = run_with(root, "1", [1])
    looked = app.done(app.post("/actions/delete/preview", {"runs": named(going)}))
    assert (looked["state"], looked["preview"]["is_counted"]) == ("done", False)
    done = app.done(app.post("/actions/delete", {"preview": looked["preview"]["token"]}))
    assert done["deletion"]["deleted"] == named(going)


def test_a_run_that_is_pinned_while_somebody_reads_the_preview_stays(root, app):
    one, two, three = run_with(root, "1"), run_with(root, "2"), run_with(root, "3")
    token = app.done(app.post("/actions/delete/preview", {"runs": named(one, two, three)}))["preview"]["token"]
    app.post("/actions/pin", {"runs": named(one), "pinned": True})
    shutil.rmtree(root / runs_prefix("F", "3"))
    done = app.done(app.post("/actions/delete", {"preview": token}))
    assert done["state"] == "failed" and "1 run deleted, 1 run left alone" in done["message"]
    assert "Somebody else had deleted 1 run by then." in done["message"]
    assert [each["run_id"] for each in done["deletion"]["refused"]] == ["1"]
    assert app.get("/run?flow=F&run_id=1").status == 200


def test_a_run_that_is_running_or_gone_is_told_of(root, app):
    running, gone = StoredRun(root, run_id="1"), {"flow": "F", "run_id": "9"}
    looked = app.done(app.post("/actions/delete/preview", {"runs": [*named(running), gone]}))["preview"]
    assert looked["token"] is None and looked["run_count"] == 0
    reasons = {each["run_id"]: each["reason"] for each in looked["protected"]}
    assert "still running" in reasons["1"] and "does not exist any more" in reasons["9"]
    running.ended()


def test_only_what_was_shown_is_deleted(root, app):
    reply = app.post("/actions/delete", {"preview": "guessed"})
    assert (reply.status, reply.kind) == (409, "preview_too_old")
    assert [entry["outcome"] for entry in app.log("action=delete")] == ["refused"]
    run = run_with(root)
    token = app.done(app.post("/actions/delete/preview", {"runs": named(run)}))["preview"]["token"]
    with acting_app(root, root.parent) as restarted:
        assert restarted.post("/actions/delete", {"preview": token}).kind == "preview_too_old"
    assert app.get("/run?flow=F&run_id=1").status == 200


def test_a_resumed_run_says_which_runs_took_over_from_it(root, app):
    origin = run_with(root, "1")
    run_with(root, "2", origin_run_id="1")
    looked = app.done(app.post("/actions/delete/preview", {"runs": named(origin)}))["preview"]
    assert looked["runs"][0]["resumed_by"] == ["2"]


def test_a_datastore_that_fails_is_told_of_and_nothing_goes(root, app, monkeypatch):
    run = run_with(root)

    def fail(*arguments, **options):
        raise DataException("the disk is gone")

    monkeypatch.setattr("metaflow.web.actions.deletion.runs_by_store", fail)
    looked = app.done(app.post("/actions/delete/preview", {"runs": named(run)}))
    assert (looked["state"], looked["message"]) == ("failed", "the disk is gone")
    assert app.get("/run?flow=F&run_id=1").status == 200


def test_runs_that_have_ended_are_left_and_unknown_ones_told_of(root, app):
    done = app.done(app.post("/actions/cancel", {"runs": [*named(run_with(root)), {"flow": "F", "run_id": "9"}]}))
    ended, unknown = done["cancelled"]
    assert (ended["state"], ended["status"]) == ("had_ended", "done")
    assert (unknown["state"], done["state"]) == ("failed", "failed") and "F/9" in done["message"]
    assert app.log()[0]["outcome"] == "failed"


def test_cancelling_tells_of_each_task_and_is_done_once(root, app, monkeypatch):
    reached, release = threading.Event(), threading.Event()
    calls = []

    def cancel(provider, flow, run_id, say, user, watch):
        calls.append((flow, run_id, user))
        say("Process 7 is asked to stop...")
        watch((CancelledTask("start/1", 0, "running"), CancelledTask("start/2", 0, "killed")))
        reached.set()
        release.wait(60)
        return CancelledRun(
            f"{flow}/{run_id}", "stopped", f"cancelled by {user}", (CancelledTask("start/1", 0, "killed"),)
        )

    monkeypatch.setattr(cancelling, "cancel_run", cancel)
    wish = {"runs": [{"flow": "F", "run_id": "1"}]}
    first = app.post("/actions/cancel", wish).json
    assert reached.wait(60)
    reply = app.post("/actions/cancel", wish)
    second = reply.json
    assert first["id"] == second["id"] and second["state"] == "going"
    (going,) = second["cancelled"]
    assert [(task["task"], task["status"]) for task in going["tasks"]] == [
        ("start/1", "running"),
        ("start/2", "killed"),
    ]
    assert second["notes"] == ["Process 7 is asked to stop..."]
    assert app.log()[0]["outcome"] == "begun"
    with monkeypatch.context() as both_at_once:
        both_at_once.setattr(Operations, "running", lambda self, key: None)
        third = app.post("/actions/cancel", wish).json
    assert third["id"] == first["id"]
    assert [entry["outcome"] for entry in app.log()] == ["refused", "begun"]
    release.set()
    done = app.done(reply)
    assert (done["state"], done["cancelled"][0]["message"]) == ("done", "cancelled by ann")
    assert calls == [("F", "1", "ann")]
    assert [entry["outcome"] for entry in app.log()] == ["refused", "done"]


def test_an_error_that_nobody_foresaw_leaves_nobody_waiting(root, app, monkeypatch):
    def cancel(*arguments, **options):
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(cancelling, "cancel_run", cancel)
    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)
    done = app.done(app.post("/actions/cancel", {"runs": [{"flow": "F", "run_id": "1"}]}))
    assert done["state"] == "failed" and "unexpectedly (RuntimeError)" in done["cancelled"][0]["message"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("unforeseen"), 500), (MetadataException("password of the database: 123"), 503)],
)
def test_what_breaks_off_is_recorded_as_failed(root, app, monkeypatch, error, status):
    def change(*arguments):
        raise error

    monkeypatch.setattr(tagging, "change_tags_of", change)
    reply = app.post("/actions/pin", {"runs": [{"flow": "F", "run_id": "1"}], "pinned": True})
    assert reply.status == status
    (entry,) = app.log()
    assert entry["outcome"] == "failed" and "123" not in entry["message"]


@pytest.mark.parametrize(("is_team", "tells"), [(True, False), (False, True)])
def test_what_is_wrong_with_the_database_is_told_to_its_owner_only(root, tmp_path, monkeypatch, is_team, tells):
    def fail(*arguments, **options):
        raise MetadataException("password of the database: 123")

    with acting_app(root, None if is_team else tmp_path) as app:
        monkeypatch.setattr(tagging, "_apply", fail)
        monkeypatch.setattr(cancelling, "cancel_run", fail)
        (changed,) = app.post("/actions/tags", {"runs": named(run_with(root)), "add": ["a"]}).json["runs"]
        done = app.done(app.post("/actions/cancel", {"runs": [{"flow": "F", "run_id": "1"}]}))
    for message in (changed["problem"], done["cancelled"][0]["message"]):
        assert ("123" in message) is tells
        assert "database" in message


@pytest.mark.parametrize(("token", "settings"), [(None, {"read_only": True}), (READER, {"tokens": TOKENS})])
def test_who_may_only_read_can_do_nothing(root, tmp_path, token, settings):
    run_with(root)
    (tmp_path / "flow.py").write_text("open('it-ran', 'w')\nfrom metaflow import FlowSpec  # __main__\n")
    with acting_app(root, tmp_path, token, **settings) as app:
        for path, wish in POSTS:
            assert app.post(path, wish).status == 403, path
        for path in ("/startable", "/startable/form?file=flow.py", "/startable/values?file=flow.py&flow=F&run_id=1"):
            assert app.get(path).status == 403, path
        assert app.get("/app").json["can_act"] is False
        assert app.get("/actions/resume?flow=F&run_id=1").status == 200
        assert app.log() == []
    assert not (tmp_path / "it-ran").exists()


def test_what_is_done_with_a_token_is_recorded_with_its_name(root):
    run = run_with(root)
    with acting_app(root, None, WRITER, tokens=TOKENS) as app:
        app.post("/actions/tags", {"runs": named(run), "add": ["a"]})
        assert app.post("/actions/start", POSTS[5][1]).kind == "no_project"
        refused, done = app.log()
        assert (done["who"], refused["who"], refused["outcome"], refused["action"]) == (
            "ann",
            "ann",
            "refused",
            "start",
        )
        facts = app.get("/actions/resume?flow=F&run_id=1").json
        assert facts["command"] == "python flow.py resume --origin-run-id 1" and facts["problem"] is not None


def test_a_team_server_records_tags_of_runs_whose_files_it_cannot_reach(root):
    run = run_with(root)
    run.store.delete(run_key("F", "1"))
    with acting_app(root, None) as app:
        (changed,) = app.post("/actions/tags", {"runs": named(run), "add": ["a"]}).json["runs"]
        assert changed["tags"] == ["a"] and "cannot be reached" in changed["note"]
    with acting_app(root, root.parent) as app:
        (changed,) = app.post("/actions/tags", {"runs": named(run), "add": ["b"]}).json["runs"]
        assert "does not exist any more" in changed["problem"]


def test_what_cannot_be_recorded_is_not_done(root, tmp_path):
    class Full(SqliteMetadata):
        def next_number(self, name):
            raise MetadataException("the disk is full")

    run = run_with(root)
    documents = Full(tmp_path / "own.sqlite")
    with acting_app(root, tmp_path, documents=documents) as app:
        for path, wish in (POSTS[0], POSTS[2], POSTS[4]):
            assert app.post(path, wish).status == 503
        assert "tags" not in app.get("/run?flow=F&run_id=1").json
    documents.close()
    assert run.store.stat(run_key("F", "1")) is not None


def test_the_record_comes_in_pages_is_filtered_and_bounded(root, app, monkeypatch):
    monkeypatch.setattr(journal, "KEPT_ENTRIES", 7)
    monkeypatch.setattr(journal, "_PER_LOOK", 2)
    one, two = run_with(root, "1"), run_with(root, "2")
    for number in range(10):
        app.post("/actions/tags", {"runs": named(one if number % 2 else two), "add": [f"t{number}"]})
    ids, cursor = [], ""
    while cursor is not None:
        page = app.get(f"/actions/log?limit=3&cursor={cursor}" if cursor else "/actions/log?limit=3").json
        ids += [entry["details"]["added"][0] for entry in page["entries"]]
        cursor = page["next"]
    assert ids == [f"t{number}" for number in range(9, 2, -1)]
    assert [entry["details"]["added"] for entry in app.log("flow=F&run_id=1")] == [["t9"], ["t7"], ["t5"], ["t3"]]
    other = {"flow": "G", "run_id": "1"}
    app.post("/actions/tags", {"runs": [*named(two), other], "add": ["both"]})
    assert [entry["details"]["added"] for entry in app.log("flow=G&run_id=1")] == [["both"]]
    assert app.log("flow=G&run_id=2") == []  # it was done to G/1 and F/2
    assert app.log("who=bob") == [] == app.log("action=delete")
    assert app.get("/actions/log?action=nothing").status == 422


def test_an_unknown_operation_says_where_to_look(app):
    reply = app.get("/actions/operation?id=unknown")
    assert reply.status == 404 and "record of who did what" in reply.json["error"]["message"]
