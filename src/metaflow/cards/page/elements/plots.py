"""Small drawings of numbers: how they are distributed, and how they go on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import label_text

_WIDTH = 240.0
_HEIGHT = 44.0
#: Bars, and points of a line, that are drawn: more could not be told apart.
_MOST_BARS = 240
_MOST_POINTS = 2_000


def histogram_element(node: Mapping[str, Any], page: PageContext) -> str:
    """How often numbers of each range occur."""
    given = node.get("counts") or ()
    merged = -(-len(given) // _MOST_BARS) or 1
    counts = [sum([max(0, int(each)) for each in given[at : at + merged]]) for at in range(0, len(given), merged)]
    if not counts or not any(counts):
        return ""
    low, high = shown_number(node.get("low")), shown_number(node.get("high"))
    highest = max(counts)
    width = _WIDTH / len(counts)
    bars = []
    for index, count in enumerate(counts):
        if count:
            height = max(1.0, count / highest * _HEIGHT)
            bars.append(f"M{index * width + 0.5:.1f} {_HEIGHT:.0f}v-{height:.1f}h{width - 1:.1f}v{height:.1f}z")
    most = counts.index(highest)
    words = f"Histogram from {low} to {high}; most values in part {most + 1} of {len(counts)}."
    return _figure("mf-histogram", words, f'<path d="{"".join(bars)}"/>', low, high, node.get("label"))


def sparkline_element(node: Mapping[str, Any], page: PageContext) -> str:
    """Numbers one after the other, as a line."""
    given = [_finite(value) for value in node.get("values") or ()]
    known = [value for value in given if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    span = high - low or 1.0
    values = _thinned(given)
    step = _WIDTH / max(1, len(values) - 1)
    parts, pen = [], "M"
    for index, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{index * step:.1f} {2 + (1 - (value - low) / span) * (_HEIGHT - 4):.1f}")
        pen = "L"
    first, last = shown_number(known[0]), shown_number(known[-1])
    words = f"Line from {first} to {last}; smallest {shown_number(low)}, largest {shown_number(high)}."
    drawing = f'<path d="{"".join(parts)}"/>'
    return _figure("mf-sparkline", words, drawing, first, last, node.get("label"))


def _thinned(values: list[float | None]) -> list[float | None]:
    """Of many values, the smallest and the largest of each stretch, in their order: the line looks the same."""
    if len(values) <= _MOST_POINTS:
        return values
    length = -(-2 * len(values) // _MOST_POINTS)
    shown: list[float | None] = []
    for start in range(0, len(values), length):
        known = [(value, at) for at, value in enumerate(values[start : start + length]) if value is not None]
        ends = sorted({min(known), max(known)}, key=lambda end: end[1]) if known else [(None, 0)]
        shown += [value for value, _ in ends]
    return shown


def _figure(kind: str, words: str, drawing: str, left: str, right: str, label: Any) -> str:
    caption = f"<span>{label_text(label)}</span>" if label else ""
    return (
        f'<figure class="mf-plot {kind}"><svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" preserveAspectRatio="none" '
        f'role="img" aria-label="{label_text(words)}">{drawing}</svg>'
        f"<figcaption><span>{label_text(left)}</span>{caption}<span>{label_text(right)}</span></figcaption></figure>"
    )


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    # Beyond this, differences of two values are no longer numbers.
    return number if math.isfinite(number) and abs(number) < 1e300 else None


def shown_number(value: Any) -> str:
    """A number as people read it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int) and abs(value) < 10**15:
        return f"{value:,}"
    return f"{value:.6g}"
