"""Progress bars and value boxes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import label_text, text
from metaflow.cards.page.number_text import duration_text, number_text, rate_text
from metaflow.cards.values.plain_numbers import plain_number

_INFINITE = float("inf")
_CSS_CLASS = re.compile(r"-?[_a-zA-Z][_a-zA-Z0-9-]*")
_UP = re.compile(r"\s*([↑▲⬆🔺↗]\ufe0f?|\+|up\b|increased?\b|rose\b)", re.IGNORECASE)
_DOWN = re.compile(r"\s*([↓▼⬇🔻↘]\ufe0f?|[-−–](?=[\s\d.$€£])|down\b|decreased?\b|fell\b)", re.IGNORECASE)  # noqa: RUF001
_ARROW = re.compile(r"\s*[↑▲⬆🔺↗↓▼⬇🔻↘]\ufe0f?\s*")
#: What tells a theme to those who do not see its colour.
_MARKS = {"success": ("✓", "good"), "warning": ("!", "warning"), "danger": ("✕", "bad")}
#: Values with more characters than this are set smaller.
_LARGE_UP_TO = 7
_MEDIUM_UP_TO = 16
_MOST_DETAILS = 100
_MOST_OF_CHANGE = 1000


def progress_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A bar, with all that it says in text as well."""
    value, most = _finite(node.get("value")), _finite(node.get("max"))
    if most is not None and most <= 0:
        most = None
    name = page.new_id()
    label = str(node.get("label") or "Progress")
    is_done = value is not None and most is not None and value >= most
    percent = _percent(value, most)
    bar = f' max="{most!r}" value="{min(max(value, 0), most)!r}"' if value is not None and most is not None else ""
    unnamed = "" if node.get("label") else " mf-progress-unnamed"
    head = f'<span class="mf-progress-label{unnamed}" id="{name}" dir="auto">{label_text(label)}</span>'
    head += f'<span class="mf-progress-percent">{percent}</span>' if percent else ""
    return (
        f'<div class="mf-progress{" mf-progress-done" if is_done else ""}"><div class="mf-progress-head">{head}</div>'
        f'<progress{bar} aria-labelledby="{name}">{percent}</progress>'
        f'<div class="mf-progress-facts">{_progress_facts(node, value, most)}</div>'
        f"{_details(node.get('details'))}</div>"
    )


def value_box_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A value, large, with what it is."""
    title, subtitle, change = node.get("title"), node.get("subtitle"), node.get("change_indicator")
    name = page.new_id()
    theme = str(node.get("theme") or "default")
    theme = theme if _CSS_CLASS.fullmatch(theme) else "default"
    mark = ""
    if theme in _MARKS:
        sign, meaning = _MARKS[theme]
        mark = f'<span class="mf-value-mark" role="img" aria-label="{meaning}">{sign}</span>'
    labelled = f' aria-labelledby="{name}"' if title else ""
    return (
        f'<div class="mf-value-box {theme}" role="group"{labelled}>'
        + (f'<p class="mf-value-title" id="{name}" dir="auto">{label_text(title)}</p>' if title else "")
        + f"{mark}{_value(node.get('value'))}"
        + (f'<p class="mf-value-change" dir="auto">{_change(str(change)[:_MOST_OF_CHANGE])}</p>' if change else "")
        + (f'<p class="mf-value-subtitle" dir="auto">{label_text(subtitle)}</p>' if subtitle else "")
        + "</div>"
    )


def _finite(value: Any) -> float | None:
    number = plain_number(value)
    return number if number is not None and -_INFINITE < number < _INFINITE else None


def _percent(value: float | None, most: float | None) -> str:
    if value is None or most is None:
        return ""
    try:
        percent = value / most * 100
    except OverflowError:
        return ""
    if not -1e6 < percent < 1e6:
        return ""
    # Not 100 before it is done.
    shown = percent if percent >= 100 or percent < 0 else min(percent, 99.9 if most > 1000 else 99.0)
    return f"{shown:.1f}%" if most > 1000 and percent < 100 else f"{shown:.0f}%"


def _progress_facts(node: Mapping[str, Any], value: float | None, most: float | None) -> str:
    unit = str(node.get("unit") or "")
    shown = number_text(value) if value is not None else _odd(node.get("value"))
    if most is not None:
        shown += f" / {number_text(most)}"
    facts = [f"<span>{label_text(f'{shown} {unit}'.strip())}</span>"]
    rate, left = _finite(node.get("rate")), _finite(node.get("seconds_left"))
    if rate is not None and rate > 0:
        facts.append(f"<span>{label_text(rate_text(rate, unit))}</span>")
    if left is not None and left > 0:
        facts.append(f'<span class="mf-live-only">about {duration_text(left)} left</span>')
    return "".join(facts)


def _odd(value: Any) -> str:
    return "no value yet" if value is None else str(value)[:200]


def _details(details: Any) -> str:
    if details is None or details == "":
        return ""
    if isinstance(details, Mapping):
        pairs = "".join(
            f"<div><dt>{label_text(name)}</dt><dd>{label_text(value)}</dd></div>"
            for name, value in islice(details.items(), _MOST_DETAILS)
        )
        return f'<dl class="mf-progress-details mf-pairs">{pairs}</dl>{_left_out(len(details) - _MOST_DETAILS)}'
    return f'<p class="mf-progress-details" dir="auto">{label_text(details)}</p>'


def _left_out(count: int) -> str:
    return f'<p class="mf-note">{count:,} more are left out.</p>' if count > 0 else ""


def _value(value: Any) -> str:
    number = None if isinstance(value, (str, bool)) else plain_number(value)
    if number is not None and -_INFINITE < number < _INFINITE:
        shown = number_text(number)
        exact = text(repr(number) if abs(number) < 1e300 else shown)
        content = f'<data value="{exact}" title="{exact}">{shown}</data>'
    elif value is None or value == "":
        shown = "–"  # noqa: RUF001 - a dash
        content = '<span aria-hidden="true">–</span><span class="mf-visually-hidden">no value</span>'  # noqa: RUF001
    else:
        shown = str(value)[:1000]
        content = text(shown)
    size = ""
    if len(shown) > _LARGE_UP_TO:
        size = " mf-value-medium" if len(shown) <= _MEDIUM_UP_TO else " mf-value-long"
    return f'<p class="mf-value-number{size}" dir="auto">{content}</p>'


def _change(change: str) -> str:
    direction = "up" if _UP.match(change) else "down" if _DOWN.match(change) else ""
    if not direction:
        return text(change)
    arrow = "▲" if direction == "up" else "▼"
    said = _ARROW.sub("", change, count=1) if _ARROW.match(change) else change
    return (
        f'<span class="mf-value-arrow" aria-hidden="true">{arrow}</span>'
        f'<span class="mf-visually-hidden">{direction}: </span>{text(said)}'
    )
