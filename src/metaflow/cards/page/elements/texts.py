"""Texts, headings, and facts with their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import label_text, text_within


def text_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A paragraph, whose line breaks are kept."""
    shown, note = text_within(node.get("text", ""))
    return f'<p class="mf-text" dir="auto">{shown}</p>{note}'


def title_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A large heading."""
    return page.heading(label_text(node.get("text", "")), "mf-page-heading")


def subtitle_element(node: Mapping[str, Any], page: PageContext) -> str:
    """What stands below a large heading."""
    return f'<p class="mf-subtitle" dir="auto">{label_text(node.get("text", ""))}</p>'


def heading_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A heading, and perhaps a line below it."""
    head = page.heading(label_text(node.get("title", "")), "mf-section-title")
    subtitle = node.get("subtitle")
    if subtitle:
        head += f'<p class="mf-section-subtitle" dir="auto">{label_text(subtitle)}</p>'
    return f'<div class="mf-section-head">{head}</div>'


def facts_element(node: Mapping[str, Any], page: PageContext) -> str:
    """Values with what they are, in as many columns as there is room for."""
    pairs = [_fact(each, page) for each in node.get("data") or ()]
    return f'<dl class="mf-facts">{"".join(pairs)}</dl>' if pairs else ""


def _fact(fact: Any, page: PageContext) -> str:
    if not isinstance(fact, Mapping):
        return f"<div><dt></dt><dd>{label_text(fact)}</dd></div>"
    value = fact.get("value")
    if value is None:
        shown = '<span class="mf-muted">none</span>'
    elif isinstance(value, Mapping):
        shown = page.render(value)
    else:
        content, note = text_within(value, 10_000)
        shown = f'<span class="mf-text" dir="auto">{content}</span>{note}'
    return f'<div><dt dir="auto">{label_text(fact.get("label", ""))}</dt><dd>{shown}</dd></div>'
