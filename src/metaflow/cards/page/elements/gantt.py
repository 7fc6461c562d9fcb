"""When what ran, as a table with a bar in each row: steps, and the attempts of their tasks.

A node ``gantt`` has ``length`` (of the whole time, in milliseconds), ``label=`` and ``rows``: ``label``, ``state`` (a
word), ``took`` (a text), ``is_step=``, ``bars=`` and ``density=``. A bar is a list of ``[kind, from, to]``, whose kinds
are ``waiting``, ``starting``, ``code``, ``saving`` or ``failed``; the density of a row is how many attempts ran at a
time, for equal parts of the whole time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import label_text, text
from metaflow.client.times import span

_WIDTH, _HEIGHT = 1000.0, 16.0
#: Narrower bars would not be seen.
_LEAST_WIDTH = 1.5
_TICKS = 4
_KINDS = {
    "waiting": "waiting",
    "starting": "starting",
    "code": "the step's code",
    "saving": "saving",
    "failed": "an attempt that failed",
}
#: Height of a bar, so that no kind is told by its colour alone.
_HEIGHTS = {"waiting": 2.0, "starting": 6.0, "code": 12.0, "saving": 6.0, "failed": 16.0}


def gantt_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A table with bars."""
    page.styles.add("gantt")
    rows = [each for each in node.get("rows") or () if isinstance(each, Mapping)]
    length = max(float(node.get("length") or 0), 1.0)
    if not rows:
        return '<p class="mf-note">Nothing has run yet.</p>'
    label = label_text(node.get("label") or "Timeline")
    ticks = "".join([f"<span>{text(span(length * at / _TICKS / 1000))}</span>" for at in range(_TICKS + 1)])
    body = "".join([_row(row, length) for row in rows])
    legend = "".join(
        [
            f'<li><svg viewBox="0 0 24 16" aria-hidden="true">{_bar(kind, 0, 24)}</svg>{_KINDS[kind]}</li>'
            for kind in _KINDS
        ]
    )
    return (
        f'<figure class="mf-gantt"><div class="mf-scroll" role="region" aria-label="{label}" tabindex="0"><table>'
        '<thead><tr><th scope="col">Step and task</th>'
        f'<th scope="col"><span class="mf-visually-hidden">Time since the start</span>'
        f'<span class="mf-gantt-ticks" aria-hidden="true">{ticks}</span></th>'
        f'<th scope="col">State</th><th scope="col">Took</th></tr></thead><tbody>{body}</tbody></table></div>'
        f'<ul class="mf-gantt-legend" aria-label="What bars mean">{legend}</ul></figure>'
    )


def _row(row: Mapping[str, Any], length: float) -> str:
    scale = _WIDTH / length
    drawn = _density(row.get("density") or ())
    for kind, start, end in row.get("bars") or ():
        drawn += _bar(str(kind), float(start) * scale, float(end) * scale)
    state = str(row.get("state") or "")
    bad = ' class="mf-gantt-bad"' if state.startswith(("failed", "killed")) else ""
    kind = ' class="mf-gantt-step"' if row.get("is_step") else ""
    return (
        f'<tr{kind}><th scope="row" dir="auto">{label_text(row.get("label") or "")}</th>'
        f'<td><svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'
        f'</td><td{bad}>{text(state)}</td><td class="mf-number">{text(row.get("took") or "")}</td></tr>'
    )


def _bar(kind: str, start: float, end: float) -> str:
    shape = kind if kind in _HEIGHTS else "code"
    height = _HEIGHTS[shape]
    left = max(0.0, min(start, _WIDTH - _LEAST_WIDTH))
    return (
        f'<rect class="mf-gantt-{shape}" x="{left:.1f}" y="{(_HEIGHT - height) / 2:.1f}" '
        f'width="{max(end - left, _LEAST_WIDTH):.1f}" height="{height:.0f}"/>'
    )


def _density(counts: Sequence[Any]) -> str:
    """An area that is as high as attempts ran at a time."""
    numbers = [float(each) for each in counts]
    most = max(numbers, default=0.0)
    if most <= 0:
        return ""
    step = _WIDTH / len(numbers)
    line = "".join(
        [f"V{_HEIGHT - number / most * _HEIGHT:.1f}H{(at + 1) * step:.1f}" for at, number in enumerate(numbers)]
    )
    return f'<path class="mf-gantt-code" d="M0 {_HEIGHT:.0f}{line}V{_HEIGHT:.0f}z"/>'
