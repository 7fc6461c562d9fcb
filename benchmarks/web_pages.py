"""Measure the web app in a real browser: ``python -m benchmarks.web_pages STORE``.

`STORE` is what ``python -m benchmarks.web_store`` filled as its ``.metaflow``. Each figure is the median of some
rounds, each in a browser with nothing cached. Chromium must be installed, and the pages be built.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from metaflow.datastore.layout import INDEX_KEY
from metaflow.metadata_store.events import RunStarted, TaskStarted
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.store import RunQuery, TaskQuery

_ROUNDS = 5
_ADDRESS = re.compile(r"(http://\S+?)/ui/#token=(\S+)")
_FILTERS = ("status=failed", "user=ana", "tag=prod", "text=train+ana", "flow=TrainFlow&status=done")
# Intervals between two frames, while the mouse drags the timeline here and there.
_FRAMES = """() => new Promise((resolve) => {
  const intervals = []; let before = performance.now();
  const tick = (now) => { intervals.push(now - before); before = now;
    if (intervals.length < 120) requestAnimationFrame(tick); else resolve(intervals.slice(1)); };
  requestAnimationFrame(tick); })"""


class App:
    """``metaflow ui`` on a store."""

    def __init__(self, project: Path) -> None:
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from metaflow.cli.command import main; main()", "ui", "--no-open", "--port", "0"],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        found = None
        while found is None:
            found = _ADDRESS.search(self._process.stdout.readline())
        self.root, self.token = found[1], found[2]
        self.seconds_to_start = time.perf_counter() - began

    def memory(self) -> float:
        """Its memory in MB."""
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        match = re.search(r"VmHWM:\s+(\d+)", text)
        return int(match[1]) / 1000 if match else 0.0

    def end(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(30)


def signed_in(browser: Browser, app: App) -> Page:
    """A page of a browser without any cache, signed in."""
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    reply = page.request.post(
        f"{app.root}/api/v1/session", data={"token": app.token}, headers={"X-Metaflow-Page": "1", "Origin": app.root}
    )
    assert reply.ok, reply.text()
    return page


def until(page: Page, condition: str, *values: Any) -> float:
    """Milliseconds since the page's navigation began until a condition in it is met."""
    page.wait_for_function(condition, arg=list(values), polling="raf")
    return float(page.evaluate("performance.now()"))


def painted(page: Page) -> float:
    """Milliseconds until something was painted first."""
    return float(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))


def median_of(browser: Browser, app: App, measure: Callable[[Page], Any]) -> Any:
    """The median of what some fresh pages measure; of each figure, if these are several."""
    found = []
    for _ in range(_ROUNDS):
        page = signed_in(browser, app)
        found.append(measure(page))
        page.context.close()
    if isinstance(found[0], tuple):
        return tuple(statistics.median(column) for column in zip(*found))
    return statistics.median(found)


def runs_page(app: App) -> Callable[[Page], tuple[float, float]]:
    """First paint, and rows that can be clicked."""

    def measure(page: Page) -> tuple[float, float]:
        page.goto(f"{app.root}/ui/", wait_until="commit")
        ready = until(page, "() => document.querySelectorAll('main a[href*=\"/runs/\"]').length > 20")
        return painted(page), ready

    return measure


def timeline(app: App, run: RunRecord) -> Callable[[Page], tuple[float, float]]:
    """First drawn, and frames a second while it is dragged."""

    def measure(page: Page) -> tuple[float, float]:
        page.goto(f"{app.root}/ui/runs/{run.flow}/{run.run_id}?view=timeline", wait_until="commit")
        drawn = until(page, "() => document.querySelector('main canvas') && document.body.innerText.includes('p95')")
        page.keyboard.press("+")
        page.keyboard.press("+")
        box = page.locator("main canvas").last.bounding_box()
        assert box is not None
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.move(*middle)
        page.mouse.down()
        page.evaluate(f"window.frames_measured = ({_FRAMES})()")
        for step in range(60):
            page.mouse.move(middle[0] + (step % 30 - 15) * 12, middle[1])
        intervals = page.evaluate("window.frames_measured")
        page.mouse.up()
        return drawn, 1000 / statistics.mean(intervals)

    return measure


def filter_answers(app: App) -> Callable[[Page], float]:
    """The slowest of some filters, as the page asks for them."""

    def measure(page: Page) -> float:
        page.goto(f"{app.root}/ui/", wait_until="load")
        page.wait_for_timeout(2_000)  # the page has questions of its own at first
        script = """async (query) => { const began = performance.now();
          await (await fetch('/api/v1/runs/find?limit=100&' + query)).json(); return performance.now() - began; }"""
        return max(float(page.evaluate(script, query)) for query in _FILTERS)

    return measure


def new_state(app: App, index: SqliteMetadata) -> Callable[[Page], float]:
    """From the moment when a task is recorded until the page of its run shows it, in milliseconds."""

    def measure(page: Page) -> float:
        now = time.time()
        run = RunRecord(
            "LiveFlow", str(int(now * 1e6)), "me", now, status="running", heartbeat_at=now, host="elsewhere", pid=1
        )
        index.apply([RunStarted(run)])
        page.goto(f"{app.root}/ui/runs/{run.flow}/{run.run_id}", wait_until="load")
        page.wait_for_timeout(2_000)
        began = time.perf_counter()
        index.apply([TaskStarted(TaskRecord(run.flow, run.run_id, "brandnew", "1", 0, time.time()))])
        page.wait_for_function("() => document.body.innerText.includes('brandnew')", polling="raf")
        return (time.perf_counter() - began) * 1000

    return measure


def widest_runs(index: SqliteMetadata) -> list[tuple[RunRecord, int]]:
    """The runs of the wide flow, with the number of tasks of each, the smallest first."""
    runs = index.runs(RunQuery("WideFlow"))
    counted = [(run, len(index.tasks(TaskQuery(run.flow, run.run_id, limit=200_000)))) for run in runs]
    return sorted(counted, key=lambda pair: pair[1])


def main() -> None:
    """Measure everything, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store", type=Path, help="directory that holds the .metaflow of benchmarks.web_store")
    project = parser.parse_args().store
    index = SqliteMetadata(project / ".metaflow" / INDEX_KEY)
    chromium = shutil.which("chromium") or os.environ.get("CHROMIUM")
    app = App(project)
    print(f"start, whole command until it listens: {app.seconds_to_start:.2f} s")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        paint, ready = median_of(browser, app, runs_page(app))
        print(f"runs page: first paint {paint:.0f} ms, rows {ready:.0f} ms")
        print(f"slowest of {len(_FILTERS)} filters: {median_of(browser, app, filter_answers(app)):.0f} ms")
        for run, tasks in widest_runs(index):
            drawn, frames = median_of(browser, app, timeline(app, run))
            print(f"timeline of {tasks:,} tasks: drawn {drawn:.0f} ms, dragged at {frames:.0f} frames/s")
        print(f"new task on the page of its run: {median_of(browser, app, new_state(app, index)):.0f} ms")
        browser.close()
    print(f"memory of the server: {app.memory():.0f} MB at most")
    app.end()


if __name__ == "__main__":
    main()
