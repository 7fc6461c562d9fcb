"""Flows that are found, their forms, and runs that are started: with what was typed, and once."""

from __future__ import annotations

import json
import os
import textwrap
import time
from urllib.parse import quote

import pytest

from attack_strings import ADDRESSES, MARKUP
from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.metadata_store.store import TaskQuery
from metaflow.web.actions import startable
from metaflow.web.actions.startable import ProjectFlows

from .acting_app import acting_app

HEAD = "from metaflow import FlowSpec, IncludeFile, JSONType, Parameter, step\n"
FLOW = (
    HEAD
    + '''
class WordFlow(FlowSpec):
    """Says a word.

    At length."""
    word = Parameter("word", required=True, help="What to say")
    times = Parameter("times", default=2, type=int)
    scale = Parameter("scale", default=0.5)
    loud = Parameter("loud", default=False)
    data = Parameter("data", type=JSONType, default="{}")
    when = Parameter("when", default=lambda context: "now")
    names = Parameter("names", separator=",", default="a,b")
    text = IncludeFile("text")

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        print(self.word)

if __name__ == "__main__":
    WordFlow()
'''
)

DERIVED = """
from base import Base

class Derived(Base):
    pass

if __name__ == "__main__":
    Derived()
"""


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("METAFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("METAFLOW_USER", "ann")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "cache"))


@pytest.fixture
def project(tmp_path, monkeypatch):
    directory = tmp_path / "project"
    (directory / ".metaflow").mkdir(parents=True)
    (directory / "word.py").write_text(FLOW)
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def app(project):
    with acting_app(project / ".metaflow", project) as running:
        yield running


def write(directory, name, text):
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def command(app, **wish):
    return app.post("/actions/start/command", {"file": "word.py", **wish}).json


def parameters_of(project, run_id):
    provider = Provider(Home(str(project / ".metaflow")))
    (task,) = provider.tasks(TaskQuery("WordFlow", run_id, "_parameters"))
    reader = provider.reader(task)
    return {name: reader.load(name) for name in ("word", "times", "loud", "data")}


def test_flows_are_found_without_running_them(project, app, tmp_path):
    write(project, "etl/load.py", FLOW.replace("WordFlow", "LoadFlow") + "\nopen('it-ran', 'w')\n")
    write(project, "base.py", HEAD + "class Base(FlowSpec):\n    pass\n")
    write(
        project,
        "etl/derived.py",
        DERIVED,
    )
    write(project, "broken.py", HEAD + "class Broken(FlowSpec:\n    pass\n# __main__\n")
    for hidden in (".venv", "venv", "node_modules", "__pycache__", ".git", "env/lib"):
        write(project, f"{hidden}/flow.py", FLOW)
    write(project, "mine/pyvenv.cfg", "")
    write(project, "mine/flow.py", FLOW)
    outside = write(tmp_path, "outside.py", FLOW)
    (project / "link.py").symlink_to(outside)
    (project / "loop").symlink_to(project)
    found = app.get("/startable").json
    assert found["is_complete"] and found["directory"] == str(project)
    files = {each["file"]: each for each in found["flows"]}
    assert sorted(files) == ["broken.py", "etl/load.py", "word.py"]
    assert (files["word.py"]["flow"], files["word.py"]["description"]) == ("WordFlow", "Says a word.")
    assert files["broken.py"]["flow"] == "" and "line 2" in files["broken.py"]["problem"]
    assert not (project / "it-ran").exists()
    (project / "word.py").write_text(FLOW.replace("Says a word.", "Sings."))
    assert {each["description"] for each in app.get("/startable").json["flows"] if each["file"] == "word.py"} == {
        "Sings."
    }


def test_a_project_without_any_run_has_flows_and_forms(project, app):
    (project / ".metaflow").rename(project / "gone")
    (found,) = app.get("/startable").json["flows"]
    assert found["latest"] is None
    assert app.get("/startable/form?file=word.py").json["recent"] == []
    assert app.get("/actions/resume?flow=WordFlow&run_id=1").status in (404, 503)


def test_a_base_of_the_project_makes_a_flow(project, monkeypatch):
    write(project, "base.py", HEAD + "class Base(FlowSpec):\n    pass\n")
    write(
        project,
        "derived.py",
        DERIVED,
    )
    assert [each.flow for each in ProjectFlows(project).find().flows] == ["Derived", "WordFlow"]


def test_a_large_directory_is_looked_at_in_part_and_says_so(project, monkeypatch):
    monkeypatch.setattr(startable, "MOST_FILES", 1)
    write(project, "a.py", "")
    assert not ProjectFlows(project).find().is_complete
    monkeypatch.setattr(startable, "MOST_FILES", 100)
    write(project, "1/2/3/4/5/6/7/deep.py", FLOW)
    found = ProjectFlows(project).find()
    assert not found.is_complete and [each.file for each in found.flows] == ["word.py"]


def test_the_form_has_a_field_for_each_parameter(app):
    form = app.get("/startable/form?file=word.py").json
    fields = {field["name"]: field for field in form["parameters"]}
    assert {name: field["kind"] for name, field in fields.items()} == {
        "word": "text",
        "times": "integer",
        "scale": "number",
        "loud": "boolean",
        "data": "json",
        "when": "text",
        "names": "text",
        "text": "path",
    }
    assert fields["word"]["required"] and fields["word"]["help"] == "What to say"
    assert fields["times"]["default"] == {"text": "2", "is_value": True} and fields["times"]["help"] == ""
    assert fields["when"]["default"] == {"text": "<computed>", "is_value": False}
    assert fields["names"]["separator"] == ","
    assert "retry" in form["decorators"] and "elsewhere" not in form["decorators"]


@pytest.mark.parametrize("file", ["../outside.py", "/etc/passwd", "nothing.py", "etl/../word.py", "word.py\0", "."])
def test_only_flows_of_the_project_have_forms(project, app, tmp_path, file):
    write(tmp_path, "outside.py", FLOW)
    assert app.get(f"/startable/form?file={quote(file)}").status == 404
    reply = app.post("/actions/start/command", {"file": file})
    assert (reply.status, reply.kind) == (404, "no_flow")
    started = app.post("/actions/start", {"file": file, "request_id": "12345678"})
    assert started.status == 404 and app.log()[0]["outcome"] == "refused"


def test_a_file_that_cannot_be_loaded_says_why(project, app):
    write(project, "word.py", "import not_there_at_all\n" + FLOW)
    reply = app.get("/startable/form?file=word.py")
    assert (reply.status, reply.kind) == (422, "flow_unreadable")
    assert "not_there_at_all" in reply.json["error"]["message"]


def test_the_command_is_shown_as_a_shell_takes_it(project, app):
    (project / "notes.txt").write_text("x")
    said = command(
        app,
        values={"word": "it's $(id)", "times": " 3 ", "loud": True, "text": "notes.txt"},
        tags=["a b"],
        decorators=["retry:times=2"],
        max_workers=4,
    )
    assert said == {
        "command": "python word.py run '--word=it'\"'\"'s $(id)' --times=3 --loud=True --text=notes.txt "
        "'--tag=a b' --with=retry:times=2 --max-workers=4",
        "problems": [],
    }


def test_runs_are_kept_where_the_app_looks(project, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with acting_app(elsewhere, project) as app:
        assert command(app, values={"word": "x"})["command"] == (
            f"python word.py --datastore-root={elsewhere} run --word=x"
        )


def test_all_that_is_wrong_is_told_by_field(project, app, tmp_path):
    write(tmp_path, "secret.txt", "x")
    (project / "link.txt").symlink_to(tmp_path / "secret.txt")
    wrong = {"times": "two", "scale": "", "loud": "maybe", "data": "{", "gone": "x", "text": "../secret.txt"}
    said = command(app, values=wrong)
    assert said["command"] is None
    assert sorted(each["name"] for each in said["problems"]) == [
        "data",
        "gone",
        "loud",
        "scale",
        "text",
        "times",
        "word",
    ]
    for path in ("link.txt", "/etc/passwd", "nothing", "x\0y"):
        (problem,) = command(app, values={"word": "x", "text": path})["problems"]
        assert problem["name"] == "text", path
    started = app.post("/actions/start", {"request_id": "12345678", "file": "word.py", "values": wrong})
    assert (started.status, started.kind, len(started.json["error"]["details"])) == (422, "invalid", 7)
    assert app.log()[0]["outcome"] == "refused"


@pytest.mark.parametrize("name", ["datastore_root", "metadata", "config", "with", "environment", "quiet"])
def test_only_options_of_the_form_can_be_given(project, app, name):
    said = command(app, values={"word": "x"}, options={name: "/tmp"})
    assert said["command"] is None and [problem["name"] for problem in said["problems"]] == [name]


def test_values_reach_the_flow_as_they_were_typed(project, app):
    word = "\n".join([*MARKUP[:6], *ADDRESSES[:2], "--tag=x", "$(id)", "`id`", "%s", "\u202egnp", " ü€𝄞 "])
    wish = {"file": "word.py", "values": {"word": word, "times": "-3", "loud": True, "data": '{"a": [1, "é"]}'}}
    done = app.done(app.post("/actions/start", {**wish, "request_id": "12345678", "tags": ["from the page"]}))
    assert done["state"] == "done", done
    run_id = done["started"]["run_id"]
    assert parameters_of(project, run_id) == {"word": word, "times": -3, "loud": True, "data": {"a": [1, "é"]}}
    # Pressed twice, it is started once.
    assert app.post("/actions/start", {**wish, "request_id": "12345678"}).json["id"] == done["id"]
    assert len(app.get("/runs?flow=WordFlow").json["runs"]) == 1
    entry = app.log("action=start")[0]
    assert entry["runs"] == [{"flow": "WordFlow", "run_id": run_id}]
    assert entry["details"]["command"].startswith("python word.py run ")
    assert app.get(f"/run?flow=WordFlow&run_id={run_id}").json["tags"] == ["from the page"]
    said = app.get(f"/startable/values?file=word.py&flow=WordFlow&run_id={run_id}").json
    assert said["values"]["loud"] is True and said["values"]["times"] == "-3"
    assert json.loads(said["values"]["data"]) == {"a": [1, "é"]}
    assert said["unknown"] == ["word"]  # too long to be known in plain form
    assert app.get("/startable/values?file=word.py&flow=WordFlow&run_id=9").status == 404


def test_a_start_that_fails_gives_what_the_command_said(project, app):
    write(project, "word.py", FLOW.replace("self.next(self.end)", "pass"))
    wish = {"file": "word.py", "values": {"word": "x"}, "request_id": "12345678"}
    done = app.done(app.post("/actions/start", wish))
    assert done["state"] == "failed" and "exit code" in done["message"]
    assert "self.next" in done["started"]["output"] and done["started"]["run_id"] is None
    assert app.log()[0]["outcome"] == "failed"
    assert os.path.isfile(done["started"]["output_file"])


def test_a_failed_run_is_resumed_after_the_flow_was_mended(project, app):
    broken = FLOW.replace("print(self.word)", "raise ValueError(self.word)")
    write(project, "word.py", broken)
    write(project, "other.py", broken.replace("Says", "Cries"))
    started = app.done(
        app.post("/actions/start", {"file": "word.py", "values": {"word": "x"}, "request_id": "12345678"})
    )["started"]
    run = {"flow": "WordFlow", "run_id": started["run_id"]}
    query = f"flow=WordFlow&run_id={started['run_id']}"
    deadline = time.monotonic() + 60
    while app.get(f"/actions/resume?{query}").json["status"] == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    facts = app.get(f"/actions/resume?{query}").json
    assert (facts["failed_steps"], facts["steps"]) == (["end"], ["start", "end"])
    assert facts["files"] == ["word.py", "other.py"] and facts["problem"] is None
    write(project, "word.py", FLOW)
    shown = app.post("/actions/resume/command", {**run, "steps": ["start"]}).json["command"]
    assert shown == f"python word.py resume --origin-run-id={run['run_id']} -- start"
    resumed = app.done(app.post("/actions/resume", {**run, "request_id": "abcdefgh"}))
    assert resumed["state"] == "done", resumed
    assert app.get(f"/run?flow=WordFlow&run_id={resumed['started']['run_id']}").json["origin_run_id"] == run["run_id"]
    (entry,) = app.log("action=resume")
    assert entry["details"]["origin"] == f"WordFlow/{run['run_id']}"
    assert app.post("/actions/resume", {**run, "run_id": "9", "request_id": "ijklmnop"}).status == 404
    os.remove(project / "word.py")
    os.remove(project / "other.py")
    reply = app.post("/actions/resume", {**run, "request_id": "qrstuvwx"})
    assert (reply.status, reply.kind) == (409, "cannot_resume")
