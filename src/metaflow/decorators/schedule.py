"""``@schedule``: when a deployed flow runs by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..flow.cron import check_cron, check_timezone
from ..flow.flow_decorators import FlowDecorator, attach_to_flow

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..flow.declaration import FlowDeclaration
    from ..flow.graph import FlowGraph

C = TypeVar("C", bound=type)

#: What the shorthands stand for, in the order in which they win. The year comes last, as Amazon writes it.
_SHORTHANDS = {"weekly": "0 0 ? * SUN *", "hourly": "0 * * * ? *", "daily": "0 0 * * ? *"}


class ScheduleDecorator(FlowDecorator):
    """Declaration of ``@schedule``."""

    name: ClassVar[str] = "schedule"
    defaults: ClassVar[dict[str, Any]] = {
        "cron": None,
        "weekly": False,
        "daily": True,
        "hourly": False,
        "timezone": None,
    }

    def validate(self, declaration: FlowDeclaration, graph: FlowGraph) -> None:
        """Check the expression and the time zone."""
        for shorthand in _SHORTHANDS:
            value = self.attributes[shorthand]
            if value not in (True, False):
                raise self.error(f"@schedule({shorthand}={value!r}) should be True or False.")
        for attribute, check in (("cron", check_cron), ("timezone", check_timezone)):
            value = self.attributes[attribute]
            if value is not None:
                try:
                    check(value)
                except ValueError as error:
                    raise self.error(f"@schedule({attribute}=...) cannot be used: {error}.") from error

    @property
    def expression(self) -> str | None:
        """The cron expression; None if the flow shall not run by itself."""
        cron: str | None = self.attributes["cron"]
        if cron is not None:
            return cron
        return next((text for name, text in _SHORTHANDS.items() if self.attributes[name]), None)


@overload
def schedule(f: C, /) -> C: ...
@overload
def schedule(
    *,
    cron: str | None = ...,
    weekly: bool = ...,
    daily: bool = ...,
    hourly: bool = ...,
    timezone: str | None = ...,
) -> Callable[[C], C]: ...
def schedule(f: Any = None, **attributes: Any) -> Any:
    """Run the flow regularly, once it is deployed to a scheduler.

    Parameters
    ----------
    cron : str, optional
        When: minute, hour, day of the month, month, day of the week and maybe year, as in ``"0 10 * * ? *"``. It wins
        over all of the following.
    weekly : bool, default False
        Sundays at midnight. Wins over `hourly`.
    hourly : bool, default False
        Every full hour. Wins over `daily`.
    daily : bool, default True
        Every day at midnight.
    timezone : str, optional
        Time zone that this is meant in, such as ``"Europe/Berlin"``; UTC if not given.
    """
    return attach_to_flow(ScheduleDecorator, f, attributes)
