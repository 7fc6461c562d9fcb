from __future__ import annotations

import collections
import dataclasses
import json
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from metaflow.cards import Artifact, MetaflowCardComponent, Table

Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Model:
    name: str
    size: int


class Label(MetaflowCardComponent):
    text = "before"

    def render(self) -> dict[str, object]:
        return {"type": "text", "text": self.text}


class Broken(MetaflowCardComponent):
    def render(self) -> str:
        raise RuntimeError("broken")


def content(table: Table) -> tuple[list[str], list[list[object]]]:
    node = table.render()
    assert node["type"] == "table"
    json.dumps(node, allow_nan=False)
    return node["columns"], node["data"]


@pytest.mark.parametrize(
    ("data", "headers", "expected"),
    [
        (None, None, ([], [])),
        ([], ["a"], (["a"], [])),
        ([[1, "a"], [2.5, None]], ["n", "s"], (["n", "s"], [[1, "a"], [2.5, None]])),
        ([[1], [2, 3], []], None, ([], [[1], [2, 3], []])),
        ([(1, 2), (3, 4)], None, ([], [[1, 2], [3, 4]])),
        (((n, n * n) for n in range(3)), None, ([], [[0, 0], [1, 1], [2, 4]])),
        (["abc", 2], None, ([], [["abc"], [2]])),
        ("abc", None, ([], [["abc"]])),
        (5, None, ([], [[5]])),
        ([{"a": 1}, {"b": 2, "a": 3}], None, (["a", "b"], [[1, ""], [3, 2]])),
        ([{"a": 1, "b": 2}], ["b"], (["b"], [[2]])),
        ([{"a": 1, "b": 2}], ["first", "second"], (["first", "second"], [[1, 2]])),
        ({"a": [1, 2], "b": (3,)}, None, (["a", "b"], [[1, 3], [2, ""]])),
        ({"a": np.array([1.5, 2]), "b": pd.Series(["x", "y"])}, None, (["a", "b"], [[1.5, "x"], [2.0, "y"]])),
        ([Point(1, 2), Point(3, 4)], None, (["x", "y"], [[1, 2], [3, 4]])),
        ([Model("small", 1), Model("large", 2)], None, (["name", "size"], [["small", 1], ["large", 2]])),
        (np.array([1, 2]), None, ([], [[1], [2]])),
        (np.array([[1.5, np.nan], [3, 4]]), ["a", "b"], (["a", "b"], [[1.5, "NaN"], [3.0, 4.0]])),
        (np.array([(1, "x")], dtype=[("n", int), ("s", "U1")]), None, (["n", "s"], [[1, "x"]])),
        (np.array(["2024-01-02"], "M8[D]"), None, ([], [["2024-01-02"]])),
        (np.zeros((0, 3)), None, ([], [])),
        (np.float64(2.5), None, ([], [[2.5]])),
        (b"bytes", None, ([], [["b'bytes'"]])),
    ],
)
def test_what_people_call_a_table(data: object, headers: list[str] | None, expected: object) -> None:
    assert content(Table(data, headers)) == expected


@given(st.lists(st.lists(st.none() | st.booleans() | st.integers() | st.text(), max_size=4), max_size=6))
def test_rows_are_as_they_were_given(rows: list[list[object]]) -> None:
    shown = [
        [f"<int of {c.bit_length()} bits>" if type(c) is int and c.bit_length() > 256 else c for c in r] for r in rows
    ]
    assert content(Table(rows)) == ([], shown)


def test_a_dict_of_single_values_is_a_record_with_its_headers_at_the_left() -> None:
    node = Table({"rate": 0.1, "optimizer": "adam"}).render()
    assert node == {"type": "table", "columns": ["rate", "optimizer"], "data": [[0.1, "adam"]], "vertical": True}


def test_a_frame_is_cut_to_its_head() -> None:
    frame = pd.DataFrame({"n": range(8), "text": ["x" * 40, "y" * 30] * 4})
    node = Table.from_dataframe(frame).render()
    assert node["columns"] == ["", "n", "text"]
    assert node["data"][0] == [0, 0, "x" * 30 + "..."]
    assert node["data"][1] == [1, 1, "y" * 30]
    assert (len(node["data"]), node["left_out"]) == (5, 3)


def test_a_frame_is_taken_as_a_whole_and_as_it_is_now() -> None:
    frame = pd.DataFrame({"n": np.arange(100), "text": ["x" * 40] * 100}, index=pd.Index(range(100, 200), name="id"))
    table = Table.from_dataframe(frame, truncate=False)
    frame.loc[:, "n"] = -1
    columns, rows = content(table)
    assert columns == ["id", "n", "text"]
    assert rows[7] == [107, 7, "x" * 40]
    assert len(rows) == 100
    assert "left_out" not in table.render()


def test_columns_of_pandas_of_every_type() -> None:
    times = pd.to_datetime(["2024-03-30 12:00", None, "2024-03-31 12:00"])
    frame = pd.DataFrame(
        {
            "float": [1.5, np.nan, np.inf],
            "time": times,
            "zone": times.tz_localize("Europe/Berlin"),
            "west": times.tz_localize("America/St_Johns"),
            "span": pd.to_timedelta([1, None, 2], unit="h"),
            "category": pd.Categorical(["a", None, "b"]),
            "string": pd.array(["a", None, "b"], dtype="string"),
            "Int64": pd.array([1, None, 3], dtype="Int64"),
            "Float64": pd.array([1.5, None, 3], dtype="Float64"),
            "boolean": pd.array([True, None, False], dtype="boolean"),
            "object": [[1, 2], None, {"a": 1}],
            "period": pd.period_range("2024-01", periods=3, freq="M"),
            "complex": [1j, 2j, 3j],
        }
    )
    columns, rows = content(Table.from_dataframe(frame, truncate=False))
    by_name = dict(zip(columns, zip(*rows)))
    assert by_name["float"] == (1.5, "NaN", "Infinity")
    assert by_name["time"] == ("2024-03-30 12:00:00", "NaT", "2024-03-31 12:00:00")
    assert by_name["zone"] == ("2024-03-30 12:00:00+01:00", "NaT", "2024-03-31 12:00:00+02:00")
    assert by_name["west"] == ("2024-03-30 12:00:00-02:30", "NaT", "2024-03-31 12:00:00-02:30")
    assert by_name["span"] == ("0 days 01:00:00", "NaT", "0 days 02:00:00")
    assert by_name["category"] == ("a", None, "b")
    assert by_name["string"] == ("a", None, "b")
    assert by_name["Int64"] == (1, None, 3)
    assert by_name["Float64"] == (1.5, None, 3.0)
    assert by_name["boolean"] == (True, None, False)
    assert by_name["object"] == ("[1, 2]", None, "{'a': 1}")
    assert by_name["period"] == ("2024-01", "2024-02", "2024-03")
    assert by_name["complex"] == ("1j", "2j", "3j")


def test_names_of_columns_may_be_double_of_several_levels_and_of_any_type() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=["a", "a", 5])
    assert content(Table.from_dataframe(frame)) == (["", "a", "a", "5"], [[0, 1, 2, 3]])
    levels = pd.DataFrame(
        [[1, 2]],
        columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "")]),
        index=pd.MultiIndex.from_tuples([("p", 7)]),
    )
    assert content(Table.from_dataframe(levels)) == (["", "", "a / x", "a"], [["p", 7, 1, 2]])


class Stream:
    """Offers itself as Arrow data and nothing else."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


FRAME = pl.DataFrame(
    {
        "n": [1, None, 3],
        "s": ["a", "b", None],
        "t": [None, *pl.datetime_range(pl.datetime(2024, 1, 2), pl.datetime(2024, 1, 3), "1d", eager=True).to_list()],
        "l": [[1], [2], None],
    }
)


@pytest.mark.parametrize(
    "frame",
    [FRAME, FRAME.lazy(), FRAME.to_arrow(), FRAME.to_arrow().to_batches()[0], Stream(FRAME.to_arrow())],
    ids=["polars", "query", "arrow", "batch", "stream"],
)
def test_frames_of_other_libraries(frame: object) -> None:
    columns, rows = content(Table.from_dataframe(frame))
    assert columns == ["n", "s", "t", "l"]
    assert rows == [
        [1, "a", None, "[1]"],
        [None, "b", "2024-01-02 00:00:00", "[2]"],
        [3, None, "2024-01-03 00:00:00", None],
    ]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([1, 2], name="n"), (["", "n"], [[0, 1], [1, 2]])),
        (pd.Series([1, 2]), (["", "value"], [[0, 1], [1, 2]])),
        (pd.Index(["a", "b"], name="key"), (["key"], [["a"], ["b"]])),
        (pl.Series("n", [1, 2]), (["n"], [[1], [2]])),
        (pa.array([1.5, None]), (["value"], [[1.5], [None]])),
        (pa.chunked_array([[1], [2]]), (["value"], [[1], [2]])),
    ],
)
def test_columns_of_frames(column: object, expected: object) -> None:
    assert content(Table.from_dataframe(column)) == expected


@pytest.mark.parametrize("empty", [None, pd.DataFrame(), pl.DataFrame(), pa.table({}), [], {}, np.array([])])
def test_what_is_empty(empty: object) -> None:
    assert content(Table.from_dataframe(empty))[1] == []


def test_other_data_is_truncated_in_the_same_way() -> None:
    node = Table.from_dataframe([{"n": n} for n in range(9)]).render()
    assert (len(node["data"]), node["left_out"]) == (5, 4)
    assert Table.from_dataframe({"n": list(range(9))}).render()["left_out"] == 4
    assert Table.from_dataframe(np.arange(9)).render()["left_out"] == 4


def test_components_in_cells_are_as_they_are_when_the_card_is_rendered() -> None:
    label, frozen = Label(), Label()
    table, fixed = Table([["a", label]]), Table([["a", frozen]], disable_updates=True)
    label.text = frozen.text = "after"
    assert table.render()["data"] == [["a", {"type": "text", "text": "after", "id": label.component_id}]]
    assert fixed.render()["data"] == [["a", {"type": "text", "text": "before", "id": frozen.component_id}]]
    assert table.render()["data"][0][1]["id"] == label.component_id


def test_rows_that_a_step_adds_later_are_shown() -> None:
    rows: list[list[object]] = [["a", 1]]
    table, fixed = Table(rows, ["name", "size"]), Table(rows, disable_updates=True)
    assert content(table)[1] == [["a", 1]]
    rows.append([Label(), 2])
    rows[0][1] = float("nan")
    assert content(table) == (["name", "size"], [["a", "NaN"], [content(Table([[rows[1][0], 2]]))[1][0][0], 2]])
    assert content(fixed)[1] == [["a", 1]]
    once = Table([map(str, [1, 2])], iter(["a", "b"]))
    assert content(once) == content(once) == (["a", "b"], [["1", "2"]])


def test_a_component_that_fails_costs_its_own_cell_only() -> None:
    ((text, error),) = Table([["a", Broken()]]).render()["data"]
    assert (text, error["type"], error["message"]) == ("a", "error", "broken")


def test_components_and_values_in_one_column() -> None:
    rows = Table([[Artifact(1)], [float("nan")], [{"type": "markdown", "source": "no node"}]]).render()["data"]
    assert rows[0][0]["type"] == "artifacts"
    assert rows[1:] == [["NaN"], ["{'type': 'markdown', 'source': 'no node'}"]]


def test_data_that_fails_is_told_and_costs_nothing() -> None:
    class Rows:
        def __iter__(self) -> object:
            raise RuntimeError("gone")

    with pytest.warns(UserWarning, match="Rows cannot be shown as a table: RuntimeError: gone"):
        table = Table(Rows())
    assert "gone" in table.render()["data"][0][0]


def test_a_table_as_a_whole_is_not_updated() -> None:
    table = Table([[1]])
    with pytest.warns(UserWarning, match="cannot be updated"):
        table.update([[2]])
    assert table.render()["data"] == [[1]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Table.from_dataframe(pd.DataFrame({"a": [1]}))
