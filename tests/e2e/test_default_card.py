"""The default card of a real run, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from browser import Browser, accessibility_problems
from metaflow import Task
from metaflow.cards import DefaultCard

from .conftest import Project

FLOW = '''
import sys

from metaflow import Config, FlowSpec, Parameter, card, current, resources, retry, step
from metaflow.cards import BlankCard, Markdown

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63"
    "64f8cf500f0003860180165a347d6b0000000049454e44ae426082"
)


class Odd:
    def __repr__(self):
        raise ValueError("no text")


class Summary(BlankCard):
    type = "summary"

    def contents(self, task):
        return [Markdown(f"**{len(list(task))}** artifacts"), *super().contents(task)]


class ChurnFlow(FlowSpec):
    """Predicts which customers leave."""

    alpha = Parameter("alpha", default=0.1)
    settings = Config("settings", default_value={"depth": 4})
    seed = 7

    @step
    def start(self):
        self.rates = [0.01, 0.1]
        self.names = ["ann", "bob"]
        self.next(self.train, foreach="rates")

    @card(type="summary", id="mine", options={"title": "In short"})
    @card
    @resources(cpu=2, memory=512)
    @retry(times=1, minutes_between_retries=0)
    @step
    def train(self):
        """Train at one rate.

        More words.
        """
        if current.retry_count == 0 and self.index == 1:
            raise ValueError("at first it fails")
        import numpy as np
        import pandas as pd

        current.card.append(Markdown("## From the <step>"))
        print(*range(100), sep="\\n")
        print("the rate is", self.input)
        print("a warning", file=sys.stderr)
        self.rate = self.input
        self.frame = pd.DataFrame({"age": range(1000), "plan": "basic"})
        self.scores = np.random.default_rng(0).normal(size=100_000)
        self.confusion = np.array([[90, 2], [3, 40]])
        self.losses = [1 / (1 + n) for n in range(30)]
        self.history = [{"epoch": n, "loss": 1 / (n + 1)} for n in range(20)]
        self.metrics = {"auc": 0.9, "by <plan>": {"basic": 1}}
        self.picture = PNG
        self.report = "line one\\nline two <b>\\n" * 20
        self.odd = Odd()
        self.next(self.join)

    @step
    def join(self, inputs):
        self.best = max(one.rate for one in inputs)
        self.next(self.choose)

    @card
    @step
    def choose(self):
        for number in range(300):
            setattr(self, f"value_{number:03}", {"number": number})
        self.mode = "deploy"
        self.next({"deploy": self.deploy, "again": self.choose}, condition="mode")

    @step
    def deploy(self):
        self.next(self.end)

    @step
    def end(self):
        pass
'''


@pytest.fixture(scope="module")
def cards(tmp_path_factory) -> dict[str, Path]:
    """Pages of one run, by step, task and type; the folder under an empty name."""
    pytest.importorskip("pandas")
    folder = tmp_path_factory.mktemp("report")
    project = Project(folder)
    try:
        outcome = project.run(FLOW)
    finally:
        project.close()
    assert "WARNING" not in outcome.stdout + outcome.stderr, outcome
    found = {"": folder}
    for page in sorted(folder.rglob("*.html")):
        step, task = page.parts[-3], page.parts[-2].removesuffix(".cards")
        found.setdefault(f"{step}/{page.name.partition('-')[0]}", page)
        found[f"{step}/{task}/{page.name.partition('-')[0]}"] = page
    return found


def open_rows(page) -> list[str]:
    return page.locator(".mf-artifacts details[open] > summary .mf-artifact-name").all_inner_texts()


def section(page, title: str):
    return page.locator("section.mf-section").filter(has=page.get_by_role("heading", name=title, exact=True))


def test_the_whole_task_is_on_one_page(cards, browser: Browser):
    card = cards["train/default"]
    page = browser.open(card, viewport={"width": 1200, "height": 900})
    headings = page.get_by_role("heading", level=2).all_inner_texts()
    assert headings[:1] == ["From the <step>"] and headings[1:] == [
        "Task", "Parameters", "Artifacts", "Flow", "Code", "Log"
    ]  # fmt: skip
    assert page.get_by_text("Finished", exact=True).count() >= 1

    facts = section(page, "Task")
    assert facts.get_by_text("Train at one rate.").is_visible() and not facts.get_by_text("More words").count()
    told = dict(zip(facts.locator("dt").all_inner_texts(), facts.locator("dd").all_inner_texts(), strict=True))
    assert told["Foreach rates"] == "0.01 (1 of 2)" and told["Attempt"] == "1 of 2" and told["Reads from"] == "start/1"
    assert re.fullmatch(r"\d+ ms, [\d.e-]+ of 2 cores|[\d.]+ s, [\d.]+ of 2 cores", told["CPU time"]), told
    assert re.fullmatch(r"[\d.]+ MB of 512 MB", told["Peak memory"]), told
    assert facts.locator(".mf-usage svg").count() == 2

    assert section(page, "Parameters").locator(".mf-artifact-name").all_inner_texts() == ["alpha", "settings", "seed"]
    artifacts = section(page, "Artifacts")
    names = artifacts.locator(".mf-artifact-name").all_inner_texts()
    assert names[: names.index("odd") + 1] == [
        "rate", "frame", "scores", "confusion", "losses", "history", "metrics", "picture", "report", "odd"
    ]  # fmt: skip
    assert set(open_rows(page)) == {"frame", "scores", "losses", "picture"}
    assert artifacts.locator(".mf-artifact-body img:visible").count() == 1
    assert artifacts.locator(".mf-histogram:visible").count() == 1
    assert artifacts.get_by_text("992 more rows").is_visible()
    metrics = artifacts.locator("details").filter(has_text="metrics").first
    metrics.locator("summary").first.press("Enter")
    assert metrics.locator(".mf-key", has_text="by <plan>").is_visible()

    log = section(page, "Log").inner_text()
    block = section(page, "Log").locator("pre")
    assert block.evaluate("node => node.scrollTop + node.clientHeight >= node.scrollHeight - 2"), "its end is in sight"
    assert "the rate is 0.01" in log and "a warning" in log
    code = section(page, "Code").inner_text()
    assert "def train(self):" in code and "@resources(cpu=2, memory=512)" in code and "def join" not in code
    assert accessibility_problems(page) == []


def test_the_graph_shows_this_step_among_all(cards, browser: Browser):
    page = browser.open(cards["train/default"])
    flow = section(page, "Flow")
    assert flow.locator("svg g.mf-dag-step").count() == 6 and flow.locator("svg .mf-dag-edge").count() == 6
    assert flow.locator("svg g.mf-dag-here text").text_content() == "train"
    assert flow.locator("svg g.mf-dag-switch polygon").count() == 1
    labels = flow.locator("svg text.mf-dag-label").evaluate_all("all => all.map(each => each.lastChild.data)")
    assert sorted(labels) == ["again", "deploy", "each rates"]
    boxes = [each.bounding_box() for each in flow.locator("svg g.mf-dag-step").all()]
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            apart = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            assert apart or one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
    flow.get_by_text("6 steps as a list").click()
    assert flow.locator("li[aria-current=step]").inner_text().startswith("train (once for each item)")
    assert flow.locator("li").count() == 6


def test_of_300_artifacts_one_is_soon_found(cards, browser: Browser):
    page = browser.open(cards["choose/default"])
    artifacts = section(page, "Artifacts")
    assert artifacts.locator("li:visible").count() == 301 and open_rows(page) == []
    artifacts.get_by_label("Filter artifacts by name or type").fill("value_01")
    assert artifacts.locator("li:visible").count() == 10 and artifacts.get_by_text("10 of 301").is_visible()
    artifacts.get_by_label("Filter artifacts by name or type").fill("")
    artifacts.get_by_role("button", name="Open all").click()
    assert len(open_rows(page)) == 100
    artifacts.get_by_role("button", name="Close all").click()
    assert open_rows(page) == []
    assert cards["choose/default"].stat().st_size < 400_000


def test_a_card_reads_well_on_a_phone_on_paper_and_without_scripts(cards, browser: Browser):
    card = cards["train/default"]
    assert card.stat().st_size < 150_000
    phone = browser.open(card, viewport={"width": 360, "height": 700}, color_scheme="dark")
    assert phone.evaluate("document.documentElement.scrollWidth") == 360
    assert accessibility_problems(phone) == []
    plain = browser.open(card, scripts=False)
    plain.emulate_media(media="print")
    assert plain.locator(".mf-artifact-body img:visible").count() == 1
    assert "def train(self):" in section(plain, "Code").inner_text()


def test_a_retried_task_and_cards_of_a_type_of_ones_own(cards, browser: Browser):
    pages = [page for name, page in cards.items() if re.fullmatch(r"train/\d+/default", name)]
    assert len(pages) == 2
    attempts = set()
    for path in pages:
        page = browser.open(path)
        told = dict(zip(page.locator("dt").all_inner_texts(), page.locator("dd").all_inner_texts(), strict=True))
        attempts.add(told["Attempt"])
    assert attempts == {"1 of 2", "2 of 2"}
    mine = browser.open(cards["train/summary"])
    assert mine.get_by_role("heading", level=1).inner_text() == "In short"
    assert mine.get_by_text("artifacts").is_visible()


def test_the_card_can_be_made_later_from_what_is_stored(cards, browser: Browser, tmp_path):
    folder = cards[""]
    *_, run, step, task, _ = cards["train/default"].parts
    task = Task.at(f"ChurnFlow/{run}/{step}/{task.removesuffix('.cards')}", f"local@{folder}")
    later = tmp_path / "later.html"
    later.write_text(DefaultCard().render(task), encoding="utf-8")
    page = browser.open(later)
    now = browser.open(cards["train/default"])
    # Only what the task's process has used is not known any more, nor what the step put on the card.
    headings = now.get_by_role("heading", level=2).all_inner_texts()
    assert page.get_by_role("heading", level=2).all_inner_texts() == headings[1:]
    lines = [
        each.locator("section").filter(has_text="Passed on").locator(".mf-artifact-line").all_inner_texts()
        for each in (page, now)
    ]
    assert lines[0] == lines[1] and len(lines[0]) >= 12
    assert section(page, "Code").inner_text() == section(now, "Code").inner_text()
    assert section(page, "Log").inner_text() == section(now, "Log").inner_text()
