"""The page of a card within another page.

A node ``cardFrame`` has ``document``: the HTML of a whole page, and ``label``. It is shown in a frame that is a
stranger to the page: it has no origin, and no scripts run in it but those that Metaflow's own pages have.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import script_code, script_hash, text

_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script", re.DOTALL | re.IGNORECASE)


def card_frame_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A frame with a card."""
    page.styles.add("frames")
    document = str(node.get("document") or "").encode("utf-8", "replace").decode("utf-8")
    hashes = {script_hash(code) for code in _scripts(document)}
    known = hashes & _own_hashes()
    if known != hashes:
        known |= hashes & _library_hashes()
    page.frame_scripts |= known
    note = ""
    if known != hashes:
        note = '<p class="mf-note" role="note">This card has scripts of its own, which do not run in this file.</p>'
    return (
        f'{note}<iframe class="mf-card-frame" title="{text(node.get("label") or "Card")}" sandbox="allow-scripts" '
        f'referrerpolicy="no-referrer" loading="lazy" srcdoc="{html.escape(document, quote=True)}"></iframe>'
    )


def _scripts(document: str) -> list[str]:
    """The code in a page, without what is only data."""
    return [
        found["code"] for found in _SCRIPT.finditer(document) if "application/json" not in found["attributes"].lower()
    ]


def _own_hashes() -> set[str]:
    """Hashes of the scripts that all of our own pages have."""
    from metaflow.cards.page.document import own_scripts

    return set(map(script_hash, own_scripts()))


def _library_hashes() -> set[str]:
    """Hashes of the scripts that draw charts, as far as they are on this machine."""
    from metaflow.cards.charts.chart_library import LibraryMissing, vega_script

    try:
        return {script_hash(script_code(vega_script()))}
    except LibraryMissing:
        return set()  # charts then show their data as tables
