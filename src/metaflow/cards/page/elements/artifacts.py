"""Artifacts: a table of name, type and value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import label_text, text

#: Characters of a value that are there at first sight; longer ones are unfolded.
_AT_FIRST = 240
_MOST_CHARACTERS = 100_000
_MOST_ROWS = 5_000


def artifacts_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A table of artifacts."""
    given = node.get("data")
    rows = [row for row in given if isinstance(row, Mapping)] if isinstance(given, (list, tuple)) else []
    named = any(row.get("name") is not None for row in rows)
    body = "".join([_row(row, named, page) for row in rows[:_MOST_ROWS]])
    label = label_text(node.get("label") or "Artifacts")
    name = '<th scope="col">Name</th>' if named else ""
    # Without a name it is a value in its place, which needs no words on what its columns are.
    head = "" if not named else f'<thead><tr>{name}<th scope="col">Type</th><th scope="col">Value</th></tr></thead>'
    more = len(rows) - _MOST_ROWS
    note = f'<p class="mf-caption">{more:,} more are not shown.</p>' if more > 0 else ""
    return (
        '<figure class="mf-table mf-artifacts"><div class="mf-scroll mf-table-frame"><table>'
        f'<caption class="mf-visually-hidden">{label}</caption>{head}<tbody>{body}</tbody></table></div>{note}</figure>'
    )


def _row(row: Mapping[str, Any], named: bool, page: PageContext) -> str:
    name = f'<th scope="row">{text(_short(row.get("name"), ""))}</th>' if named else ""
    kind = f'<td class="mf-type"><code>{text(_short(row.get("type"), ""))}</code></td>'
    return f"<tr>{name}{kind}<td>{_value(row.get('data'), page)}</td></tr>"


def _value(data: Any, page: PageContext) -> str:
    if isinstance(data, Mapping) and "type" in data:
        return page.render(data)
    shown = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, default=str)
    if len(shown) <= _AT_FIRST:
        return f"<code>{text(shown)}</code>"
    left_out = len(shown) - _MOST_CHARACTERS
    rest = f'<p class="mf-caption">{left_out:,} more characters</p>' if left_out > 0 else ""
    first = " ".join(shown[:_AT_FIRST].split())
    return (
        f"<details><summary><code>{text(first)}…</code></summary>"
        f"<pre>{text(shown[:_MOST_CHARACTERS])}</pre>{rest}</details>"
    )


def _short(value: Any, missing: str) -> str:
    return missing if value is None else str(value)[:_AT_FIRST]
