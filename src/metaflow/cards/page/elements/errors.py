"""Errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.preformatted import preformatted
from metaflow.cards.page.escaping import label_text, text_within


def error_element(node: Mapping[str, Any], page: PageContext) -> str:
    """What went wrong, and where in the code."""
    headline = label_text(node.get("headline") or "Error")
    message, trace = node.get("message"), node.get("trace")
    parts = [f'<p class="mf-error-headline" dir="auto">{headline}</p>']
    if message:
        shown, note = text_within(message, 100_000)
        parts.append(f'<p class="mf-text" dir="auto">{shown}</p>{note}')
    if trace:
        shown, note = text_within(trace, 200_000)
        block = preformatted(shown, "Stack trace")
        parts.append(f"<details open><summary>Stack trace</summary>{block}{note}</details>")
    return f'<div class="mf-error">{"".join(parts)}</div>'
