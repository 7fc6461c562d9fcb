"""HTML of progress bars and value boxes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from metaflow.cards.page.context import PageContext


def html(kind: str, **fields: Any) -> str:
    return PageContext().render({"type": kind, **fields})


def test_a_bar_tells_all_in_text_too() -> None:
    shown = html("progressBar", value=3, max=10, label="L", unit="epochs", rate=0.5, seconds_left=200, details="d")
    assert '<progress max="10" value="3" aria-labelledby="mf-1">30%</progress>' in shown
    for part in (
        'id="mf-1" dir="auto">L<',
        ">30%<",
        ">3 / 10 epochs<",
        ">30 epochs/min<",
        ">about 3 min 20 s left<",
        ">d<",
    ):
        assert part in shown
    assert "mf-progress-done" not in shown


@pytest.mark.parametrize(
    ("value", "most", "bar", "percent"),
    [
        (10, 10, 'max="10" value="10"', "100%"),
        (12, 10, 'max="10" value="10"', "120%"),
        (-3, 10, 'max="10" value="0"', "-30%"),
        (99.9, 100, 'max="100" value="99.9"', "99%"),
        (9999, 10000, 'max="10000" value="9999"', "99.9%"),
    ],
)
def test_the_bar_stays_within_its_ends(value: float, most: float, bar: str, percent: str) -> None:
    shown = html("progressBar", value=value, max=most)
    assert bar in shown
    assert f">{percent}</progress>" in shown
    assert ("mf-progress-done" in shown) is (value >= most)


@pytest.mark.parametrize(("value", "most"), [(3, None), (3, 0), (3, "x"), ("half", 10), (None, 10), (float("nan"), 10)])
def test_a_bar_without_an_end_or_a_number_is_indeterminate(value: Any, most: Any) -> None:
    shown = html("progressBar", value=value, max=most)
    assert "<progress aria-labelledby" in shown
    assert "%" not in shown


def test_details_by_name() -> None:
    shown = html("progressBar", value=1, max=2, details={"loss": 0.5, "<b>": "<i>"})
    assert "<dt>loss</dt><dd>0.5</dd>" in shown
    assert "<dt>&lt;b&gt;</dt><dd>&lt;i&gt;</dd>" in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567.5, '<data value="1234567.5" title="1234567.5">1,234,567.5</data>'),
        ("87 %", ">87 %<"),
        ("", '<span class="mf-visually-hidden">no value</span>'),
        (None, '<span class="mf-visually-hidden">no value</span>'),
        (True, ">True<"),
        ("<b>", ">&lt;b&gt;<"),
        (10**400, ">1e+308 or more<"),
    ],
)
def test_values(value: Any, shown: str) -> None:
    assert shown in html("valueBox", value=value)


@pytest.mark.parametrize(
    ("change", "direction"),
    [
        ("+5%", "up"),
        ("-5%", "down"),
        ("−5%", "down"),
        ("▲ 5", "up"),
        ("↓ 5", "down"),
        ("Up 3 places", "up"),
        ("down 3", "down"),
        ("upper half", ""),
        ("same as before", ""),
        ("- none -", "down"),
        ("-n/a-", ""),
    ],
)
def test_the_direction_of_a_change_is_shown_by_an_arrow_and_said(change: str, direction: str) -> None:
    shown = html("valueBox", value=1, change_indicator=change)
    arrows = {"up": "▲", "down": "▼", "": ""}
    assert [arrow for arrow in "▲▼" if arrow in shown] == [*arrows[direction]]
    assert (f">{direction}: </span>" in shown) is bool(direction)


@pytest.mark.parametrize("theme", ["success", "warning", "danger"])
def test_a_theme_is_told_by_a_mark_too(theme: str) -> None:
    shown = html("valueBox", value=1, theme=theme)
    assert f'class="mf-value-box {theme}"' in shown
    assert 'role="img" aria-label="' in shown


def test_themes_are_names_of_classes_and_nothing_else() -> None:
    assert 'class="mf-value-box my-theme"' in html("valueBox", value=1, theme="my-theme")
    for theme in ('"><script>', "a b", 3, None):
        assert 'class="mf-value-box default"' in html("valueBox", value=1, theme=theme)


anything = st.one_of(st.integers(), st.floats(), st.text(), st.none(), st.booleans(), st.lists(st.integers()))


@given(st.dictionaries(st.sampled_from(["value", "max", "label", "unit", "details", "rate", "seconds_left"]), anything))
def test_no_bar_is_too_odd(fields: dict[str, Any]) -> None:
    assert "cannot be shown" not in html("progressBar", **fields)


@given(st.dictionaries(st.sampled_from(["value", "title", "subtitle", "theme", "change_indicator"]), anything))
def test_no_box_is_too_odd(fields: dict[str, Any]) -> None:
    assert "cannot be shown" not in html("valueBox", **fields)
