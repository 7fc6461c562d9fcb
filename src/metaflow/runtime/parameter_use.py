"""Which steps read a parameter, as far as their code tells."""

from __future__ import annotations

from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..flow.declaration import FlowDeclaration
    from ..flow.graph import FlowGraph


def steps_that_read(declaration: FlowDeclaration, graph: FlowGraph, attribute: str, steps: Iterable[str]) -> list[str]:
    """Those of `steps` whose code, or a method of the flow that it calls, mentions an attribute.

    Parameters
    ----------
    declaration : FlowDeclaration
    graph : FlowGraph
        Its graph: what a step names in `foreach` or `condition`, it reads as well.
    attribute : str
        Name of the attribute. ``getattr(self, name)`` with a computed name goes unnoticed.
    steps : iterable of str

    Returns
    -------
    list of str
        In the order given.
    """
    return [
        step
        for step in steps
        if step in declaration.steps
        and (
            attribute in (graph[step].transition.foreach, graph[step].transition.condition)
            or attribute in _names_in(declaration.flow_class, declaration.steps[step].function)
        )
    ]


def _names_in(flow_class: type, function: Any) -> set[str]:
    """Names that a function and the flow's methods below it mention."""
    names: set[str] = set()
    pending = [_code_of(function)]
    seen: set[CodeType] = set()
    while pending:
        code = pending.pop()
        if code is None or code in seen:
            continue
        seen.add(code)
        names.update(code.co_names)
        pending += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        pending += [_code_of(_method(flow_class, name)) for name in code.co_names]
    return names


def _method(flow_class: type, name: str) -> Any:
    """A method or property of the flow; None for a step, which runs on its own."""
    found = getattr(flow_class, name, None)
    if isinstance(found, property):
        found = found.fget
    return None if getattr(found, "is_step", False) else found


def _code_of(function: Any) -> CodeType | None:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    function = getattr(function, "__func__", function)
    return function.__code__ if isinstance(function, FunctionType) else None
