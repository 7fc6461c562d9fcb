"""Checks of a flow before it runs, and what its tasks must know of its declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exception import MetaflowException
from ..flow.declaration import FlowDeclaration
from .specs import PARAMETERS_STEP

if TYPE_CHECKING:
    from ..datastore.store import ObjectStore
    from ..flow.decorators import StepDecorator
    from ..flow.graph import FlowGraph
    from ..flow.node import Node
    from ..flow.spec import FlowSpec
    from .plan import RetryPolicy
    from .specs import RunSpec


def declaration_of_run(flow_class: type[FlowSpec], run: RunSpec, forks: bool = False) -> FlowDeclaration:
    """The flow as the run's main process declared it, in a process that runs its tasks, or that they are forked from.

    Parameters
    ----------
    flow_class : type
    run : RunSpec
    forks : bool
        Whether other processes will be forked from this one.
    """
    declaration = FlowDeclaration(flow_class)
    declaration.configure(_configs_of_run(declaration, run, forks) if declaration.configs else {})
    declaration.complete(run.decospecs)
    return declaration


def _configs_of_run(declaration: FlowDeclaration, run: RunSpec, forks: bool) -> dict[str, Any]:
    from ..datastore.local import LocalStore
    from ..datastore.tasks import TaskReader, open_task
    from .stored_configs import stored_configs, stored_configs_without_network

    def open_parameters(store: ObjectStore) -> TaskReader:
        return open_task(store, run.flow, run.run_id, PARAMETERS_STEP, "0", 0)

    store = run.home.open_store() if run.spin is None else LocalStore(run.spin.root)
    if forks and store.is_remote:
        return stored_configs_without_network(open_parameters, store, declaration)
    return stored_configs(open_parameters(store), declaration)


def checked_graph(declaration: FlowDeclaration) -> FlowGraph:
    """Graph of a flow that may be run.

    Raises
    ------
    LintWarn
        If the graph breaks a rule.
    MetaflowException
        If a decorator or a parameter is declared wrongly.
    """
    from ..flow.graph import FlowGraph
    from ..flow.lint import check

    flow_class = declaration.flow_class
    graph = FlowGraph(flow_class, declaration)
    check(graph)
    for flow_decorator in declaration.decorators:
        flow_decorator.validate(declaration, graph)
    for node in graph:
        for decorator in node.decorators:
            _validate(decorator, graph, node)
            for name in decorator.assigned_names():
                if hasattr(flow_class, name) or name in declaration.parameters:
                    raise MetaflowException(
                        f"Step *{node.name}*: @{decorator.name} would assign self.{name}, but the flow has a "
                        "parameter, a constant, a step or a method of that name. Choose another."
                    )
    return graph


def _validate(decorator: StepDecorator, graph: FlowGraph, node: Node) -> None:
    try:
        decorator.validate(graph, node.name)
    except MetaflowException as error:
        if error.line_no is None and (decorator.statically_defined or decorator.inserted_by):
            error.source_file, error.line_no = decorator.where or (node.source_file, node.line)
        raise


def graph_info(declaration: FlowDeclaration, graph: FlowGraph) -> dict[str, Any]:
    """The graph and the declarations of a flow as plain data, for whoever reads the run later."""
    info = {
        **graph.to_dict(),
        "parameters": [
            *(
                {"name": attribute, "type": parameter.value_type.name}
                for attribute, parameter in declaration.parameters.items()
            ),
            *({"name": attribute, "type": "Config"} for attribute in declaration.configs),
        ],
        "constants": [
            {"name": name, "type": f"{type(value).__module__}.{type(value).__name__}"}
            for name, value in declaration.constants.items()
        ],
        "decorators": [
            {
                "name": decorator.name,
                "attributes": decorator.recorded_attributes(),
                "statically_defined": decorator.statically_defined,
                "inserted_by": decorator.inserted_by,
            }
            for decorator in declaration.decorators
        ],
        "extensions": {},
    }
    if declaration.configs:
        from .stored_configs import SOURCES_KEY, describe_sources

        info[SOURCES_KEY] = describe_sources(declaration)
    return info


def retry_policies(graph: FlowGraph) -> dict[str, RetryPolicy]:
    """How often the tasks of each step are tried again."""
    from .plan import RetryPolicy

    return {node.name: RetryPolicy.combine(d.retries() for d in node.decorators) for node in graph}
