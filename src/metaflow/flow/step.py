"""The ``@step`` decorator: marks a method as a step of the flow."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, overload

    F = TypeVar("F", bound=Callable[..., Any])
else:

    def overload(signature):
        """Mark a signature that only type checkers read: ``typing`` costs more to import than all of this."""
        return signature


@overload
def step(f: F, /) -> F: ...
@overload
def step(*, start: bool = ..., end: bool = ..., node_info: dict[str, Any] | None = ...) -> Callable[[F], F]: ...  # noqa: F811
def step(  # noqa: F811 - ruff does not see that overload is typing's
    f: Any = None, *, start: bool = False, end: bool = False, node_info: dict[str, Any] | None = None
) -> Any:
    """Mark a method of a :class:`FlowSpec` as a step.

    Put it closest to the function; every other step decorator goes above it.

    Parameters
    ----------
    f : callable, optional
        The method, when used as plain ``@step``.
    start, end : bool
        The step starts (ends) the flow whatever it is called.
    node_info : dict, optional
        Anything that tools which read the graph should find at this step.

    Returns
    -------
    callable
        The same method, marked.
    """

    def mark(function: Any) -> Any:
        function.is_step = True
        function.is_start = start
        function.is_end = end
        function.node_info = node_info
        function.decorators = []
        function.misdeclared = []  # errors of decorators, for the flow's declaration to raise
        function.name = function.__name__
        return function

    return mark if f is None else mark(f)
