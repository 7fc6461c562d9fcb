"""Runs side by side in a real browser: what differs, what is drawn, what is taken away."""

from __future__ import annotations

import csv
import io
import re
from urllib.parse import quote

import pytest

from browser import accessibility_problems

from .test_kill import wait_until

FLOW = """
from metaflow import Config

class Train(FlowSpec):
    alpha = Parameter("alpha", default=0.1)
    note = Parameter("note", default="plain")
    name = Parameter("name", default="in the place of the flow's own")
    settings = Config("settings", default_value={"model": {"kind": "tree", "layers": [1, 2]}})

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        self.loss = 1 - self.alpha
        self.text = "\\n".join(f"line {number} at {self.alpha}" for number in range(60))
        self.same = ["always", "the same"]
        setattr(self, "odd", self.note * 2)
"""
ATTACK = "=1+1<script>window.attacked=1</script><img src=x onerror='window.attacked=1'>\u202e"


@pytest.fixture
def runs(project) -> list[str]:
    """Ids of runs: plain, with another parameter and code, with a note that attacks."""
    project.write(FLOW)
    ids = [project.call("run").run_id]
    project.write(FLOW.replace("1 - self.alpha", "1 - 2 * self.alpha"))
    ids.append(project.call("run", "--alpha", "0.25").run_id)
    ids.append(project.call("run", "--alpha", "0.4", "--note", ATTACK).run_id)
    return ids


def address(runs, **search):
    names = ",".join(f"Train/{run}" for run in runs)
    more = "".join(f"&{name}={quote(value)}" for name, value in search.items())
    return f"/ui/compare?runs={names}{more}"


def cells(page, name):
    """Texts of a row, by its name."""
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=re.compile(f"{re.escape(name)}$")))
    return [each.strip() for each in row.get_by_role("cell").all_inner_texts()]


def test_what_the_server_says_of_runs(runs, web_app) -> None:
    app = web_app()
    asked = [{"flow": "Train", "run_id": run} for run in runs]
    answer = app.api("POST", "/api/v1/compare", {"runs": [*asked, {"flow": "Train", "run_id": "gone"}]}).json
    assert [run["found"] for run in answer["runs"]] == [True, True, True, False]
    rows = {(section["name"], row["name"]): row for section in answer["sections"] for row in section["rows"]}
    assert rows["metrics", "loss"]["cells"] == [0, 1, 2, None]
    assert [each["number"] for each in rows["metrics", "loss"]["values"]] == [0.9, 0.5, pytest.approx(0.2)]
    assert rows["configs", "settings.model.layers[1]"]["cells"] == [0, 0, 0, None]
    assert rows["parameters", "name"]["cells"] == [0, 0, 0, None]
    assert rows["artifacts", "same"]["cells"] == [0, 0, 0, None]
    assert rows["code", "file flow.py"]["cells"] == [0, 1, 1, None]
    assert {"whole run", "start", "end"} <= {name for section, name in rows if section == "durations"}
    code = app.api("POST", "/api/v1/compare/code", {"before": asked[0], "after": asked[1]}).json
    assert [file["path"] for file in code["files"]] == ["flow.py"]
    assert "+        self.loss = 1 - 2 * self.alpha\n" in code["files"][0]["patch"]
    value = {"before": asked[0], "after": asked[1], "section": "artifacts", "name": "text"}
    patch = app.api("POST", "/api/v1/compare/value", value).json["patch"]
    assert "-line 59 at 0.1\n" in patch and "+line 59 at 0.25\n" in patch
    gone = {"before": asked[0], "after": {"flow": "Train", "run_id": "gone"}}
    assert app.api("POST", "/api/v1/compare/code", gone).status == 404
    assert app.api("POST", "/api/v1/compare", {"runs": asked * 20}).status == 422
    history = app.get("/api/v1/flow/history?flow=Train&field=artifact:loss&limit=2")
    assert history["series"][0]["values"] == [0.5, pytest.approx(0.2)] and history["more"]
    assert app.api("GET", "/api/v1/flow/history?flow=Nothing").status == 404


def test_a_damaged_run_is_compared_as_far_as_it_goes(runs, project, web_app) -> None:
    (manifest,) = project.path.glob(f".metaflow/mf-store/runs/Train/{runs[1]}/end/*.manifest")
    manifest.write_bytes(manifest.read_bytes()[:-20] + b"x" * 20)
    answer = web_app().api("POST", "/api/v1/compare", {"runs": [{"flow": "Train", "run_id": run} for run in runs]})
    assert answer.status == 200
    assert ["results cannot be read" in " ".join(run["problems"]) for run in answer.json["runs"]] == [
        False,
        True,
        False,
    ]
    rows = {row["name"]: row for section in answer.json["sections"] for row in section["rows"]}
    assert rows["loss"]["cells"] == [0, None, 1] and rows["alpha"]["cells"] == [0, 1, 2]


def test_runs_are_compared_in_the_browser(runs, web_app, browser) -> None:
    app = web_app()
    page = app.page(browser, address(runs, lower="metrics:loss"), viewport={"width": 1300, "height": 1000})
    page.get_by_role("rowheader", name=re.compile("loss$")).wait_for()
    page.get_by_role("rowheader", name=re.compile("note$")).wait_for()
    assert cells(page, "loss") == ["0.9", "0.5\n−0.4 (−44 %) better", "0.2\n−0.7 (−78 %) better"]
    assert page.get_by_role("rowheader", name="same").count() == 0  # only differences
    assert "<script>" in cells(page, "note")[2] and "\\u202e" in cells(page, "note")[2]
    assert not accessibility_problems(page)
    # All rows, and back: the address holds it.
    page.get_by_label("Only differences").uncheck()
    page.get_by_role("rowheader", name="same").wait_for(state="attached")
    page.wait_for_url(re.compile("all=1"))
    page.go_back()
    page.get_by_role("rowheader", name="same").wait_for(state="detached")
    # Another baseline, another order, one run less: by keys.
    page.get_by_role("button", name=f"Compare with Train/{runs[2]}").press("Enter")
    page.wait_for_url(re.compile("baseline="))
    page.locator('[role=columnheader][aria-colindex="2"]', has_text=runs[2]).wait_for()
    wait_until(lambda: cells(page, "loss")[0] == "0.2")
    page.get_by_role("button", name=f"Move Train/{runs[0]} to the right").press("Enter")
    page.locator('[role=columnheader][aria-colindex="4"]', has_text=runs[0]).wait_for()
    page.get_by_role("button", name=f"Remove Train/{runs[1]}").press("Enter")
    page.get_by_text("2 runs", exact=True).wait_for()
    # The code and a long text, line by line.
    page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=re.compile("file flow.py$"))).get_by_role(
        "button"
    ).last.click()
    page.get_by_role("region", name="What changed").get_by_text("self.loss = 1 - self.alpha").wait_for()
    assert not accessibility_problems(page)
    page.keyboard.press("Escape")
    page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=re.compile("text$"))).get_by_role(
        "button"
    ).last.click()
    page.get_by_role("region", name="What changed").get_by_text("line 59 at 0.1").wait_for()
    page.keyboard.press("Escape")
    # A run that was left out is found by its id and added again.
    page.get_by_role("button", name="Add runs").click()
    page.get_by_label("Search runs").fill(runs[1])
    page.get_by_role("dialog").get_by_role("checkbox").check()
    page.get_by_role("button", name="Add 1 run").click()
    page.get_by_text("3 runs", exact=True).wait_for()


def test_tables_and_charts_are_taken_away(runs, web_app, browser) -> None:
    app = web_app()
    page = app.page(browser, address(runs, chart="bars"), color_scheme="dark", viewport={"width": 1300, "height": 1000})
    bars = page.get_by_role("group", name=re.compile("^loss"))
    bars.get_by_role("button").first.press("ArrowRight")
    page.locator('[aria-label*="loss 0.5"]:focus').wait_for()
    assert not accessibility_problems(page)
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    table = list(csv.reader(io.StringIO(saved.value.path().read_text("utf-8-sig"))))
    assert table[0] == ["section", "name", "unit", "differs", *(f"Train/{run}" for run in runs)]
    rows = {row[1]: row for row in table}
    assert [float(text) for text in rows["loss"][4:]] == [0.9, 0.5, pytest.approx(0.2)]
    assert rows["note"][6].startswith("'=1+1<script>")  # no formula
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save loss as SVG").click()
    assert "<rect" in saved.value.path().read_text() and "var(" not in saved.value.path().read_text()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save loss as PNG").click()
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")
    page.get_by_role("button", name="Scatter").click()
    page.get_by_role("group", name="loss against alpha: loss against alpha").get_by_role("button").last.wait_for()
    page.get_by_role("button", name="Parallel coordinates").click()
    page.get_by_role("group", name=re.compile("Parallel coordinates")).get_by_role("button").last.wait_for()
    assert not accessibility_problems(page)
    assert page.evaluate("window.attacked") is None


def test_a_flow_over_its_runs(runs, web_app, browser) -> None:
    app = web_app()
    page = app.page(browser, "/ui/flows/Train", viewport={"width": 360, "height": 740})
    page.get_by_role("heading", name="loss").wait_for()
    page.get_by_label(f"Choose run {runs[0]}").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert not accessibility_problems(page)
    page.get_by_label("Show also").select_option("parameter:alpha")
    page.get_by_role("heading", name="alpha").wait_for()
    page.wait_for_url(re.compile("field=parameter"))
    for run in runs[:2]:
        page.get_by_label(f"Choose run {run}").check()
    page.get_by_role("button", name="Compare 2 runs").click()
    page.wait_for_url(re.compile("/ui/compare"))
    page.get_by_text("2 runs", exact=True).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_runs_that_are_not_there(web_app, browser, project) -> None:
    page = web_app().page(browser, "/ui/compare")
    page.get_by_role("button", name="Choose runs").wait_for()
    assert not accessibility_problems(page)
    page.goto(page.url + "?runs=No/1,No/2")
    page.get_by_text("There is no run No/1").first.wait_for()
