"""Values of Python programs become what JSON can hold."""

from __future__ import annotations

import datetime
import enum
import json
import math
from decimal import Decimal

import numpy
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given, strategies as st

from metaflow.cards.charts.chart_values import plain, snapshot


class Colour(str, enum.Enum):
    RED = "red"


class Level(enum.Enum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        (-math.inf, None),
        (numpy.float32("nan"), None),
        (numpy.float64(0.5), 0.5),
        (numpy.int16(-3), -3),
        (numpy.bool_(True), True),
        (numpy.str_("a"), "a"),
        (numpy.array([1.0, numpy.nan]), [1.0, None]),
        (numpy.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (numpy.array(["2024-05-01", "NaT"], dtype="datetime64[ns]"), ["2024-05-01T00:00:00.000", None]),
        (numpy.datetime64("2024-05-01T10:30"), "2024-05-01T10:30:00.000"),
        (numpy.timedelta64(1500, "ms"), 1.5),
        (pandas.NaT, None),
        (pandas.NA, None),
        (pandas.Timestamp("2024-05-01 10:30"), "2024-05-01T10:30:00"),
        (datetime.datetime(2024, 5, 1, 10, 30), "2024-05-01T10:30:00"),
        (datetime.date(2024, 5, 1), "2024-05-01T00:00:00"),
        (datetime.timedelta(minutes=2), 120.0),
        (Decimal("1.25"), 1.25),
        (Decimal("NaN"), None),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        ((1, {2}), [1, [2]]),
        ({1: "a"}, {"1": "a"}),
        (pandas.Series([1, None]), [1.0, None]),
        (polars.Series([1, None]), [1, None]),
    ],
)
def test_plain(value: object, expected: object) -> None:
    assert plain(value) == expected


@pytest.mark.parametrize("make", [pandas.DataFrame, polars.DataFrame, pyarrow.table])
def test_data_frames_become_rows(make: type) -> None:
    frame = make({"when": [datetime.datetime(2024, 1, 2)], "name": ["x"], "count": [1], "score": [math.nan]})
    assert plain({"values": frame}) == {
        "values": [{"when": "2024-01-02T00:00:00", "name": "x", "count": 1, "score": None}]
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
        max_leaves=20,
    )
)
def test_whatever_comes_out_is_json(value: object) -> None:
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == plain(value)


def test_what_contains_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="contain itself"):
        plain(endless)


def test_a_snapshot_does_not_change_with_what_it_is_of() -> None:
    spec = {"mark": {"type": "line"}, "data": {"values": [{"a": 1}] * 1000}}
    kept = snapshot(spec)
    spec["mark"]["type"] = "bar"
    spec["data"]["values"].append({"a": 2})
    assert kept["mark"] == {"type": "line"}
    assert len(kept["data"]["values"]) == 1000
