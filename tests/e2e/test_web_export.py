"""A run as a single file: made by the command and by the app, opened from disk without a network."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from attack_strings import MARKUP, PROOF
from browser import accessibility_problems, expect

FLOW = """
from metaflow import card
from metaflow.cards import Markdown, HTML

ATTACKS = {attacks!r}


class ShardFlow(FlowSpec):
    label = Parameter("label", default=ATTACKS[0])

    @card
    @step
    def start(self):
        current.card.append(Markdown("# Shard " + ATTACKS[0]))
        current.card.append(HTML("<p>framed</p>"))
        self.items = [*ATTACKS[:3], "last"]
        self.next(self.fit, foreach="items")

    @step
    def fit(self):
        print(self.input)
        if self.input == "last":
            raise ValueError("shard " + ATTACKS[0])
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def export(project, *arguments, code=0):
    command = [sys.executable, "-m", "metaflow", "runs", "export", *arguments]
    done = subprocess.run(command, cwd=project.path, env=project.env, capture_output=True, timeout=60)
    assert done.returncode == code, done.stderr.decode()
    return done


def test_a_failed_run_is_sent_as_a_file(project, browser):
    project.write(FLOW.format(attacks=MARKUP))
    run = project.call("run")
    assert run.code == 1
    export(project, "ShardFlow", "-o", "run.html")
    file = project.path / "run.html"
    for scheme, width in (("light", 1280), ("dark", 360)):
        page = browser.open(file, color_scheme=scheme, viewport={"width": width, "height": 900}, offline=True)
        assert page.title() == f"ShardFlow/{run.run_id}"
        failed = page.get_by_role("region", name="What failed")
        assert "ValueError" in failed.inner_text() and f"shard {MARKUP[0]}" in failed.inner_text()
        assert 'raise ValueError("shard " + ATTACKS[0])' in failed.locator(".mf-marked").inner_text()
        expect(page.get_by_role("row", name="last").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert [each for each in accessibility_problems(page) if "(serious)" in each or "(critical)" in each] == []
    frame = page.get_by_title("Card default of start/1")
    frame.scroll_into_view_if_needed()
    inside = frame.content_frame
    inside.get_by_role("heading", name=re.compile("^Shard ")).wait_for()
    inside.locator("iframe").first.content_frame.get_by_text("framed").wait_for()
    # Scripts of our own run in the card's page: this button is there only by one.
    inside.get_by_role("button", name="Dark colours").wait_for()
    assert page.evaluate(f"window.{PROOF}") is None
    assert inside.locator("body").evaluate(f"() => window.{PROOF}") is None
    assert inside.locator("body").evaluate("() => { try { return parent.document.title } catch { return '' } }") == ""

    still = browser.open(file, scripts=False, offline=True)
    assert "ValueError" in still.inner_text("body") and "Command to repeat it" in still.inner_text("body")

    refused = export(project, "ShardFlow", "-o", "run.html", code=1).stderr.decode()
    assert "run.html exists already" in refused and "--overwrite" in refused and "Traceback" not in refused
    export(project, "ShardFlow", "-o", "run.html", "--overwrite", "--no-cards", "--no-logs")
    assert b"<iframe" not in file.read_bytes() and sorted(project.path.glob(".export*")) == []
    assert export(project, "latest", "-o", "-").stdout.startswith(b"<!DOCTYPE html>")
    assert "no directory" in export(project, "latest", "-o", "none/run.html", code=1).stderr.decode()
    assert "Traceback" not in export(project, "ShardFlow/999", code=1).stderr.decode()


DRAWN = """
from metaflow import card


class Drawn(FlowSpec):
    @card(type="html", id="own")
    @card(type="blank", id="bokeh")
    @card(type="blank", id="plotly")
    @step
    def start(self):
        import plotly.graph_objects
        from bokeh.plotting import figure

        current.card["plotly"].append(plotly.graph_objects.Figure(plotly.graph_objects.Bar(y=[1, 3, 2])))
        drawing = figure(height=200)
        drawing.line([1, 2, 3], [1, 3, 2])
        current.card["bokeh"].append(drawing)
        self.html = SCRIPT
        self.next(self.end)

    @step
    def end(self):
        pass


SCRIPT = '''<!DOCTYPE html><title>own</title><main>waiting</main><button onclick="window.clicked = 1">Click</button>
<script>
const said = [];
const attempt = async (name, what) => {
  try { await what(); said.push(`${name} worked`); } catch (error) { said.push(`${name} ${error.name}`); }
};
(async () => {
  await attempt("page", () => parent.document.title);
  await attempt("storage", () => localStorage.length);
  await attempt("fetch", () => fetch("https://evil.example/fetched"));
  await attempt("image", () => new Promise((done, fail) => {
    const image = new Image();
    image.onload = done;
    image.onerror = () => fail(new TypeError());
    image.src = "https://evil.example/image.png";
  }));
  await attempt("script", () => new Promise((done, fail) => {
    const script = document.createElement("script");
    script.textContent = "window.inserted = 1";
    document.body.append(script);
    window.inserted ? done() : fail(new TypeError());
  }));
  await attempt("eval", () => eval("1"));
  await attempt("top", () => { top.location = "https://evil.example/top"; });
  await attempt("window", () => { if (!open("https://evil.example/window")) throw new TypeError(); });
  document.querySelector("main").textContent = said.join(", ");
})();
</script>'''
"""


def test_scripts_of_cards_run_in_frames_that_reach_nothing(project, browser):
    for library in ("plotly", "bokeh"):
        pytest.importorskip(library)
    project.write(DRAWN)
    assert project.call("run").code == 0
    export(project, "latest", "-o", "run.html")
    page = browser.open(project.path / "run.html", offline=True)
    title = page.title()
    for name in ("plotly", "bokeh", "own"):
        fold = page.locator("summary", has_text=f"Card {name} of start/1")
        if not fold.locator("..").evaluate("(fold) => fold.open"):
            fold.click()
    frame = page.get_by_title("Card plotly of start/1")
    frame.scroll_into_view_if_needed()
    frame.content_frame.locator(".plotly .bars path").first.wait_for()
    frame = page.get_by_title("Card bokeh of start/1")
    frame.scroll_into_view_if_needed()
    frame.content_frame.locator("canvas").first.wait_for()

    frame = page.get_by_title("Card own of start/1")
    frame.scroll_into_view_if_needed()
    own = frame.content_frame
    own.get_by_text("window ").wait_for()
    assert "worked" not in own.locator("main").inner_text()
    own.locator("button").click()
    assert own.locator("body").evaluate("() => window.clicked") is None
    # The last thing that it can try: to lead itself to a place that learns of it.
    own.locator("body").evaluate("() => { location = 'https://evil.example/self'; }")
    page.wait_for_timeout(300)
    assert page.title() == title and page.url.startswith("file:") and len(page.context.pages) == 1
    # All that went wrong is what the browser did not let the card do.
    browser.foresee(
        "Content Security Policy", "sandbox", "ERR_BLOCKED_BY_CSP", "Unsafe attempt", "violates", "violated"
    )


def test_the_page_of_a_run_exports_it(project, web_app, browser):
    project.write(FLOW.format(attacks=["a", "b", "c"]))
    run = project.call("run")
    page = web_app().page(browser, f"/ui/runs/ShardFlow/{run.run_id}")
    page.get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog", name="Export this run")
    dialog.get_by_label("Cards").uncheck()
    serious = [each for each in accessibility_problems(page) if "(serious)" in each or "(critical)" in each]
    assert serious == []
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"ShardFlow-{run.run_id}.html"
    content = download.value.path().read_text()
    assert "ValueError" in content and "<iframe" not in content
    dialog.wait_for(state="hidden")
