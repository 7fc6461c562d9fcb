"""The static graph of a flow, read from its source without running it."""

from __future__ import annotations

import sys
from types import FunctionType

from ..exception import LintWarn
from .graph_analysis import nest, nested_structure, topological_order
from .node import Node
from .source import SourceIndex, clean_docstring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .declaration import FlowDeclaration
    from .graph_analysis import Structure

#: Types of nodes as they are recorded with a run, where they differ from those that the rules speak of.
_RECORDED_TYPE = {"split": "split-static", "foreach": "split-foreach"}


class FlowGraph:
    """Steps of a flow and the transitions between them.

    Building it takes a flow as it is, valid or not: :func:`metaflow.flow.lint.check` tells whether it is
    valid. Facts that only a valid graph has, such as `matching_join`, are found as far as they exist.

    Parameters
    ----------
    flow_class : type
        The class whose methods are marked with ``@step``; steps of its bases count too.
    declaration : FlowDeclaration, optional
        What decorates each step, where that is more than the source says.

    Attributes
    ----------
    name : str
        Name of the class.
    doc : str
        Its docstring, without indentation.
    source_file : str
        File of the module that defines the flow.
    nodes : dict of str to Node
        Steps by name: file by file, those of the flow's own file first, by line of definition.
    order : list of str
        Steps that are reached from the start, each after those that lead to it; those on a loop are missing.
    starts, ends : tuple of str
        Steps that could be the start (end). A valid flow has one of each.

    Raises
    ------
    MetaflowException
        If the source of a step cannot be read.
    """

    __slots__ = ("doc", "ends", "name", "nodes", "order", "source_file", "starts")

    def __init__(self, flow_class: type, declaration: FlowDeclaration | None = None) -> None:
        self.name = flow_class.__name__
        self.doc = clean_docstring(flow_class.__doc__)
        self.nodes = _read_nodes(flow_class)
        self.source_file = _file_of(flow_class) or next((node.source_file for node in self), "")
        _set_incoming(self.nodes)
        self.starts = _candidates(self.nodes, "start")
        self.ends = _candidates(self.nodes, "end")
        self.order: list[str] = []
        if len(self.starts) == 1:
            self.nodes[self.starts[0]].is_start = True
            self.order = topological_order(self.nodes, self.starts[0])
        if len(self.ends) == 1:
            self.nodes[self.ends[0]].is_end = True
        nest(self.nodes, self.order)
        if declaration is not None:
            for node in self:
                node.decorators = tuple(declaration.steps[node.name].decorators)

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def __contains__(self, name: object) -> bool:
        return name in self.nodes

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def start_step(self) -> str:
        """Name of the step that the flow starts with.

        The step marked ``@step(start=True)``, else the one called ``start``, else the only one that no other
        step leads to. LintWarn is raised if there is no such step.
        """
        return self._only("start", self.starts)

    @property
    def end_step(self) -> str:
        """Name of the step that the flow ends with.

        The step marked ``@step(end=True)``, else the one called ``end``, else the flow's only step. LintWarn is
        raised if there is no such step.
        """
        return self._only("end", self.ends)

    def _only(self, word: str, candidates: tuple[str, ...]) -> str:
        if len(candidates) == 1:
            return candidates[0]
        names = ", ".join(f"*{name}*" for name in candidates)
        if candidates and getattr(self[candidates[0]], f"marked_{word}"):
            second = self[candidates[1]]
            raise LintWarn(
                f"Multiple steps annotated with @step({word}=True): {names}. Exactly one is allowed.",
                second.line,
                second.source_file,
            )
        message = f"Your flow must have exactly one {word} step. Either name a step '{word}' or use @step({word}=True)."
        if names:
            message += f" It could be any of {names}, which no other step leads to."
        elif word == "end" and (open_ends := [node.name for node in self if not node.transition.mentions_next]):
            message += f" These have no self.next(): {', '.join(f'*{name}*' for name in open_ends)}."
        elif not self.nodes:
            message += f" *{self.name}* has no steps at all: mark its methods with @step."
        raise LintWarn(message, source_file=self.source_file or None)

    def structure(self) -> Structure:
        """Steps of a valid graph as nested lists: ``["start", [["a"], ["b"]], "join", "end"]``."""
        return nested_structure(self.nodes, self.order)

    def to_dict(self) -> dict[str, Any]:
        """Plain form of the graph, as recorded with a run.

        Returns
        -------
        dict
            Those entries of ``_graph_info`` that the graph knows: `file`, `start_step`, `end_step`, `steps`,
            `graph_structure` and `doc`.
        """
        from pathlib import PurePath

        return {
            "file": PurePath(self.source_file).name,
            "start_step": self.start_step,
            "end_step": self.end_step,
            "steps": {node.name: _describe_node(node) for node in self},
            "graph_structure": self.structure(),
            "doc": self.doc,
        }


def _read_nodes(flow_class: type) -> dict[str, Node]:
    sources = SourceIndex()
    taken: set[str] = set()
    by_file: dict[str, list[Node]] = {}
    for each in flow_class.__mro__:
        for name, value in vars(each).items():
            # What a subclass defines under the name hides a step of its base, be it a step or not.
            if name in taken:
                continue
            taken.add(name)
            if isinstance(value, FunctionType) and getattr(value, "is_step", False):
                source = sources.find(value)
                by_file.setdefault(source.file, []).append(Node(name, value, source))
    return {node.name: node for nodes in by_file.values() for node in sorted(nodes, key=lambda node: node.line)}


def _file_of(flow_class: type) -> str | None:
    return getattr(sys.modules.get(flow_class.__module__), "__file__", None)


def _set_incoming(nodes: dict[str, Node]) -> None:
    incoming: dict[str, dict[str, None]] = {name: {} for name in nodes}
    for node in nodes.values():
        for target in node.targets:
            if target in incoming:
                incoming[target][node.name] = None
    for name, sources in incoming.items():
        nodes[name].incoming = tuple(sources)


def _candidates(nodes: dict[str, Node], word: str) -> tuple[str, ...]:
    marked = tuple(node.name for node in nodes.values() if getattr(node, f"marked_{word}"))
    if marked:
        return marked
    if word in nodes:
        return (word,)
    if word == "start":
        return tuple(node.name for node in nodes.values() if not set(node.incoming) - {node.name})
    return tuple(nodes) if len(nodes) == 1 else ()


def _describe_node(node: Node) -> dict[str, Any]:
    record: dict[str, Any] = {
        "name": node.name,
        "type": "split-parallel"
        if node.type == "foreach" and node.num_parallel
        else _RECORDED_TYPE.get(node.type, node.type),
        "line": node.line,
        "source_file": node.source_file,
        "doc": node.doc,
        "decorators": [
            {
                "name": getattr(decorator, "recorded_name", decorator.name),
                "attributes": decorator.recorded_attributes(),
                "statically_defined": getattr(decorator, "statically_defined", True),
                "inserted_by": getattr(decorator, "inserted_by", None),
            }
            for decorator in node.decorators
        ],
        "next": list(node.targets),
        "node_info": node.node_info,
    }
    if node.num_parallel:
        record["num_parallel"] = node.transition.num_nodes
    elif node.is_foreach:
        record["foreach_artifact"] = node.foreach
    elif node.is_switch:
        record["condition"] = node.condition
        record["switch_cases"] = dict(node.cases)
    if node.is_split:
        record["matching_join"] = node.matching_join
    return record
