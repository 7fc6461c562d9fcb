"""Components as a reader meets them: in a browser, on paper, on a phone, and without scripts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from browser import Browser, accessibility_problems, expect
from live_card_doubles import fragments_of
from metaflow.cards import (
    Error,
    EventsTimeline,
    Image,
    Markdown,
    PageComponent,
    ProgressBar,
    PythonCode,
    Section,
    ValueBox,
)
from metaflow.cards.page.document import PageFacts, render_page
from metaflow.cards.running.making import node_of

from .conftest import Project

SVG = '<svg viewBox="0 0 20 10"><circle cx="10" cy="5" r="4" fill="teal"/></svg>'


def failing() -> None:
    raise ValueError("no rows in <table>")


def an_error() -> Exception:
    try:
        failing()
    except ValueError as error:
        return error
    raise AssertionError


def boxes() -> list[ValueBox]:
    return [
        ValueBox("Accuracy", 0.9342, "of 10,000 images", "success", "+0.8 points"),
        ValueBox("Rows", 1234567, change_indicator="-3%"),
        ValueBox("Drift", 0.31, theme="warning"),
        ValueBox("Failed", 17, theme="danger", change_indicator="up 4"),
        ValueBox("Model", "resnet-50-v2-fine-tuned-again", theme="bg-gradient-indigo-purple", change_indicator="same"),
    ]


def a_timeline() -> EventsTimeline:
    timeline = EventsTimeline("Agent")
    for number, theme in enumerate(EventsTimeline.VALID_THEMES * 2):
        timeline.update({"event": f"Event {number}", "tokens": 1000 * number}, theme)
    timeline.update(
        {"event": "Search", "arguments": {"query": "weather"}, "text": "long " * 100, "duration": 2.5},
        "tool_call",
        "high",
        {"text": Markdown("**Sunny**"), "hits": ValueBox("Hits", 12), "code": PythonCode(failing)},
        finished=True,
    )
    return timeline


def all_components() -> list[Any]:
    counted = ProgressBar(10, "Epochs", 3, "epochs", {"loss": 0.25})
    counted.update(3)
    time.sleep(0.01)
    counted.update(4)
    return [
        Markdown("# Report"),
        *boxes(),
        counted,
        ProgressBar(5, "Files", 5),
        ProgressBar(None, "Download", 123456, "bytes"),
        Section("Pictures", "side by side", 3, [Image(SVG, "A circle"), Image("no.png"), ValueBox("Alone")]),
        a_timeline(),
        PythonCode(failing),
        Error(an_error(), "It failed"),
        PageComponent("Another page", contents=["*text*"]),
    ]


def page_of(components: list[Any], *, is_live: bool = False) -> str:
    nodes = [node_of(component) for component in components]
    return render_page(nodes, PageFacts("Components", "Flow/1/start/1", is_live=is_live))


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    file = tmp_path / "page.html"
    file.write_text(page_of(all_components()), encoding="utf-8")
    return file


def middle(box: dict[str, float]) -> float:
    return box["y"] + box["height"] / 2


def test_what_is_on_the_page(browser: Browser, everything: Path) -> None:
    page = browser.open(everything, viewport={"width": 1200, "height": 900})

    # Boxes that follow each other stand in one row, all of one height, each with its title as its name.
    tops = [page.get_by_role("group", name=each).bounding_box() for each in ("Accuracy", "Rows", "Drift", "Failed")]
    assert len({(round(each["y"]), round(each["height"])) for each in tops if each}) == 1
    assert page.get_by_role("group", name="Rows").locator("data").inner_text() == "1,234,567"
    assert page.get_by_role("img", name="good", exact=True).is_visible()
    # What follows the row is below it.
    bar = page.get_by_role("progressbar", name="Epochs")
    assert tops[0] is not None and middle(bar.bounding_box() or tops[0]) > tops[0]["y"] + tops[0]["height"]

    assert bar.evaluate("each => [each.value, each.max, each.position]") == [4, 10, 0.4]
    assert "4 / 10 epochs" in page.locator(".mf-progress").first.inner_text()
    # Nobody is left to wait for the end of a task that is over.
    assert not page.get_by_text("left", exact=False).locator("visible=true").filter(has_text="about").count()
    assert page.get_by_role("progressbar", name="Download").evaluate("each => each.position") == -1

    timeline = page.get_by_role("region", name="Agent")
    titles = timeline.locator(".mf-event-title").all_inner_texts()
    assert titles[:2] == ["Search", "Event 17"]
    moment = timeline.locator("time").first
    assert moment.inner_text() != moment.get_attribute("title")
    assert "UTC" in str(moment.get_attribute("title"))
    assert timeline.get_by_text("Sunny").evaluate("each => each.tagName") == "STRONG"
    assert timeline.get_by_text("finished").is_visible()
    oldest = timeline.get_by_text("Event 0", exact=True)
    assert not oldest.is_visible()
    timeline.get_by_text("9 older events").focus()
    page.keyboard.press("Enter")
    assert oldest.is_visible()

    picture = page.get_by_role("img", name="A circle")
    expect(picture).to_have_js_property("naturalWidth", 480)
    assert page.get_by_text("[IMAGE_RENDER FAIL]: there is no file 'no.png'").is_visible()
    assert page.get_by_text("test_card_components.py, line", exact=False).first.is_visible()
    assert "no rows in <table>" in page.get_by_text("ValueError: no rows", exact=False).first.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_in_light_and_dark(browser: Browser, everything: Path, scheme: str) -> None:
    page = browser.open(everything, color_scheme=scheme)
    page.get_by_text("9 older events").click()
    assert accessibility_problems(page) == []


def test_it_fits_a_phone_and_paper(browser: Browser, everything: Path) -> None:
    page = browser.open(everything, viewport={"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    cut = page.evaluate(
        "[...document.querySelectorAll('.mf-value-number, .mf-progress *, .mf-event-head *')]"
        ".filter(each => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 1).map(each => each.outerHTML)"
    )
    assert cut == []
    page.emulate_media(media="print")
    assert page.get_by_role("progressbar", name="Epochs").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_it_reads_well_without_scripts(browser: Browser, everything: Path) -> None:
    page = browser.open(everything, scripts=False)
    assert "UTC" in page.locator(".mf-timeline time").first.inner_text()
    page.get_by_text("9 older events").click()
    assert page.get_by_text("Event 0", exact=True).is_visible()


def test_updates_take_the_place_of_what_was_there(browser: Browser, tmp_path: Path) -> None:
    bar, box, timeline = ProgressBar(10, "Epochs"), ValueBox("Loss", 1.5), EventsTimeline("Events")
    for number in range(12):
        timeline.update({"event": f"Event {number}"})
    file = tmp_path / "page.html"
    file.write_text(page_of([bar, box, timeline], is_live=True), encoding="utf-8")
    page = browser.open(file)
    assert page.get_by_text("going on").is_visible()
    page.get_by_text("2 older events").click()

    bar.update(1)
    time.sleep(0.01)
    bar.update(5)
    box.update(value=0.5, change_indicator="-66%")
    timeline.update({"event": "Last"}, "success", finished=True)
    nodes = {component.component_id: node_of(component) for component in (bar, box, timeline)}
    page.evaluate("([nodes, html]) => window.metaflow_card_update(nodes, html)", [nodes, fragments_of(nodes)])

    assert page.get_by_role("progressbar", name="Epochs").evaluate("each => each.value") == 5
    assert page.get_by_text("left", exact=False).filter(has_text="about").last.is_visible()
    assert page.get_by_role("group", name="Loss").inner_text().split()[:2] == ["Loss", "0.5"]
    assert page.locator(".mf-event-title").first.inner_text() == "Last"
    assert "UTC" not in page.locator(".mf-timeline time").first.inner_text()
    # What the reader has unfolded stays unfolded.
    assert page.get_by_text("Event 0", exact=True).is_visible()


def test_components_of_a_step(project: Project, browser: Browser) -> None:
    """What a step put on its card, and changed since, in loops, threads and after an error, is what its page shows."""
    outcome = project.run("""
        import threading

        from metaflow import FlowSpec, card, current, step
        from metaflow.cards import Error, EventsTimeline, Image, PythonCode, ProgressBar, Section, ValueBox


        class Pieces(FlowSpec):
            @card(type="blank")
            @step
            def start(self):
                self.count = 3
                bar, box, events = ProgressBar(1000, "Rows"), ValueBox("Loss", 9), EventsTimeline("Events", 500)
                current.card.extend([bar, box, events, PythonCode(self.start), Image("gone.png")])

                def work(name):
                    for number in range(100):
                        events.update({"event": f"{name} {number}"})

                threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
                for thread in threads:
                    thread.start()
                for number in range(1, 1001):
                    bar.update(number)
                    box.update(value=1 / number, title=None)
                    if not number % 100:
                        current.card.refresh()
                for thread in threads:
                    thread.join()
                try:
                    {}["key"]
                except KeyError as error:
                    current.card.append(Section("Trouble", contents=[Error(error, "No key")]))
                try:
                    ValueBox("x" * 300)
                except ValueError as error:
                    print("refused:", error)
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    assert "refused: The title of a ValueBox has at most 200 characters; this one has 300" in outcome.stdout
    (file,) = project.path.glob(".metaflow/**/*.cards/blank-*.html")
    page = browser.open(file)
    assert page.get_by_role("progressbar", name="Rows").evaluate("each => each.value") == 1000
    assert page.get_by_role("group", name="Loss").locator("data").get_attribute("value") == "0.001"
    events = page.get_by_role("region", name="Events")
    assert events.get_by_text("300 events").is_visible()
    assert events.locator(".mf-event").count() == 300
    assert page.get_by_text("flow.py, line").is_visible()
    assert "self.count = 3" in page.locator(".mf-code").inner_text()
    assert page.get_by_text("[IMAGE_RENDER FAIL]: there is no file 'gone.png'").is_visible()
    trouble = page.get_by_role("region", name="Trouble")
    assert "KeyError: 'key'" in trouble.inner_text()
    assert "No key" in trouble.inner_text()
