"""`EventsTimeline`: what is kept, counted and shown."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given, strategies as st

from metaflow.cards import EventsTimeline, Image, Markdown, PythonCode, ValueBox
from metaflow.cards.components import events_timeline
from metaflow.cards.exception import InvalidComponentArgument


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(events_timeline, "time", lambda: now[0])
    return now


def events(timeline: EventsTimeline) -> list[dict[str, Any]]:
    node = timeline.render()
    json.dumps(node, allow_nan=False)
    return node["events"]


def test_newest_first_with_a_timestamp_and_a_look(clock: list[float]) -> None:
    timeline = EventsTimeline("Agent")
    timeline.update({"event": "one"})
    clock[0] = 1002.5
    timeline.update({"event": "two", "timestamp": 7}, "tool_call", "high", {"hits": ValueBox("Hits", 3)})
    node = timeline.render()
    assert node["title"] == "Agent"
    assert node["events"] == [
        {
            "event_id": "event_1",
            "received_at": 1002.5,
            "metadata": {"event": "two", "timestamp": 7},
            "payloads": {"hits": {**ValueBox("Hits", 3).render(), "id": node["events"][0]["payloads"]["hits"]["id"]}},
            "style_theme": "tool_call",
            "priority": "high",
        },
        {
            "event_id": "event_0",
            "received_at": 1000.0,
            "metadata": {"event": "one", "timestamp": 1000.0},
            "payloads": {},
            "style_theme": "default",
        },
    ]


def test_counts(clock: list[float]) -> None:
    timeline = EventsTimeline(max_events=2)
    assert timeline.get_stats() == {
        "total_events": 0,
        "displayed_events": 0,
        "last_update": None,
        "first_event": None,
        "finished": False,
    }
    for number in range(4):
        clock[0] = 1000.0 + 20 * number
        timeline.update({"number": number}, finished=number == 3 or None)
    assert timeline.get_stats() == {
        "total_events": 4,
        "displayed_events": 2,
        "last_update": 1060.0,
        "first_event": 1000.0,
        "finished": True,
        "total_runtime_seconds": 60.0,
        "events_per_minute": 3.0,
    }
    assert timeline.render()["stats"] == timeline.get_stats()
    assert [event["metadata"]["number"] for event in events(timeline)] == [3, 2]
    timeline.update({"number": 4})
    assert timeline.get_stats()["finished"]
    timeline.update({"number": 5}, finished=False)
    assert not timeline.get_stats()["finished"]


def test_how_many_are_kept() -> None:
    everything = EventsTimeline(max_events=None)
    for number in range(300):
        everything.update({"number": number})
    assert len(events(everything)) == 300
    nothing = EventsTimeline(max_events=0)
    nothing.update({"number": 1})
    assert events(nothing) == []
    assert nothing.get_stats()["total_events"] == 1
    for wrong in (-1, 1.5, "3", True):
        with pytest.raises(InvalidComponentArgument, match="max_events of an EventsTimeline"):
            EventsTimeline(max_events=wrong)  # type: ignore[arg-type]


def test_what_is_changed_later_does_not_change_the_event() -> None:
    timeline = EventsTimeline()
    facts = {"loss": 1}
    timeline.update(facts)
    facts["loss"] = 2
    assert events(timeline)[0]["metadata"]["loss"] == 1
    assert "timestamp" not in facts


def test_payloads_are_shown_as_they_are_now() -> None:
    timeline = EventsTimeline()
    text, box = Markdown("one"), ValueBox("t", 1)
    timeline.update(
        {"event": "x"}, payloads={"text": text, "box": box, "image": Image("no.png"), "code": PythonCode(len)}
    )
    text.update("two")
    box.update(value=2)
    payloads = events(timeline)[0]["payloads"]
    assert (payloads["text"]["source"], payloads["box"]["value"]) == ("two", 2)
    assert payloads["image"]["type"] == payloads["code"]["type"] == "log"


def test_payloads_that_are_no_components() -> None:
    unnamed = EventsTimeline()
    unnamed.update({"event": "a"}, payloads=["x"])  # type: ignore[arg-type] # what a step may do by mistake
    assert list(unnamed.render()["events"][0]["payloads"]) == ["1"]
    timeline = EventsTimeline()
    timeline.update({"event": "x"}, payloads={"text": "**bold**", "number": 3, "error": ValueError("x")})
    kinds = {name: node["type"] for name, node in events(timeline)[0]["payloads"].items()}
    assert kinds == {"text": "markdown", "number": "text", "error": "error"}


def test_values_become_what_a_page_can_show() -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError

    timeline = EventsTimeline()
    timeline.update(
        {
            "nan": float("nan"),
            "list": [1, {"a": None}],
            "when": datetime(2026, 1, 2, tzinfo=timezone.utc),
            "long": "x" * 10_000,
            "odd": Odd(),
            "none": None,
            5: True,
        }
    )
    shown = events(timeline)[0]["metadata"]
    assert shown["nan"] == "nan"
    assert json.loads(shown["list"]) == [1, {"a": None}]
    assert shown["when"] == "2026-01-02T00:00:00+00:00"
    assert len(shown["long"]) < 4100 and shown["long"].endswith("(10,000 characters)")
    assert shown["odd"] == "<Odd that cannot be shown as text>"
    assert (shown["none"], shown["5"]) == (None, True)


anything = st.one_of(st.integers(), st.floats(), st.text(), st.none(), st.booleans(), st.lists(st.integers()))
facts = st.dictionaries(st.one_of(st.text(), st.integers()), anything)


@given(st.lists(st.tuples(st.one_of(facts, anything), anything, anything, anything), max_size=5))
def test_no_event_makes_it_fail(updates: list[tuple[Any, ...]]) -> None:
    timeline = EventsTimeline(max_events=3)
    for data, theme, priority, finished in updates:
        timeline.update(data, theme, priority, finished=finished)
        assert len(events(timeline)) <= 3
    assert timeline.get_stats()["total_events"] == len(updates)


def test_it_is_rendered_while_it_is_updated() -> None:
    timeline = EventsTimeline(max_events=50)
    stop = threading.Event()
    failures: list[BaseException] = []

    def render() -> None:
        while not stop.is_set():
            try:
                node = timeline.render()
                shown, stats = node["events"], node["stats"]
                numbers = [event["metadata"]["number"] for event in shown]
                assert numbers == sorted(numbers, reverse=True)
                assert len(shown) == stats["displayed_events"]
                assert not shown or shown[0]["received_at"] == stats["last_update"]
            except BaseException as error:
                failures.append(error)
                return

    thread = threading.Thread(target=render)
    thread.start()
    for number in range(5000):
        timeline.update({"number": number})
    stop.set()
    thread.join()
    assert not failures, failures


def test_the_same_events_make_the_same_node() -> None:
    timeline = EventsTimeline()
    timeline.update({"event": "x"}, payloads={"text": "plain", "box": ValueBox("t", 1)})
    assert timeline.render() == timeline.render()
