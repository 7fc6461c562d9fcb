"""``@environment``: environment variables of a step's tasks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..exception import InvalidDecoratorAttribute
from ..flow.decorators import StepDecorator, attach
from ..flow.hooks import TaskContext, TaskHook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..flow.graph import FlowGraph

F = TypeVar("F", bound="Callable[..., Any]")


class EnvironmentDecorator(StepDecorator):
    """Declaration of ``@environment``."""

    name: ClassVar[str] = "environment"
    defaults: ClassVar[dict[str, Any]] = {"vars": {}}

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that the variables are a dictionary with usable names."""
        variables = self.attributes["vars"]
        if not isinstance(variables, dict):
            raise InvalidDecoratorAttribute(
                f"Step *{step}*: @environment(vars=...) should be a dictionary, not {type(variables).__name__}."
            )
        for name in variables:
            if not isinstance(name, str) or not name or "=" in name or "\0" in name:
                raise InvalidDecoratorAttribute(
                    f"Step *{step}*: {name!r} in @environment(vars=...) cannot be the name of an environment variable."
                )

    def hook(self) -> TaskHook:
        """Sets the variables in the task's process."""
        return _SetVariables(self.attributes["vars"])


class _SetVariables(TaskHook):
    #: Others may need the variables: a secret is fetched with them, and must not silently be replaced by one.
    order: ClassVar[int] = -1

    def __init__(self, variables: Mapping[str, object]) -> None:
        self._variables = variables

    def before(self, task: TaskContext) -> None:
        os.environ.update({name: str(value) for name, value in self._variables.items()})


@overload
def environment(f: F, /) -> F: ...
@overload
def environment(*, vars: Mapping[str, object] = ...) -> Callable[[F], F]: ...
def environment(f: Any = None, **attributes: Any) -> Any:
    """Set environment variables in the step's tasks.

    Parameters
    ----------
    vars : dict of str to object
        Names and values; values are turned into text.
    """
    return attach(EnvironmentDecorator, f, attributes)
