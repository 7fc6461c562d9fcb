from __future__ import annotations

import datetime
import decimal
import enum
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.values.cell_values import MOST_CHARACTERS, plain_cell, plain_column
from metaflow.cards.values.plain_values import plain_value

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=8,
)


class Colour(enum.Enum):
    RED = 1


class Grade(int, enum.Enum):
    GOOD = 1


class Silent:
    pass


class Talking:
    def __repr__(self) -> str:
        return "Talking(1)"


class Failing:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@given(st.lists(anything))
def test_every_cell_is_what_json_can_hold(values: list[object]) -> None:
    cells = plain_column(values)
    assert len(cells) == len(values)
    json.dumps(cells, allow_nan=False)
    assert {type(cell) for cell in cells} <= {str, int, float, bool, type(None)}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_finite_numbers_are_cells_as_they_are(values: list[float]) -> None:
    assert plain_column(values) == values


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.longdouble(1.5), 1.5),
        (np.float64("nan"), "NaN"),
        (np.str_("text"), "text"),
        (np.datetime64("2024-01-02T03:04"), "2024-01-02T03:04"),
        (pd.NA, None),
        (pd.NaT, "NaT"),
        (pd.Timestamp("2024-01-02"), "2024-01-02 00:00:00"),
        (decimal.Decimal("12.50"), "12.50"),
        (datetime.date(2024, 1, 2), "2024-01-02"),
        (Colour.RED, "RED"),
        (Grade.GOOD, "GOOD"),
        (b"abc", "b'abc'"),
        ([1, [2]], "[1, [2]]"),
        (1 + 2j, "(1+2j)"),
        (2**300, "<int of 301 bits>"),
        (2**200, 2**200),
        (Talking(), "Talking(1)"),
    ],
)
def test_values_of_all_kinds(value: object, cell: object) -> None:
    found = plain_cell(value)
    assert found == cell
    assert type(found) is type(cell)


def test_an_object_without_a_text_of_its_own_is_named_and_one_that_fails_is_told() -> None:
    assert plain_cell(Silent()).endswith("Silent>")
    assert "RuntimeError" in plain_cell(Failing())


def test_long_texts_are_cut_and_say_so() -> None:
    (cell,) = plain_column(["x" * (MOST_CHARACTERS + 1)])
    assert cell.endswith(f"({MOST_CHARACTERS + 1:,} characters)")
    assert len(cell) < MOST_CHARACTERS + 50


def test_pictures_are_shown_as_such() -> None:
    picture = pytest.importorskip("PIL.Image").new("RGB", (1, 1))
    assert isinstance(plain_cell(picture), MetaflowCardComponent)
    assert "Image" in plain_value([picture]).value[0]


def test_components_stay_components() -> None:
    component = MetaflowCardComponent()
    assert plain_column([component, 1]) == [component, 1]
