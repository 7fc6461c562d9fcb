"""A run as a single file: made by the command and by the app, opened from disk without a network."""

from __future__ import annotations

import re
import subprocess
import sys

from attack_strings import MARKUP, PROOF
from browser import accessibility_problems

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
        assert page.get_by_role("row", name="last").first.is_visible()
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
