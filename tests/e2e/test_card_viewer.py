"""The viewer of cards in a real browser, while flows run."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from attack_strings import MARKUP
from browser import Browser, accessibility_problems, expect

from .conftest import Project
from .test_kill import wait_until

FLOW = """
    import os, time
    from metaflow import FlowSpec, Parameter, card, current, retry, step
    from metaflow.cards import Markdown
    from attack_strings import MARKUP

    def wait_for(gate):
        while not os.path.exists(gate):
            time.sleep(0.02)

    class Live(FlowSpec):
        gate = Parameter("gate", default="")

        @retry(times=1, minutes_between_retries=0)
        @card(type="blank", id="report", refresh_interval=0.1)
        @step
        def start(self):
            text = Markdown(f"first of attempt {current.retry_count}")
            current.card.append(text)
            current.card.append("one line more\\n\\n" * 200)
            current.card.refresh(force=True)
            wait_for(f"{self.gate}a{current.retry_count}")
            text.update(f"second of attempt {current.retry_count}")
            current.card.refresh(force=True)
            wait_for(f"{self.gate}b{current.retry_count}")
            if current.retry_count == 0:
                raise ValueError("once more")
            self.texts = MARKUP[:3]
            self.next(self.work, foreach="texts")

        @card(type="blank")
        @step
        def work(self):
            current.card.append(Markdown(self.input))
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
"""


class Viewer:
    """A server that was started on a command line."""

    def __init__(self, project: Project, *arguments: str) -> None:
        self.process = project.start("card", "server", "--poll-interval", "0.2", *arguments)
        self.said = ""
        while (found := re.search(r"(http://127\.0\.0\.1:(\d+))/\?token=\w+", self.said)) is None:
            line = self.process.stderr.readline()
            assert line, self.said
            self.said += line
        self.address, self.origin, self.port = found[0], found[1], found[2]

    def interrupt(self) -> str:
        self.process.send_signal(signal.SIGINT)
        rest = self.process.communicate(timeout=20)[1]
        assert self.process.returncode == 0, rest
        return rest


def shown_frame(page):
    return page.frame_locator("iframe:not([data-coming])")


def frame_of(page):
    return shown_frame(page).locator("main")


@pytest.fixture
def flow(project: Project) -> Project:
    project.env["PYTHONPATH"] += f":{Path(__file__).parents[1]}"
    project.write(FLOW)
    return project


def test_a_run_is_followed_from_its_start_to_its_end(flow: Project, browser: Browser) -> None:
    viewer = Viewer(flow, "--port", "0")
    page = browser.open(viewer.address)
    loads = []
    page.on("request", lambda request: loads.append(request.url) if "/card/" in request.url else None)
    wait_for(page, "#empty", "Live has no run yet")

    running = flow.start("run", "--gate", "one-")
    wait_for(page, frame_of(page), "first of attempt 0")
    assert page.locator("#run-status").inner_text() == "running"
    loaded = len(loads)
    (flow.path / "one-a0").touch()
    wait_for(page, frame_of(page), "second of attempt 0")
    assert len(loads) == loaded, "the page was loaded again, though only a text has changed"

    # The second attempt replaces the first one's card.
    (flow.path / "one-b0").touch()
    wait_for(page, frame_of(page), "first of attempt 1")
    wait_for(page, "#list", "attempt 1")
    page.locator("#list a", has_text="report").click()
    (flow.path / "one-a1").touch()
    wait_for(page, frame_of(page), "second of attempt 1")
    assert page.frames[-1].locator("body[data-live]").count() == 1
    page.evaluate("window.told = new Promise((done) => addEventListener('message', done, { once: true })); null")
    page.frames[-1].evaluate("scrollTo(0, 300)")
    page.evaluate("window.told.then(() => null)")
    (flow.path / "one-b1").touch()
    wait_for(page, "#run-status", "finished")
    wait_for(page, frame_of(page), "second of attempt 1")
    shown_frame(page).locator("body:not([data-live])").wait_for()
    # A page that is loaded anew leaves the reader in place.
    wait_until(lambda: shown_frame(page).locator("html").evaluate("() => scrollY") == 300, seconds=30)
    output = running.communicate(timeout=60)[0]
    first = re.search(r"run-id (\d+)", output)[1]

    # Texts of the flow are texts, in the list and in the card.
    assert "<script>" in page.locator("#list").inner_text()
    page.fill("#search", "work svg")
    wait_for(page, "#count", "of 4 cards")
    page.fill("#search", "work 2")
    page.locator("#list a", has_text="2 · blank").click()
    wait_for(page, frame_of(page), MARKUP[0][:8])
    assert page.evaluate("window.attacked") is None
    page.fill("#search", "")
    page.locator("#list a", has_text="report").click()
    wait_for(page, frame_of(page), "second of attempt 1")

    # The next run: the same card of that one is shown, without anybody doing anything.
    again = flow.start("run", "--gate", "two-")
    wait_for(page, frame_of(page), "first of attempt 0")
    assert first not in page.locator("#run").inner_text()
    for gate in ("two-a0", "two-b0", "two-a1", "two-b1"):
        (flow.path / gate).touch()
    wait_for(page, "#run-status", "finished")
    again.communicate(timeout=60)

    assert "The viewer has ended." in viewer.interrupt()
    wait_for(page, "#notice", "server does not answer")
    back = Viewer(flow, "--port", viewer.port)
    page.locator("#notice").wait_for(state="hidden")
    assert back.address == viewer.address
    browser.foresee("net::ERR_")  # that nobody answered


def test_the_card_is_a_stranger_to_the_viewer(flow: Project, browser: Browser) -> None:
    for gate in ("a0", "b0", "a1", "b1"):
        (flow.path / gate).touch()
    run_id = flow.call("run").run_id
    card = next(flow.path.glob(f".metaflow/mf-store/runs/Live/{run_id}/start/1.cards/blank-report-*.html"))
    # As any package may render it: with scripts that try what they can.
    card.write_text(
        "<!DOCTYPE html><title>evil</title><main>waiting</main><script>"
        "const said = [];"
        "const attempt = async (what) => { try { said.push(await what()); } catch (error) { said.push(error.name); } };"
        "(async () => {"
        " await attempt(() => parent.document.title);"
        " await attempt(() => localStorage.length);"
        " await attempt(async () => (await fetch('/runinfo', {mode: 'no-cors'})).type);"
        " if (parent !== window) await attempt(() => { top.location = 'about:blank'; return 'navigated'; });"
        " document.querySelector('main').textContent = `${window.origin} ${said}`;"
        "})()</script>"
    )
    viewer = Viewer(flow, "--port", "0", "--run-id", run_id)
    page = browser.open(viewer.address)
    page.locator("#list a", has_text="report").click()
    wait_for(page, frame_of(page), "null SecurityError,SecurityError,")
    assert page.url.startswith(f"{viewer.origin}/#")
    wait_for(page, "#run-status", "finished")
    assert "navigated" not in frame_of(page).inner_text()
    # Opened by itself, it is in an origin of its own all the same.
    signed = viewer.address.partition("?")[2]
    alone = browser.open(f"{viewer.origin}{page.locator('#alone').get_attribute('href')}?{signed}")
    assert alone.evaluate("window.origin") == "null"

    # By keyboard, for screen readers, and on a phone in the dark.
    page.locator("#list a").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#list a").nth(1)).to_be_focused()
    phone = browser.open(viewer.address, viewport={"width": 360, "height": 640}, color_scheme="dark")
    phone.locator("iframe").wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    assert phone.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 17, 22)"
    # The browser says what it did not let the card do.
    browser.foresee("Unsafe attempt", "sandbox", "ERR_BLOCKED_BY_RESPONSE.NotSameOrigin")


def test_a_card_of_a_task_that_was_killed_is_no_longer_live(flow: Project, browser: Browser) -> None:
    viewer = Viewer(flow, "--port", "0")
    running = flow.start("run", "--gate", "never-")
    page = browser.open(viewer.address)
    wait_for(page, frame_of(page), "first of attempt 0")
    # What is gone for a while, as in a datastore that is being moved, is shown again when it is back.
    html = next(flow.path.rglob("blank-report-*.html"))
    html.rename(flow.path / "away")
    wait_for(page, "#empty", "not there")
    (flow.path / "away").rename(html)
    wait_for(page, frame_of(page), "first of attempt 0")
    browser.foresee("status of 404")
    # Why it is not up to date is told on the card, for as long as it is not.
    document = next(flow.path.rglob("blank-report-*.data.json"))
    before = document.read_bytes()
    told = json.loads(before)
    told["data"]["notice"] = MARKUP[0]
    write_at_once(document, json.dumps(told).encode())
    wait_for(page, frame_of(page).locator("#mf-why"), MARKUP[0])
    write_at_once(document, before)
    frame_of(page).locator("#mf-why").wait_for(state="detached")
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    wait_for(page, "#run-status", "stopped")
    shown_frame(page).locator("body:not([data-live])").wait_for()
    wait_for(page, frame_of(page), "first of attempt 0")


def write_at_once(path: Path, content: bytes) -> None:
    """As stores do it: whoever reads finds the one content or the other."""
    written = path.with_name("written")
    written.write_bytes(content)
    written.replace(path)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_checker_of_accessibility_has_no_objection(flow: Project, browser: Browser, scheme: str) -> None:
    flow.write(FLOW.replace("wait_for(f", "str(f").replace("if current.retry_count == 0", "if False"))
    flow.call("run")
    page = browser.open(Viewer(flow, "--port", "0").address, color_scheme=scheme, bypass_csp=True)
    frame_of(page).wait_for()
    assert accessibility_problems(page) == []


def test_a_viewer_that_cannot_be_started_says_why(flow: Project) -> None:
    unknown = flow.call("card", "server", "--run-id", "9", "--port", "0")
    assert unknown.code == 1 and "No .metaflow directory was found" in unknown.stderr, unknown
    assert flow.call("card", "server", "--port", "70000").code == 2


def wait_for(page, where, text: str) -> None:
    expect(page.locator(where) if isinstance(where, str) else where).to_contain_text(text)
