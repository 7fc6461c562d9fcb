"""Decorators of a whole flow: declarations that schedulers, the run's record and ``current`` read.

What stands above a class is only noted there. The declarations are made, and what is wrong with them is found, when a
:class:`~metaflow.flow.declaration.FlowDeclaration` is made from the class, so that every error has a file and a line.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from ..exception import (
    BadFlowDecoratorException,
    DuplicateFlowDecoratorException,
)
from .decorators import Decorator
from .run_facts import RunFacts
from .spec import FlowSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .declaration import FlowDeclaration
    from .flow_options import FlowOption
    from .graph import FlowGraph

C = TypeVar("C", bound=type)

#: Attribute of a flow class for what was written above it, and above it alone.
_NOTED = "_flow_decorators"


class FlowDecorator(Decorator):
    """Declaration that a flow carries.

    Attributes
    ----------
    options : tuple of FlowOption
        What it adds to the flow's command line.
    """

    options: ClassVar[tuple[FlowOption, ...]] = ()

    def validate(self, declaration: FlowDeclaration, graph: FlowGraph) -> None:
        """Check the attributes, before anything runs.

        Raises
        ------
        MetaflowException
            If something is wrong.
        """

    def announcement(self, flow: str, options: Mapping[str, Any]) -> str | None:
        """What a person who starts a command should be told; `options` are the values of the command line.

        Raises
        ------
        MetaflowException
            If attributes and options do not go together.
        """
        return None

    def run_facts(self, flow: str, options: Mapping[str, Any]) -> RunFacts:
        """What it adds to a run of `flow` that is started with these options.

        Raises
        ------
        MetaflowException
            If they cannot be told.
        """
        return RunFacts()


class _Noted(NamedTuple):
    """A decorator that stands above a class, and where."""

    decorator: type[FlowDecorator]
    attributes: dict[str, Any]
    where: tuple[str, int]


def attach_to_flow(decorator: type[FlowDecorator], flow: Any, attributes: dict[str, Any]) -> Any:
    """Body of every flow decorator's function: note it on the class, now or when called with the class.

    Raises
    ------
    BadFlowDecoratorException
        If what is decorated is no flow, or a positional argument was given.
    """
    caller = sys._getframe(2)
    noted = _Noted(decorator, attributes, (caller.f_code.co_filename, caller.f_lineno))
    return (lambda cls: _note(noted, cls)) if flow is None else _note(noted, flow)


def _note(noted: _Noted, flow: Any) -> Any:
    if not isinstance(flow, type) or not issubclass(flow, FlowSpec):
        raise _misplaced(noted, flow)
    if _NOTED not in vars(flow):
        setattr(flow, _NOTED, [])
    vars(flow)[_NOTED].append(noted)
    return flow


def _misplaced(noted: _Noted, target: Any) -> BadFlowDecoratorException:
    name = noted.decorator.name
    file, line = noted.where
    if not callable(target):
        attribute = next(iter(noted.decorator.defaults))
        return BadFlowDecoratorException(
            f"Decorator '@{name}' takes its arguments by name, as in @{name}({attribute}={target!r}).", line, file
        )
    hint = "derive the class from FlowSpec" if isinstance(target, type) else "put it above the flow's class"
    written = getattr(target, "__name__", repr(target))
    return BadFlowDecoratorException(
        f"Decorator '@{name}' is applied to {written}, which is no flow: {hint}.", line, file
    )


def flow_decorators_of(flow_class: type) -> list[FlowDecorator]:
    """The decorators of a flow: those of base classes first; of one class, the one closest to it first.

    Raises
    ------
    InvalidDecoratorAttribute
        If one has an attribute that it cannot have.
    DuplicateFlowDecoratorException
        If a decorator is there twice that may be there once only.
    """
    found: list[FlowDecorator] = []
    for cls in reversed(flow_class.__mro__):
        for decorator, attributes, where in vars(cls).get(_NOTED, ()):
            made = decorator(attributes, statically_defined=True, where=where)
            _refuse_second(flow_class, found, made)
            found.append(made)
    return found


def _refuse_second(flow_class: type, found: Iterable[FlowDecorator], second: FlowDecorator) -> None:
    if second.allow_multiple:
        return
    for first in found:
        if first.name == second.name:
            place = f" (the other stands on line {first.where[1]} of {first.where[0]})" if first.where else ""
            raise second.error(
                f"Flow '{flow_class.__name__}' has the decorator '@{second.name}' more than once{place}. It may be "
                "used once only, base classes included.",
                DuplicateFlowDecoratorException,
            )


def run_facts(declaration: FlowDeclaration, options: Mapping[str, Any]) -> RunFacts:
    """What all decorators of a flow add to a run.

    Parameters
    ----------
    declaration : FlowDeclaration
    options : mapping of str to object
        Values of the options that the decorators added to the command line.

    Raises
    ------
    MetaflowException
        If attributes and options do not go together.
    """
    facts: dict[str, Any] = {}
    tags: list[str] = []
    metadata: dict[str, str] = {}
    for decorator in declaration.decorators:
        added = decorator.run_facts(declaration.name, options)
        facts.update(added.current)
        tags.extend(added.system_tags)
        metadata.update(added.metadata)
    return RunFacts(facts, tuple(tags), metadata)
