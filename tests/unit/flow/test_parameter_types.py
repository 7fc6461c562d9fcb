"""Kinds of values that parameters can have: text in, value out, and back."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, strategies as st

from metaflow.flow.parameter_types import JSONType, OtherType, PlainType, type_of_elements, value_type


class Colour(Enum):
    RED = 1
    GREEN = 2
    CRIMSON = 1  # noqa: PIE796 - an alias


class Size(str, Enum):
    SMALL = "s"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.integers() | st.booleans() | st.floats(allow_nan=False) | st.text())
def test_what_is_shown_of_a_plain_value_stands_for_it(value: object) -> None:
    kind = value_type(None, value)
    assert isinstance(kind, PlainType)
    assert kind.parse(kind.show(value)) == value
    assert kind.accept(value) is value


@given(JSON)
def test_json_goes_to_the_command_line_and_back(value: object) -> None:
    assert JSONType.parse(JSONType.show(value)) == value
    if not isinstance(value, str):
        assert JSONType.accept(value) == value


@given(JSON)
def test_a_json_text_is_as_good_a_default_as_the_object(value: object) -> None:
    assert JSONType.accept(json.dumps(value)) == value


@given(st.lists(st.text(min_size=1) | st.integers(), min_size=1, unique_by=str))
def test_every_value_of_a_literal_can_be_chosen(values: list[object]) -> None:
    kind = value_type(Literal[tuple(values)], None)
    assert [kind.parse(text) for text in kind.choices] == values
    assert [kind.parse(kind.show(value)) for value in values] == values


@pytest.mark.parametrize(
    ("declared", "default", "name"),
    [
        (None, None, "str"),
        (None, True, "bool"),
        (None, [1], "JSON"),
        (None, {}, "JSON"),
        (None, Colour.RED, "Colour"),
        (None, Size.SMALL, "Size"),
        (None, Path("x"), type(Path("x")).__name__),
        (list, None, "JSON"),
        (type(JSONType), None, "JSON"),
        (float, 1, "float"),
        (Literal["a", 2], None, "Literal['a', 2]"),
    ],
)
def test_the_type_follows_from_the_declaration(declared: object, default: object, name: str) -> None:
    assert value_type(declared, default).name == name


def test_members_of_an_enumeration_are_given_by_name() -> None:
    kind = value_type(Colour, None)
    assert kind.choices == ("RED", "GREEN")
    assert kind.parse("GREEN") is Colour.GREEN
    assert kind.parse("CRIMSON") is Colour.RED
    assert kind.accept(Colour.GREEN) is Colour.GREEN
    assert value_type(Size, None).accept(Size.SMALL) is Size.SMALL
    with pytest.raises(ValueError, match="'s' is not one of 'SMALL'"):
        value_type(Size, None).accept("s")


def test_literals_keep_their_types() -> None:
    kind = value_type(Literal[1, True, "x"], None)
    assert kind.parse("1") == 1 and type(kind.parse("1")) is int
    assert kind.parse("True") is True
    assert kind.accept(True) is True
    with pytest.raises(ValueError, match=r"1\.0 is not one of"):
        kind.accept(1.0)


@pytest.mark.parametrize(
    ("declared", "text", "said"),
    [
        (int, "many", "'many' is not a valid integer"),
        (bool, "maybe", "'maybe' is not a valid boolean"),
        (JSONType, "{a", "'{a' is not valid JSON: Expecting property name"),
        (JSONType, "[" * 100_000, "not valid JSON"),
        (Literal["adam", "sgd"], "Adm", "Did you mean 'adam'?"),
        (Colour, "red", "'red' is not one of 'RED', 'GREEN'. Did you mean 'RED'?"),
        (lambda text: text.nope, "x", "'x' is not accepted: AttributeError"),
    ],
)
def test_a_wrong_text_is_answered_with_what_was_expected(declared: object, text: str, said: str) -> None:
    with pytest.raises(ValueError) as raised:
        value_type(declared, None).parse(text)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("declared", "value", "accepted"),
    [(int, "5", 5), (int, 5.0, 5), (float, 1, 1.0), (str, 3, "3"), (bool, "no", False), (bool, 1, True)],
)
def test_what_loses_nothing_is_accepted_in_a_declaration(declared: type, value: object, accepted: object) -> None:
    kind = value_type(declared, None)
    found = kind.accept(value)
    assert found == accepted and type(found) is type(accepted)
    if declared is not float:
        with pytest.raises(ValueError, match="is not of type"):
            kind.accept_computed(value)  # from a function it is more likely a mistake


@pytest.mark.parametrize(
    ("declared", "value"), [(int, 5.5), (int, None), (int, float("inf")), (bool, 2), (bool, []), (float, {})]
)
def test_what_would_lose_something_is_not(declared: type, value: object) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        value_type(declared, None).accept(value)


@pytest.mark.parametrize("declared", ["int", 5, Literal[1, "1"], Literal[1.5], Literal[None, "x"], Enum("Empty", [])])
def test_what_cannot_be_a_type(declared: object) -> None:
    with pytest.raises(ValueError):
        value_type(declared, None)


def test_elements_have_the_type_that_all_defaults_agree_on() -> None:
    assert type_of_elements(None, [1, 2]).name == "int"
    assert type_of_elements(None, [1, "x"]).name == "str"
    assert type_of_elements(None, []).name == "str"
    assert type_of_elements(float, [1]).name == "float"


def test_types_of_click_are_left_to_click() -> None:
    import click

    kind = value_type(click.Choice(["a", "b"]), None)
    assert isinstance(kind, OtherType) and kind.is_of_click
    assert kind.accept("a") == "a"
    with pytest.raises(ValueError, match="'c' is not one of"):
        kind.check_default("c")
    value_type(click.Path(exists=True), None).check_default("/no/such/file/yet")
