"""The timeline of real runs: what is recorded of their phases, and what a browser shows of it."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import pytest

from attack_strings import MARKUP
from browser import accessibility_problems, expect
from metaflow.testing.process_backend import DIRECTORY_VARIABLE

from .conftest import Project
from .test_kill import wait_until

FLOW = """
import os, time
from metaflow import FlowSpec, Parameter, current, retry, step

class FanFlow(FlowSpec):
    width = Parameter("width", default=6)
    text = Parameter("text", default="part")
    ends = Parameter("ends", default=True)

    @step
    def start(self):
        self.items = [f"{self.text}-{index}" for index in range(self.width)]
        self.next(self.work, foreach="items")

    @retry(times=1, minutes_between_retries=0)
    @step
    def work(self):
        time.sleep(0.02)
        if self.index == 2 and current.retry_count == 0:
            raise ValueError("not yet")
        if not self.ends:
            os.makedirs("ran", exist_ok=True)
            while self.index == 4 and current.retry_count and len(os.listdir("ran")) < self.width - 1:
                time.sleep(0.02)  # until all others have run
            if self.index == 4:
                raise ValueError("never")
            open(f"ran/{self.index}", "w").close()
        while os.path.exists("hold"):
            time.sleep(0.02)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def attempts_of(answer: Any) -> dict[tuple[str, str, int], dict[str, Any]]:
    columns = answer["attempts"]
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    names = [step["name"] for step in answer["steps"]]
    states = answer["states"]
    return {
        (names[row["step"]], row["indexes"], row["attempt"]): {**row, "state": states[row["state"]]} for row in rows
    }


def timeline(app: Any, run_id: str) -> Any:
    return app.get(f"/api/v1/run/timeline?flow=FanFlow&run_id={run_id}")


@pytest.mark.parametrize("kind", ["fork", "spawn", "elsewhere"])
def test_phases_are_recorded_however_a_task_starts(project: Project, web_app: Any, kind: str) -> None:
    is_remote = kind == "elsewhere"
    env = {DIRECTORY_VARIABLE: str(project.path / "engine")} if is_remote else {"METAFLOW_START_METHOD": kind}
    further = ("--with", "elsewhere") if is_remote else ()
    run_id = project.run(FLOW, "--max-workers", "2", *further, env=env).run_id
    app = web_app()
    answer = timeline(app, run_id)
    attempts = attempts_of(answer)
    assert len(attempts) == 10
    for key, each in attempts.items():
        times = [each[name] for name in ("ready", "started", "code_started", "code_ended", "finished")]
        assert None not in times and times == sorted(times), (key, times)
    for index in range(6):
        last = attempts["work", str(index), 1 if index == 2 else 0]
        assert last["state"] == "done" and last["label"] == f"part-{index}"
        assert last["code_ended"] - last["code_started"] >= 20
    failed, again = attempts["work", "2", 0], attempts["work", "2", 1]
    assert failed["state"] == "failed" and again["ready"] >= failed["finished"]
    start, join = attempts["start", "", 0], attempts["join", "", 0]
    # A foreach is ready as a whole when its opener has ended; a join, when the last of its inputs has.
    assert {attempts["work", str(index), 0]["ready"] for index in range(6)} == {failed["ready"]}
    assert failed["ready"] >= start["finished"]
    assert join["ready"] >= max(each["finished"] for (step, *_), each in attempts.items() if step == "work")
    path = app.get(f"/api/v1/run/critical-path?flow=FanFlow&run_id={run_id}")
    assert [path["attempts"][place]["step"] for place in (0, -2, -1)] == ["start", "join", "end"]
    total = sum(path[part] for part in ("waiting", "startup", "code", "saving"))
    assert total == pytest.approx(path["attempts"][-1]["finished"], abs=10)


def address(run_id: str, **search: str) -> str:
    return f"/ui/runs/FanFlow/{run_id}?" + "&".join(["view=timeline", *(f"{k}={v}" for k, v in search.items())])


def names(page: Any) -> list[str]:
    """What screen readers say of the rows that are there."""
    return [text.split(":")[0] for text in page.locator("[role=row] .visually-hidden").all_inner_texts()]


def row(page: Any, name: str) -> Any:
    return page.get_by_role("row", name=f"{name}:")


#: What happened is drawn in the next frame, and told to screen readers by a timer of 200 ms that is set then.
_TOLD = """async () => {
    const frame = () => new Promise(requestAnimationFrame);
    await frame();
    await frame();
    await new Promise((done) => setTimeout(done, 250));
    await frame();
    await frame();
}"""


def shown_part(page: Any) -> str:
    """Which part of the run is shown, as screen readers say it."""
    page.evaluate(_TOLD)
    expect(page.get_by_role("slider")).not_to_have_attribute("aria-valuetext", re.compile(" of 0 ms$"))
    return str(page.get_by_role("slider").get_attribute("aria-valuetext"))


@pytest.fixture
def finished(project: Project, web_app: Any) -> tuple[Any, str]:
    run_id = project.run(FLOW).run_id
    return web_app(), run_id


def test_rows_can_be_walked_selected_filtered_and_opened(finished: tuple[Any, str], browser: Any) -> None:
    app, run_id = finished
    page = app.page(browser, address(run_id), viewport={"width": 1200, "height": 800})
    grid = page.get_by_role("treegrid")
    row(page, "Step start").wait_for()
    assert names(page) == [
        *("Step start", "Step work"),
        *(f"Task {index + 2} [{index}] part-{index}" for index in range(6)),
        *("Step join", "Step end"),
    ]
    expect(row(page, "part-2")).to_contain_text("2 attempts")

    grid.focus()
    page.keyboard.press("ArrowDown")
    expect(row(page, "Step work")).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("row")).to_have_count(4)
    page.wait_for_url("**tl_fold=work**")
    page.keyboard.press("ArrowRight")
    row(page, "part-1").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    page.wait_for_url("**step=work&task=2&attempt=0**")
    expect(row(page, "part-0")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("+")
    page.wait_for_url("**tl_from=**")
    shown = shown_part(page)
    page.reload()
    row(page, "part-0").wait_for()
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", shown)
    expect(row(page, "part-0")).to_have_attribute("aria-selected", "true")

    page.get_by_role("searchbox").fill("part-3")
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("searchbox").fill("nowhere")
    page.get_by_role("button", name="Show all tasks").click()
    row(page, "part-5").wait_for()
    page.get_by_role("button", name="Critical path").click()
    page.get_by_role("region", name="Critical path").get_by_role("button", name="join").click()
    page.wait_for_url("**step=join**")
    assert accessibility_problems(page) == []

    row(page, "Step end").dblclick()
    page.wait_for_url(f"**/ui/runs/FanFlow/{run_id}/tasks/end/**")


def test_pointers_move_zoom_and_choose(finished: tuple[Any, str], browser: Any) -> None:
    app, run_id = finished
    page = app.page(browser, address(run_id), viewport={"width": 1200, "height": 800}, color_scheme="dark")
    row(page, "Step end").wait_for()
    page.get_by_role("button", name="Compare this run (c)").wait_for()  # what is above it moves it no more
    overview, axis, plot = (page.locator("canvas").nth(place) for place in range(3))
    whole = shown_part(page)

    def drag(canvas: Any, start: float, end: float, *, y: float = 10) -> str:
        before, box = shown_part(page), canvas.bounding_box()
        page.mouse.move(box["x"] + start * box["width"], box["y"] + y)
        page.mouse.down()
        page.mouse.move(box["x"] + end * box["width"], box["y"] + y, steps=5)
        page.mouse.up()
        wait_until(lambda: shown_part(page) != before, seconds=30)
        return shown_part(page)

    drag(axis, 0.2, 0.6)
    page.wait_for_url("**tl_from=**")
    moved = drag(plot, 0.6, 0.3)
    assert moved != drag(overview, 0.5, 0.7)
    plot.hover(position={"x": 100, "y": 100})
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.get_by_role("button", name="Show all of the run").click()
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", whole)
    page.wait_for_url(lambda url: "tl_from" not in url)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_can_be_taken_away(finished: tuple[Any, str], browser: Any, scheme: str, tmp_path: Path) -> None:
    app, run_id = finished
    page = app.page(browser, address(run_id), color_scheme=scheme)
    row(page, "Step end").wait_for()
    for kind, start in (("PNG", b"\x89PNG"), ("SVG", b"<svg ")):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"{kind} picture").click()
        file = tmp_path / f"picture.{kind}"
        download.value.save_as(file)
        assert download.value.suggested_filename == f"timeline-FanFlow-{run_id}.{kind.lower()}"
        assert file.read_bytes().startswith(start)
    text = file.read_text()
    assert "part-3" in text and "work" in text


def test_a_wide_step_is_folded_with_its_failures_on_top(project: Project, web_app: Any, browser: Any) -> None:
    run_id = project.run(FLOW, "--width", "60", "--ends", "False", code=1).run_id
    app = web_app()
    page = app.page(browser, address(run_id), viewport={"width": 360, "height": 700})
    expect(row(page, "Step work")).to_have_attribute("aria-expanded", "false")
    expect(row(page, "part-4")).to_contain_text("failed")
    assert page.locator("[role=row]").count() < 15
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("canvas").nth(2).hover(position={"x": 60, "y": 50})
    row(page, "Step work").get_by_role("button", name="Open").click()
    row(page, "part-10").wait_for()
    assert accessibility_problems(page) == []


def test_a_run_that_goes_on_grows_and_is_caught_up_with(project: Project, web_app: Any, browser: Any) -> None:
    project.write(FLOW)
    hold = project.path / "hold"
    hold.touch()
    process = project.start("run", "--max-workers", "2")
    app = web_app()
    try:
        wait_until(lambda: app.get("/api/v1/runs?flow=FanFlow")["runs"], seconds=60)
        (run,) = app.get("/api/v1/runs?flow=FanFlow")["runs"]
        wait_until(lambda: len(timeline(app, run["run_id"])["attempts"]["task"]) >= 3, seconds=60)
        page = app.page(browser, address(run["run_id"]))
        expect(row(page, "part-0")).to_contain_text("running")
        hold.unlink()
        row(page, "Step end").filter(has_text="done").wait_for()
        wait_until(lambda: names(page)[-1] == "Step end", seconds=30)
        expect(page.get_by_role("treegrid")).not_to_contain_text("running")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def test_values_of_foreaches_are_text_and_nothing_else(project: Project, web_app: Any, browser: Any) -> None:
    text = "\u202e" + MARKUP[2]
    run_id = project.run(FLOW, "--text", text, "--width", "3").run_id
    page = web_app().page(browser, address(run_id))
    row(page, "Step end").wait_for()
    shown = page.locator("[role=row]").nth(2)
    expect(shown).to_contain_text("<img src=x")
    expect(shown).to_contain_text("\\u202e")
    assert page.locator("[role=treegrid] img").count() == 0
    page.locator("canvas").nth(2).hover(position={"x": 100, "y": 60})
    assert page.evaluate("window.attacked") is None
