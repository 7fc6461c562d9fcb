"""Pages and sections: what holds other nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaflow.cards.nodes import Node, Nodes
from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import label_text

#: Numbers of columns that the style has; others get the next larger one.
_COLUMNS = (1, 2, 3, 4, 5, 6, 8, 12)
#: Kinds that stand on the page itself; whatever else does is put on a panel, together with its neighbours.
_OWN_PANEL = frozenset({"page", "section", "title", "subtitle"})


def on_panels(nodes: Nodes, page: PageContext) -> str:
    """HTML of nodes that stand directly on a page."""
    parts: list[str] = []
    loose: list[str] = []
    for node in nodes:
        kind = node.get("type") if isinstance(node, Mapping) else None
        if isinstance(kind, str) and kind in _OWN_PANEL:
            parts += [_panel(loose), page.render(node)]
            loose = []
        else:
            loose.append(page.render(node))
    return "".join([*parts, _panel(loose)])


def page_element(node: Mapping[str, Any], page: PageContext) -> str:
    """Nodes below each other, below a title unless it is that of the whole page."""
    title = node.get("title")
    if not title or str(title) == page.title:
        return f'<div class="mf-stack">{on_panels(nodes_of(node), page)}</div>'
    head = page.heading(label_text(title), "mf-page-heading")
    with page.under_heading():
        return f'<div class="mf-stack">{head}{on_panels(nodes_of(node), page)}</div>'


def section_element(node: Mapping[str, Any], page: PageContext) -> str:
    """Nodes side by side, with a title above them."""
    title, subtitle = node.get("title"), node.get("subtitle")
    name, head = "", ""
    if title:
        name = page.new_id()
        head = page.heading(label_text(title), "mf-section-title", id=name)
    if subtitle:
        head += f'<p class="mf-section-subtitle" dir="auto">{label_text(subtitle)}</p>'
    if head:
        head = f'<div class="mf-section-head">{head}</div>'
    nodes = nodes_of(node)
    if title:
        with page.under_heading():
            inner = page.render_all(nodes)
    else:
        inner = page.render_all(nodes)
    columns = columns_of(node.get("columns"), len(nodes))
    grid = f'<div class="mf-card-grid mf-columns-{columns}">{inner}</div>' if columns > 1 else _stack(inner)
    labelled = f' aria-labelledby="{name}"' if name else ""
    return f'<section class="mf-section"{labelled}>{head}{grid}</section>'


def nodes_of(node: Mapping[str, Any], field: str = "contents") -> list[Node]:
    """The nodes that a node holds; a single one counts as a list of one."""
    contents = node.get(field)
    if contents is None:
        return []
    return list(contents) if isinstance(contents, (list, tuple)) else [contents]


def columns_of(asked: Any, nodes: int) -> int:
    """The number of columns that the style has for what was asked for, for so many nodes."""
    try:
        wanted = min(int(asked or 1), max(nodes, 1))
    except (TypeError, ValueError, OverflowError):
        wanted = 1
    return next((each for each in _COLUMNS if each >= wanted), _COLUMNS[-1])


def _panel(loose: list[str]) -> str:
    return f'<div class="mf-section">{_stack("".join(loose))}</div>' if loose else ""


def _stack(inner: str) -> str:
    return f'<div class="mf-stack">{inner}</div>' if inner else ""
