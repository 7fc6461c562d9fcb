"""The inputs of a join: how many of them are kept in memory."""

from __future__ import annotations

import gc
import weakref

from metaflow import FlowSpec
from metaflow.flow.state import KEPT_INPUTS, Inputs, StepState

MANY = 3 * KEPT_INPUTS


class Big:
    """A value that takes up room."""


class Source:
    def __init__(self, number: int) -> None:
        self.number = number
        self.big = Big()

    def __contains__(self, name: object) -> bool:
        return name in ("number", "big")

    def __iter__(self):
        return iter(("number", "big"))

    def load(self, name: str) -> object:
        return Big() if name == "big" else self.number


class Flow(FlowSpec):
    pass


def make_inputs(count: int) -> tuple[Inputs, list[int]]:
    opened: list[int] = []

    def open_input(index: int) -> Flow:
        opened.append(index)
        view = object.__new__(Flow)
        view.__dict__["_flow_state"] = StepState("body", Source(index), (), lambda key: None, {})
        view.__dict__["_current_step"] = "body"
        return view

    return Inputs(["body"] * count, open_input), opened


def test_a_small_join_opens_each_input_once():
    inputs, opened = make_inputs(KEPT_INPUTS)
    first = [inputs[index] for index in range(KEPT_INPUTS)]
    assert all(one is other for one, other in zip(first, inputs, strict=True)) and inputs[-1] is first[-1]
    assert opened == list(range(KEPT_INPUTS))


def test_memory_stays_flat_in_a_large_one():
    inputs, opened = make_inputs(MANY)
    watched = []
    total = 0
    for each in inputs:
        watched.append(weakref.ref(each.big))
        total += each.number
    del each
    gc.collect()
    assert total == sum(range(MANY)) and opened == list(range(MANY))
    assert sum(watch() is not None for watch in watched) <= KEPT_INPUTS
    assert [each.number for each in inputs] == list(range(MANY))


def test_an_input_that_somebody_refers_to_stays_the_same():
    inputs, opened = make_inputs(MANY)
    kept = list(inputs)
    assert all(one is other for one, other in zip(kept, inputs, strict=True)) and len(opened) == MANY


def test_what_is_assigned_to_an_input_is_not_lost():
    inputs, _ = make_inputs(MANY)
    for each in inputs:
        each.score = -each.number
    assert max(inputs, key=lambda each: each.score).number == 0
    inputs, opened = make_inputs(MANY)
    inputs[0].number = "replaced"
    assert [each.number for each in inputs][1:] == list(range(1, MANY))
    assert inputs[0].number == "replaced" and opened == list(range(MANY))
