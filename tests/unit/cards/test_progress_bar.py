"""`ProgressBar`: values, speed, and what merely looks like a number."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from metaflow.cards import ProgressBar
from metaflow.cards.components import progress_bar


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress_bar, "monotonic", clock)
    return clock


def test_what_is_shown_without_updates() -> None:
    assert ProgressBar().render() == {"type": "progressBar", "max": 100, "value": 0}
    assert ProgressBar(10, "Epochs", 3, "epochs", "loss 1").render() == {
        "type": "progressBar",
        "max": 10,
        "value": 3,
        "label": "Epochs",
        "unit": "epochs",
        "details": "loss 1",
    }


def test_label_and_unit_are_texts() -> None:
    node = ProgressBar(10, Path("a.csv"), 3, Decimal(1)).render()  # type: ignore[arg-type] # which programs do
    assert (node["label"], node["unit"]) == ("a.csv", "1")


def test_details_stay_until_there_are_others() -> None:
    bar = ProgressBar(10, metadata="first")
    bar.update(1)
    assert bar.render()["details"] == "first"
    told = {"loss": 0.5}
    bar.update(2, told)
    told["loss"] = 0.1
    assert bar.render()["details"] == {"loss": "0.5"}
    bar.update(2, "")
    assert "details" not in bar.render()


def test_speed_and_time_left(clock: Clock) -> None:
    bar = ProgressBar(100)
    clock.now += 1000  # whatever went before the loop does not count
    bar.update(10)
    assert "rate" not in bar.render()
    clock.now += 5
    bar.update(20)
    node = bar.render()
    assert (node["rate"], node["seconds_left"]) == (2.0, 40.0)
    clock.now += 5
    bar.update(100)
    assert "seconds_left" not in bar.render()


def test_speed_is_that_of_late(clock: Clock) -> None:
    bar = ProgressBar(10_000)
    for value in range(60):
        bar.update(value)
        clock.now += 1
    for value in range(60, 1060, 10):
        bar.update(value)
        clock.now += 1
    assert bar.render()["rate"] == 10.0


def test_speed_starts_anew_when_the_value_falls(clock: Clock) -> None:
    bar = ProgressBar(10)
    for value in (5, 9, 0, 1):
        bar.update(value)
        clock.now += 2
    assert bar.render()["rate"] == 0.5


@pytest.mark.parametrize("most", [0, None, -3, float("nan"), float("inf"), "many"])
def test_without_an_end(most: Any, clock: Clock) -> None:
    bar = ProgressBar(max=most)
    for value in (1, 2):
        bar.update(value)
        clock.now += 1
    node = bar.render()
    assert node["max"] is None
    assert (node["rate"], "seconds_left" in node) == (1.0, False)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (-5, -5),
        (200, 200),
        (True, 1),
        (Decimal("1.5"), 1.5),
        ("half", "half"),
        (None, "None"),
        ([1], "[1]"),
    ],
)
def test_odd_values_are_shown(value: Any, shown: Any) -> None:
    bar = ProgressBar()
    bar.update(1)
    bar.update(value)
    bar.update(value)
    assert bar.render()["value"] == shown


def test_numbers_of_libraries_are_taken_as_they_are_now() -> None:
    numpy = pytest.importorskip("numpy")
    value = numpy.array(3.0)
    bar = ProgressBar(numpy.int64(10))
    bar.update(value)
    value += 1
    node = bar.render()
    assert (node["value"], node["max"]) == (3.0, 10)
    json.dumps(node)


anything = st.one_of(st.integers(), st.floats(), st.text(), st.none(), st.booleans(), st.just(10**400), st.decimals())


@given(st.lists(st.tuples(anything, anything)), anything)
def test_no_values_make_it_fail(updates: list[tuple[Any, Any]], most: Any) -> None:
    bar = ProgressBar(most)
    for value, metadata in updates:
        bar.update(value, metadata)
        json.dumps(bar.render(), allow_nan=False)


def test_a_pace_too_slow_for_numbers_tells_no_time_left(clock: Clock) -> None:
    bar = ProgressBar(33)
    bar.update(-2.225073858507e-311)
    clock.now += 1
    bar.update(0)
    figures = bar.render()
    assert "rate" in json.dumps(figures, allow_nan=False)
