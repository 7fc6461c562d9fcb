"""Decorators are declarations on a step: a name, checked attributes, and what they ask of the runtime.

A declaration does nothing by itself. The scheduler reads :meth:`StepDecorator.retries`, executors read attributes, and
only what must wrap the user's code gives a :class:`~metaflow.flow.hooks.TaskHook`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ..exception import (
    BadStepDecoratorException,
    DuplicateStepDecoratorException,
    InvalidDecoratorAttribute,
    MetaflowException,
)
from .attributes import with_defaults
from .plain_data import plain
from .retries import Retries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from typing_extensions import Self

    from .graph import FlowGraph
    from .hooks import TaskHook

F = TypeVar("F", bound="Callable[..., Any]")


class Decorator:
    """What declarations of steps and of flows have in common.

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
        Name in source, and in ``--with`` if it is a step's.
    defaults : dict
        Every attribute and its default.
    allow_multiple : bool
        Whether there may be more than one in the same place.
    is_mutator : bool
        Whether it changes other declarations, and is nothing to a task.
    attributes : dict
    given : frozenset of str
        Names of the attributes that were written.
    where : tuple of str and int, or None
        File and line where it was written, as far as that is known.

    Raises
    ------
    InvalidDecoratorAttribute
        If an attribute is not one of ``defaults``.
    """

    name: ClassVar[str]
    defaults: ClassVar[dict[str, Any]] = {}
    allow_multiple: ClassVar[bool] = False
    is_mutator: ClassVar[bool] = False

    attributes: dict[str, Any]
    given: frozenset[str]
    statically_defined: bool
    inserted_by: list[str] | None
    where: tuple[str, int] | None = None

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

    @property
    def full_name(self) -> str:
        """Where it is defined, as a dotted name."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Replace the attributes that were written; the others have the values of ``defaults``.

        Raises
        ------
        InvalidDecoratorAttribute
            If an attribute is not one of ``defaults``.
        """
        self.attributes = with_defaults(self.name, self.defaults, attributes, self.where)
        self.given = frozenset(attributes)

    def recorded_attributes(self) -> dict[str, Any]:
        """The attributes as plain data, for the run's record; what is secret must not be in it."""
        return {name: plain(value) for name, value in self.attributes.items()}

    def error(self, message: str, kind: type[MetaflowException] = InvalidDecoratorAttribute) -> MetaflowException:
        """An error about this decorator, with the place where it stands."""
        file, line = self.where or (None, None)
        return kind(message, line, file)

    def add_to_package(self) -> Iterable[Any]:
        """What it wants in the flow's code package.

        Returns
        -------
        iterable
            For each file its path, or a tuple of its path and its name in the package, or a tuple of these and a
            :class:`~metaflow.packaging.content_type.ContentType`; for a module, its name instead of a path.
        """
        return ()

    def __repr__(self) -> str:
        recorded = self.recorded_attributes()
        written = ", ".join(f"{key}={recorded[key]!r}" for key in sorted(self.given))
        return f"@{self.name}({written})"


class StepDecorator(Decorator):
    """Declaration that a step carries.

    Attributes
    ----------
    backend : str or None
        Engine that the step's tasks are to run on; None if the declaration says nothing of that.
    imported_late : tuple of str
        Modules that its hook imports in the tasks' processes. The process that these are forked from imports them when
        it has nothing else to do, so nothing may happen by that but that they are there.
    """

    backend: ClassVar[str | None] = None
    imported_late: ClassVar[tuple[str, ...]] = ()

    @property
    def recorded_name(self) -> str:
        """Name under which it is recorded with a run."""
        return self.name

    def copy(self) -> Self:
        """The same declaration with attributes of its own: what is changed in one flow stays as it is in others."""
        from copy import copy

        copied = copy(self)
        copied.attributes = dict(self.attributes)
        return copied

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check the attributes and the step's place in the graph, before anything runs.

        Raises
        ------
        MetaflowException
            If something is wrong.
        """

    def retries(self) -> Retries:
        """Attempts that this decorator asks for."""
        return Retries()

    def timeout_seconds(self) -> float | None:
        """Time after which an attempt is stopped, in seconds; None for no limit."""
        return None

    def assigned_names(self) -> tuple[str, ...]:
        """Attributes of the flow that it sets."""
        return ()

    def hook(self) -> TaskHook | None:
        """What wraps the step's code, made anew for every task."""
        return None

    @classmethod
    def joint_hook(cls, decorators: Sequence[StepDecorator]) -> TaskHook | None:
        """What wraps the step's code for all decorators of this kind together, where a step may have several.

        Parameters
        ----------
        decorators : sequence of StepDecorator
            Those of the step, all of this class, innermost first.
        """
        return None

    def number(self, attribute: str, step: str, minimum: float = 0.0) -> float:
        """Value of a numeric attribute, which may be written as text.

        Raises
        ------
        InvalidDecoratorAttribute
            If it is no number or below `minimum`.
        """
        value = self.attributes[attribute]
        try:
            result = float(value)
        except (TypeError, ValueError):
            result = None
        if result is None or not minimum <= result < float("inf"):
            raise self.error(
                f"Step *{step}*: @{self.name}({attribute}={value!r}) should be a number of at least {minimum:g}."
            )
        return result


def attach(decorator: type[StepDecorator], function: F | None, attributes: dict[str, Any]) -> Any:
    """Body of every decorator function: put the declaration on the step, now or when called with the step.

    An attribute that the decorator does not have is told later, when the flow is declared, where an error can be shown
    as one.

    Raises
    ------
    BadStepDecoratorException
        If what is decorated is no step, or a positional argument was given.
    """
    caller = sys._getframe(2)
    where = (caller.f_code.co_filename, caller.f_lineno)
    if function is None:
        return lambda step: _put(decorator, step, attributes, where)
    return _put(decorator, function, attributes, where)


def _put(decorator: type[StepDecorator], function: Any, attributes: dict[str, Any], where: tuple[str, int]) -> Any:
    if getattr(function, "is_step", False) is not True:
        written = getattr(function, "__name__", repr(function))
        hint = (
            "put it above @step"
            if callable(function)
            else f"name its arguments, as in @{decorator.name}({next(iter(decorator.defaults), 'name')}={function!r})"
        )
        raise BadStepDecoratorException(
            f"Decorator '@{decorator.name}' is applied to {written}, which is no step: {hint}.", where[1], where[0]
        )
    try:
        add(function, decorator(attributes, statically_defined=True, where=where))
    except MetaflowException as error:
        function.misdeclared.append(error)
    return function


def add(function: Any, declaration: StepDecorator) -> None:
    """Add a declaration to a step.

    Raises
    ------
    DuplicateStepDecoratorException
        If the step has it already.
    """
    if not declaration.allow_multiple and any(d.name == declaration.name for d in function.decorators):
        raise declaration.error(
            f"Step '{function.__name__}' already has a decorator '{declaration.name}'. Each may be used once only.",
            DuplicateStepDecoratorException,
        )
    function.decorators.append(declaration)
