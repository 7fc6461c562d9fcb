"""Gangs: what nodes are told, how they end together, and whether there is room for them."""

from __future__ import annotations

import resource

import pytest

from metaflow.exception import MetaflowException
from metaflow.flow.state import Frame
from metaflow.flow.transition import PARALLEL_ITERATOR, Transition
from metaflow.runtime import gang as module
from metaflow.runtime.gang import Gang, has_room, node_specs
from metaflow.runtime.plan_task import PlannedTask
from metaflow.runtime.specs import TaskSpec, node_metadata

OUTER = Frame("start", "xs", 4, 5, "e", "start/1/0")
CONTROL = TaskSpec(
    "work",
    "7",
    1,
    2,
    ("each/3/0",),
    ("join",),
    frames=(OUTER, Frame("each", PARALLEL_ITERATOR, 0, 3, None, "each/3/0")),
)


def planned(nodes: int) -> PlannedTask:
    return PlannedTask("work", None, (), None, 0, gang=nodes)


def test_nodes_differ_in_id_and_position_only():
    first, second, third = node_specs(CONTROL, 3)
    assert [spec.key for spec in (first, second, third)] == ["work/7/1", "work/7_node_1/1", "work/7_node_2/1"]
    assert [spec.frames[-1].index for spec in (first, second, third)] == [0, 1, 2]
    assert second.frames[0] == OUTER
    assert second._replace(task_id="7", frames=CONTROL.frames) == CONTROL


def test_metadata_tell_nodes_and_the_control_task():
    control, node, _ = node_specs(CONTROL, 3)
    assert node_metadata(control) == {"parallel-world-size": "3", "internal_task_type": "control_task"}
    assert node_metadata(node) == {"parallel-world-size": "3"}
    assert node_metadata(CONTROL._replace(frames=(OUTER,))) == node_metadata(CONTROL._replace(frames=())) == {}


def gang_of(specs) -> Gang:
    gang = Gang(planned(len(specs)))
    gang.running.update(spec.key for spec in specs)
    return gang


def test_a_gang_is_over_when_all_nodes_are():
    specs = list(node_specs(CONTROL, 3))
    gang = gang_of(specs)
    for spec in specs:
        assert gang.running and gang.why_stopped is None
        gang.finished(spec, Transition(("join",)))
    assert not gang.running and gang.failed_node is None and gang.transition.targets == ("join",)


def test_the_failure_that_came_first_counts():
    specs = list(node_specs(CONTROL, 3))
    gang = gang_of(specs)
    told = []
    assert gang.failed(specs[1], lambda: told.append(1))
    assert gang.why_stopped == "it was stopped, because node 1 failed" and gang.running == {
        "work/7/1",
        "work/7_node_2/1",
    }
    assert not gang.failed(specs[0], lambda: told.append(0)), "the others are being stopped already"
    gang.finished(specs[2], Transition(("join",)))
    gang.conclude_failure()
    assert told == [1] and not gang.running


def test_a_node_that_was_asked_to_end_is_not_what_the_others_failed_because_of():
    specs = list(node_specs(CONTROL, 3))
    gang = gang_of(specs)
    told = []
    assert gang.failed(specs[0], lambda: told.append(0), was_asked=True)
    assert gang.failed_node == 0 and gang.why_stopped is None
    assert not gang.failed(specs[2], lambda: told.append(2)), "the others are being stopped already"
    assert gang.why_stopped == "it was stopped, because node 2 failed"
    assert not gang.failed(specs[1], lambda: told.append(1))
    gang.conclude_failure()
    assert told == [2] and gang.failed_node == 2


@pytest.mark.parametrize("stray", range(3))
def test_a_node_that_went_astray_is_kept_for_the_plan_to_refuse(stray):
    specs = list(node_specs(CONTROL, 3))
    gang = gang_of(specs)
    for index, spec in enumerate(specs):
        gang.finished(spec, Transition(() if index == stray else ("join",)))
    assert gang.transition.targets == ()


def test_room_is_a_matter_of_file_descriptors(monkeypatch):
    monkeypatch.setattr(module.os, "listdir", lambda path: ["0"] * 10)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (126, 126))  # 100 beside those in use and the reserve
    assert has_room(planned(20), 0) and has_room(planned(20), 5)
    assert not has_room(planned(21), 1), "it waits for what runs to end"
    with pytest.raises(MetaflowException, match="The 21 nodes .* no more than 20: .* may be 126"):
        has_room(planned(21), 0)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert has_room(planned(10**6), 0)
