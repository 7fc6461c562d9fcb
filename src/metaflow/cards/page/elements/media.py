"""Videos and sounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import label_text, text_pieces

_ADDRESS = re.compile(r"data:(?:video|audio)/[a-z0-9.+-]+(?:;codecs=[a-zA-Z0-9.,_-]+)?;base64,")


def media_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A player, with what it plays inside of the page."""
    kind = "audio" if node.get("kind") == "audio" else "video"
    src, label = node.get("src"), node.get("label")
    if not isinstance(src, str) or not _ADDRESS.match(src):
        return f'<p class="mf-problem" role="note">This {kind} is not part of the card, and cards load nothing.</p>'
    named = label_text(label) if label else f"{kind.capitalize()} without a label"
    inline = " playsinline" if kind == "video" else ""
    address = page.later(text_pieces(src))
    player = f'<{kind} controls preload="metadata"{inline} aria-label="{named}" src="{address}"></{kind}>'
    caption = f'<figcaption class="mf-caption" dir="auto">{label_text(label)}</figcaption>' if label else ""
    return f'<figure class="mf-media">{player}{caption}</figure>'
