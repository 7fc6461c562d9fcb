"""Logs: what a task printed, as a terminal would show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.preformatted import preformatted
from metaflow.cards.page.escaping import label_text, text
from metaflow.cards.page.terminal import Style, lines_of

#: Characters of a log that are shown at its beginning and at its end.
_HEAD, _TAIL = 100_000, 300_000


def log_element(node: Mapping[str, Any], page: PageContext) -> str:
    """The beginning and the end of a log."""
    data = str(node.get("data") or "")
    if not data.strip():
        return '<p class="mf-muted mf-small">Nothing was printed.</p>'
    if len(data) <= _HEAD + _TAIL:
        shown = _html(data)
    else:
        middle = data[_HEAD : len(data) - _TAIL]
        # At ends of lines, where there are any.
        start, end = middle.find("\n") + 1, middle.rfind("\n") + 1 or len(middle)
        size, lines = max(end - start, 0), middle[start:end].count("\n")
        left_out = f"{size:,} characters ({lines:,} lines) are left out here"
        shown = (
            f'{_html(data[: _HEAD + start])}\n<span class="mf-cut">… {left_out} …</span>\n{_html(data[_HEAD + end :])}'
        )
    at_end = " mf-log-end" if node.get("at_end") else ""
    return f'<div class="mf-log{at_end}">{preformatted(shown, label_text(node.get("label") or "Log"))}</div>'


def _html(data: str) -> str:
    return "\n".join(["".join([_run(style, run) for style, run in line]) for line in lines_of(data)])


def _run(style: Style, run: str) -> str:
    return f'<span class="{" ".join(style)}">{text(run)}</span>' if style else text(run)
