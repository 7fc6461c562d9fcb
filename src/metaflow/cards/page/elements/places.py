"""Tabs and columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.layout import columns_of, nodes_of
from metaflow.cards.page.escaping import label_text

#: The page's style divides a row into as many parts.
_PARTS = 12


def tabs_element(node: Mapping[str, Any], page: PageContext) -> str:
    """Panels below each other, of which the script makes tabs."""
    tabs = [each for each in nodes_of(node, "tabs") if isinstance(each, Mapping)]
    if not tabs:
        return '<p class="mf-note">There are no tabs.</p>'
    panels = []
    for number, tab in enumerate(tabs, 1):
        label = str(tab.get("label", "")).strip() or f"Tab {number}"
        head = page.heading(label_text(label), "mf-tab-label")
        with page.under_heading():
            inner = page.render_all(nodes_of(tab))
        panels.append(f'<section class="mf-tab-panel" id="{page.new_id()}">{head}{inner}</section>')
    return f'<div class="mf-tabs">{"".join(panels)}</div>'


def columns_element(node: Mapping[str, Any], page: PageContext) -> str:
    """Nodes below each other in columns side by side."""
    columns = [each if isinstance(each, list) else [each] for each in nodes_of(node)]
    if not columns:
        return ""
    if not node.get("widths"):
        same = "".join(f'<div class="mf-split-part">{page.render_all(column)}</div>' for column in columns)
        return f'<div class="mf-card-grid mf-columns-{columns_of(len(columns), len(columns))}">{same}</div>'
    spans = spans_of(node.get("widths"), len(columns))
    parts = [
        f'<div class="mf-split-part mf-span-{span}">{page.render_all(column)}</div>'
        for span, column in zip(spans, columns, strict=True)
    ]
    return f'<div class="mf-split"><div class="mf-split-grid">{"".join(parts)}</div></div>'


def spans_of(widths: Any, count: int) -> list[int]:
    """How many twelfths of a row each of `count` columns takes; rows of their own for more than twelve."""
    if count > _PARTS:
        return [1] * count
    shares = [_share(each) for each in widths] if isinstance(widths, (list, tuple)) else []
    shares = [*shares, *[1.0] * count][:count]
    spans = [1] * count
    for _ in range(_PARTS - count):
        # Whichever is furthest behind what it should have.
        spans[max(range(count), key=lambda each: shares[each] / spans[each])] += 1
    return spans


def _share(width: Any) -> float:
    try:
        share = float(width)
    except (TypeError, ValueError, OverflowError):
        return 1.0
    return share if math.isfinite(share) and share > 0 else 1.0
