"""The page of a run in a browser: why it failed, what changed, how far it is, its tasks and its code."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from attack_strings import MARKUP, PROOF
from browser import accessibility_problems, expect

FLOW = '''
class TrainFlow(FlowSpec):
    """Trains on shards."""
    alpha = Parameter("alpha", default=0.1, help="Learning rate")
    label = Parameter("label", default="x")
    shards = Parameter("shards", default=3)

    @step
    def start(self):
        self.items = list(range(self.shards))
        self.next(self.fit, foreach="items")

    @step
    def fit(self):
        print("fitting", self.input)
        self.half = self.input / 2
        self.loss = ratio(self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(each.loss for each in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass


def ratio(x):
    return 1 / (3 - x)
'''

LIVE = """
import json, os, time
from metaflow import Config, FlowSpec, step
class LiveFlow(FlowSpec):
    cfg = Config("cfg", default_value=json.dumps({"big": 2**53 + 1, **{f"layer{number}": 0 for number in range(21)}}))

    @step
    def start(self):
        self.names = ["one", "two", "three"]
        self.next(self.work, foreach="names")

    @step
    def work(self):
        while not os.path.exists(f"go-{self.input}"):
            time.sleep(0.02)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.answer = 42
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def serious(page):
    """What a checker of accessibility finds, without what is of little weight."""
    return [each for each in accessibility_problems(page) if "(serious)" in each or "(critical)" in each]


@pytest.fixture
def repository(project):
    """The project's directory as a repository of git."""
    for command in (["init", "-q"], ["config", "user.email", "a@b"], ["config", "user.name", "a"]):
        subprocess.run(["git", *command], cwd=project.path, check=True)
    project.write(FLOW)
    subprocess.run(["git", "add", "flow.py"], cwd=project.path, check=True)
    subprocess.run(["git", "commit", "-qm", "one"], cwd=project.path, check=True)
    return project


def test_a_failed_run_says_why_and_how_to_go_on(repository, web_app, browser):
    project = repository
    good = project.call("run").run_id
    project.write(FLOW.replace("return 1 / (3 - x)", "print(x)\n    return 1 / (2 - x)"))
    failed = project.call("run", "--alpha", "0.5")
    assert failed.code == 1
    app = web_app()
    page = app.page(browser, f"/ui/runs/TrainFlow/{failed.run_id}", viewport={"width": 1280, "height": 900})
    failure = page.get_by_role("region", name="ZeroDivisionError: division by zero")
    failure.wait_for()
    assert "items = 2" in failure.inner_text() and "Error in the flow's code" in failure.inner_text()
    source = failure.get_by_role("region", name="Source code")
    assert "return 1 / (2 - x)" in source.inner_text()
    assert "failed here:" in source.locator("li", has_text="return 1 / (2 - x)").inner_text()
    assert "fitting 2" in failure.get_by_role("region", name="Last lines of the log").inner_text()
    artifacts = failure.get_by_role("region", name="Artifacts at that point").first.inner_text()
    assert "half" in artifacts and "1.0" in artifacts and "set by this task" in artifacts
    command = failure.locator("code", has_text="resume --origin-run-id")
    # What is shown is what works.
    resume = command.inner_text().strip()
    assert resume.endswith(f"flow.py resume --origin-run-id {failed.run_id}")
    assert f"spin {failed.run_id}/fit/" in failure.inner_text()

    changes = page.get_by_role("region", name="What changed since the last success")
    changes.get_by_text("+2", exact=True).wait_for()
    assert good in changes.inner_text()
    assert "return 1 / (2 - x)" in changes.inner_text() and "return 1 / (3 - x)" in changes.inner_text()
    assert re.search(r"alpha\s+0.1\s+0.5", changes.inner_text())
    assert "changed, default: 0.1" in page.get_by_role("region", name="Parameters").last.inner_text()
    assert serious(page) == []

    project.write(FLOW.replace("return 1 / (3 - x)", "return 1 / (4 - x)"))
    done = subprocess.run(resume, shell=True, cwd=project.path, env=project.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page.reload()
    page.get_by_text("resumed by").first.wait_for()
    page.get_by_role("link", name="Run after this one (])").click()
    page.get_by_text("total").wait_for()
    expect(page.locator("header", has_text="resumes")).to_contain_text(failed.run_id)
    changes = page.get_by_role("region", name="What changed since the last success")
    changes.get_by_text("return 1 / (4 - x)").wait_for()
    assert "Durations" not in changes.inner_text()  # what was taken over took no time, and is not called faster
    assert "changed, default: 0.1" in page.get_by_role("region", name="Parameters").last.inner_text()

    page.keyboard.press("6")
    page.wait_for_url("**view=code**")
    page.get_by_label("Show").select_option("commit")
    expect(page.get_by_role("tabpanel").get_by_role("region")).to_contain_text("return 1 / (4 - x)")
    page.get_by_label("Show").select_option("")
    page.get_by_role("button", name="Line 12").click()
    page.wait_for_url("**line=12**")
    assert serious(page) == []
    page.keyboard.press("[")
    page.wait_for_url(f"**/{failed.run_id}?view=code")
    page.go_back()
    page.wait_for_url("**line=12**")


def test_a_run_is_seen_to_advance(project, web_app, browser):
    project.write(LIVE)
    app = web_app()
    process = project.start("run")
    page = app.page(browser, "/ui/", viewport={"width": 1280, "height": 900})

    def started():
        found = app.get("/api/v1/runs?flow=LiveFlow")["runs"]
        return found[0]["run_id"] if found else None

    run_id = None
    while run_id is None:
        page.wait_for_timeout(50)
        run_id = started()
    page.goto(f"{app.url}/ui/runs/LiveFlow/{run_id}")
    work = page.get_by_role("row", name=re.compile("^work"))
    work.get_by_text("3 running").wait_for()
    (project.path / "go-one").touch()
    work.get_by_text("1 done").wait_for()
    work.get_by_text("2 running").wait_for()
    page.keyboard.press("4")
    grid = page.get_by_role("grid", name="Tasks")
    grid.get_by_role("row", name=re.compile("Done.*one")).wait_for()
    for name in ("two", "three"):
        (project.path / f"go-{name}").touch()
    assert process.wait(timeout=60) == 0
    page.keyboard.press("1")
    page.get_by_role("region", name="Results").get_by_text("42").wait_for()
    page.get_by_role("region", name="Steps").get_by_text("3 done").wait_for()

    config = page.get_by_role("region", name="Config cfg")
    value = config.get_by_text("9007199254740993")
    assert value.count() == 1 and not value.is_visible(), "a search in the page finds what is folded"
    config.locator("summary", has_text="22 values").focus()
    page.keyboard.press("Enter")
    value.wait_for(state="visible")


def test_a_run_that_is_stopped_says_that_it_was(project, web_app, browser):
    project.write(LIVE)
    process = project.start("run", "--run-id-file", "id")
    app = web_app()
    identifier = project.path / "id"
    page = app.page(browser, "/ui/")
    while not identifier.exists() or identifier.read_text() == "":
        page.wait_for_timeout(50)
    page.goto(f"{app.url}/ui/runs/LiveFlow/{identifier.read_text()}")
    page.get_by_role("row", name=re.compile("^work")).get_by_text("3 running").wait_for()
    process.terminate()
    stopped = page.get_by_role("region", name="Stopped by a signal")
    expect(stopped).to_contain_text("killed")
    expect(stopped).to_contain_text("3 tasks by error")
    assert process.wait(60) != 0


def test_tasks_are_filtered_sorted_and_selected_in_the_address(project, web_app, browser):
    failed = project.run(FLOW, "--shards", "5", code=1)
    app = web_app()
    page = app.page(browser, f"/ui/runs/TrainFlow/{failed.run_id}?view=tasks&status=failed")
    grid = page.get_by_role("grid", name="Tasks")
    grid.get_by_text("ZeroDivisionError: division by zero").wait_for()
    page.get_by_text("1 task", exact=True).wait_for()
    page.get_by_role("button", name="Failed").click()
    page.wait_for_url(lambda url: "status=failed" not in url)
    page.get_by_role("combobox", name="Step").select_option("fit")
    page.get_by_text("5 tasks", exact=True).wait_for()
    grid.get_by_role("button", name="Took").click()
    page.wait_for_url("**sort=-duration**")
    page.get_by_role("searchbox").fill("division")
    page.wait_for_url("**text=division**")
    page.get_by_text("1 task", exact=True).wait_for()
    grid.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_url("**step=fit&task=**")
    page.reload()
    selected = grid.get_by_role("row", selected=True)
    expect(selected).to_contain_text("ZeroDivisionError")
    page.get_by_role("searchbox").fill("nothing is called so")
    page.get_by_role("button", name="Show all tasks").click()
    page.get_by_text("6 tasks", exact=True).wait_for()
    assert serious(page) == []


def test_hostile_text_is_shown_and_nothing_else(project, web_app, browser):
    attack = "".join(MARKUP[:8])
    flow = FLOW.replace("return 1 / (3 - x)", "raise ValueError(ATTACK)").replace(
        "class TrainFlow", f"ATTACK = {attack!r}\n\nclass TrainFlow"
    )
    failed = project.run(flow, "--label", attack + "\u202egpj", "--tag", "<img src=x onerror=alert(1)>", code=1)
    app = web_app()
    for width, scheme in ((1280, "light"), (360, "dark")):
        page = app.page(
            browser,
            f"/ui/runs/TrainFlow/{failed.run_id}",
            viewport={"width": width, "height": 740},
            color_scheme=scheme,
        )
        page.get_by_role("heading", name="ValueError: <script>").wait_for()
        expect(page.locator("main")).to_contain_text("\\u202egpj")
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        for view, shown in (("Overview", "region"), ("Tasks", "grid"), ("Code", "navigation")):
            page.get_by_role("tab", name=view).click()
            page.get_by_role("tabpanel", name=view).get_by_role(shown).first.wait_for()
            assert page.evaluate(wider) == 0, (view, width)
            assert serious(page) == [], (view, width)
        assert page.evaluate(f"window.{PROOF} === undefined")


def test_runs_that_cannot_be_shown_say_why(project, web_app, browser):
    run_id = project.run(FLOW).run_id
    other, removed = (project.call("run").run_id for _ in range(2))
    app = web_app()
    page = app.page(browser, f"/ui/runs/TrainFlow/{other}")
    page.get_by_role("region", name="Results").wait_for()
    # One that is deleted while somebody looks at it is not shown on.
    delete = [sys.executable, "-m", "metaflow", "runs", "delete", f"TrainFlow/{other}", "--yes"]
    subprocess.run(delete, cwd=project.path, env=project.env, capture_output=True, check=True)
    page.get_by_role("heading", name="There is no such run here").wait_for()
    page.goto(f"{app.url}/ui/runs/TrainFlow/17")
    page.get_by_role("heading", name="There is no such run here").wait_for()
    page.get_by_text("it was deleted, or there never was one of this id").wait_for()
    (folder,) = (project.path / ".metaflow").rglob(removed)
    shutil.rmtree(folder)
    page.goto(f"{app.url}/ui/runs/TrainFlow/{removed}")
    page.get_by_role("heading", name="This run was deleted").wait_for()
    page.get_by_role("link", name="Runs of TrainFlow").click()
    page.get_by_role("link", name=re.compile(run_id[-6:])).first.wait_for()
    assert page.get_by_text(removed).count() == 0
    browser.foresee("status of 404", "status of 502")

    manifest = next((project.path / ".metaflow").rglob(f"{run_id}/_parameters/0.0.manifest"))
    manifest.write_bytes(manifest.read_bytes()[:-20])
    page.goto(f"{app.url}/ui/runs/TrainFlow/{run_id}")
    page.get_by_text("files of the run cannot be read").wait_for()
    expect(page.locator("main")).to_contain_text("cut short or was altered")
    page.get_by_role("region", name="Steps").get_by_text("3 done").wait_for()
    page.get_by_role("tab", name="Code").click()
    page.get_by_role("heading", name="The code cannot be read").wait_for()
