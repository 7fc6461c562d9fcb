"""The page of a card within another page.

A node ``cardFrame`` has ``document``: the HTML of a whole page, and ``label``. It is shown in a frame that is a
stranger to the page: it has no origin. Frames have the policy of the page around them, so that names the scripts that
the card came with by their hashes. No others run, and nothing is loaded from anywhere.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import label_text, script_hash

_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script", re.DOTALL | re.IGNORECASE)
_SOURCE = re.compile(r"\bsrc\s*=", re.IGNORECASE)
#: Scripts of one card that can run: the policy has a hash for each.
_MOST_SCRIPTS = 200


class _Scripts(NamedTuple):
    """What a card's page has of scripts.

    Attributes
    ----------
    inside : list of str
        The code of those that are in it.
    has_others : bool
        Whether there are some that it would have to load.
    """

    inside: list[str]
    has_others: bool


def card_frame_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A frame with a card."""
    page.styles.add("frames")
    document = str(node.get("document") or "").encode("utf-8", "replace").decode("utf-8")
    scripts = _scripts(document)
    page.frame_scripts |= set(map(script_hash, scripts.inside[:_MOST_SCRIPTS]))
    note = ""
    if scripts.has_others:
        note = "This card loads scripts from elsewhere, which it cannot do in this file."
    elif len(scripts.inside) > _MOST_SCRIPTS:
        note = f"Of the scripts of this card, only the first {_MOST_SCRIPTS} run in this file."
    return (
        (f'<p class="mf-note" role="note">{note}</p>' if note else "")
        + f'<iframe class="mf-card-frame" title="{label_text(node.get("label") or "Card")}" sandbox="allow-scripts" '
        f'referrerpolicy="no-referrer" loading="lazy" srcdoc="{html.escape(document, quote=True)}"></iframe>'
    )


def _scripts(document: str) -> _Scripts:
    """The scripts of a page, as a browser reads them; without what is only data."""
    found = [
        each
        for each in _SCRIPT.finditer(document.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd"))
        if "application/json" not in each["attributes"].lower()
    ]
    others = [each for each in found if _SOURCE.search(each["attributes"])]
    return _Scripts([each["code"] for each in found if each not in others], bool(others))
