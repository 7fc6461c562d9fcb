"""Nodes of kinds that are not known, such as those of newer versions and of other packages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.preformatted import preformatted
from metaflow.cards.page.escaping import text, text_within


def unknown_element(node: Mapping[str, Any], page: PageContext) -> str:
    """The node as data."""
    kind = text(str(node.get("type"))[:200])
    data, note = text_within(json.dumps(node, indent=2, default=str, ensure_ascii=False), 100_000)
    return (
        f'<details class="mf-unknown"><summary>Something that this version cannot show: <bdi>{kind}</bdi></summary>'
        f"{preformatted(data, 'Data')}{note}</details>"
    )
