"""The page of a task, in a real browser, over runs that real flows made."""

from __future__ import annotations

import pickle
import textwrap
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from attack_strings import PROOF
from browser import accessibility_problems, expect
from web_app import WebApp, running_app

pytest.importorskip("fastapi", reason="The web app is served with FastAPI.")

_WIDTHS = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 360, "height": 740}}

_KINDS = """
class KindsFlow(FlowSpec):
    alpha = Parameter("alpha", default=0.5)

    @step
    def start(self):
        import numpy as np
        import pandas as pd
        from PIL import Image
        self.array = np.random.default_rng(1).normal(size=(500, 40))
        self.frame = pd.DataFrame({"city": ["Zürich", "<b>x</b>", "\u202eodd"], "area": [1.5, None, 3.5]})
        self.picture = Image.new("RGB", (300, 200), (200, 30, 30))
        self.config = {"layers": [64, 64, 10], "names": ["feature %d" % i for i in range(60)], "deep": {"a": {"b": 1}}}
        self.long_text = "a line of a long text\\n" * 500_000
        self.evil = "<script>window.attacked=1</script>\u202eexe"
        setattr(self, "naïve_名前", "unicode")
        setattr(self, "<img src=x onerror=window.attacked=1>", 1)
        self.items = ["alpha", "<img src=x onerror=window.attacked=1>", "gamma"]
        self.next(self.work, foreach="items")

    @retry(times=2, minutes_between_retries=0)
    @step
    def work(self):
        if current.retry_count == 0 and self.input == "alpha":
            raise ValueError("no luck <b>the first time</b>")
        self.config = {"changed": self.input}
        self.result = len(self.input)
        self.lock = __import__("threading").Lock()
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(each.result for each in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass
"""

_USE = """
import os
import signal
import time
from metaflow import resources

class UseFlow(FlowSpec):
    @step
    def start(self):
        self.kinds = ["hog", "killed"]
        self.next(self.work, foreach="kinds")

    @resources(cpu=1, memory=8192)
    @step
    def work(self):
        open(f"{self.input}.pid", "w").write(str(os.getpid()))
        held = []
        end = time.time() + 3.2
        while time.time() < end:
            held.append(bytearray(os.urandom(1)) * (10 << 20) if len(held) < 20 else b"")
            sum(range(200_000))
        if self.input == "killed":
            # Its death ends the run, and the other one is to be over by then.
            while not os.path.exists("hog.pid") or os.path.exists("/proc/" + open("hog.pid").read()):
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGKILL)
        del held
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""

# A card whose script tries to get at the page around it and at the server, and says in its own title what it reached.
_CARD = """
from metaflow import card
from metaflow.cards import Markdown, ProgressBar
import os
import time

ATTACK = '''<html><head><title>waiting</title></head><body><p id="said">waiting</p><script>
(async () => {
  const reached = [];
  try { if (parent.document.title) reached.push("document"); } catch {}
  try { if (localStorage.length >= 0) reached.push("storage"); } catch {}
  try { document.cookie = "a=b"; if (document.cookie) reached.push("cookie"); } catch {}
  for (const path of ["/api/v1/app", "/api/v1/runs"]) {
    try { const r = await fetch("ORIGIN" + path, {credentials: "include"}); reached.push("api " + (await r.text())); }
    catch {}
  }
  try { top.location = "about:blank"; } catch {}
  document.getElementById("said").textContent = "reached: " + (reached.join(", ") || "nothing");
})();
</script></body></html>'''

class CardFlow(FlowSpec):
    origin = Parameter("origin", default="")

    @card(type="html", id="attack")
    @card(type="blank", id="live", refresh_interval=0.2)
    @step
    def start(self):
        self.html = ATTACK.replace("ORIGIN", self.origin)
        bar = ProgressBar(max=100, label="rows")
        current.card["live"].append(Markdown("# Live report"))
        current.card["live"].append(bar)
        count = 0
        while not os.path.exists("go-on"):
            count = count % 90 + 1
            bar.update(count)
            current.card["live"].refresh()
            time.sleep(0.2)
        bar.update(100)
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def address(flow: str, run_id: str, step: str, task_id: str | int, **search: str) -> str:
    query = f"?{urlencode(search)}" if search else ""
    return f"/ui/runs/{flow}/{run_id}/tasks/{step}/{task_id}{query}"


@pytest.fixture
def app(project) -> Iterator[WebApp]:
    with running_app(project.path) as running:
        yield running


def check(page, what: str) -> None:
    """Nothing of a flow has run on a page, it is not wider than its window, and axe finds nothing serious."""
    assert page.evaluate(f"window.{PROOF}") is None, f"{what}: something of a flow has run"
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{what} is wider than {width} pixels"
    serious = [each for each in accessibility_problems(page) if "(serious)" in each or "(critical)" in each]
    assert serious == [], what


def test_artifacts_attempts_and_lineage(project, app, browser):
    for library in ("numpy", "pandas", "PIL"):
        pytest.importorskip(library)
    project.write("from metaflow import FlowSpec, Parameter, current, retry, step\n" + textwrap.dedent(_KINDS))
    outcome = project.call("run", env={"METAFLOW_SKIP_UNPICKLABLE_ARTIFACTS": "1"})
    assert outcome.code == 0, outcome
    run_id = outcome.run_id
    page = app.page(browser, address("KindsFlow", run_id, "start", 1), viewport=_WIDTHS["wide"])
    rows = page.locator("tbody [data-artifact]")
    expect(rows).to_have_count(11)  # each artifact has one

    def opened(name: str):
        page.get_by_role("button", name=name, exact=True).click()
        return page.locator(f'[data-artifact="{name}"] + tr')

    frame = opened("frame")
    frame.get_by_text("1.5 to 3.5").wait_for()
    expect(frame.get_by_text("1 missing")).to_be_visible()
    expect(frame.get_by_text("<b>x</b>")).to_be_visible()
    opened("array").get_by_role("img", name="Histogram between").wait_for()
    opened("evil").get_by_text("</script>\\u202eexe").wait_for()  # what would turn text around is made visible
    picture = opened("picture").get_by_role("img", name="Small version of picture")
    expect(picture).to_have_js_property("naturalWidth", 128)
    tree = opened("config").get_by_role("list", name="config")
    tree.get_by_text('"feature 59"').wait_for()
    tree.get_by_role("button", name="names").click()
    tree.get_by_text("60 items").wait_for()
    tree.get_by_text('"feature 59"').wait_for(state="detached")
    text = opened("long_text")
    text.get_by_role("button", name="Show more").click()
    text.get_by_text("132 KB of 10.5 MB").wait_for()
    page.wait_for_url("**artifact=long_text**")  # it holds what is open
    check(page, "artifacts")
    page.reload()
    page.get_by_role("button", name="Show more").wait_for()

    page.goto(app.url + address("KindsFlow", run_id, "work", 2))
    page.get_by_role("link", name="Attempt 0").wait_for()
    expect(page.locator('[data-artifact="config"]')).to_contain_text("changed")
    expect(page.locator('[data-artifact="lock"]')).to_contain_text("not stored")
    page.get_by_role("button", name="array", exact=True).click()
    page.get_by_text("Made by").wait_for()
    page.get_by_role("link", name="start/1", exact=True).first.wait_for()
    page.get_by_role("searchbox", name="Search artifacts").fill("result")
    expect(page.locator("tbody [data-artifact]")).to_have_count(1)
    page.get_by_role("link", name="Attempt 0").click()
    page.get_by_role("heading", name="ValueError: no luck <b>the first time</b>").wait_for()
    page.get_by_text("raise ValueError").wait_for()
    page.get_by_text("Attempt 1 succeeded").wait_for()
    check(page, "failed attempt")
    page.go_back()
    page.get_by_role("link", name="Next: <img src=x").click()
    page.get_by_role("heading", name="work/3").wait_for()

    page.get_by_role("tab", name="Lineage").click()
    page.get_by_role("link", name="join/5").wait_for()
    expect(page.get_by_role("link", name="start/1").get_by_text("Made:")).to_have_count(1)
    check(page, "lineage")
    page.get_by_role("link", name="join/5").click()
    page.wait_for_url("**/tasks/join/5?tab=lineage")
    page.get_by_role("link", name="work/4").wait_for()
    page.get_by_role("tab", name="Lineage").press("ArrowRight")
    page.get_by_role("cell", name="local").first.wait_for()
    page.get_by_role("searchbox", name="Search metadata").fill("ds-type")
    expect(page.locator("tbody tr")).to_have_count(1)
    check(page, "metadata")
    for theme, width in (("dark", "phone"), ("light", "phone"), ("dark", "wide")):
        other = app.page(
            browser,
            address("KindsFlow", run_id, "start", 1, artifact="frame"),
            viewport=_WIDTHS[width],
            color_scheme=theme,
        )
        other.get_by_text("1.5 to 3.5").wait_for()
        check(other, f"{theme} on a {width}")

    raw = app.api("GET", f"/api/v1/task/artifact/raw?flow=KindsFlow&run_id={run_id}&step=start&task_id=1&name=array")
    assert pickle.loads(raw.body).shape == (500, 40) and raw.headers["Content-Type"] == "application/octet-stream"


def test_resources_of_a_hog_and_of_a_task_that_was_killed(project, app, browser):
    outcome = project.run(_USE, code=1)
    run_id = outcome.run_id
    killed, hog = [
        next(each for each in app.get(f"/api/v1/tasks?flow=UseFlow&run_id={run_id}&step=work")["tasks"] if test(each))
        for test in (lambda each: each.get("status") == "failed", lambda each: each.get("status") == "done")
    ]
    for task in (killed, hog):
        query = f"flow=UseFlow&run_id={run_id}&step=work&task_id={task['task_id']}"
        found = app.get(f"/api/v1/task/resources?{query}")
        assert found["is_over"] and len(found["points"]) >= 2 and found["asked"] == {"cpu": 1.0, "memory": 8192.0}
        # Twenty times ten megabytes, and what an interpreter takes.
        assert 200 << 20 < found["totals"]["peak_memory"] < 600 << 20, task
        assert found["totals"]["cpu_seconds"] > 0.3, task
    page = app.page(
        browser, address("UseFlow", run_id, "work", killed["task_id"], tab="resources"), viewport=_WIDTHS["phone"]
    )
    page.get_by_role("img", name="Memory: at most").wait_for()
    page.get_by_role("heading", name="killed (SIGKILL)").wait_for()
    page.get_by_text("Figures", exact=True).click()
    page.get_by_role("region", name="Figures of the curves").locator("tbody tr").nth(1).wait_for()
    check(page, "resources")


def test_a_live_card_in_a_frame_that_reaches_nothing(project, app, browser):
    project.write(_CARD)
    process = project.start("run", "--origin", app.url)
    deadline = time.monotonic() + 60
    tasks: list[dict] = []
    while not tasks and time.monotonic() < deadline:
        runs = app.get("/api/v1/runs?flow=CardFlow")["runs"]
        if runs:
            tasks = app.get(f"/api/v1/tasks?flow=CardFlow&run_id={runs[0]['run_id']}&step=start")["tasks"]
        time.sleep(0.05)
    assert tasks, "the run has not started"
    run_id = tasks[0]["run_id"]
    page = app.page(browser, address("CardFlow", run_id, "start", 1, tab="cards"), viewport=_WIDTHS["wide"])
    # When a card is loaded anew, there are two frames for a moment.
    frame = page.locator('iframe[title="Card live"]').last.content_frame
    frame.get_by_role("heading", name="Live report").wait_for()
    expect(frame.locator("main")).not_to_have_text(frame.locator("main").inner_text(), use_inner_text=True)
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("The task still runs").wait_for()
    (project.path / "go-on").touch()
    page.locator('[data-artifact="html"]').wait_for()
    expect(page.get_by_text("Done", exact=True).first).to_be_visible()  # the page hears of the end by itself
    process.communicate(timeout=60)
    page.get_by_role("tab", name="Cards").click()
    page.get_by_role("group", name="Cards").get_by_role("button", name="live").click()
    frame.get_by_role("progressbar", name="rows").get_by_text("100%").wait_for()

    page.get_by_role("group", name="Cards").get_by_role("button", name="attack").click()
    said = page.locator('iframe[title="Card attack"]').last.content_frame.locator("#said")
    said.get_by_text("reached:").wait_for()
    assert said.inner_text() == "reached: nothing"
    assert page.url.startswith(app.url), "the card has led the page away"
    check(page, "cards")
    # What the browser refused the card, it says in the console: that is how it should be.
    browser.foresee("CORS policy", "Unsafe attempt", "net::ERR_FAILED", "sandboxed")
