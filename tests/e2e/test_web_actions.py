"""Steering runs from pages in a real browser: start, cancel, resume, tag, pin and delete, and the record of it all."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from attack_strings import MARKUP, PROOF
from browser import accessibility_problems, expect
from metaflow.datastore.layout import blobs_prefix

from .test_kill import wait_until

SLOW = '''
import os, time
from metaflow import FlowSpec, Parameter, step

class SlowFlow(FlowSpec):
    """Sleeps for as long as it is told."""
    word = Parameter("word", required=True, help="What to say")
    seconds = Parameter("seconds", default=0, type=int, help="How long each task sleeps")

    @step
    def start(self):
        self.items = [1, 2, 3]
        self.next(self.nap, foreach="items")

    @step
    def nap(self):
        open(f"nap-{self.input}.pid", "w").write(str(os.getpid()))
        time.sleep(self.seconds)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        open("said.txt", "w").write(self.word)
'''
SHAKY = """
class ShakyFlow(FlowSpec):
    @step
    def start(self):
        self.large = bytes(200_000)
        print("this is run once")
        self.next(self.end)

    @step
    def end(self):
        raise ValueError("not yet mended")
"""


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def run_shown(page):
    """Flow and id of the run whose page is shown."""
    return re.search(r"/runs/([^/?]+)/([^/?#]+)", page.url).groups()


def wait_for_run(app, flow, run_id, status):
    def ended():
        return app.get(f"/api/v1/run?flow={flow}&run_id={run_id}").get("status", "running") == status

    wait_until(ended, seconds=60)


def check(page):
    """Nothing of these pages, or of the dialog that is open on another one, is out of reach or does harm."""
    if page.locator("dialog[open]").count():
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core checks the pages.")
        found = axe.Axe().run(page, context="dialog[open]", options={"resultTypes": ["violations"]}).response
        assert [each["help"] for each in found["violations"]] == []
    elif "/runs/" not in page.url:
        assert accessibility_problems(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate(f"window.{PROOF}") is None


def test_a_flow_is_started_by_its_form_and_cancelled(project, web_app, browser):
    project.write(SLOW, "slow.py")
    project.write("class Broken(FlowSpec:\n    pass\n", "broken.py", main="Broken")
    app = web_app()
    page = app.page(browser, "/ui/start")
    page.get_by_text("broken.py").wait_for()
    check(page)
    page.get_by_role("link", name="SlowFlow").click()
    page.get_by_role("heading", name="Start SlowFlow").wait_for()
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text("A value is required.").wait_for()
    page.locator("[aria-invalid=true]:focus").wait_for()
    word = f"it's {MARKUP[0]} $(id) `id`\n\u202eback"
    page.get_by_role("textbox", name="word").fill(word)
    page.get_by_role("textbox", name="seconds").fill("many")
    page.get_by_text("Give a whole number.").first.wait_for()
    page.get_by_role("textbox", name="seconds").fill("600")
    page.get_by_text("--seconds=600").wait_for()
    check(page)
    page.get_by_role("button", name="Start", exact=True).dblclick()
    page.wait_for_url(re.compile("/runs/SlowFlow/"))
    flow, run_id = run_shown(page)
    assert len(app.get("/api/v1/runs?flow=SlowFlow")["runs"]) == 1
    wait_until(lambda: sum(bool(path.read_text()) for path in project.path.glob("nap-*.pid")) == 3, seconds=60)
    pids = [int(path.read_text()) for path in project.path.glob("nap-*.pid")]
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_text("What was finished stays").wait_for()
    check(page)
    page.get_by_role("button", name="Cancel the run").click()
    page.get_by_text("3 of 3 tasks confirmed to have ended").wait_for()
    assert all(map(is_gone, pids))
    page.get_by_role("dialog", name="Cancelled", exact=True).wait_for()
    assert app.get(f"/api/v1/run?flow={flow}&run_id={run_id}")["message"] == "cancelled by tester"
    page.get_by_role("button", name="Close").last.click()
    # Run again, with the same values but one.
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Run again").click()
    page.get_by_role("textbox", name="seconds").fill("0")
    expect(page.get_by_role("textbox", name="word")).to_have_value(word)
    page.get_by_text(re.compile("^python slow.py run ")).wait_for()
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(lambda url: "/runs/SlowFlow/" in url and run_id not in url)
    wait_for_run(app, *run_shown(page), "done")
    assert (project.path / "said.txt").read_text() == word
    page.goto(f"{app.url}/ui/activity")
    expect(page.get_by_role("row").nth(2)).to_contain_text("Cancelled")
    expect(page.get_by_role("row").nth(3)).to_contain_text("\\u202eback")
    check(page)


def test_a_failed_run_is_resumed_once_the_flow_is_mended(project, web_app, browser):
    failed = project.run(SHAKY, code=1).run_id
    app = web_app()
    page = app.page(browser, f"/ui/runs/ShakyFlow/{failed}")
    page.get_by_role("button", name="Resume", exact=True).click()
    page.get_by_text(f"python flow.py resume --origin-run-id={failed}").last.wait_for()
    check(page)
    project.write(SHAKY.replace('raise ValueError("not yet mended")', "pass"))
    page.get_by_role("dialog").get_by_role("button", name="Resume", exact=True).click()
    page.wait_for_url(lambda url: "/runs/ShakyFlow/" in url and failed not in url)
    flow, resumed = run_shown(page)
    wait_for_run(app, flow, resumed, "done")
    assert app.get(f"/api/v1/run?flow={flow}&run_id={resumed}")["origin_run_id"] == failed
    # A run whose file does not start any more says what the command said, and stays where it is.
    project.write(SHAKY.replace("self.next(self.end)", "self.next(self.nowhere)"))
    page.goto(f"{app.url}/ui/runs/ShakyFlow/{failed}")
    page.get_by_role("button", name="Resume", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("--origin-run-id").wait_for()
    dialog.get_by_role("button", name="Resume", exact=True).click()
    dialog.get_by_text("nowhere").first.wait_for()
    entries = app.get("/api/v1/actions/log?action=resume")["entries"]
    assert [entry["outcome"] for entry in entries][-1] == "done" and entries[0]["outcome"] != "done"


def test_tags_and_pins_can_be_undone_and_deletion_shows_what_goes(project, web_app, browser):
    old = project.run(SHAKY, code=1).run_id
    new = project.run(SHAKY.replace("bytes(200_000)", "bytes([1]) * 200_000"), code=1).run_id
    for path in (project.path / ".metaflow" / blobs_prefix()).rglob("*"):
        if path.is_file():  # saved long ago
            moment = path.stat().st_mtime_ns - 7200 * 10**9
            os.utime(path, ns=(moment, moment))
    app = web_app()
    page = app.page(browser, f"/ui/runs/ShakyFlow/{old}")

    def tags(run_id=old):
        return app.get(f"/api/v1/run?flow=ShakyFlow&run_id={run_id}").get("tags", [])

    page.get_by_role("button", name="Tags", exact=True).click()
    page.get_by_label("Add tags").fill(MARKUP[2])
    page.get_by_label("Add tags").press("Enter")
    page.get_by_label("Add tags").fill("plain")
    page.get_by_label("Add tags").press("Enter")
    check(page)
    page.get_by_role("button", name="Save").dblclick()
    page.get_by_text("Tags of 1 run changed.").wait_for()
    assert tags() == sorted([MARKUP[2], "plain"])
    page.get_by_role("button", name="Undo").click()  # it is offered for some seconds only
    check(page)
    wait_until(lambda: tags() == [], seconds=30)
    page.get_by_role("button", name="More actions").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    page.keyboard.press("Enter")  # the first one: pin
    page.get_by_text("no clean-up takes it").wait_for()
    assert tags() == ["pinned"]
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_text("it has the tag pinned").wait_for()
    assert page.get_by_role("button", name=re.compile("for good")).count() == 0
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")

    def stored():
        return sum(path.stat().st_size for path in (project.path / ".metaflow").rglob("*/blobs/*/*") if path.is_file())

    page.goto(f"{app.url}/ui/runs/ShakyFlow/{new}")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("list", name="Runs that would go").wait_for()
    check(page)
    before = stored()
    page.get_by_role("button", name="Delete 1 run for good").click()
    page.get_by_text(re.compile("1 run deleted. .* freed")).wait_for()
    page.wait_for_url(re.compile("/ui/(\\?.*)?$"))
    browser.foresee("status of 404")  # the page of the run may have asked for it once more, before it was left
    assert stored() < before and tags() == ["pinned"]
    assert app.api("GET", f"/api/v1/run?flow=ShakyFlow&run_id={new}").status == 404
    entries = app.get("/api/v1/actions/log")["entries"]
    assert [entry["action"] for entry in entries] == ["delete", "pin", "tag", "tag"]
    assert {entry["who"] for entry in entries} == {"tester"} and {entry["outcome"] for entry in entries} == {"done"}


def test_who_may_only_look_is_offered_nothing(project, web_app, browser):
    run_id = project.run(SHAKY, code=1).run_id
    app = web_app(project.path, "--read-only")
    page = app.page(browser, f"/ui/runs/ShakyFlow/{run_id}")
    page.get_by_role("button", name="Commands").click()
    page.get_by_text(f"flow.py resume --origin-run-id {run_id}").last.wait_for()
    check(page)
    page.get_by_role("button", name="Close").last.click()
    for name in ("Resume", "Cancel", "Tags", "More actions"):
        assert page.get_by_role("button", name=name, exact=True).count() == 0
    assert page.get_by_role("link", name="Start", exact=True).count() == 0
    page.goto(f"{app.url}/ui/start/ShakyFlow")
    page.get_by_text("Runs are not started here").wait_for()
    wish = {"runs": [{"flow": "ShakyFlow", "run_id": run_id}], "add": ["x"]}
    assert app.api("POST", "/api/v1/actions/tags", wish).status == 403


def test_pages_fit_a_phone_and_names_do_no_harm(project, web_app, browser):
    project.write(SLOW, "slow.py")
    project.run(SHAKY, code=1)
    app = web_app()
    page = app.page(browser, "/ui/start/SlowFlow", viewport={"width": 360, "height": 740}, color_scheme="dark")
    page.get_by_role("heading", name="Start SlowFlow").wait_for()
    page.get_by_text("How it runs").click()
    check(page)
    for text in (MARKUP[0], "../../etc", "%2e%2e"):
        page.goto(f"{app.url}/ui/start/{quote(text, safe='')}")
        page.get_by_text("This flow is not here").wait_for()
        check(page)
        app.api("POST", "/api/v1/actions/cancel", {"runs": [{"flow": text, "run_id": text}]})
    page.goto(f"{app.url}/ui/activity")
    page.get_by_role("row").nth(3).wait_for()
    page.get_by_text("Failed").first.wait_for()
    check(page)
    page.goto(f"{app.url}/ui/activity?action=delete")
    page.get_by_text("Nothing like that was done").wait_for()
    check(page)
