"""How many tasks may run: on this machine, and of each step elsewhere."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st

from metaflow.exception import MetaflowException
from metaflow.flow.graph import FlowGraph
from metaflow.runtime.room import Room, room_for
from metaflow.testing.elsewhere import ElsewhereDecorator

LIMITS = {"x": 1, "y": 3}


@given(st.integers(1, 4), st.booleans(), st.lists(st.tuples(st.sampled_from("abxy"), st.booleans()), max_size=60))
def test_no_limit_is_ever_passed_and_what_has_room_is_never_held(workers, for_all, wishes):
    room = Room(workers, for_all, "ab", LIMITS)
    running: list[str] = []
    for step, ends in wishes:
        if ends and step in running:
            running.remove(step)
            room.left(step, step in LIMITS)
        held = room.held
        counted = len(running) if for_all else sum(s in "ab" for s in running)
        full = (counted >= workers and (for_all or step in "ab")) or running.count(step) >= LIMITS.get(step, 99)
        assert (held is None or step in held) == full, f"{step} with {running}"
        if not full:
            running.append(step)
            room.entered(step, step in LIMITS)


def test_a_machine_without_file_descriptors_goes_on_with_what_it_has():
    room = Room(16, False, "a", LIMITS)
    room.entered("x", True)
    assert room.shrink() == 1, "tasks of this machine could never run"
    room.entered("a", False)
    assert "a" in room.held and "y" not in room.held
    assert room.is_full_here
    room.left("a", False)
    room.entered("y", False)  # what stands in for its code runs here
    assert room.is_full_here and "a" in room.held and "y" not in room.held


def test_limits_are_those_of_decorators_and_of_the_setting(monkeypatch):
    monkeypatch.setenv("METAFLOW_MAX_REMOTE_TASKS", "7")
    graph = [
        SimpleNamespace(name="here", decorators=()),
        SimpleNamespace(name="some", decorators=[ElsewhereDecorator({"max_concurrent_tasks": "2"})]),
        SimpleNamespace(name="many", decorators=[ElsewhereDecorator()]),
    ]
    room = room_for(graph, 16, False)
    for _ in range(2):
        room.entered("some", True)
    for _ in range(6):
        room.entered("many", True)
    assert set(room.held) == {"some"}
    room.entered("many", True)
    assert set(room.held) == {"some", "many"}


@pytest.mark.parametrize("value", [0, 1.5, "many"])
def test_a_limit_that_makes_no_sense_is_refused_before_anything_runs(value):
    decorator = ElsewhereDecorator({"max_concurrent_tasks": value})
    graph: FlowGraph = {"work": SimpleNamespace(decorators=[decorator])}
    with pytest.raises(MetaflowException, match="max_concurrent_tasks"):
        decorator.validate(graph, "work")


def test_a_wide_step_is_refilled_by_many_tasks_at_a_time():
    room = Room(4, False, ["here"], {"wide": 50})
    for _ in range(50):
        room.entered("wide", True)
    for left in range(1, 6):
        assert room.held == {"wide"}, left
        room.left("wide", True)
    assert not room.held
