"""What is wrong with specifications of charts, and what a page gets of them."""

from __future__ import annotations

import copy
import json

import pytest

from metaflow.cards.charts.vega_spec import checked, mode_of, parts_of

ROWS = [{"a": 1, "b": 2}]
BAR = {"mark": "bar", "data": {"values": ROWS}, "encoding": {"x": {"field": "a"}, "y": {"aggregate": "count"}}}


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("{", "not valid JSON"),
        (3, "not of type int"),
        ([], "not of type list"),
        ({}, "is empty"),
        ({"data": {"values": ROWS}}, "nothing to draw. It has: data"),
        ({"mark": "bars"}, "mark 'bars'"),
        ({"mark": {"type": ["bar"]}}, "has the mark"),
        ({"layer": [{"mark": "bar"}, {"mark": "nosuch"}]}, "mark 'nosuch'"),
    ],
)
def test_what_is_no_specification_is_told_why(spec: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        checked(spec)


def test_json_text_is_a_specification() -> None:
    assert checked(json.dumps(BAR)) == BAR


@pytest.mark.parametrize(
    ("spec", "mode"),
    [
        (BAR, "vega-lite"),
        ({"$schema": "https://vega.github.io/schema/vega/v5.json"}, "vega"),
        ({"$schema": "https://vega.github.io/schema/vega-lite/v4.json", "marks": []}, "vega-lite"),
        ({"marks": [{"type": "rect"}]}, "vega"),
        ({"data": [{"name": "t"}]}, "vega"),
        ({"hconcat": []}, "vega-lite"),
    ],
)
def test_mode(spec: dict, mode: str) -> None:
    assert mode_of(spec) == mode


def test_rows_are_apart_from_the_rest() -> None:
    spec = {
        "layer": [{"mark": "line"}, {"mark": "point", "data": {"values": [{"c": 3}]}}],
        "data": {"values": ROWS, "format": {"parse": {"a": "date"}}},
        "transform": [{"lookup": "a", "from": {"data": {"values": [{"k": 1}], "name": "mine"}, "key": "k"}}],
    }
    before = copy.deepcopy(spec)
    parts = parts_of(spec)
    assert spec == before
    assert parts.datasets == {"data-0": [{"c": 3}], "data-1": ROWS, "mine": [{"k": 1}]}
    assert parts.spec["layer"][1]["data"] == {"name": "data-0"}
    assert parts.spec["data"] == {"format": {"parse": {"a": "date"}}, "name": "data-1"}
    assert parts.spec["transform"][0]["from"]["data"] == {"name": "mine"}


def test_names_of_altair_do_not_change_with_the_data() -> None:
    def altair(mark: str) -> dict:
        name = f"data-{mark * 32}"
        return {"data": {"name": name}, "mark": "bar", "datasets": {name: ROWS, "mine": []}}

    first, second = parts_of(altair("a")), parts_of(altair("b"))
    assert first.spec == second.spec
    assert first.spec["data"] == {"name": "data-0"}
    assert set(first.datasets) == {"data-0", "mine"}


def test_rows_of_vega_are_apart_from_the_rest() -> None:
    spec = {
        "marks": [],
        "data": [
            {"name": "t", "values": ROWS, "transform": [{"type": "filter", "expr": "datum.a"}]},
            {"name": "text", "values": "a,b", "format": {"type": "csv"}},
        ],
    }
    parts = parts_of(spec)
    assert parts.datasets == {"t": ROWS}
    assert parts.spec["data"][0] == {"name": "t", "transform": [{"type": "filter", "expr": "datum.a"}]}
    assert parts.spec["data"][1]["values"] == "a,b"
    assert "width" not in parts.spec


def test_options_of_the_page_cannot_be_changed_from_within() -> None:
    spec = {
        **BAR,
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "usermeta": {"embedOptions": {"ast": False, "loader": {"target": "_self"}}},
        "config": "https://elsewhere.example/config.json",
        "params": [{"name": "size", "bind": {"input": "range", "element": "body"}}],
    }
    parts = parts_of(spec)
    assert not {"usermeta", "config", "$schema"} & set(parts.spec)
    assert parts.spec["params"] == [{"name": "size", "bind": {"input": "range"}}]
    assert parts.has_inputs
    assert not parts_of(BAR).has_inputs


def test_a_legend_that_is_bound_is_no_input_field() -> None:
    assert not parts_of({**BAR, "params": [{"name": "s", "select": "point", "bind": "legend"}]}).has_inputs


def test_addresses_are_found_wherever_they_are() -> None:
    spec = {"mark": "bar", "data": {"url": "a.csv"}, "transform": [{"from": {"data": {"url": "https://b"}}}]}
    assert parts_of(spec).addresses == ["a.csv", "https://b"]
    assert parts_of({"marks": [], "data": [{"name": "t", "url": "c.json"}]}).addresses == ["c.json"]


@pytest.mark.parametrize(
    ("spec", "width"),
    [
        (BAR, "container"),
        ({**BAR, "width": 80}, 80),
        ({**BAR, "encoding": {"row": {"field": "a"}}}, None),
        ({"layer": [BAR]}, "container"),
        ({"hconcat": [BAR, BAR]}, None),
    ],
)
def test_width(spec: dict, width: object) -> None:
    assert parts_of(spec).spec.get("width") == width


def test_many_rows_are_drawn_as_pixels() -> None:
    assert parts_of(BAR).renderer == "svg"
    assert parts_of({**BAR, "data": {"values": ROWS * 6000}}).renderer == "canvas"


@pytest.mark.parametrize(
    ("more", "description"),
    [
        ({"description": " What it is. "}, "What it is."),
        ({"title": {"text": ["Loss", "by epoch"]}}, "Chart: Loss by epoch"),
        ({"title": "Loss"}, "Chart: Loss"),
        ({"title": None}, "Chart of kind bar: x is a, y is count"),
    ],
)
def test_description(more: dict, description: str) -> None:
    assert parts_of({**BAR, **more}).description == description
