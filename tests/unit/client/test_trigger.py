"""``Trigger``: what started a run."""

from __future__ import annotations

from datetime import datetime

import pytest

from metaflow.client.trigger import MetaflowEvent, Trigger


def test_events_are_found_by_name() -> None:
    plain = [
        {"name": "new_data", "id": "e2", "timestamp": 1_700_000_060.5, "type": "event"},
        {"name": "price", "id": "e1", "timestamp": 1_700_000_000, "type": "event"},
    ]
    trigger = Trigger(plain)
    first = MetaflowEvent("new_data", "e2", datetime.fromtimestamp(1_700_000_060.5), "event")
    assert trigger.event == trigger["new_data"] == first
    assert [event.name for event in trigger] == ["new_data", "price"]
    assert len(trigger.events) == 2
    assert "price" in trigger
    assert "nope" not in trigger
    with pytest.raises(KeyError, match="nope"):
        trigger["nope"]
    assert trigger.run is None
    assert trigger.runs is None
    assert Trigger.from_json(trigger.to_json()).plain() == plain
    assert repr(trigger) == "Trigger(new_data, price)"


def test_an_empty_trigger_has_nothing() -> None:
    trigger = Trigger([])
    assert (trigger.event, trigger.run, list(trigger)) == (None, None, [])
