"""Small drawings of numbers: how they are distributed, and how they go on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import text

_WIDTH = 240.0
_HEIGHT = 44.0


def histogram_element(node: Mapping[str, Any], page: PageContext) -> str:
    """How often numbers of each range occur."""
    counts = [max(0, int(count)) for count in node.get("counts") or ()]
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
    values = [_finite(value) for value in node.get("values") or ()]
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    span = high - low or 1.0
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


def _figure(kind: str, words: str, drawing: str, left: str, right: str, label: Any) -> str:
    caption = f"<span>{text(label)}</span>" if label else ""
    return (
        f'<figure class="mf-plot {kind}"><svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" preserveAspectRatio="none" '
        f'role="img" aria-label="{text(words)}">{drawing}</svg>'
        f"<figcaption><span>{text(left)}</span>{caption}<span>{text(right)}</span></figcaption></figure>"
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
