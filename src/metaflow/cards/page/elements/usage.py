"""How much of something was used, of how much.

A node ``usage`` has ``data``: a list of ``{"label", "text", "share"=}``; the share is a number from 0 to 1, or more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import label_text

#: From this share on little is left.
_NEARLY_ALL = 0.9


def usage_element(node: Mapping[str, Any], page: PageContext) -> str:
    """Amounts, with a bar for each of which the whole is known."""
    items = "".join([_amount(each) for each in node.get("data") or () if isinstance(each, Mapping)])
    return f'<dl class="mf-usage">{items}</dl>' if items else ""


def _amount(each: Mapping[str, Any]) -> str:
    share = each.get("share")
    bar = ""
    if isinstance(share, (int, float)) and math.isfinite(share):
        width = min(100.0, max(0.0, share * 100))
        tone = "mf-usage-full" if share >= _NEARLY_ALL else "mf-usage-part"
        bar = (
            f'<svg class="{tone}" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
            f'<rect class="mf-usage-all" width="100" height="4"/><rect width="{width:.1f}" height="4"/></svg>'
        )
    return f"<div><dt>{label_text(each.get('label', ''))}</dt><dd>{label_text(each.get('text', ''))}{bar}</dd></div>"
