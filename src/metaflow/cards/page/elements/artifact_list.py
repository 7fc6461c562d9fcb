"""Artifacts of a task, one line each, that open to show more; and other things that open.

A node ``artifactList`` has ``data``: a list of ``{"name", "kind"=, "type"=, "text"=, "size"=, "contents"=, "open"=}``:
the short name of its type and the whole one, its value in one line, its size in words, and nodes that show it. A node
``fold`` has ``title``, ``note=``, ``contents`` and ``open=``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import label_text


def artifact_list_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A list of artifacts."""
    rows = [each for each in node.get("data") or () if isinstance(each, Mapping)]
    if not rows:
        return '<p class="mf-note">There are none.</p>'
    items = "".join([_item(row, page) for row in rows])
    return f'<ul class="mf-artifacts" data-count="{len(rows)}">{items}</ul>'


def _item(row: Mapping[str, Any], page: PageContext) -> str:
    kind = row.get("kind") or ""
    whole = row.get("type") or ""
    hint = f' title="{label_text(whole)}"' if whole and whole != kind else ""
    line = (
        f'<span class="mf-artifact-name">{label_text(row.get("name", ""))}</span>'
        f'<span class="mf-artifact-type"{hint}>{label_text(kind or whole)}</span>'
        f'<span class="mf-artifact-text" dir="auto">{label_text(row.get("text") or "")}</span>'
        f'<span class="mf-artifact-size">{label_text(row.get("size") or "")}</span>'
    )
    contents = row.get("contents")
    if not isinstance(contents, (list, tuple)) or not contents:
        return f'<li><div class="mf-artifact-line">{line}</div></li>'
    return (
        f'<li><details{" open" if row.get("open") else ""}><summary class="mf-artifact-line">{line}</summary>'
        f'<div class="mf-artifact-body">{page.render_all(contents)}</div></details></li>'
    )


def fold_element(node: Mapping[str, Any], page: PageContext) -> str:
    """Nodes that are hidden until somebody wants to see them."""
    contents = node.get("contents")
    if not isinstance(contents, (list, tuple)):
        contents = ()
    note = f' <span class="mf-muted mf-small">{label_text(node["note"])}</span>' if node.get("note") else ""
    return (
        f'<details class="mf-fold"{" open" if node.get("open") else ""}>'
        f"<summary><span>{label_text(node.get('title', ''))}</span>{note}</summary>"
        f'<div class="mf-stack">{page.render_all(contents)}</div></details>'
    )
