"""``card ...`` of a flow's command line, after and while real flows run."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Project
from .test_completion import ask, values

FLOW = """
    import os, time
    from metaflow import FlowSpec, card, current, step
    from metaflow.cards import Markdown, MetaflowCard

    class Told(MetaflowCard):
        type = "told"
        RUNTIME_UPDATABLE = True

        def __init__(self, options=None, components=(), graph=None, flow=None):
            self.options, self.graph = options or {}, graph

        def render(self, task):
            if self.options.get("fails"):
                raise ValueError("the card's own mistake")
            return f"<p>{task.pathspec} {task.data.x} {sorted(self.graph['steps'])} {self.options}</p>"

        def render_runtime(self, task, data):
            return f"<p>runtime {data['mode']}</p>"

    class F(FlowSpec):
        @card(type="blank", id="second")
        @card(type="blank", id="first")
        @step
        def start(self):
            current.card["first"].append(Markdown("in the first"))
            self.x = 5
            self.next(self.work, foreach="one")

        one = ["a", "b"]

        @card(type="told")
        @step
        def work(self):
            if os.path.exists("break"):
                raise ValueError("broken")
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
"""


def test_cards_of_a_run(project: Project, tmp_path: Path) -> None:
    run_id = project.run(FLOW).run_id
    listed = json.loads(project.call("card", "list", "--as-json").stdout)
    assert [each["pathspec"] for each in listed] == [f"F/{run_id}/{task}" for task in ("start/1", "work/2", "work/3")]
    of_start = json.loads(project.call("card", "list", "start", "--as-json").stdout)
    assert of_start == listed[0]
    # In the order of their declaration, from the top.
    assert [(each["type"], each["id"]) for each in of_start["cards"]] == [("blank", "second"), ("blank", "first")]
    first = of_start["cards"][1]
    assert first["filename"] == f"blank-first-{first['hash']}.html"

    for arguments in (["start", "--id", "first"], [f"F/{run_id}/start/1", "--hash", first["hash"][:5]]):
        got = project.call("card", "get", *arguments)
        assert got.code == 0 and "in the first" in got.stdout and got.stderr == "", got
    written = project.call("card", "get", f"{run_id}/start", "card.html", "--id", "first")
    assert written.stdout == "" and "written to card.html" in written.stderr
    assert (tmp_path / "card.html").read_text() == got.stdout
    several = project.call("card", "get", "work")
    assert several.code == 1 and several.stdout == "" and f"or by the task, as in {run_id}/work/2" in several.stderr
    none = project.call("card", "get", "end")
    assert none.code == 1 and f"F/{run_id}/end/" in none.stderr and "has no cards" in none.stderr
    assert {"start", "work", f"{run_id}/"} <= set(values(ask(project, "flow.py card view ")))
    assert values(ask(project, f"flow.py card view {run_id}/wo")) == [f"{run_id}/work"]
    assert values(ask(project, "flow.py card get start --id ")) == ["first", "second"]
    # Who looks without the flow's file.
    shown = project.call("metaflow", "card", "get", "F/latest/start", "--id", "first", flow="-m")
    assert shown.stdout == got.stdout

    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > said\n')
    browser.chmod(0o755)
    viewed = project.call("card", "view", "start", "--id", "first", env={"BROWSER": str(browser)})
    path = re.search(r"/\S+\.html", viewed.stderr)[0]
    assert (tmp_path / "said").read_text().strip() == f"file://{path}" and Path(path).read_text() == got.stdout
    assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0 or stat.S_IMODE(os.stat(Path(path).parent).st_mode) == 0o700
    windows = {"BROWSER": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    without = project.call("card", "view", "start", "--id", "first", env=windows)
    assert without.code == 0 and "There is no browser here" in without.stderr


def test_cards_that_are_made_later(project: Project) -> None:
    run_id = project.run(FLOW).run_id
    before = project.call("card", "get", "start", "--id", "first").stdout
    made = project.call("card", "create", "start", "--type", "told", "--id", "later", "--options", '{"a": [1]}')
    assert made.code == 0, made
    assert project.call("card", "get", "start", "--id", "later").stdout == (
        f"<p>F/{run_id}/start/1 5 ['end', 'join', 'start', 'work'] {{'a': [1]}}</p>"
    )
    # Made again, it is replaced; what the step put on its own cards stays.
    assert project.call("card", "create", "start", "--type", "told", "--id", "later").code == 0
    assert project.call("card", "create", "start", "--type", "blank", "--id", "first").code == 0
    cards = json.loads(project.call("card", "list", "start", "--as-json").stdout)["cards"]
    assert [each["id"] for each in cards] == ["second", "first", "first", "later"]
    assert project.call("card", "get", "start", "--hash", cards[1]["hash"]).stdout == before

    failed = project.call("card", "create", "start", "--type", "told", "--options", '{"fails": true}')
    assert failed.code == 1 and "the card's own mistake" in failed.stderr and "Internal error" not in failed.stderr
    assert len(json.loads(project.call("card", "list", "start", "--as-json").stdout)["cards"]) == 4
    kept = project.call(
        *("card", "create", "start", "--type", "told", "--options", '{"fails": true}', "--render-error-card")
    )
    assert kept.code == 0, kept
    assert (
        "the card&#x27;s own mistake"
        in project.call("card", "get", "start", "--type", "told", "--hash", _hash(kept)).stdout
    )
    kept = project.call("card", "create", "start", "--type", "nosuch", "--render-error-card")
    assert kept.code == 0 and "no type of cards called 'nosuch'" in kept.stderr, kept
    assert "nosuch" in project.call("card", "get", "start", "--type", "nosuch").stdout
    live = project.call("card", "create", "work", "--type", "told", "--mode", "render_runtime")
    assert live.code == 1 and "has 2 tasks" in live.stderr
    live = project.call(
        "card", "create", f"{run_id}/work/2", "--type", "told", "--id", "live", "--mode", "render_runtime"
    )
    assert (
        live.code == 0 and "<p>runtime render_runtime</p>" in project.call("card", "get", "work", "--id", "live").stdout
    )
    for wrong in (
        ["--type", "nosuch"],
        ["--options", "{"],
        ["--options", "[]"],
        ["--id", "a-b"],
        ["--type", "../x", "--render-error-card"],
    ):
        outcome = project.call("card", "create", "start", *wrong)
        assert outcome.code == 1 and "Internal error" not in outcome.stderr, outcome


def _hash(made) -> str:
    return re.search(r"--hash (\w+)", made.stderr)[1]


def test_cards_of_tasks_that_a_resumed_run_took_over(project: Project, tmp_path: Path) -> None:
    (tmp_path / "break").touch()
    project.run(FLOW, code=1)
    (tmp_path / "break").unlink()
    resumed = project.call("resume")
    assert resumed.code == 0, resumed
    got = project.call("card", "get", f"{resumed.run_id}/start", "--id", "first")
    assert got.code == 0 and "in the first" in got.stdout, got
    own = project.call("card", "get", f"{resumed.run_id}/start", "--id", "first", "--no-follow-resumed")
    assert own.code == 1 and "has no cards" in own.stderr
    listed = project.call("card", "list", resumed.run_id).stdout
    assert re.search(r"start/1 .*F/\d+/start/1\n", listed) and re.search(r"work/\d .* B\n", listed), listed


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="There is no /dev/full here.")
def test_output_that_cannot_be_written(project: Project) -> None:
    project.run(FLOW)
    for target in ("/dev/full", "flow.py/card.html", "."):
        outcome = project.call("card", "get", "start", target, "--id", "first")
        assert outcome.code == 1 and "cannot be written" in outcome.stderr, outcome
    command = f"{sys.executable} flow.py card get start --id first"
    for shell in (f"{command} > /dev/full", f"{command} | head -c 1"):
        said = subprocess.run(["sh", "-c", shell], cwd=project.path, env=project.env, capture_output=True, text=True)
        assert "Traceback" not in said.stderr, said.stderr
