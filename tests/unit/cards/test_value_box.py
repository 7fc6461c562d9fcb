"""`ValueBox`: limits, and what is shown of odd values."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from metaflow.cards import ValueBox
from metaflow.cards.exception import InvalidComponentArgument


def test_what_is_shown() -> None:
    assert ValueBox().render() == {"type": "valueBox", "value": ""}
    assert ValueBox("t", 1234.5, "s", "success", "+5%").render() == {
        "type": "valueBox",
        "title": "t",
        "value": 1234.5,
        "subtitle": "s",
        "theme": "success",
        "change_indicator": "+5%",
    }
    assert ValueBox("t", 0).render()["value"] == 0
    assert ValueBox("", " ").render() == {"type": "valueBox", "value": ""}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"title": "t" * 201}, "title of a ValueBox has at most 200 characters; this one has 201"),
        ({"value": "v" * 101}, "value of a ValueBox has at most 100"),
        ({"subtitle": "s" * 301}, "subtitle of a ValueBox has at most 300"),
        ({"change_indicator": "c" * 201}, "change_indicator of a ValueBox has at most 200"),
        ({"title": 5}, "title of a ValueBox is a text, not int ('5')"),
        ({"change_indicator": 5}, "change_indicator of a ValueBox is a text"),
        ({"value": [1]}, "value of a ValueBox is a number or a text, not list ('[1]')"),
        ({"value": 2e15}, "between -1e15 and 1e15, not 2000000000000000.0"),
        ({"value": -(10**16)}, "between -1e15 and 1e15"),
        ({"theme": "my class"}, "theme of a ValueBox is one of default, success"),
        ({"theme": "<b>"}, "not '<b>'"),
        ({"theme": 3}, "not 3"),
    ],
)
def test_limits(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidComponentArgument) as caught:
        ValueBox(**arguments)
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TypeError)


def test_what_is_just_within_the_limits() -> None:
    ValueBox("t" * 200, "v" * 100, "s" * 300, "my-class_2", "c" * 200)
    for value in (1e15, -(10**15), 0.1):
        assert ValueBox(value=value).render()["value"] == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "NaN"),
        (float("inf"), "∞"),
        (-float("inf"), "−∞"),
        (True, "True"),
        (Decimal("2.5"), 2.5),
        (None, ""),
    ],
)
def test_odd_values(value: Any, shown: Any) -> None:
    assert ValueBox(value=value).render()["value"] == shown


def test_numbers_of_libraries() -> None:
    numpy = pytest.importorskip("numpy")
    assert json.dumps(ValueBox(value=numpy.float32(0.5)).render()["value"]) == "0.5"
    assert json.dumps(ValueBox(value=numpy.int64(5)).render()["value"]) == "5"


def test_update_changes_what_is_given_and_keeps_the_rest() -> None:
    box = ValueBox("t", 1, "s", "success", "+5%")
    box.update(value=3)
    box.update(change_indicator="")
    assert box.render() == {"type": "valueBox", "title": "t", "value": 3, "subtitle": "s", "theme": "success"}
    box.update(value="")
    assert box.render()["value"] == ""


def test_update_shows_what_the_constructor_refuses() -> None:
    box = ValueBox("t", 1, theme="success")
    box.update(title="t" * 500, value=1e300, theme="my class", subtitle=5)  # type: ignore[arg-type]
    node = box.render()
    assert len(node["title"]) == 200 and node["title"].endswith("…")
    assert (node["value"], node["theme"], node["subtitle"]) == (1e300, "success", "5")


anything = st.one_of(st.integers(), st.floats(), st.text(), st.none(), st.booleans(), st.lists(st.integers()))


@given(st.lists(anything, max_size=5))
def test_update_never_fails(arguments: list[Any]) -> None:
    box = ValueBox()
    box.update(*arguments)
    json.dumps(box.render(), allow_nan=False)
