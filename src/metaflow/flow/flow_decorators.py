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
from .attributes import with_defaults
from .decorators import Decorator
from .plain_data import plain
from .spec import FlowSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .declaration import FlowDeclaration
    from .graph import FlowGraph

C = TypeVar("C", bound=type)

#: Attribute of a flow class for what was written above it, and above it alone.
_NOTED = "_flow_decorators"


class FlowOption(NamedTuple):
    """Option that a flow decorator adds to the flow's command line, before the command.

    Its environment variable is ``METAFLOW_FLOW_<NAME>``.

    Attributes
    ----------
    name : str
        As in ``--name``; with underscores instead of dashes, the key of its value.
    help : str
    decorator : str
        Name of the decorator that it belongs to.
    is_flag : bool
        Whether it takes no value.
    multiple : bool
        Whether it may be repeated; its value is a tuple then.
    metavar : str or None
        What the help calls its value.
    """

    name: str
    help: str
    decorator: str
    is_flag: bool = False
    multiple: bool = False
    metavar: str | None = None

    @property
    def key(self) -> str:
        """Key of its value among the values of all options."""
        return self.name.replace("-", "_")


class RunFacts(NamedTuple):
    """What the flow decorators of a run add to it, as data that can be written as JSON.

    Attributes
    ----------
    current : dict of str to object
        Attributes of ``current`` in every task.
    system_tags : tuple of str
        Tags of the run.
    metadata : dict of str to str
        Recorded with the task that holds the run's parameters.
    """

    current: dict[str, Any] = {}
    system_tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}


class FlowDecorator(Decorator):
    """Declaration that a flow carries.

    Parameters
    ----------
    attributes : mapping, optional
        Attributes as written; the others have the values of ``defaults``.
    statically_defined : bool
        Whether it stands in the flow's source.
    inserted_by : list of str, optional
        Names of the mutators that added it, outermost first.
    where : tuple of str and int, optional
        File and line where it was written.

    Attributes
    ----------
    name : str
        Name in source.
    defaults : dict
        Every attribute and its default.
    allow_multiple : bool
        Whether a flow may have more than one.
    options : tuple of FlowOption
        What it adds to the flow's command line.
    attributes : dict
    given : frozenset of str
        Names of the attributes that were written.

    Raises
    ------
    InvalidDecoratorAttribute
        If an attribute is not one of ``defaults``.
    """

    options: ClassVar[tuple[FlowOption, ...]] = ()

    def __init__(
        self,
        attributes: Mapping[str, Any] | None = None,
        statically_defined: bool = False,
        inserted_by: list[str] | None = None,
        where: tuple[str, int] | None = None,
    ) -> None:
        self.statically_defined = statically_defined
        self.inserted_by = inserted_by
        self.where = where
        self.set_attributes(attributes or {})

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Replace the attributes that were written; the others have the values of ``defaults``.

        Raises
        ------
        InvalidDecoratorAttribute
            If an attribute is not one of ``defaults``.
        """
        self.attributes = with_defaults(self.name, self.defaults, attributes, self.where)
        self.given = frozenset(attributes)

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

    def recorded_attributes(self) -> dict[str, Any]:
        """The attributes as plain data, for the run's record."""
        return {name: plain(value) for name, value in self.attributes.items()}

    def __repr__(self) -> str:
        recorded = self.recorded_attributes()
        written = ", ".join(f"{key}={recorded[key]!r}" for key in sorted(self.given))
        return f"@{self.name}({written})"


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
