"""Where the steps of a graph and the lines between them are drawn. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.cards.page.graph_layout import MARGIN, Edge, Size, lay_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.web.graph.recorded import RecordedGraph

#: Extent of a step's box, in pixels at full size; the page draws it with this much room for its texts.
BOX_WIDTH, BOX_HEIGHT = 200.0, 62.0
#: Space between layers, which has to hold what is written at edges.
_GAP_ACROSS, _GAP_ACROSS_LABELLED, _GAP_DOWN = 44.0, 116.0, 46.0
#: How much further out lines go that lead back, so that there is room for words at them.
_BOW = 34.0


def draw(graph: RecordedGraph, across: bool) -> dict[str, Any]:
    """Lay a graph out.

    Parameters
    ----------
    graph : RecordedGraph
    across : bool
        Whether it goes on from left to right; otherwise from top to bottom.

    Returns
    -------
    dict
        ``width`` and ``height`` of the whole, ``steps`` with their boxes, in the order in which they run, and
        ``edges`` with points from box to box.
    """
    size = Size(BOX_WIDTH, BOX_HEIGHT) if across else Size(BOX_HEIGHT, BOX_WIDTH)
    labelled = any(step.labels for step in graph.steps.values())
    gap = (_GAP_ACROSS_LABELLED if labelled else _GAP_ACROSS) if across else _GAP_DOWN
    targets = {name: step.targets for name, step in graph.steps.items()}
    layout = lay_out(targets, dict.fromkeys(targets, size), gap)
    length, breadth = layout.size
    edges = [_bowed(edge) if edge.goes_back else edge for edge in layout.edges]
    reach = max((cross for edge in edges if edge.goes_back for _, cross in edge.points), default=0.0)
    breadth = max(breadth, reach + MARGIN)
    boxes = sorted((box.main, box.cross, name) for name, box in layout.boxes.items())
    return {
        "width": length if across else breadth,
        "height": breadth if across else length,
        "across": across,
        "steps": [_step(name, graph, (main, cross) if across else (cross, main)) for main, cross, name in boxes],
        "edges": _edges(edges, graph, across),
    }


def _step(name: str, graph: RecordedGraph, corner: tuple[float, float]) -> dict[str, Any]:
    step = graph.steps[name]
    return {
        "name": name,
        "kind": step.kind,
        "is_start": name == graph.start,
        "is_end": name == graph.end,
        "repeated_by": graph.repeated.get(name),
        "condition": step.condition,
        "doc": step.doc,
        "file": step.file,
        "line": step.line,
        "decorators": [{"name": each, "attributes": attributes} for each, attributes in step.decorators],
        "x": round(corner[0], 1),
        "y": round(corner[1], 1),
        "width": BOX_WIDTH,
        "height": BOX_HEIGHT,
    }


def _edges(edges: Sequence[Edge], graph: RecordedGraph, across: bool) -> list[dict[str, Any]]:
    return [
        {
            "source": edge.source,
            "target": edge.target,
            "points": [_point(main, cross) if across else _point(cross, main) for main, cross in edge.points],
            "goes_back": edge.goes_back,
            "label": graph.steps[edge.source].labels.get(edge.target, ""),
        }
        for edge in edges
    ]


def _bowed(edge: Edge) -> Edge:
    start, out, back, end = edge.points
    return edge._replace(points=(start, (out[0], out[1] + _BOW), (back[0], back[1] + _BOW), end))


def _point(x: float, y: float) -> dict[str, float]:
    return {"x": round(x, 1), "y": round(y, 1)}
