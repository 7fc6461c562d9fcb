"""``@catch``: go on with the flow although a step failed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..exception import MetaflowException, MetaflowExceptionWrapper
from ..flow.decorators import StepDecorator, attach
from ..flow.hooks import TaskContext, TaskHook
from ..flow.retries import Retries

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..flow.graph import FlowGraph

F = TypeVar("F", bound="Callable[..., Any]")

#: Attempts, without the user's code, to record the failure of a task whose process keeps dying.
FALLBACK_ATTEMPTS = 3


class CatchDecorator(StepDecorator):
    """Declaration of ``@catch``."""

    name: ClassVar[str] = "catch"
    defaults: ClassVar[dict[str, Any]] = {"var": None, "print_exception": True}

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that the step goes on in one way only: after a failure nobody could choose."""
        node = graph[step]
        if node.type in ("foreach", "split-switch"):
            raise MetaflowException(
                f"@catch is defined for the step *{step}* "
                "but @catch is not supported in foreach split or switch steps: "
                "had the step failed, there would be nothing to split or choose by. Move what may fail to the step "
                "before it."
            )
        variable = self.attributes["var"]
        if variable is not None and (not isinstance(variable, str) or not variable.isidentifier()):
            raise MetaflowException(f"Step *{step}*: @catch(var={variable!r}) should be the name of an attribute.")

    def assigned_names(self) -> tuple[str, ...]:
        """The attribute for the exception."""
        variable = self.attributes["var"]
        return (variable,) if variable else ()

    def retries(self) -> Retries:
        """Fallback attempts for a process that dies."""
        return Retries(fallback=FALLBACK_ATTEMPTS)

    def hook(self) -> TaskHook:
        """Stores the exception of the last attempt."""
        return _Catch(self.attributes["var"], bool(self.attributes["print_exception"]))


class _Catch(TaskHook):
    def __init__(self, variable: str | None, print_exception: bool) -> None:
        self._variable = variable
        self._print = print_exception

    def on_failure(self, task: TaskContext, error: BaseException) -> bool:
        if not (task.last_user_attempt or task.fallback):
            return False
        wrapper = MetaflowExceptionWrapper(error)
        if self._print:
            self._explain(task, wrapper)
        task.flow._catch_exception = wrapper
        if self._variable:
            setattr(task.flow, self._variable, wrapper)
        return True

    def after(self, task: TaskContext) -> None:
        if self._variable:
            setattr(task.flow, self._variable, None)

    def _explain(self, task: TaskContext, wrapper: MetaflowExceptionWrapper) -> None:
        lines = [f"@catch caught an exception from {task.flow}"]
        lines += [f">  {line}" for line in str(wrapper).splitlines()]
        sys.stderr.write("\n".join(lines) + "\n")


@overload
def catch(f: F, /) -> F: ...
@overload
def catch(*, var: str | None = ..., print_exception: bool = ...) -> Callable[[F], F]: ...
def catch(f: Any = None, **attributes: Any) -> Any:
    """Go on with the flow although this step failed, after all retries.

    The step's artifacts are what it had set until then, and the flow takes the step's only way on.

    Parameters
    ----------
    var : str, optional
        Attribute that holds the exception (a :class:`~metaflow.exception.MetaflowExceptionWrapper`), or None if the
        step succeeded.
    print_exception : bool, default True
        Whether to print the exception.
    """
    return attach(CatchDecorator, f, attributes)
