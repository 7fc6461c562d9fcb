"""Logs in the web app, of flows that really ran, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from attack_strings import PROOF
from browser import accessibility_problems, expect

from .test_kill import wait_until

FLOW = r"""
import sys, time
from pathlib import Path
from metaflow import FlowSpec, current, retry, step

class LogFlow(FlowSpec):
    @step
    def start(self):
        print("plain line")
        print("\x1b[31mred\x1b[0m \x1b]8;;https://example.org/\x07safe\x1b]8;;\x07", end=" ")
        print("\x1b]8;;javascript:alert(1)\x07bad\x1b]8;;\x07")
        print("<img src=x onerror='window.attacked=1'> \u202egpj.exe", flush=True)
        for i in range(101):
            sys.stderr.write(f"\rEpoch {i:3d}%")
        sys.stderr.write("\n")
        for i in range(30):
            sys.stderr.write(f"\n\r inner {i}\x1b[A\router {i // 10}")
        sys.stderr.write("\n\n")
        for i in range(2000):
            print(f"{'WARNING' if i == 1500 else 'INFO'} batch {i}")
        print("x" * 50_000)
        self.items = ["alpha", "<b>beta</b>"]
        self.next(self.work, foreach="items")

    @retry(times=1, minutes_between_retries=0)
    @step
    def work(self):
        print(f"working on {self.input}")
        if self.input == "alpha" and current.retry_count == 0:
            raise ValueError("the needle of the first attempt")
        print("needle", self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""
LIVE = r"""
import sys, time
from pathlib import Path
from metaflow import FlowSpec, step

class LiveFlow(FlowSpec):
    @step
    def start(self):
        for i in range(200):
            print("line", i)
        sys.stdout.flush()
        sys.stderr.write("\r 40%"); sys.stderr.flush()
        self.wait("bar")
        sys.stderr.write("\r100%\n"); sys.stderr.flush()
        self.wait("more")
        for i in range(5):
            print("more", i, flush=True)
        self.wait("end")
        self.next(self.end)

    def wait(self, name):
        while not Path(name).exists():
            time.sleep(0.02)

    @step
    def end(self):
        pass
"""


@pytest.fixture
def ran(project, web_app):
    run_id = project.run(FLOW).run_id
    return web_app(), run_id


def rows(page):
    return page.get_by_role("region", name="Lines of the log")


def test_the_log_of_a_task_as_in_a_terminal(ran, browser):
    app, run_id = ran
    page = app.page(browser, f"/ui/runs/LogFlow/{run_id}/tasks/start/1?tab=logs")
    log = rows(page)
    log.get_by_text("plain line", exact=True).wait_for()
    assert log.get_by_role("link", name="safe").get_attribute("rel") == "noopener noreferrer nofollow"
    log.get_by_text(r"\u202egpj.exe").wait_for()
    assert log.get_by_role("link", name="bad").count() == 0
    assert page.evaluate(f"window.{PROOF}") is None
    assert page.locator("[data-row]").count() < 200  # of two thousand
    assert not [each for each in accessibility_problems(page) if "(serious)" in each or "(critical)" in each]

    # Searching, and going from match to match.
    page.keyboard.press("Control+f")
    page.keyboard.type("batch 19")
    page.get_by_text("111 lines", exact=True).wait_for()  # not the 1,111 of "batch 1"
    page.keyboard.press("Enter")
    page.get_by_text("1 of 111").wait_for()
    page.keyboard.press("F3")
    page.get_by_text("2 of 111").wait_for()
    log.get_by_text("INFO batch 190", exact=True).wait_for()
    page.wait_for_url("**q=batch+19**")
    page.get_by_label("Only matches").check()
    only_matches = """() => {
        const texts = [...document.querySelectorAll("[data-text]")].map((each) => each.textContent);
        return texts.length > 20 && texts.every((text) => text.includes("batch 19"));
    }"""
    page.wait_for_function(only_matches)
    page.keyboard.press("Escape")
    page.get_by_label("Lines of this level and above").select_option("warning")
    page.get_by_text("1 line", exact=True).wait_for()


def test_progress_bars_are_shown_as_they_are_at_the_end(ran, browser):
    app, run_id = ran
    page = app.page(browser, f"/ui/runs/LogFlow/{run_id}/tasks/start/1?tab=logs&stream=stderr")
    texts = page.locator("[data-text]")
    texts.first.wait_for()
    lines = ["Epoch 100%", "outer 2", "inner 29"]
    wait_until(lambda: [text.strip() for text in texts.all_inner_texts() if text.strip()] == lines, seconds=30)
    page.get_by_role("button", name="earlier states").first.click()
    page.get_by_role("dialog").get_by_text("Epoch  42%").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("lines that progress bars wrote over are left out").wait_for()
    page.get_by_role("button", name="Show all", exact=True).click()
    page.get_by_text("inner 12", exact=False).first.wait_for()


def test_a_link_to_a_line_leads_there(ran, browser):
    app, run_id = ran
    address = f"/ui/runs/LogFlow/{run_id}/tasks/start/1?tab=logs&stream=stdout&line=1000"
    page = app.page(browser, address, viewport={"width": 360, "height": 740})
    selected = page.locator("[data-line='1000']")
    expect(selected.get_by_role("link")).to_have_attribute("aria-current", "location")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("[data-line='1003']").get_by_role("link").click(modifiers=["Shift"])
    page.wait_for_url(re.compile("line=1000-1003"))
    page.reload()
    page.locator("[data-line='1003'] [aria-current]").wait_for()
    rows(page).press("End")
    page.get_by_role("button", name="Show all 48.8 KB").click()
    page.get_by_role("dialog").get_by_text("x" * 100).first.wait_for()


def test_what_a_running_task_prints_is_seen_at_once(project, web_app, browser):
    project.write(LIVE)
    process = project.start("run")
    app = web_app()
    wait_until(lambda: app.get("/api/v1/runs?flow=LiveFlow")["runs"], seconds=60)
    run_id = app.get("/api/v1/runs?flow=LiveFlow")["runs"][0]["run_id"]
    page = app.page(browser, f"/ui/runs/LiveFlow/{run_id}/tasks/start/1")
    log = rows(page)
    log.get_by_text("40%").wait_for()  # of a line that is not finished
    # The end is followed, and is in the window without scrolling the page.
    expect(log.get_by_text("line 199", exact=True)).to_be_in_viewport()
    wait_until(lambda: log.evaluate("element => element.getBoundingClientRect().bottom <= innerHeight"), seconds=30)
    Path("bar").touch()
    log.get_by_text("100%").wait_for()
    log.hover()
    page.mouse.wheel(0, -1500)
    page.get_by_role("button", name="Follow the end").wait_for()
    place = log.evaluate("element => element.scrollTop")
    Path("more").touch()
    page.get_by_role("button", name="5 new lines").wait_for()
    assert log.evaluate("element => element.scrollTop") == place
    page.get_by_role("button", name="5 new lines").click()
    log.get_by_text("more 4", exact=True).wait_for()
    Path("end").touch()
    process.wait(60)
    page.get_by_label("Follow", exact=True).wait_for(state="detached")
    page.locator("header").get_by_text("Done").wait_for()
    expect(log.get_by_text("more 4", exact=True)).to_be_visible()  # nothing takes the log away from who watches it


def test_a_search_through_all_tasks_of_a_run(ran, browser):
    app, run_id = ran
    page = app.page(browser, f"/ui/runs/LogFlow/{run_id}?view=logs")
    page.get_by_role("region", name="Lines of all tasks").get_by_text("working on alpha").first.wait_for()
    page.get_by_label("Search the logs of all tasks").fill("NEEDLE")
    page.get_by_text("4 lines in 3 tasks of 6 attempts").wait_for()
    expect(page.get_by_role("heading", level=3).first).to_have_text(re.compile("^Failed"))
    page.get_by_text("items=<b>beta</b>").wait_for()
    assert not [each for each in accessibility_problems(page) if "(serious)" in each or "(critical)" in each]
    page.get_by_role("link", name=re.compile("Line .* of work")).first.click()
    page.wait_for_url(re.compile(r"attempt=0.*line="))
    page.locator("[aria-current='location']").wait_for()
    page.go_back()
    page.get_by_text("4 lines in 3 tasks").wait_for()


def test_a_million_lines(project, web_app, browser):
    run_id = project.run(FLOW).run_id
    (path,) = Path(".metaflow").glob("mf-store/runs/LogFlow/*/start/*.log")
    with path.open("wb") as file:
        for begin in range(0, 1_000_000, 1000):
            file.write(b"".join(b"o %d line %d\n" % (10**15 + n, n + 1) for n in range(begin, begin + 1000)))
        file.write(b"damaged\no 1 torn")
    page = web_app().page(browser, f"/ui/runs/LogFlow/{run_id}/tasks/start/1?tab=logs")
    log = rows(page)
    log.get_by_text("line 1", exact=True).wait_for()
    page.get_by_text("1 line of this log is damaged").wait_for()
    page.goto(re.sub("&line=.*|$", "&line=987654", page.url, count=1))
    log.get_by_text("line 987654", exact=True).wait_for()
    page.get_by_label("Search this log").fill("line 765432")
    page.get_by_text("1 line", exact=True).wait_for()
    page.keyboard.press("Enter")
    log.get_by_text("line 765432", exact=True).wait_for()

    # What could not be read is read as soon as it can be, without anything being touched.
    page.route("**/api/v1/task/log?*", lambda route: route.abort())
    log.evaluate("element => element.scrollTo(0, 0)")
    page.get_by_role("region", name="Log", exact=True).get_by_text("does not answer").wait_for()
    page.unroute("**/api/v1/task/log?*")
    log.get_by_text(re.compile(r"^line \d+$")).first.wait_for()
    browser.foresee("ERR_FAILED")
