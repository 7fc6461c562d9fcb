"""What ``@trigger`` and ``@trigger_on_finish`` have in common: one source or several, values that functions compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..flow.cron import check_cron, check_timezone
from ..flow.deploy_time import ParameterContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..flow.flow_decorators import FlowDecorator

_RESET_CHECKS = {"cron": check_cron, "timezone": check_timezone}


class EventContext(ParameterContext):
    """What a function that computes an event or a flow is told, when the flow is deployed.

    Attributes
    ----------
    flow_name, user_name : str
    parameter_name : str
        The attribute that it computes, such as ``event``.
    logger : callable
        Prints a line for the person who deploys the flow.
    ds_type : str
        Kind of the datastore.
    configs : mapping or None
    project_name, branch_name : str or None
        As in ``current``, if the flow has ``@project``.
    """

    __slots__ = ("branch_name", "project_name")

    def __init__(
        self,
        flow_name: str,
        user_name: str,
        parameter_name: str,
        logger: Callable[..., None],
        ds_type: str,
        configs: Any = None,
        project_name: str | None = None,
        branch_name: str | None = None,
    ) -> None:
        super().__init__(flow_name, user_name, parameter_name, logger, ds_type, configs)
        self.project_name = project_name
        self.branch_name = branch_name


def sources_of(decorator: FlowDecorator, single: str, several: str, context: EventContext | None) -> list[Any]:
    """What the attributes `single` and `several` name, as one list.

    Parameters
    ----------
    decorator : FlowDecorator
    single, several : str
        Names of the two attributes, one of which must be given.
    context : EventContext or None
        For the functions that compute values; if None, they are left in place.

    Raises
    ------
    InvalidDecoratorAttribute
        If none or both are given, the second is no list, or a function fails.
    """
    one, many = decorator.attributes[single], decorator.attributes[several]
    name = decorator.name
    given_many = callable(many) or not isinstance(many, (list, tuple)) or bool(many)
    if one is not None and given_many:
        raise decorator.error(f"@{name} got both {single} and {several}. Give one of them.")
    if one is not None:
        return [_settled(decorator, single, one, context)]
    if not given_many:
        raise decorator.error(
            f"@{name} does not say what triggers the flow. Name it, as in @{name}({single}='...'), "
            f"or several, as in @{name}({several}=['...', '...'])."
        )
    settled = _settled(decorator, several, many, context)
    if callable(settled):
        return [settled]
    if not isinstance(settled, (list, tuple)):
        raise decorator.error(f"@{name}({several}={settled!r}) should be a list. For a single one, write {single}=...")
    return list(settled)


def _settled(decorator: FlowDecorator, attribute: str, value: Any, context: EventContext | None) -> Any:
    """`value` with what its functions compute in their place, on every level."""
    if callable(value):
        return value if context is None else _computed(decorator, attribute, value, context)
    if isinstance(value, Mapping):
        return {key: _settled(decorator, attribute, item, context) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_settled(decorator, attribute, item, context) for item in value]
    return value


def _computed(decorator: FlowDecorator, attribute: str, function: Any, context: EventContext) -> Any:
    try:
        value = function(context)
    except Exception as error:
        written = getattr(function, "__name__", repr(function))
        raise decorator.error(
            f"The function {written} of @{decorator.name}({attribute}=...) failed: {type(error).__name__}: {error}"
        ) from error
    return _settled(decorator, attribute, value, None)


def refuse_duplicates(decorator: FlowDecorator, what: str, names: list[str]) -> None:
    """Refuse a list in which a name is there twice.

    Raises
    ------
    InvalidDecoratorAttribute
    """
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise decorator.error(f"@{decorator.name} names the {what} '{twice}' more than once.")


def check_options(decorator: FlowDecorator) -> None:
    """Check the attribute `options`: ``{"reset_at": {"cron": ..., "timezone": ...}}``.

    Raises
    ------
    InvalidDecoratorAttribute
    """
    _check_keys(decorator, "options", decorator.attributes["options"], ("reset_at",))
    reset = decorator.attributes["options"].get("reset_at")
    if reset is None:
        return
    where = "options={'reset_at': ...}"
    _check_keys(decorator, where, reset, tuple(_RESET_CHECKS))
    for key, value in reset.items():
        if value is not None:
            try:
                _RESET_CHECKS[key](value)
            except ValueError as error:
                raise decorator.error(f"@{decorator.name}({where}): {key} cannot be used: {error}.") from error


def _check_keys(decorator: FlowDecorator, where: str, value: Any, known: tuple[str, ...]) -> None:
    if not isinstance(value, Mapping):
        raise decorator.error(f"@{decorator.name}({where}) should be a dictionary, not {type(value).__name__}.")
    unknown = [key for key in value if key not in known]
    if unknown:
        raise decorator.error(f"@{decorator.name}({where}) has no '{unknown[0]}'. It can have: {', '.join(known)}.")
