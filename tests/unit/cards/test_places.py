"""Tabs and columns."""

from __future__ import annotations

import pandas
import pytest
from hypothesis import given, strategies as st

from metaflow.cards import Columns, MetaflowCardComponent, Section, Tabs, as_component
from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.places import spans_of
from metaflow.cards.running.making import node_of


class Counter(MetaflowCardComponent):
    REALTIME_UPDATABLE = True

    def __init__(self) -> None:
        self.count = 0

    def update(self) -> None:
        self.count += 1

    def render(self) -> dict:
        return {"type": "text", "text": f"count {self.count}"}


class Broken(MetaflowCardComponent):
    def render(self) -> str:
        raise RuntimeError("no luck")


def test_tabs_hold_whatever_a_card_does() -> None:
    counter = Counter()
    tabs = Tabs({"One": counter, "Two": ["a **text**", 3], "None": None, "Bad": [Broken()]})
    counter.update()
    node = node_of(tabs)
    assert node["type"] == "tabs"
    one, two, none, bad = node["tabs"]
    assert one == {"label": "One", "contents": [{"type": "text", "text": "count 1", "id": counter.component_id}]}
    assert [each["type"] for each in two["contents"]] == ["markdown", "text"]
    assert none["contents"] == []
    assert bad["contents"][0]["message"] == "no luck"
    assert tabs.components[0] is counter
    assert len(tabs.components) == 4


def test_tabs_are_given_as_pairs_too() -> None:
    assert [each["label"] for each in Tabs([("a", "x"), ("a", "y")]).render()["tabs"]] == ["a", "a"]


@pytest.mark.parametrize("wrong", [3, ["abc"], [("a", "b", "c")], None])
def test_what_is_no_tabs_is_told(wrong: object) -> None:
    with pytest.raises(ValueError, match="Tabs takes a dictionary"):
        Tabs(wrong)


def test_columns_nest() -> None:
    inner = Counter()
    columns = Columns([Tabs({"a": Columns([[inner]])}), ["x"]], widths=[2, 1])
    html = PageContext().render(node_of(columns))
    assert f'data-component="{inner.component_id}"' in html
    assert "count 0" in html
    assert html.count("mf-split-part") == 3
    assert "mf-span-8" in html and "mf-span-4" in html


def test_one_thing_is_one_thing_even_if_it_can_be_iterated_over() -> None:
    frame = pandas.DataFrame({"a": [1]})
    assert [[each["type"] for each in column] for column in Columns("abc").render()["contents"]] == [["markdown"]]
    assert [each["type"] for each in Columns([frame]).render()["contents"][0]] == ["table"]
    assert [each["type"] for each in Section(contents=frame).render()["contents"]] == ["table"]


def test_what_a_library_cannot_show_fails_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(value: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(as_component, "as_component", fail)
    assert Tabs({"a": 3}).render()["tabs"][0]["contents"][0]["message"] == "RuntimeError: no memory"


def test_a_dict_that_is_no_node_is_data() -> None:
    node = {"type": "text", "text": "as it is"}
    kinds = [each["type"] for each in Tabs({"a": [node, {"tokens": 3}]}).render()["tabs"][0]["contents"]]
    assert kinds == ["text", "artifacts"]


def test_labels_of_tabs_are_text() -> None:
    html = PageContext().render({"type": "tabs", "tabs": [{"label": "<img src=x>"}, {}, "no tab"]})
    assert "&lt;img" in html and "<img" not in html
    assert "Tab 2" in html


@given(st.lists(st.floats() | st.text() | st.none(), max_size=14), st.integers(1, 14))
def test_spans_fill_a_row(widths: list, count: int) -> None:
    spans = spans_of(widths, count)
    assert len(spans) == count
    assert min(spans) >= 1
    assert sum(spans) == 12 or count > 12


@pytest.mark.parametrize(("widths", "spans"), [([2, 1], [8, 4]), ([1, 1, 2], [3, 3, 6]), ([1000, 1], [11, 1])])
def test_spans(widths: list, spans: list) -> None:
    assert spans_of(widths, len(widths)) == spans
