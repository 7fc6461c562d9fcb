"""The runs page in a real browser, over runs of real flows: found, shared, followed and chosen, by mouse and keys."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone

import pytest

from attack_strings import ATTACKS
from browser import accessibility_problems, expect
from metaflow.datastore.layout import INDEX_KEY
from metaflow.metadata_store.events import RunEnded, RunStarted
from metaflow.metadata_store.records import RunRecord
from metaflow.metadata_store.sqlite import SqliteMetadata

TRAIN = """
class TrainFlow(FlowSpec):
    lr = Parameter("lr", default=0.1)
    seed = Parameter("seed", default=2**53 + 1)

    @step
    def start(self):
        if self.lr > 1:
            raise ValueError("too fast")
        self.next(self.end)

    @step
    def end(self):
        self.loss = 1 - self.lr
"""
LIVE = """
import os, time

class LiveFlow(FlowSpec):
    @step
    def start(self):
        while not os.path.exists("go"):
            time.sleep(0.02)
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def rows(page):
    return page.locator("tr[data-run]")


def expect_rows(page, count):
    expect(rows(page)).to_have_count(count)


def record(project, *runs):
    """Have the index know of runs without running them: what pages do with many of them, or with odd names."""
    store = SqliteMetadata(project.path / ".metaflow" / INDEX_KEY)
    for run in runs:
        key = (run.flow, run.run_id)
        store.apply([RunStarted(run._replace(message=None)), RunEnded(*key, "failed", run.started_at + 3, run.message)])
    store.close()


@pytest.fixture
def trained(project):
    """A project with four runs; the ids of those, the oldest first."""
    ids = []
    for user, arguments, code in (
        ("ana", ("--lr", "0.1", "--tag", "prod", "--tag", "nightly"), 0),
        ("ben", ("--lr", "0.2", "--tag", "prod"), 0),
        ("ana", ("--lr", "7"), 1),
    ):
        ids.append(project.run(TRAIN, *arguments, code=code, env={"METAFLOW_USER": user}).run_id)
    ids.append(project.run(TRAIN.replace("TrainFlow", "ScoreFlow"), env={"METAFLOW_USER": "ben"}).run_id)
    return ids


def test_runs_are_found_by_typing_and_by_choosing_and_the_address_has_it_all(project, trained, web_app, browser):
    app = web_app(project.path)
    page = app.page(browser)
    expect_rows(page, 4)
    page.get_by_text("4 runs", exact=True).wait_for()

    field = page.get_by_role("combobox", name="Find runs")
    field.fill("status:failed flow:TrainFlow")
    field.press("Enter")
    expect_rows(page, 1)
    expect(rows(page)).to_contain_text("start: ValueError: too fast")
    rows(page).get_by_title("Step start (task-id 1) failed: ValueError: too fast").wait_for()
    page.wait_for_url(re.compile(r"status=failed&?.*flow=TrainFlow|flow=TrainFlow&?.*status=failed"))
    shared = page.url
    page.get_by_role("button", name="Remove the filter status failed").click()
    expect_rows(page, 3)
    page.go_back()
    expect_rows(page, 1)
    page.reload()
    expect_rows(page, 1)
    page.goto(app.url + "/ui/")
    expect_rows(page, 4)

    field.fill("-flow:ScoreFlow seed=9007199254740993")
    field.press("Enter")
    expect_rows(page, 3)
    assert "without_flow=ScoreFlow" in page.url
    assert "9007199254740993" in rows(page).first.inner_text(), "not as browsers would round it"
    page.goto(app.url + "/ui/?where=parameter:seed:=:9007199254740992")
    page.get_by_text("No run matches").wait_for()
    page.goto(app.url + "/ui/")
    expect_rows(page, 4)

    field.fill("valueerror fast")
    expect_rows(page, 1)
    field.fill("BEN")
    expect_rows(page, 2)
    page.wait_for_url("**text=BEN**")
    field.fill("lr>=0.1 lr<1")
    field.press("Enter")
    page.get_by_role("columnheader", name="lr").get_by_role("button").click()
    page.wait_for_url(re.compile("order=parameter"))
    lowest_first = r"""() => {
        const rows = [...document.querySelectorAll("tr[data-run]")].map((row) => row.innerText);
        return rows.length === 3 && rows.map((text) => /\b0\.[12]\b/.exec(text)?.[0]).join() === "0.1,0.1,0.2";
    }"""
    page.wait_for_function(lowest_first)

    page.goto(shared)
    page.get_by_role("button", name="Clear all").click()
    expect_rows(page, 4)
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_label("prod").check()
    page.get_by_label("nightly").check()
    page.keyboard.press("Escape")
    expect_rows(page, 1)
    expect(rows(page)).to_contain_text(trained[0])

    page.get_by_role("button", name="Columns").click()
    page.get_by_role("group", name="Artifacts of the last step").get_by_label("loss").check()
    page.keyboard.press("Escape")
    expect(rows(page)).to_contain_text("0.9")
    page.get_by_role("button", name=re.compile("^ScoreFlow$")).click()
    page.get_by_text("No run matches").wait_for()
    page.get_by_role("button", name="Show all runs").click()
    expect_rows(page, 4)
    page.get_by_label("Group by").select_option("flow")
    page.wait_for_url(re.compile("group=flow"))
    expect(page.locator("th[scope=rowgroup]")).to_have_count(2)


def test_a_run_that_starts_comes_and_changes_in_its_place(project, trained, web_app, browser):
    record(project, *(RunRecord("OldFlow", str(number), "ana", 1000.0 + number) for number in range(120)))
    app = web_app(project.path)
    page = app.page(browser, viewport={"width": 1200, "height": 700})
    page.locator("tr[data-run^='ScoreFlow/']").wait_for()
    page.get_by_text("Live", exact=True).wait_for()
    project.write(LIVE)
    process = project.start("run")
    live = page.locator("tr[data-run^='LiveFlow/']")
    live.get_by_text("Running").wait_for()
    live.get_by_text("1/2").wait_for()
    running = app.page(browser, "/ui/?status=running")
    running.locator("tr[data-run^='LiveFlow/']").wait_for()
    running.get_by_text("1 run", exact=True).wait_for()

    # Whoever looks further down is told, and nothing moves.
    scroller = page.locator("div:has(> table)")
    scroller.evaluate("element => { element.scrollTop = 900 }")
    page.wait_for_function("() => !document.querySelector(\"tr[data-run^='LiveFlow/']\")")
    place = scroller.evaluate("element => element.scrollTop")
    project.call("run", "--lr", "0.3", flow=project.write(TRAIN, "train.py").name)
    pill = page.get_by_role("button", name="1 new run")
    pill.wait_for()
    assert scroller.evaluate("element => element.scrollTop") == place
    pill.click()
    page.wait_for_function("() => document.querySelector('tr[data-run]').dataset.run.startsWith('TrainFlow/')")

    (project.path / "go").touch()
    assert process.wait(60) == 0
    live.get_by_text("Done").wait_for()
    running.get_by_text("No run matches").wait_for()
    page.get_by_role("toolbar", name="Last runs of LiveFlow").get_by_role("link", name=re.compile("^Done")).wait_for()


def test_a_view_is_saved_for_all_and_deleted(project, trained, web_app, browser):
    app = web_app(project.path)
    page = app.page(browser, "/ui/?status=failed&columns=status,run,parameter:lr")
    expect_rows(page, 1)
    page.get_by_role("button", name="Save view").click()
    page.get_by_label("Name").fill("Broken <b>")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Broken <b>").wait_for()
    # Another one of that name takes its place only if somebody wants it to.
    page.goto(app.url + "/ui/?status=failed&flow=TrainFlow&columns=status,run,parameter:lr")
    page.get_by_role("button", name="Save view").click()
    page.get_by_label("Name").fill("Broken <b>")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("alert").get_by_text("already").wait_for()
    page.get_by_role("button", name="Replace it").click()
    page.get_by_role("dialog").wait_for(state="hidden")
    browser.expect_problem(page, "status of 409")
    assert len(browser.problems) == 1, browser.problems

    # Where it is about noon, so that what has just failed did so today.
    other = app.page(browser, timezone_id=f"Etc/GMT{datetime.now(timezone.utc).hour - 12:+d}")
    expect_rows(other, 4)
    other.get_by_role("link", name="Broken <b>").click()
    expect_rows(other, 1)
    other.wait_for_url("**flow=TrainFlow**")
    expect(other.locator("thead th")).to_have_count(4)
    other.get_by_role("button", name="Delete the view Broken <b>").click()
    other.get_by_role("button", name="Save view").wait_for()
    assert app.get("/api/v1/views") == {"views": []}
    other.get_by_role("link", name="Failed today").click()
    expect_rows(other, 1)


def test_all_of_it_by_keyboard(project, trained, web_app, browser):
    page = web_app(project.path).page(browser)
    expect_rows(page, 4)
    page.keyboard.press("/")
    page.keyboard.type("flow:Tr")
    page.get_by_role("option", name="TrainFlow").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect_rows(page, 3)
    page.keyboard.press("Backspace")
    expect_rows(page, 4)
    page.keyboard.type("status:fa")
    page.get_by_role("option", name="failed").wait_for()
    page.keyboard.press("Enter")
    expect_rows(page, 1)
    page.keyboard.press("Backspace")
    expect_rows(page, 4)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    page.get_by_text("3 runs selected").wait_for()
    page.keyboard.press("k")
    page.keyboard.press("x")
    page.get_by_text("2 runs selected").wait_for()
    page.keyboard.press("c")
    page.wait_for_url(re.compile(r"/ui/compare\?runs="))
    assert trained[3] in page.url
    assert trained[1] in page.url
    rows(page).first.wait_for(state="detached")
    expect(page).to_have_title("Compare · Metaflow")
    page.go_back()
    expect_rows(page, 4)
    expect(page).to_have_title("Runs · Metaflow")
    # Who comes back goes on from where they were.
    page.get_by_text(f"TrainFlow, run {trained[2]}, failed").wait_for(state="attached")
    page.keyboard.press("k")
    page.get_by_text(f"ScoreFlow, run {trained[3]}, done").wait_for(state="attached")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/ui/runs/ScoreFlow/{trained[3]}"))
    page.keyboard.press("Control+k")
    palette = page.get_by_role("combobox", name=re.compile("Go to"))
    expect(palette).to_be_focused()
    page.keyboard.type(f"{trained[0]}")
    page.get_by_role("option", name=f"TrainFlow/{trained[0]}", selected=True).wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/ui/runs/TrainFlow/{trained[0]}"))
    page.keyboard.press("?")
    page.get_by_role("heading", name="Keyboard").wait_for()
    page.get_by_role("region", name="Views of the run", exact=True).get_by_text("Timeline").wait_for()
    page.keyboard.press("3")
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Keyboard").wait_for(state="detached")
    expect(page).to_have_title(f"TrainFlow/{trained[0]} · Metaflow")
    compare = page.get_by_role("button", name="Compare this run (c)")
    compare.wait_for()
    page.keyboard.press("c")
    page.get_by_role("menuitem", name="With other runs…").click()
    page.get_by_role("dialog").get_by_label("Search runs").wait_for()
    page.keyboard.press("Escape")
    expect(compare).to_be_focused()  # a dialog gives the focus back
    page.keyboard.press("Control+k")
    expect(palette).to_be_focused()
    page.keyboard.type("delete run")
    page.get_by_role("option", name="Delete…").wait_for()
    page.keyboard.press("Escape")
    expect(compare).to_be_focused()
    page.keyboard.press("3")
    page.wait_for_url(re.compile("view=graph"))
    expect(page).to_have_title(f"Graph · TrainFlow/{trained[0]} · Metaflow")
    expect(page.get_by_role("link", name="Runs", exact=True)).to_have_css("font-weight", "600")
    page.goto(page.url.partition("?")[0] + "/tasks/start/999")
    page.get_by_role("heading", name="There is no such task here").wait_for()
    expect(page).to_have_title(f"start/999 · TrainFlow/{trained[0]} · Metaflow")
    page.get_by_role("link", name=f"The run TrainFlow/{trained[0]}").click()
    page.get_by_role("tab", name="Overview").wait_for()
    browser.foresee("status of 404")
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect_rows(page, 4)
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("/")
    page.keyboard.type("flow:ScoreFlow")
    page.keyboard.press("Enter")
    expect_rows(page, 1)
    # What is counted is what is acted upon, whatever the list shows by now.
    page.get_by_text("2 runs selected").wait_for()
    page.get_by_role("group", name="Actions on 2 runs").wait_for()


def test_names_full_of_markup_are_text_on_every_screen(project, web_app, browser):
    odd = [text for text in ATTACKS if text.strip()]
    started = time.time() - 1000
    record(
        project,
        *(
            RunRecord("OddFlow", str(number), text, started - number, (text[:500],), (f"project:{text}",), message=text)
            for number, text in enumerate(odd)
        ),
        RunRecord(odd[0], "1", "ana", started - 5000),
    )
    app = web_app(project.path)
    for scheme, width in (("dark", 1400), ("light", 1100), ("light", 360)):
        page = app.page(browser, viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.get_by_role("checkbox", name="Select run OddFlow/0").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert accessibility_problems(page) == []
        assert page.evaluate("window.attacked") is None
        if width > 1000:
            page.get_by_role("search").get_by_role("button", name="User").click()
            page.get_by_role("dialog", name="Filter by user").get_by_role("checkbox").first.wait_for()
            assert accessibility_problems(page) == []
            page.keyboard.press("Escape")
            page.keyboard.press("Control+k")
            page.get_by_role("option").first.wait_for()
            assert accessibility_problems(page) == []


def test_without_runs_it_says_how_to_make_one_and_without_answers_what_to_do(project, web_app, browser):
    page = web_app(project.path).page(browser)
    page.get_by_text("No runs yet").wait_for()
    page.get_by_text("python flow.py run").wait_for()
    assert accessibility_problems(page) == []
    refusal = '{"error": {"kind": "invalid", "message": "The store is of another planet."}}'
    page.route("**/runs/find*", lambda route: route.fulfill(status=422, content_type="application/json", body=refusal))
    page.reload()
    page.get_by_text("The store is of another planet.").wait_for()
    page.get_by_role("button", name="Use dark colours").wait_for()
    page.emulate_media(color_scheme="dark")
    page.get_by_role("button", name="Use light colours").wait_for()
    browser.foresee("status of 422")


@pytest.mark.parametrize(
    ("path", "heading", "title"),
    [
        ("nowhere", "There is no such page", "No such page"),
        ("runs/NoFlow/1", "There is no such run here", "NoFlow/1"),
        ("flows/NoFlow", "There is no such flow here", "NoFlow"),
    ],
)
def test_an_address_of_nothing_says_so_and_leads_on(project, web_app, browser, path, heading, title):
    page = web_app(project.path).page(browser, f"/ui/{path}")
    page.get_by_role("heading", name=heading).wait_for()
    expect(page).to_have_title(f"{title} · Metaflow")
    assert accessibility_problems(page) == []
    page.get_by_role("link", name="All runs").click()
    page.get_by_text("No runs yet").wait_for()
    expect(page).to_have_title("Runs · Metaflow")
    browser.foresee("status of 404")
