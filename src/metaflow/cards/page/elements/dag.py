"""The graph of a flow, drawn as SVG, with the step that the card is about marked.

A node ``dag`` has ``data``: for each step, by its name, ``next`` (names of the steps that it leads to) and, as far as
they apply, ``type`` (``start``, ``linear``, ``split``, ``split-foreach``, ``split-parallel``, ``split-switch``,
``join``, ``end``), ``foreach`` (what is iterated over), ``cases`` (name of a case -> step), ``repeated`` (whether it
runs once for each item), ``decorators`` (names), ``doc``, ``state`` (a word) and ``note`` (what stands below it, such
as how many tasks it has). ``step=`` is the name of the marked one.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import text
from metaflow.cards.page.graph_layout import Edge, Layout, Size, lay_out, nearest

#: Of a larger graph only what is nearest to the marked step is drawn.
_MOST_STEPS = 60
_MOST_LABEL = 24
_CHARACTER = 7.3
_HEIGHT = 32.0
#: What a note within a box needs.
_NOTE = 16.0
_STATES = ("failed", "running", "done")
_LAYER_GAP = 44.0
_LEAST_GAP = 30.0
_EDGE_LABEL_CHARACTER = 6.2
_MOST_EDGE_LABEL = 18
#: What a word below the lowest line needs.
_BELOW = 12.0
#: Wider than this, a graph is drawn from top to bottom.
_WIDEST = 1000.0

_WORDS = {
    "start": "start",
    "split": "split",
    "split-foreach": "foreach",
    "foreach": "foreach",
    "split-parallel": "parallel",
    "split-switch": "switch",
    "join": "join",
    "end": "end",
}


class _Step(NamedTuple):
    name: str
    kind: str
    targets: list[str]
    labels: dict[str, str]
    repeated: bool
    decorators: list[str]
    doc: str
    state: str
    note: str

    @property
    def label(self) -> str:
        return _shortened(self.name, _MOST_LABEL)


def dag_element(node: Mapping[str, Any], page: PageContext) -> str:
    """The graph as a drawing, and as a list for those who cannot see it."""
    data = node.get("data")
    if not isinstance(data, Mapping) or not data:
        return '<p class="mf-note">The graph of the flow is not known.</p>'
    steps = {str(name): _step(str(name), each) for name, each in data.items()}
    marked = node.get("step")
    shown = nearest({name: step.targets for name, step in steps.items()}, marked, _MOST_STEPS)
    left_out = len(steps) - len(shown)
    note = ""
    if left_out:
        note = (
            f'<p class="mf-note">The {len(shown)} steps around '
            f"<b>{text(marked or shown[0])}</b> are drawn; {left_out:,} more are in the list.</p>"
        )
    drawing = _drawing({name: steps[name] for name in shown}, marked, page)
    return f'<figure class="mf-dag">{drawing}{note}{_list(steps, marked)}</figure>'


def _step(name: str, data: Any) -> _Step:
    if not isinstance(data, Mapping):
        data = {}
    targets = data.get("next")
    targets = [str(each) for each in targets] if isinstance(targets, (list, tuple)) else []
    cases = data.get("cases")
    labels: dict[str, str] = {}
    if isinstance(cases, Mapping):
        for case, target in cases.items():
            known = labels.get(str(target))
            labels[str(target)] = str(case) if known is None else f"{known}, {case}"
    elif data.get("foreach"):
        labels = dict.fromkeys(targets, f"each {data['foreach']}")
    decorators = data.get("decorators")
    return _Step(
        name,
        str(data.get("type") or "linear"),
        targets,
        labels,
        bool(data.get("repeated")),
        [str(each) for each in decorators] if isinstance(decorators, (list, tuple)) else [],
        str(data.get("doc") or ""),
        str(data.get("state") or ""),
        str(data.get("note") or ""),
    )


def _drawing(steps: dict[str, _Step], marked: Any, page: PageContext) -> str:
    targets = {name: step.targets for name, step in steps.items()}
    widths = {name: max(64.0, _characters(step) * _CHARACTER + 28) for name, step in steps.items()}
    tall = _HEIGHT + (_NOTE if any(step.note for step in steps.values()) else 0)
    longest = max(
        (len(_shortened(label, _MOST_EDGE_LABEL)) for step in steps.values() for label in step.labels.values()),
        default=0,
    )
    gap = max(_LAYER_GAP, longest * _EDGE_LABEL_CHARACTER + 24)
    layout = lay_out(targets, {name: Size(width, tall) for name, width in widths.items()}, gap)
    across = layout.size.main <= _WIDEST
    if not across:
        gap = _LAYER_GAP if longest else _LEAST_GAP
        layout = lay_out(targets, {name: Size(tall, width) for name, width in widths.items()}, gap)
    width, height = layout.size if across else layout.size[::-1]
    height += _BELOW if across and any(_has_word_below(edge, steps) for edge in layout.edges) else 0
    identifier, arrow = page.new_id(), page.new_id()
    parts = [_edge_svg(edge, steps[edge.source], across, arrow) for edge in layout.edges]
    parts += _boxes(layout, steps, marked, across)
    return (
        f'<div class="mf-dag-frame" tabindex="0" role="region" aria-label="Graph of the flow">'
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img" '
        f'aria-labelledby="{identifier}"><title id="{identifier}">{text(_summary(steps, marked))}</title>'
        f'<defs><marker id="{arrow}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path class="mf-dag-arrow" d="M0 0.8 7 4 0 7.2z"/></marker></defs>'
        f"{''.join(parts)}</svg></div>"
    )


def _characters(step: _Step) -> int:
    return max(len(step.label), len(step.note))


def _has_word_below(edge: Edge, steps: dict[str, _Step]) -> bool:
    goes_down = edge.points[1][1] > edge.points[0][1]
    return (edge.goes_back or goes_down) and edge.target in steps[edge.source].labels


def _summary(steps: dict[str, _Step], marked: Any) -> str:
    where = f"; this card is of the step {marked}" if marked in steps else ""
    return f"Graph of the flow with {len(steps)} step{'s' if len(steps) != 1 else ''}{where}. The list below has all."


def _boxes(layout: Layout, steps: dict[str, _Step], marked: Any, across: bool) -> list[str]:
    parts = []
    for name, box in layout.boxes.items():
        left, top = (box.main, box.cross) if across else (box.cross, box.main)
        width, height = box.size if across else box.size[::-1]
        step = steps[name]
        classes = f"mf-dag-step mf-dag-{_shape(step.kind)}{' mf-dag-here' if name == marked else ''}"
        classes += f" mf-dag-is-{step.state}" if step.state in _STATES else ""
        middle = top + height / 2 + 4.2
        below = ""
        if step.note:
            below = (
                f'<text class="mf-dag-note" x="{left + width / 2:.1f}" y="{middle + 8:.1f}">{text(step.note)}</text>'
            )
            middle -= 8
        parts.append(
            f'<g class="{classes}"><title>{text(_described(step))}</title>'
            f"{_outline(step, left, top, width, height)}"
            f'<text x="{left + width / 2:.1f}" y="{middle:.1f}">{text(step.label)}</text>{below}</g>'
        )
    return parts


def _shape(kind: str) -> str:
    word = _WORDS.get(kind, "linear")
    return "foreach" if word == "parallel" else word


def _outline(step: _Step, left: float, top: float, width: float, height: float) -> str:
    """The shape of a step: a hexagon decides, a stack runs many times, a bar at its side joins."""
    rectangle = '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="{}"/>'
    if step.kind == "split-switch":
        cut, right, bottom, middle = 11, left + width, top + height, top + height / 2
        corners = (
            (left, middle), (left + cut, top), (right - cut, top),
            (right, middle), (right - cut, bottom), (left + cut, bottom),
        )  # fmt: skip
        shape = f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in corners)}"/>'
    else:
        radius = height / 2 if step.kind in ("start", "end") else 6
        shape = rectangle.format(left, top, width, height, f"{radius:.0f}")
    if step.repeated:
        shape = rectangle.format(left + 5, top - 5, width, height, 6) + shape
    if step.kind == "join":
        shape += f'<path class="mf-dag-bar" d="M{left + 6:.1f} {top + 7:.1f}v{height - 14:.1f}"/>'
    return shape


def _described(step: _Step) -> str:
    """A step in words."""
    words = [step.name]
    kind = _WORDS.get(step.kind)
    if kind and kind != step.name:
        words.append(f"({kind})")
    if step.repeated:
        words.append("(once for each item)")
    words += [f"@{name}" for name in step.decorators]
    if step.note:
        words.append(f"({step.note})")
    first_line = step.doc.strip().partition("\n")[0]
    return " ".join(words) + (f": {_shortened(first_line, 120)}" if first_line else "")


def _edge_svg(edge: Edge, source: _Step, across: bool, arrow: str) -> str:
    points = [point if across else point[::-1] for point in edge.points]
    curve = _loop(points) if edge.goes_back else _curve(points, across)
    label = source.labels.get(edge.target)
    words = "" if label is None else _edge_label(label, points, edge.goes_back, across)
    return f'<path class="mf-dag-edge" d="{curve}" marker-end="url(#{arrow})"/>{words}'


def _edge_label(label: str, points: list[tuple[float, float]], goes_back: bool, across: bool) -> str:
    side = ""
    if goes_back:
        (x, y), (end_x, end_y) = points[1:3]
        x, y = ((x + end_x) / 2, y + 9) if across else (x + 3, (y + end_y) / 2 + 4)
        side = "" if across else " mf-dag-side"
    else:
        # Near to where the first part of the line ends, where lines of one source have parted.
        (x, y), (end_x, end_y) = points[:2]
        below = across and end_y > y
        x, y = (x + (end_x - x) * 0.6, end_y) if across else (end_x, y + (end_y - y) * 0.75)
        y += 13 if below else -4
    return (
        f'<text class="mf-dag-label{side}" x="{x:.1f}" y="{y:.1f}"><title>{text(label)}</title>'
        f"{text(_shortened(label, _MOST_EDGE_LABEL))}</text>"
    )


def _curve(points: list[tuple[float, float]], across: bool) -> str:
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x, y), (end_x, end_y) in pairwise(points):
        if (y == end_y) if across else (x == end_x):
            parts.append(f"L{end_x:.1f} {end_y:.1f}")
        elif across:
            half = (end_x - x) / 2
            parts.append(f"C{x + half:.1f} {y:.1f} {end_x - half:.1f} {end_y:.1f} {end_x:.1f} {end_y:.1f}")
        else:
            half = (end_y - y) / 2
            parts.append(f"C{x:.1f} {y + half:.1f} {end_x:.1f} {end_y - half:.1f} {end_x:.1f} {end_y:.1f}")
    return "".join(parts)


def _loop(points: list[tuple[float, float]]) -> str:
    return "M{0[0]:.1f} {0[1]:.1f}C{1[0]:.1f} {1[1]:.1f} {2[0]:.1f} {2[1]:.1f} {3[0]:.1f} {3[1]:.1f}".format(*points)


def _list(steps: dict[str, _Step], marked: Any) -> str:
    items = []
    for step in steps.values():
        nexts = ", ".join(
            f"{target} ({step.labels[target]})" if target in step.labels else target for target in step.targets
        )
        here = ' aria-current="step"' if step.name == marked else ""
        leads = f'<span class="mf-muted"> \N{RIGHTWARDS ARROW} {text(nexts)}</span>' if nexts else ""
        items.append(f"<li{here}>{text(_described(step))}{leads}</li>")
    count = f"{len(steps):,} step{'s' if len(steps) != 1 else ''}"
    return f'<details class="mf-dag-list"><summary>{count} as a list</summary><ol>{"".join(items)}</ol></details>'


def _shortened(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
