"""What would make a page too large to open is cut, and the page says so."""

from __future__ import annotations

from typing import Any

import pytest

from metaflow.cards import EventsTimeline
from metaflow.cards.page.context import PageContext
from metaflow.cards.page.document import PageFacts, render_page
from metaflow.cards.running.making import node_of

LONG = "<" * 1_000_000
PIXEL = "data:image/png;base64,AAAA"


def html(node: dict[str, Any]) -> str:
    return PageContext().render(node)


@pytest.mark.parametrize(
    "node",
    [
        {"type": "artifactList", "data": [{"name": LONG, "kind": "x", "type": LONG, "text": LONG, "size": LONG}]},
        {"type": "artifacts", "label": LONG, "data": []},
        {"type": "bokeh", "label": LONG, "item": "{}"},
        {"type": "cardFrame", "label": LONG, "document": ""},
        {"type": "error", "headline": LONG},
        {"type": "eventsTimeline", "title": LONG, "events": [{"metadata": {LONG: 1, "event": LONG}, "priority": LONG}]},
        {"type": "facts", "data": [{"label": LONG, "value": 1}, LONG]},
        {"type": "fold", "title": LONG, "note": LONG},
        {"type": "gantt", "label": LONG, "length": 1, "rows": [{"label": LONG, "bars": []}]},
        {"type": "heading", "title": LONG, "subtitle": LONG},
        {"type": "histogram", "counts": [1], "low": LONG, "high": LONG, "label": LONG},
        {"type": "html", "label": LONG, "html": ""},
        {"type": "image", "src": PIXEL, "label": LONG},
        {"type": "jsonViewer", "title": LONG, "data": 1},
        {"type": "log", "label": LONG, "data": "x"},
        {"type": "media", "kind": "audio", "src": "data:audio/wav;base64,AAAA", "label": LONG},
        {"type": "page", "title": LONG, "contents": []},
        {"type": "plotly", "label": LONG, "figure": "{}"},
        {"type": "progressBar", "label": LONG, "unit": LONG, "rate": 1, "value": LONG, "details": {LONG: LONG}},
        {"type": "progressBar", "details": dict.fromkeys(map(str, range(9_000)), 1)},
        {"type": "pythonCode", "label": LONG, "code": "x"},
        {"type": "section", "title": LONG, "subtitle": LONG, "contents": []},
        {"type": "sparkline", "values": [1.5] * 500_000, "label": LONG},
        {"type": "subtitle", "text": LONG},
        {"type": "table", "columns": [LONG], "data": [["x"]], "label": LONG},
        {"type": "tabs", "tabs": [{"label": LONG, "contents": []}]},
        {"type": "title", "text": LONG},
        {"type": "usage", "data": [{"label": LONG, "text": LONG}]},
        {"type": "valueBox", "title": LONG, "value": LONG, "subtitle": LONG, "change_indicator": LONG},
    ],
    ids=lambda node: node["type"],
)
def test_labels_of_any_length(node: dict[str, Any]) -> None:
    shown = html(node)
    assert "cannot be shown" not in shown
    assert len(shown) < 60_000


def test_a_title_says_how_long_it_is() -> None:
    page = render_page([], PageFacts("t" * 5_000_000))
    assert f"<title>{'t' * 2_000}… (5,000,000 characters)</title>" in page
    assert "t" * 2_001 not in page


def test_bars_of_a_large_histogram_are_drawn_together() -> None:
    shown = html({"type": "histogram", "counts": [*[0] * 500_000, 7, *[1] * 500_000], "low": 0, "high": 1})
    assert shown.count("M") <= 240 and "in part 121 of 240" in shown
    assert html({"type": "histogram", "counts": [1, 5]}).count("z") == 2


def test_the_ends_of_a_long_line_are_on_it() -> None:
    values = [0.0] * 300_000
    values[123_456], values[234_567], values[-1] = 9.0, -4.0, 3.0
    shown = html({"type": "sparkline", "values": values})
    assert "Line from 0 to 3; smallest -4, largest 9" in shown and len(shown) < 50_000
    assert html({"type": "sparkline", "values": [5] + [None] * 3_000 + [1, 2]}).count("L2") == 1


def test_events_with_very_many_fields() -> None:
    timeline = EventsTimeline(max_events=None)
    for number in range(1_000):
        timeline.update({**{f"field {index}": "v" * 5_000 for index in range(200)}, "event": f"event {number}"})
    node = timeline.render()
    newest, oldest = node["events"][0], node["events"][-1]
    assert newest["left_out"] == 200 + 2 - 100 and len(newest["metadata"]) == 100
    assert newest["metadata"]["event"] == "event 999" and oldest["metadata"]["event"] == "event 0"
    assert len(oldest["metadata"]) == 4 and oldest["left_out"] == 198
    shown = html(node)
    assert "102 more fields are left out." in shown and "198 more fields are left out." in shown
    assert len(shown) < 6_000_000


def test_large_parts_are_put_in_last_and_no_text_can_stand_for_them() -> None:
    rows = [[f"cell {number}", number] for number in range(20_000)]
    forged = "\x000123456789abcdef:0\x00"
    nodes = [{"type": "text", "text": forged}, {"type": "table", "data": rows}, {"type": "html", "html": forged}]
    page = render_page([{"type": "section", "contents": nodes}], PageFacts("x"))
    assert page.count('"cell 19999",19999') == 1
    assert "\x00" not in page


def test_a_component_keeps_what_it_shows() -> None:
    timeline = EventsTimeline()
    timeline.update({"event": "one", "detail": "d" * 3_000})
    (event,) = node_of(timeline)["events"]  # type: ignore[index]
    assert event["metadata"]["detail"] == "d" * 3_000 and "left_out" not in event
