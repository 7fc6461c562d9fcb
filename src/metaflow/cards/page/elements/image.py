"""Images that the page itself holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import label_text, text, text_pieces

# Images that browsers show. SVG is among them: in <img> it neither runs scripts nor loads anything.
_IMAGE = re.compile(
    r"data:image/(png|apng|jpe?g|gif|webp|avif|bmp|svg\+xml|x-icon|vnd\.microsoft\.icon)(;[\w=.-]+)*,", re.IGNORECASE
)


def image_element(node: Mapping[str, Any], page: PageContext) -> str:
    """An image, and what it shows below it. It can be enlarged."""
    source, label = str(node.get("src") or ""), node.get("label")
    caption = f'<figcaption class="mf-caption" dir="auto">{label_text(label)}</figcaption>' if label else ""
    if not is_image(source):
        what = f"Its address begins with <bdi>{text(source[:40])}</bdi>." if source else "It has no address."
        reason = f'<p class="mf-problem" role="note">This image cannot be shown: the page has to hold it. {what}</p>'
        return f'<figure class="mf-image">{reason}{caption}</figure>'
    # Many megabytes, of which base64 needs no change: looking for each character is much quicker than `text`.
    is_plain = source.isascii() and not any(special in source for special in "&<>\"'")
    address = page.later([source] if is_plain else text_pieces(source))
    return (
        f'<figure class="mf-image"><img class="mf-zoomable" src="{address}" alt="{label_text(label or "Image")}">'
        f"{caption}</figure>"
    )


def is_image(address: str) -> bool:
    """Whether an address is the data of an image that browsers show."""
    return _IMAGE.match(address) is not None
