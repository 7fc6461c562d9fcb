"""How containers begin, as plain JSON of bounded size."""

from __future__ import annotations

import json
import math
import sys

from hypothesis import given, strategies as st

from metaflow.datastore.excerpts import excerpt
from metaflow.datastore.preview import describe

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=200,
)


@given(st.lists(VALUES) | st.dictionaries(st.text(), VALUES))
def test_any_container_becomes_json_of_bounded_size(value):
    text = json.dumps(excerpt(value), allow_nan=False)
    assert len(text.encode()) < 40_000


def test_plain_values_stay_as_they_are():
    value = {"a": [1, 2.5, "x", None, True], "b": {"c": ()}}
    assert excerpt(value) == {"a": [1, 2.5, "x", None, True], "b": {"c": []}}


def test_what_is_left_out_is_counted():
    long = excerpt(list(range(1000)))
    assert long[:2] == [0, 1] and long[-1] == {"$more": 1000 - (len(long) - 1)}
    wide = excerpt({str(index): "x" * 100 for index in range(1000)})
    assert wide["$more"] == 1000 - (len(wide) - 1) and len(wide) < 60
    deep = value = []
    for _ in range(20):
        value.append([])
        value = value[0]
    assert '"$more": 1' in json.dumps(excerpt(deep))


def test_a_container_that_holds_itself_ends():
    loop = []
    loop.append(loop)
    assert json.dumps(excerpt(loop))


def test_objects_are_shown_by_their_previews_and_none_of_their_code_runs():
    class Hostile(dict):
        def items(self):
            raise AssertionError("its code ran")

        def __repr__(self):
            raise AssertionError("its code ran")

    shown = excerpt([Hostile(), math.nan, 10**30, b"\x00"])
    assert [list(each) for each in shown] == [["$"]] * 4 and "Hostile" in shown[0]["$"] and shown[1] == {"$": "nan"}


def test_only_what_a_line_cannot_show_is_kept_with_an_artifact():
    assert "tree" not in describe({"a": 1})[1] and "tree" in describe(list(range(100)))[1]
    assert sys.getsizeof(json.dumps(describe({str(i): ["x" * 200] * 50 for i in range(999)})[1])) < 8_000
