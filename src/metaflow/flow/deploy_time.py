"""Functions that a flow gives in the place of a value: called once, when a run starts or the flow is deployed."""

from __future__ import annotations

from ..exception import ParameterFieldFailed
from .user_code import describe, place_in_user_code, place_of_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class ParameterContext:
    """What a function that computes a default is told.

    Attributes
    ----------
    flow_name, user_name, parameter_name : str
    logger : callable
        Prints a line for the person who starts the run.
    ds_type : str
        Kind of the datastore.
    configs : mapping or None
    """

    __slots__ = ("configs", "ds_type", "flow_name", "logger", "parameter_name", "user_name")

    def __init__(
        self,
        flow_name: str,
        user_name: str,
        parameter_name: str,
        logger: Callable[..., None],
        ds_type: str,
        configs: Any = None,
    ) -> None:
        self.flow_name = flow_name
        self.user_name = user_name
        self.parameter_name = parameter_name
        self.logger = logger
        self.ds_type = ds_type
        self.configs = configs


def call(function: Callable[..., Any], context: ParameterContext, what: str, *, deploying: bool = False) -> Any:
    """What the function returns.

    Parameters
    ----------
    function : callable
        Takes the context and, if it has room for a second positional argument, whether this is a deployment.
    context : ParameterContext
    what : str
        What it computes, for the message.
    deploying : bool
        Whether this is a deployment, not a run on this machine.

    Raises
    ------
    ParameterFieldFailed
        If it raises, with the place where it did.
    """
    arguments = (context, deploying) if _takes_two(function) else (context,)
    try:
        return function(*arguments)
    except Exception as error:
        place = place_in_user_code(error)
        raise ParameterFieldFailed(
            f"{what} could not be computed: {describe(function)} raised {type(error).__name__}: {error}",
            *(place if place[0] is not None else place_of_function(function)),
        ) from error


def _takes_two(function: Callable[..., Any]) -> bool:
    import inspect

    try:
        inspect.signature(function).bind(None, False)
    except TypeError:
        return False
    except ValueError:  # a function of C that does not tell
        return False
    return True
