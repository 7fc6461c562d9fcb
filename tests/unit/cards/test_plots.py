from __future__ import annotations

import math

import pytest

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.plots import histogram_element, shown_number, sparkline_element
from metaflow.cards.page.elements.usage import usage_element
from metaflow.cards.previews.numbers import histogram_of_array, line_of_numbers

numpy = pytest.importorskip("numpy")


def test_a_histogram_has_a_bar_for_each_range_that_occurs():
    html = histogram_element({"counts": [1, 0, 4], "low": 0, "high": 12345}, PageContext())
    assert html.count("M") == 2 and "12,345" in html
    assert 'aria-label="Histogram from 0 to 12,345; most values in part 3 of 3."' in html
    assert histogram_element({"counts": [0, 0]}, PageContext()) == "" == histogram_element({}, PageContext())


def test_a_line_has_gaps_where_there_is_no_number():
    html = sparkline_element({"values": [1, None, 2, 3, math.nan, "x", 1e308, 4]}, PageContext())
    assert html.count("M") == 3 and "nan" not in html and "inf" not in html
    assert "smallest 1, largest 4" in html
    assert sparkline_element({"values": [1]}, PageContext()) == ""
    assert "NaN" not in sparkline_element({"values": [5, 5, 5]}, PageContext())


def test_bars_of_amounts_stay_within_their_frame():
    data = [{"label": "a", "text": "b", "share": share} for share in (0.5, 7, -1, math.nan, math.inf, None, "x")]
    html = usage_element({"data": [*data, None]}, PageContext())
    assert html.count("<dt>") == 7 and html.count("<svg") == 3
    assert 'width="50.0"' in html and 'width="0.0"' in html and "mf-usage-full" in html


def test_numbers_are_read_by_people():
    assert [shown_number(each) for each in (1, 12345678, 10**20, 0.1234567, 1e-9, True, "x")] == [
        "1", "12,345,678", "1e+20", "0.123457", "1e-09", "True", "x"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("array", "counts", "facts"),
    [
        (numpy.array([1, 2, 2, 4], "u1"), [1, 2, 0, 1], {"min": 1, "mean": 2.25, "max": 4}),
        (
            numpy.array([0.0, 1.0, math.nan, math.inf]),
            [1, *[0] * 22, 1],
            {"min": 0, "mean": 0.5, "max": 1, "missing": 2},
        ),
        (numpy.array([3.0, 3.0]), None, {"min": 3, "mean": 3, "max": 3}),
        (numpy.array([math.nan]), None, {"missing": 1}),
        (numpy.array([True, False, True]), None, {"true": 2, "false": 1}),
        (numpy.array(["a"]), None, {}),
        (numpy.array([]), None, {}),
        (numpy.array([-1.7e308, 1.7e308]), None, {"min": -1.7e308, "mean": 0, "max": 1.7e308}),
        (numpy.array([-(2**63), 2**63 - 1]), [1, *[0] * 22, 1], None),
    ],
)
def test_arrays_are_counted(array, counts, facts):
    nodes, found = histogram_of_array(array)
    assert [node["counts"] for node in nodes] == ([] if counts is None else [counts])
    assert facts is None or found == facts


def test_of_a_large_array_a_sample_is_looked_at():
    nodes, facts = histogram_of_array(numpy.arange(1_000_000).reshape(1000, 1000)[:, ::2])
    assert facts["sampled"] and sum(nodes[0]["counts"]) <= 50_000
    assert facts["min"] == 0 and facts["max"] > 990_000


def test_long_lists_are_drawn_with_fewer_points():
    (node,) = line_of_numbers(list(range(100_000)))
    assert len(node["values"]) == 200 and node["label"] == "100,000 numbers, one in 500 drawn"
    assert line_of_numbers([1, math.inf, 10**400])[0]["values"] == [1, None, None]
