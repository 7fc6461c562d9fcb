"""``@exit_hook``: functions that are called when a run is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar, overload

from ..flow.flow_decorators import FlowDecorator, attach_to_flow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..flow.declaration import FlowDeclaration
    from ..flow.graph import FlowGraph

    Hook = Callable[..., object]

C = TypeVar("C", bound=type)

#: Attributes with functions, by whether they are for a run that succeeded.
_ATTRIBUTES = {True: "on_success", False: "on_error"}


class ExitHookDecorator(FlowDecorator):
    """Declaration of ``@exit_hook``."""

    name: ClassVar[str] = "exit_hook"
    defaults: ClassVar[dict[str, Any]] = {"on_success": [], "on_error": [], "options": {}}
    allow_multiple: ClassVar[bool] = True

    def validate(self, declaration: FlowDeclaration, graph: FlowGraph) -> None:
        """Check that there are functions, and that they can be called with a run or without anything."""
        if not isinstance(self.attributes["options"], Mapping):
            raise self.error(f"@exit_hook(options={self.attributes['options']!r}) should be a dictionary.")
        if not any(self.functions(successful) for successful in _ATTRIBUTES):
            raise self.error("@exit_hook has no function to call. Give on_success=[...] or on_error=[...].")
        for successful, attribute in _ATTRIBUTES.items():
            for function in self.functions(successful):
                self._check(attribute, function)

    def functions(self, successful: bool) -> list[Hook]:
        """What is called after a run that succeeded, or failed.

        Raises
        ------
        InvalidDecoratorAttribute
            If something else than functions is given.
        """
        attribute = _ATTRIBUTES[successful]
        given = self.attributes[attribute]
        functions = list(given) if isinstance(given, (list, tuple)) else [given]
        for function in functions:
            if not callable(function):
                raise self.error(f"@exit_hook({attribute}=...) should be a list of functions; {function!r} is none.")
        return functions

    def _check(self, attribute: str, function: Hook) -> None:
        demanded = [name for name, needed in _parameters(function).items() if needed and name != "run"]
        if demanded:
            raise self.error(
                f"@exit_hook({attribute}=...): the function {function_name(function)} needs the argument "
                f"'{demanded[0]}', but all that it can be given is 'run', the Run."
            )


def call(function: Hook, run: object) -> None:
    """Call the function of an exit hook, with the run if it takes one."""
    if "run" in _parameters(function):
        function(run=run)
    else:
        function()


def function_name(function: Hook) -> str:
    """Name of a hook's function, for messages."""
    return getattr(function, "__name__", repr(function))


def _parameters(function: Hook) -> Mapping[str, bool]:
    """Parameters of a function that can be given, each with whether it must be; `run` is one if any name is taken."""
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some functions written in C do not tell
        return {}
    found = {}
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            found["run"] = False
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            found[f"{parameter.name} (positional only)"] = parameter.default is parameter.empty
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            found[parameter.name] = parameter.default is parameter.empty
    return found


@overload
def exit_hook(
    *,
    on_success: Hook | Sequence[Hook] = ...,
    on_error: Hook | Sequence[Hook] = ...,
    options: Mapping[str, Any] = ...,
) -> Callable[[C], C]: ...
@overload
def exit_hook(f: NoReturn, /) -> NoReturn: ...  # it has to have a function
def exit_hook(f: Any = None, **attributes: Any) -> Any:
    """Call functions when a run is over, after its last task and before its outcome is announced.

    Each function runs in a process of its own. One that takes an argument `run` gets the
    :class:`~metaflow.client.run.Run`. What a function raises is printed, and changes nothing about the run. May be used
    more than once.

    Parameters
    ----------
    on_success : list of callable, or callable
        Functions to call after a run that succeeded.
    on_error : list of callable, or callable
        Functions to call after a run that failed or was stopped.
    options : dict, optional
        For the scheduler that the flow is deployed to.
    """
    return attach_to_flow(ExitHookDecorator, f, attributes)
