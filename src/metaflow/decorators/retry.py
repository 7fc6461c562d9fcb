"""``@retry``: run a failed task again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..exception import MetaflowException
from ..flow.decorators import StepDecorator, attach
from ..flow.retries import MAX_ATTEMPTS, Retries

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..flow.graph import FlowGraph

F = TypeVar("F", bound="Callable[..., Any]")

#: Most retries that leave room for the fallback of @catch.
MAX_RETRIES = MAX_ATTEMPTS - 2


class RetryDecorator(StepDecorator):
    """Declaration of ``@retry``."""

    name: ClassVar[str] = "retry"
    defaults: ClassVar[dict[str, Any]] = {"times": "3", "minutes_between_retries": "2"}

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that the number of retries is a whole one that the runtime allows."""
        times = self.number("times", step)
        self.number("minutes_between_retries", step)
        if times != int(times):
            raise MetaflowException(
                f"Step *{step}*: @retry(times={self.attributes['times']!r}) should be a whole number."
            )
        if times > MAX_RETRIES:
            raise MetaflowException(
                f"Step *{step}*: the maximum number of retries is {MAX_RETRIES}, but @retry asks for {int(times)}."
            )

    def retries(self) -> Retries:
        """``times`` further attempts, with a wait only where one was written.

        The default wait of two minutes is meant for production schedulers, where what failed is often a machine. A
        person who watches a run on their own computer gets the next attempt at once, unless they asked for a wait.
        """
        minutes = float(self.attributes["minutes_between_retries"]) if "minutes_between_retries" in self.given else 0.0
        return Retries(user=int(float(self.attributes["times"])), delay_seconds=minutes * 60)


@overload
def retry(f: F, /) -> F: ...
@overload
def retry(*, times: int = ..., minutes_between_retries: float = ...) -> Callable[[F], F]: ...
def retry(f: Any = None, **attributes: Any) -> Any:
    """Run the step's task again when it fails, for whatever reason: an exception, a time-out or a dead process.

    Parameters
    ----------
    times : int, default 3
        How often to try again; at most 4.
    minutes_between_retries : float, default 2
        Minutes to wait before trying again. On this machine the next attempt starts at once unless this is given.
    """
    return attach(RetryDecorator, f, attributes)
