"""HTML of users and of other packages, in a frame of its own."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import label_text, without_reach

_LEAST_HEIGHT, _MOST_HEIGHT = 20, 20_000
#: Signs that the author has thought of colours, which then may go together with nothing but white.
_COLOURS = re.compile(r"(?<!-)color\s*[:=]|background|bgcolor", re.IGNORECASE)
_BOTH_SCHEMES = re.compile(r"color-scheme", re.IGNORECASE)
#: Characters that are searched at once, and of which the next part has some again.
_PART, _OVERLAP = 65_536, 256
_STYLE = (
    "<!DOCTYPE html><meta charset=utf-8><base target=_blank><style>"
    ":root{color-scheme:light dark}body{margin:0;font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "table{border-collapse:collapse}td,th{padding:2px 8px;text-align:start}img{max-width:100%}</style>"
)


def html_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A frame in which no script runs. As it has the page's origin, the page's script can see how high it has to be."""
    content = str(node.get("html", ""))
    is_paper = _occurs(_COLOURS, content) and not _occurs(_BOTH_SCHEMES, content)
    # Marks of direction mean something in a document, and cannot reach beyond it: they stay, unlike in other texts.
    # Not by the script alone, which in some viewers has no way into the frame.
    style = _STYLE.replace("light dark", "light") if is_paper else _STYLE
    document = page.later(html.escape(_storable(each)) for each in (style, *without_reach(content)))
    height = _height(node.get("height"))
    label = label_text(node.get("label") or "HTML")
    return (
        f'<iframe class="mf-html{" mf-paper" if is_paper else ""}" title="{label}"{height} '
        'sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox" referrerpolicy="no-referrer" '
        f'srcdoc="{document}"></iframe>'
    )


def _occurs(pattern: re.Pattern[str], content: str) -> bool:
    """Whether there is something in the content; looked for in parts, as other threads wait meanwhile."""
    return any(pattern.search(content, at, at + _PART + _OVERLAP) for at in range(0, len(content), _PART))


def _storable(text: str) -> str:
    """A text in which halves of characters, which cannot be stored, are replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _height(asked: Any) -> str:
    if isinstance(asked, bool) or not isinstance(asked, (int, float)) or not math.isfinite(asked):
        return ""
    return f' height="{min(max(int(asked), _LEAST_HEIGHT), _MOST_HEIGHT)}"'
