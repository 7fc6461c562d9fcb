"""Checks of a flow before it runs, and what its tasks must know of its declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exception import MetaflowException
from ..flow.declarations import constants_of, parameters_of
from ..flow.graph import FlowGraph
from ..flow.lint import check
from .plan import RetryPolicy

if TYPE_CHECKING:
    from ..flow.spec import FlowSpec


def checked_graph(flow_class: type[FlowSpec]) -> FlowGraph:
    """Graph of a flow that may be run.

    Raises
    ------
    LintWarn
        If the graph breaks a rule.
    MetaflowException
        If a decorator or a parameter is declared wrongly.
    """
    graph = FlowGraph(flow_class)
    check(graph)
    for node in graph:
        for decorator in node.decorators:
            decorator.validate(graph, node.name)
            for name in decorator.assigned_names():
                if hasattr(flow_class, name):
                    raise MetaflowException(
                        f"Step *{node.name}*: @{decorator.name} would assign self.{name}, but the flow has a "
                        "parameter, a constant, a step or a method of that name. Choose another."
                    )
    parameters_of(flow_class)
    return graph


def graph_info(flow_class: type[FlowSpec], graph: FlowGraph) -> dict[str, Any]:
    """The graph and the declarations of a flow as plain data, for whoever reads the run later."""
    constants = constants_of(flow_class)
    return {
        **graph.to_dict(),
        "parameters": [
            {"name": attribute, "type": getattr(parameter.type, "__name__", str(parameter.type))}
            for attribute, parameter in parameters_of(flow_class).items()
        ],
        "constants": [
            {"name": name, "type": f"{type(value).__module__}.{type(value).__name__}"}
            for name, value in constants.items()
        ],
        "decorators": [],
        "extensions": {},
    }


def declared_names(flow_class: type[FlowSpec]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Attributes that tasks may not assign, each with what it is; and the sorted names of the parameters."""
    parameters = parameters_of(flow_class)
    read_only = dict.fromkeys(constants_of(flow_class), "a constant")
    read_only.update(dict.fromkeys(parameters, "a parameter"))
    return read_only, tuple(sorted(parameters))


def retry_policies(graph: FlowGraph) -> dict[str, RetryPolicy]:
    """How often the tasks of each step are tried again."""
    return {node.name: RetryPolicy.combine(d.retries() for d in node.decorators) for node in graph}
