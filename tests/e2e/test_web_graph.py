"""The graph of a run in a real browser: what it shows of a run that goes on, that failed, and by keys."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import attack_strings
from browser import accessibility_problems, expect

from .test_kill import wait_until

FLOW = """
import os
import time

class Ways(FlowSpec):
    depth = Parameter("depth", default=2)
    wait_for = Parameter("wait_for", default="")
    bad = Parameter("bad", default="")

    @step
    def start(self):
        \"\"\"{doc}\"\"\"
        self.size = "large" if self.depth > 3 else "small"
        self.next({{"large": self.big, "small": self.little}}, condition="size")

    @step
    def big(self):
        self.next(self.each)

    @step
    def little(self):
        self.next(self.each)

    @step
    def each(self):
        self.parts = list("abc")
        self.next(self.fit, foreach="parts")

    @step
    def fit(self):
        while self.wait_for and self.input == "b" and not os.path.exists(self.wait_for):
            time.sleep(0.05)
        if self.input == self.bad:
            raise ValueError("no fit")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.rounds = 0
        self.next(self.improve)

    @step
    def improve(self):
        self.rounds += 1
        self.more = "yes" if self.rounds < self.depth else "no"
        self.next({{"yes": self.improve, "no": self.end}}, condition="more")

    @step
    def end(self):
        pass
"""
ATTACK = "".join(attack_strings.MARKUP[:4]).replace('"', "'") + "\\u202e"


def step(page, name):
    return page.locator(f'[data-step="{name}"]')


def said(page, name, words):
    """Wait until a step is told of in these words."""
    page.locator(f'[data-step="{name}"][aria-label*="{words}"]').wait_for(state="attached")


def at(run_id, **search):
    more = "".join(f"&{name}={quote(value)}" for name, value in search.items())
    return f"/ui/runs/Ways/{run_id}?view=graph{more}"


def test_a_run_is_followed_in_its_graph(project, web_app, browser, tmp_path: Path) -> None:
    gate = tmp_path / "go"
    project.write(FLOW.format(doc=ATTACK))
    process = project.start("run", "--wait_for", str(gate))
    app = web_app()
    wait_until(lambda: app.get("/api/v1/runs?flow=Ways")["runs"], seconds=60)
    (run,) = app.get("/api/v1/runs?flow=Ways")["runs"]
    page = app.page(browser, at(run["run_id"], step="start"), viewport={"width": 1300, "height": 1000})
    # The way that was taken, the one that was not, and what is still to come.
    said(page, "fit", "2/3 tasks")
    assert "running" in step(page, "fit").get_attribute("aria-label")
    words = step(page, "start").get_attribute("aria-label")
    assert "first step, switch" in words and "big (large), not taken, little (small)" in words
    assert "waiting" in step(page, "improve").get_attribute("aria-label")
    page.get_by_role("complementary").get_by_text("<script>").wait_for()  # its doc is text
    gate.touch()
    # It is told live, without a click.
    said(page, "end", "done")
    said(page, "fit", "3 tasks")
    said(page, "big", "not run")
    page.get_by_text("yes ×1").wait_for(state="attached")
    assert process.wait(60) == 0
    assert not accessibility_problems(page)


def test_a_failure_is_seen_and_the_graph_is_walked_by_keys(project, web_app, browser) -> None:
    project.write(FLOW.format(doc="Begin."))
    outcome = project.call("run", "--bad", "b", "--depth", "5")
    assert outcome.code == 1, outcome
    app = web_app()
    page = app.page(browser, at(outcome.run_id), color_scheme="dark", viewport={"width": 1300, "height": 900})
    fit = step(page, "fit")
    fit.wait_for()
    said(page, "fit", "1 failed")
    step(page, "start").focus()
    for key, expected in [
        ("ArrowDown", "big"),
        ("ArrowRight", "little"),
        ("ArrowDown", "each"),
        ("ArrowDown", "fit"),
        ("ArrowUp", "each"),
        ("ArrowDown", "fit"),
    ]:
        page.keyboard.press(key)
        page.locator(f'[data-step="{expected}"]:focus').wait_for()
    # The address has what is selected, and the panel tells of it.
    page.wait_for_url(re.compile(r"step=fit"))
    panel = page.get_by_role("complementary", name="Step fit")
    panel.get_by_role("link", name=re.compile("b$")).wait_for()
    expect(panel.get_by_text("foreach of each")).to_have_count(1)
    assert not accessibility_problems(page)
    scale = page.get_by_role("group", name="Zoom", exact=True).get_by_text("%")
    shown = scale.inner_text()
    page.keyboard.press("+")
    scale.filter(has_not_text=shown).wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"view=tasks"))
    page.go_back()
    with page.expect_download() as saved:
        page.get_by_role("button", name="SVG").click()
    drawing = saved.value.path().read_text()
    assert saved.value.suggested_filename == f"Ways-{outcome.run_id}-graph.svg"
    assert all(f">{name}</text>" in drawing for name in ("start", "big", "fit", "improve", "end"))
    assert "var(" not in drawing and "script" not in drawing
    with page.expect_download() as saved:
        page.get_by_role("button", name="PNG").click()
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")


def test_a_graph_without_a_record_and_on_a_phone(project, web_app, browser) -> None:
    project.write(FLOW.format(doc="Begin."))
    run_id = project.call("run").run_id
    (record,) = project.path.glob(f".metaflow/mf-store/runs/Ways/{run_id}/run.json")
    record.unlink()
    app = web_app()
    graph = app.get(f"/api/v1/run/graph?flow=Ways&run_id={run_id}")
    assert graph["incomplete"]
    ways = {(edge["source"], edge["target"]) for edge in graph["edges"]}
    assert {("start", "little"), ("each", "fit"), ("improve", "improve")} <= ways
    page = app.page(browser, at(run_id, step="fit"), viewport={"width": 360, "height": 740})
    step(page, "fit").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert app.api("GET", "/api/v1/run/graph?flow=Ways&run_id=none").status == 404
