"""Nodes of other packages, which may hold anything: each kind makes HTML of them that is whole."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib import import_module
from inspect import getsource
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from metaflow.cards.page import elements
from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements import charts, element_of, figures

KINDS = sorted(elements._ELEMENTS)
VOID = {"br", "circle", "hr", "img", "input", "path", "polygon", "rect"}


class Unreadable:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


HOLDS_ITSELF: dict[str, Any] = {"type": "table"}
HOLDS_ITSELF |= {"contents": [HOLDS_ITSELF, HOLDS_ITSELF], "data": [HOLDS_ITSELF]}
TEXTS = [
    "<b>",
    "'\"&",
    "\ud800",
    "\x00\x1b[31m\r\u202e",
    "data:image/png;base64,A",
    "# a\n- b",
    "a: b\n  - c",
    "²",
    "NaN",
]
ODD = [float("nan"), float("-inf"), 1e308, 5e-324, 10**400, 2**53, 1j, b"\xff", {1}, object(), int, range(3)]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats()
    | st.text(st.characters(exclude_categories=[]), max_size=5)
    | st.sampled_from([*TEXTS, *ODD, HOLDS_ITSELF])
    | st.builds(Unreadable)
    | st.builds(lambda: 10**5000)
)


def values(fields: list[str]) -> st.SearchStrategy[Any]:
    names = st.sampled_from([*fields, "type", "name", "label", "next"]) | st.integers(0, 2) | st.none()
    return st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4) | st.tuples(inner),
        max_leaves=8,
    )


class Whole(HTMLParser):
    """Finds elements that are not closed where they have to be."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag


@pytest.mark.parametrize("kind", [*KINDS, "of another version"])
def test_whatever_is_in_a_node_becomes_whole_html(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "vega_script", str)
    monkeypatch.setattr(figures, "_plotly_script", str)
    monkeypatch.setattr(figures, "_bokeh_script", str)
    source = getsource(import_module(element_of(kind).__module__))
    names = sorted({*re.findall(r'(?:get\(|node\[)"(\w+)"', source), "contents"})

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.dictionaries(st.sampled_from(names), values(names), max_size=6))
    def check(node: dict[str, Any]) -> None:
        made = PageContext().render({**node, "type": kind})
        made.encode()
        reader = Whole()
        reader.feed(made)
        reader.close()
        assert not reader.open

    check()
