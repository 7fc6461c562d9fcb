"""``Trigger``: what started a run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from metaflow.client import Run
from metaflow.client.trigger import MetaflowEvent, Trigger
from metaflow.exception import MetaflowException

from .stored_flow import StoredRun, foreach_run


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


def test_the_ends_of_runs_newest_first(root: Path) -> None:
    foreach_run(root, run_id="1")
    foreach_run(root, run_id="300", flow="G")
    last = StoredRun(root, run_id="700", end_step="done")
    last.finished("done", 1)
    last.ended()
    runs = [Run("F/1"), Run("F/700"), Run("G/300")]
    trigger = Trigger.from_runs(runs)
    names = ["metaflow.F.done", "metaflow.F.end", "metaflow.G.end", "metaflow.F.end"]
    assert [event.name for event in trigger] == names
    assert trigger.event == MetaflowEvent("metaflow.F.done", "F/700/done/1", runs[1].finished_at, "run")
    assert str(trigger.run) == "Run('F/700')" and [str(run) for run in trigger.runs or []] == [
        "Run('F/700')",
        "Run('G/300')",
        "Run('F/1')",
    ]
    assert str(trigger["F"]) == "Run('F/700')" and str(trigger["G"]) == "Run('G/300')"
    assert "F" in trigger and "metaflow.F.end" not in trigger
    assert Trigger.from_runs([]).event is None


def test_a_run_that_goes_on_can_have_started_none(root: Path) -> None:
    StoredRun(root).running("start", 1)
    with pytest.raises(MetaflowException, match=r"Run\('F/1'\) has not finished"):
        Trigger.from_runs([Run("F/1")])
