"""The graph as text: for Graphviz, and for people."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .graph import FlowGraph
    from .node import Node


def to_dot(graph: FlowGraph) -> str:
    """Write the graph in the DOT language of Graphviz.

    Parameters
    ----------
    graph : FlowGraph

    Returns
    -------
    str
        A ``digraph`` with a box for each step that names it and its type. Switches are hexagons, and their
        edges are labelled with the values that choose them.
    """
    lines = [f"digraph {graph.name} {{"]
    lines += [_box(node) for node in graph]
    for node in graph:
        if node.cases:
            lines += [f'{node.name} -> {target} [label="{_quoted(case)}"];' for case, target in node.cases.items()]
        else:
            lines += [f"{node.name} -> {target};" for target in node.targets]
    return "\n".join([*lines, "}"])


def _box(node: Node) -> str:
    if node.is_switch:
        what = f"switch: {_markup(node.condition)}" if node.condition else "switch"
        label = f'<<b>{node.name}</b><br/><font point-size="9">{what}</font>>'
        return f'"{node.name}" [label = {label} fontname = "Helvetica" shape = "hexagon"];'
    label = f'<<b>{node.name}</b> | <font point-size="10">{node.type}</font>>'
    return f'"{node.name}" [label = {label} fontname = "Helvetica" shape = "record"];'


def _markup(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def describe(graph: FlowGraph) -> str:
    """Describe every step for people.

    Parameters
    ----------
    graph : FlowGraph

    Returns
    -------
    str
        A block for each step, separated by empty lines: its decorators, its name, its docstring (``?`` if
        there is none) and the steps that it leads to.
    """
    names = dict.fromkeys([*graph.order, *graph.nodes])  # what is unreachable comes last
    return "\n\n".join(_block(graph[name]) for name in names)


def _block(node: Node) -> str:
    lines = [f"@{decorator.name}" for decorator in node.decorators]
    lines.append(f"Step {node.name}")
    lines += [f"    {line}".rstrip() for line in (node.doc or "?").splitlines()]
    if node.targets:
        lines.append(f"    => {', '.join(node.targets)}")
    return "\n".join(lines)
