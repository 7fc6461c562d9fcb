from __future__ import annotations

import collections
import dataclasses
import datetime
import json
import math
import types

import numpy as np
import pydantic
import pytest
from hypothesis import given, strategies as st

from metaflow.cards import Table
from metaflow.cards.values.plain_values import LIMITS, MOST_LEVELS, WIDER_LIMITS, Limits, plain_value

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
hashables = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.tuples(st.integers())
anything = st.recursive(
    hashables | st.complex_numbers() | st.datetimes() | st.decimals() | st.sets(hashables),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(hashables, inner),
)


@dataclasses.dataclass
class Account:
    user: str
    password: str = dataclasses.field(repr=False)


class Settings(pydantic.BaseModel):
    rate: float
    token: pydantic.SecretStr


Point = collections.namedtuple("Point", "x y")


def size(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(size, inner))


@given(json_values)
def test_what_json_can_hold_is_left_as_it_is(value: object) -> None:
    found = plain_value(value)
    assert found == (value, [])
    assert json.dumps(found.value) == json.dumps(value)


@given(anything)
def test_whatever_it_is_json_can_hold_what_is_made_of_it(value: object) -> None:
    found = plain_value(value)
    assert json.loads(json.dumps(found.value, allow_nan=False)) == found.value
    assert not found.notes


@given(st.dictionaries(hashables, st.integers()))
def test_no_two_keys_become_one(value: dict[object, int]) -> None:
    assert sorted(plain_value(value).value.values()) == sorted(value.values())


@given(anything, st.integers(1, 20))
def test_the_number_of_values_is_bounded(value: object, most: int) -> None:
    found = plain_value(value, Limits(values=most))
    # Each container that lost something says so in an item of its own.
    assert size(found.value) <= 1 + 2 * most + 1
    assert bool(found.notes) == (size(plain_value(value).value) - 1 > most)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({3, 1, 2}, [1, 2, 3]),
        ({"b", 1}, ["b", 1]),
        ((1, (2,)), [1, [2]]),
        (collections.deque([1]), [1]),
        (range(3), [0, 1, 2]),
        ({1: "a"}.values(), "dict_values"),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        ({1: "a", "1": "b", (1,): "c", None: "d"}, {"1": "a", "1 (str)": "b", "(1,)": "c", "None": "d"}),
        (Point(1, 2), {"x": 1, "y": 2}),
        (Account("me", "secret"), {"user": "me"}),
        (Settings(rate=0.5, token="secret"), {"rate": 0.5, "token": "SecretStr('**********')"}),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (np.float32(0.5), 0.5),
        (np.array([np.nan]), ["NaN"]),
        (math.inf, "Infinity"),
        (datetime.date(2024, 1, 2), "2024-01-02"),
        (b"\x00", "b'\\x00'"),
        ({"nested": {"set": {1}}}, {"nested": {"set": [1]}}),
    ],
)
def test_values_of_all_kinds(value: object, plain: object) -> None:
    found = plain_value(value).value
    if plain == "dict_values":
        assert "dict_values" in found
    elif isinstance(value, set):
        assert sorted(found, key=str) == sorted(plain, key=str)
    else:
        assert found == plain


def test_what_contains_itself() -> None:
    loop: dict[str, object] = {"list": []}
    loop["list"].append(loop)  # type: ignore[attr-defined]
    assert plain_value(loop) == ({"list": ["<the same dict as above>"]}, ["1 value contains itself"])
    shared = [1]
    assert plain_value([shared, shared]) == ([[1], [1]], [])


def test_depth_costs_nothing() -> None:
    value: object = 1
    for _ in range(100_000):
        value = [value]
    found = plain_value(value)
    assert found.notes == ["1 value is nested too deeply"]
    levels, at = 0, found.value
    while isinstance(at, list):
        levels, at = levels + 1, at[0]
    assert levels == MOST_LEVELS


def test_what_is_near_the_top_is_there_however_large_its_neighbours_are() -> None:
    found = plain_value({"history": [list(range(100_000))] * 10, "result": {"best": 1}})
    assert found.value["result"] == {"best": 1}
    assert len(found.value["history"][0]) == LIMITS.items + 1
    assert found.value["history"][0][-1] == "… 95,000 more"
    assert "values were left out" in found.notes[0]
    assert plain_value(found.value, WIDER_LIMITS) == (found.value, [])


def test_texts_are_bounded_each_and_all() -> None:
    found = plain_value({"one": "x" * (LIMITS.characters + 1), "all": ["y" * LIMITS.characters] * 1000})
    assert found.value["one"].endswith(f"… ({LIMITS.characters + 1:,} characters)")
    assert len(json.dumps(found.value)) < 1.3 * LIMITS.characters_in_all
    assert "texts were shortened" in found.notes[0]
    assert plain_value(found.value, WIDER_LIMITS) == (found.value, [])


def test_objects_that_fail_are_told() -> None:
    class Failing(dict):
        def items(self):
            raise RuntimeError("no")

    class Stopping(dict):
        def items(self):
            yield "first", 1
            raise KeyError("no")

    found = plain_value([Failing(a=1), Stopping(a=1, b=2), 3]).value
    assert "RuntimeError" in found[0]
    assert found[1] == {"first": 1, "…": "<KeyError>"}
    assert found[2] == 3


def test_components_are_no_data() -> None:
    assert "Table" in plain_value([Table()]).value[0]
