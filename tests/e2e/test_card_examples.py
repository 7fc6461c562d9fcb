"""The example cards: made by their flows, and looked at in a browser. Compared by structure, not by pixels."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from browser import Browser, expect

#: The first of these tests has ten flows run, with libraries that take seconds to import.
pytestmark = pytest.mark.timeout(400)
EXAMPLES = Path(__file__).parents[2] / "examples/cards"

#: What a person finds on a page, from its top: what is there and what it is called.
OUTLINE = """() => {
  const shown = (element) => element.checkVisibility && element.checkVisibility();
  const text = (element) => element.textContent.replace(/\\s+/g, " ").trim();
  const found = [];
  const wanted = "h1,h2,h3,table,img,progress,[role=tab],audio,iframe,pre,.mf-value-box";
  for (const element of document.querySelectorAll(wanted)) {
    if (!shown(element) && element.getAttribute("role") !== "tab") continue;
    const name = element.tagName.toLowerCase();
    if (/^h[1-3]$/.test(name)) found.push(`${name} ${text(element)}`);
    else if (name === "table") {
      const heads = [...element.querySelectorAll("thead th")].map((th) => text(th).replace(/[^\\p{L}\\p{N} ]/gu, ""));
      const rows = element.querySelectorAll("tbody tr").length;
      found.push(`table ${heads.map((head) => head.trim()).join(", ")}: ${rows} rows`);
    } else if (name === "img") found.push(`img ${element.alt} ${element.naturalWidth > 0 ? "" : "broken"}`.trim());
    else if (element.getAttribute("role") === "tab") found.push(`tab ${text(element)}`);
    else if (element.classList.contains("mf-value-box")) {
      found.push(`box ${text(element.querySelector(".mf-value-title"))}`);
    } else found.push(name === "pre" ? `pre ${text(element).length > 0}` : name);
  }
  for (const chart of document.querySelectorAll("svg.marks, canvas.marks")) {
    const drawn = chart.tagName === "CANVAS" || chart.querySelectorAll("path").length > 5;
    found.push(`chart with ${drawn ? "marks" : "nothing"}`);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for library in ("sklearn", "matplotlib", "pandas", "vl_convert", "altair", "plotly", "bokeh"):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"The examples need {library}.")
    folder = tmp_path_factory.mktemp("gallery")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("METAFLOW_")}
    environment["METAFLOW_USER"] = "tester"
    built = subprocess.run(
        [sys.executable, EXAMPLES / "gallery.py", folder], capture_output=True, text=True, env=environment, timeout=290
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


#: Card -> its outline. Numbers that depend on versions of libraries are not in it.
EXPECTED = {
    "broken-start-broken": ["h1 The card of type 'broken' cannot be rendered", "pre true"],
    "comparison-compare-blank": [
        "h1 Learning rates compared",
        "table Rate, Error at the end, Decimal places reached: 6 rows",
        *["progress"] * 6,
        "chart with marks",
    ],
    "data_browser-start-blank": [
        "h1 Data to look through",
        "h2 20,000 orders",
        "table , order, day, city, amount: 50 rows",
        "h2 The first of them, as most tables are shown",
        "table , order, day, city, amount: 5 rows",
        "table Name, Type, Value: 1 rows",
    ],
    "figures_and_media-start-blank": [
        "h1 Figures and media",
        "tab Vega-Lite",
        "tab Altair",
        "tab Plotly",
        "tab Bokeh",
        "h2 Sound",
        "audio",
        "h2 HTML",
        "iframe",
        "chart with marks",
    ],
    "live_training-start-blank": ["h1 Training, live", "progress", "box Best loss", "box Epoch", "chart with marks"],
    "model_report-start-blank": [
        "h1 Digits: how good is the model?",
        "box Accuracy",
        "box Mistakes",
        "box Trees",
        "img Confusion matrix",
        "h2 Each digit",
        "table , precision, recall, f1score, support: 13 rows",
        "h2 How the chart is made",
        "pre true",
        "chart with marks",
    ],
    "overview-start-default": [
        "h1 start · OverviewFlow",
        "h2 Task",
        "h2 Parameters",
        "h2 Artifacts",
        "img Image",
        "table , hour, celsius, felt: 8 rows",
        "h2 Flow",
        "h2 Code",
        "pre true",
    ],
    "several_cards-start-details-blank": ["h1 Sales, all figures", "table City, Sold, Share: 4 rows"],
    "several_cards-start-summary-blank": ["h1 Sales, in short", "box Sold"],
    "template-start-rating-blank": ["h1 start · TemplateFlow", "h2 ★★★★☆"],
    "timeline-start-blank": ["h1 What the assistant did", "h2 Events", "pre true"],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_a_person_finds_on_an_example(gallery: Path, browser: Browser, name: str) -> None:
    page = browser.open(gallery / f"{name}.html")
    deadline = time.monotonic() + 30
    while page.evaluate(OUTLINE) != EXPECTED[name] and time.monotonic() < deadline:
        time.sleep(0.05)  # pictures and charts come a moment later
    assert page.evaluate(OUTLINE) == EXPECTED[name]


def test_the_gallery_shows_every_card(gallery: Path, browser: Browser) -> None:
    page = browser.open(gallery / "index.html")
    frames = page.locator("iframe")
    shown = {frames.nth(i).get_attribute("src") for i in range(frames.count())}
    assert shown == {each.name for each in gallery.glob("*.html")} - {"index.html"}
    inside = page.frame_locator("iframe").first.locator("h1")
    expect(inside).to_have_text("start · OverviewFlow")


def test_cards_without_charts_are_small(gallery: Path) -> None:
    sizes = {each.name: each.stat().st_size for each in gallery.glob("*.html")}
    without_charts = ["overview-start-default", "broken-start-broken", "several_cards-start-details-blank"]
    assert all(sizes[f"{name}.html"] < 150_000 for name in without_charts), sizes
