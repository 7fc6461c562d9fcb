from __future__ import annotations

import html
import json
import re

import pytest
from hypothesis import given, strategies as st

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.tables import number_text


def shown(columns: object, data: object, **fields: object) -> str:
    return PageContext().render({"type": "table", "columns": columns, "data": data, **fields})


def cells(page: str) -> list[list[str]]:
    body = re.search("<tbody>(.*?)</tbody>", page, re.DOTALL)[1]
    rows = re.findall("<tr>(.*?)</tr>", body, re.DOTALL)
    return [[html.unescape(cell) for cell in re.findall("<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)] for row in rows]


def island(page: str) -> dict[str, object]:
    return json.loads(re.search('class="mf-table-data">(.*?)</script>', page, re.DOTALL)[1])


@pytest.mark.parametrize(
    ("number", "is_float", "shown"),
    [
        (1, False, "1"),
        (1, True, "1.0"),
        (2024, False, "2024"),
        (10**18, False, "1000000000000000000"),
        (0.0, True, "0.0"),
        (-0.5, True, "-0.5"),
        (0.123456789, True, "0.123457"),
        (123456.789, True, "123456.8"),
        (12345678.9, True, "12345678.9"),
        (0.0001, True, "0.0001"),
        (0.00001234567, True, "1.23457e-5"),
        (1e-300, True, "1e-300"),
        (1.5e20, True, "1.5e+20"),
        (1e100, True, "1e+100"),
        (10**400, True, "Infinity"),
        (10**400, False, "<int of 1329 bits>"),
        (float("nan"), True, "NaN"),
        (float("-inf"), True, "-Infinity"),
    ],
)
def test_numbers_are_readable(number: float, is_float: bool, shown: str) -> None:
    assert number_text(number, is_float) == shown


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_shown_to_six_digits(number: float) -> None:
    assert float(number_text(number, True)) == pytest.approx(number, rel=1e-5, abs=0)


@given(
    st.lists(
        st.lists(st.none() | st.booleans() | st.text() | st.integers(-1000, 1000), min_size=2, max_size=2), max_size=80
    )
)
def test_all_rows_are_there_as_data_and_the_first_as_html(rows: list[list[object]]) -> None:
    page = shown(["a", "b"], rows)
    if len(rows) > 1:
        assert island(page)["rows"] == rows
    else:
        assert "<script" not in page
    assert len(cells(page)) == min(50, max(1, len(rows)))
    assert ("mf-table-range" in page) == (len(rows) > 50)
    assert f'data-rows="{len(rows)}"' in page


def test_kinds_of_columns_say_how_they_are_set() -> None:
    page = shown(
        ["int", "float", "money", "missing", "text", "mixed", "truth"],
        [[1, 1.5, "12.50", None, "a", 1, True], [2, 3, "-3.00", "NaN", "1", "x", False]],
    )
    assert island(page)["kinds"] == ["integer", "float1", "number", "number", "text", "text", "text"]
    assert cells(page)[1] == ["2", "3.0", "-3.00", "NaN", "1", "x", "False"]
    assert page.count('<th scope="col" class="mf-number">') == 4


def test_decimals_stand_below_each_other_where_they_are_few() -> None:
    page = shown(["a", "b", "c"], [[1.5, 0.1, 1], [2.25, 0.123456789, 0.5], [3, 0.3, "NaN"]])
    assert island(page)["kinds"] == ["float2", "float", "float1"]
    assert cells(page) == [["1.50", "0.1", "1.0"], ["2.25", "0.123457", "0.5"], ["3.00", "0.3", "NaN"]]


def test_integers_that_scripts_would_read_inexactly_are_texts_there() -> None:
    page = shown(["n"], [[2**53 + 1], [-(2**64)], [5]])
    assert island(page)["rows"] == [[str(2**53 + 1)], [str(-(2**64))], [5]]
    assert island(page)["kinds"] == ["integer"]


def test_an_integer_that_is_too_long_to_be_shown_is_no_tag() -> None:
    assert "&lt;int of 33220 bits&gt;" in PageContext().render({"type": "table", "data": [[10**10_000]]})


def test_numbers_that_are_not_finite_do_not_break_the_data() -> None:
    assert island(shown(["n"], [[float("nan")], [1.5]]))["rows"] == [[None], [1.5]]


def test_cells_with_nodes_are_html_as_a_whole() -> None:
    rows = [[n, {"type": "text", "text": f"text {n}", "id": f"c{n}"}] for n in range(60)]
    page = shown(["n", "node"], rows)
    assert "<script" not in page
    assert len(re.findall('data-component="c', page)) == 60
    assert "text 59" in page


def test_a_record_has_its_headers_at_the_left() -> None:
    page = shown(["rate", "name"], [[0.5, "x"], [0.25]], vertical=True)
    assert cells(page) == [["rate", "0.5", "0.25"], ["name", "x", ""]]
    assert page.count('<th scope="row">') == 2


def test_rows_that_are_left_out_are_told() -> None:
    assert "295 more rows are not on this card." in shown(["a"], [[1], [2]], left_out=295)
    assert "1 more row is not on this card." in shown(["a"], [[1], [2]], left_out=1)
    assert "50 of 80 rows" in shown(["a"], [[n] for n in range(80)])


def test_wide_and_ragged_tables() -> None:
    page = shown([f"c{n}" for n in range(1000)], [list(range(1000))] * 100)
    assert (len(cells(page)), len(cells(page)[0])) == (20, 1000)
    page = shown([], [list(range(2500)), [1]])
    assert "500 further columns are not shown" in page
    assert [len(row) for row in cells(page)] == [2000, 2000]
    assert cells(shown(["a"], [[1, 2], [3]])) == [["1", "2"], ["3", ""]]


def test_captions_tell_what_a_table_is() -> None:
    assert re.search(
        r'<caption class="mf-visually-hidden" id="(.*?)">Table of 2 rows, 1 column<', shown(["a"], [[1], [2]])
    )
    page = shown(["a"], [[1]], label="<Results>")
    assert "<bdi>&lt;Results&gt;</bdi></caption>" in page
    assert 'role="group" aria-labelledby="mf-1"' in page


@pytest.mark.parametrize(
    ("columns", "data"),
    [
        (None, None),
        (5, 5),
        ([None, {"a": 1}], [[]]),
        ("ab", [1, "x"]),
        ([], [[b"x", {"no": "node"}, [1]]]),
        (["a"], [(1,), None]),
    ],
)
def test_nodes_that_are_not_as_they_should_be(columns: object, data: object) -> None:
    assert "<table" in shown(columns, data)


def test_a_long_text_is_cut_where_it_is_shown_and_kept_as_data() -> None:
    page = shown(["a"], [["x" * 5000], ["y"]])
    assert "(5,000 characters)" in page
    assert island(page)["rows"][0] == ["x" * 5000]
