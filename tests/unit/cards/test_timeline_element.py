"""HTML of timelines."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, strategies as st

from metaflow.cards import EventsTimeline, ValueBox
from metaflow.cards.page.context import PageContext


def html(node: dict[str, Any]) -> str:
    return PageContext().render(node)


def of_events(*events: Any, **fields: Any) -> str:
    return html({"type": "eventsTimeline", "events": list(events), **fields})


def test_an_event() -> None:
    event = {
        "metadata": {"event": "Search", "query": "<b>", "rows": 12345, "duration": 2.31, "timestamp": 0},
        "style_theme": "tool_call",
        "priority": "high",
        "received_at": 10.0,
        "payloads": {"hits": ValueBox("Hits", 3).render()},
    }
    shown = of_events(event, {"metadata": {"event": "Start"}, "received_at": 7.5}, title="Agent")
    for part in (
        '<h2 class="mf-section-title" dir="auto" id="mf-1">Agent</h2>',
        'aria-labelledby="mf-1"',
        '<strong class="mf-event-title" dir="auto">Search</strong>',
        'class="mf-event mf-event-tool-call"',
        ">tool call<",
        ">priority: high<",
        'datetime="1970-01-01T00:00:00.000Z"',
        ">took 2.3 s<",
        ">+2.5 s<",
        '<dt dir="auto">query</dt><dd dir="auto">&lt;b&gt;</dd>',
        '<dd dir="auto">12,345</dd>',
        '<p class="mf-payload-name" dir="auto">hits</p><div class="mf-value-box',
    ):
        assert part in shown, part
    assert "<dt" not in shown.split("Start")[1]


@pytest.mark.parametrize(
    ("facts", "headline"),
    [
        ({"message": "m", "title": "t"}, "t"),
        ({"event_type": "e"}, "e"),
        ({"name": 3, "action": "a"}, "a"),
        ({"other": "o"}, None),
        ({"title": " "}, None),
    ],
)
def test_the_headline_of_an_event(facts: dict[str, Any], headline: str | None) -> None:
    found = re.search(r'mf-event-title" dir="auto">(.*?)</strong>', of_events({"metadata": facts}))
    assert (found[1] if found else None) == headline


def test_a_long_headline_is_still_there_in_full() -> None:
    shown = of_events({"metadata": {"message": "m" * 400}})
    assert "m" * 400 in shown


def test_older_events_are_folded_and_the_oldest_left_out() -> None:
    timeline = EventsTimeline(max_events=None)
    for number in range(2105):
        timeline.update({"event": f"number {number}"})
    shown = html(timeline.render())
    assert shown.index("number 2104") < shown.index("1,990 older events") < shown.index("number 2094<")
    assert "105 still older events are left out" in shown
    assert "number 104<" not in shown
    assert shown.count("<li") == 2000


def test_counts_and_state() -> None:
    stats = {
        "total_events": 12,
        "displayed_events": 10,
        "total_runtime_seconds": 200.0,
        "events_per_minute": 3.6,
        "finished": False,
    }
    shown = of_events(stats=stats)
    for part in ("12 events", "the last 10 are kept", "over 3 min 20 s", "3.6 per minute", "going on"):
        assert f">{part}<" in shown
    assert ">finished<" in of_events(stats={**stats, "finished": True})
    assert "Nothing has happened yet" in shown


def test_a_theme_that_is_not_known_looks_like_none() -> None:
    shown = of_events({"metadata": {"event": "x"}, "style_theme": '"><b>'})
    assert 'class="mf-event mf-event-default"' in shown


anything = st.recursive(
    st.one_of(st.integers(), st.floats(), st.text(), st.none(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)
event_fields = ["metadata", "payloads", "received_at", "style_theme", "priority"]
events = st.lists(st.one_of(anything, st.dictionaries(st.sampled_from(event_fields), anything)), max_size=4)


@given(st.one_of(events, anything), anything, anything)
def test_no_node_is_too_odd(events: Any, title: Any, stats: Any) -> None:
    node = {"type": "eventsTimeline", "events": events, "title": title, "stats": stats}
    assert "This eventsTimeline cannot be shown" not in html(node)
