"""``@timeout``: stop an attempt that takes too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..exception import MetaflowException, TimeoutException
from ..flow.decorators import StepDecorator, attach
from ..flow.hooks import TaskContext, TaskHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..flow.graph import FlowGraph

F = TypeVar("F", bound="Callable[..., Any]")


class TimeoutDecorator(StepDecorator):
    """Declaration of ``@timeout``."""

    name: ClassVar[str] = "timeout"
    defaults: ClassVar[dict[str, Any]] = {"seconds": 0, "minutes": 0, "hours": 0}

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that there is a duration."""
        if not sum(self.number(unit, step) for unit in self.defaults):
            raise MetaflowException(
                f"Step *{step}*: @timeout needs a duration of more than zero, as in @timeout(minutes=10)."
            )

    def timeout_seconds(self) -> float:
        """The limit in seconds."""
        seconds, minutes, hours = (float(self.attributes[unit]) for unit in ("seconds", "minutes", "hours"))
        return seconds + 60 * minutes + 3600 * hours

    def hook(self) -> TaskHook:
        """An alarm around the step's code."""
        return _Alarm(self.timeout_seconds())


class _Alarm(TaskHook):
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def before(self, task: TaskContext) -> None:
        if task.fallback:
            return
        import signal

        def ring(signum: int, frame: object) -> None:
            raise TimeoutException(timeout_message(task.step, self._seconds))

        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def close(self, task: TaskContext) -> None:
        import signal

        signal.setitimer(signal.ITIMER_REAL, 0)


def timeout_message(step: str, seconds: float) -> str:
    """What a person reads when `step` ran longer than `seconds`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"Step {step} timed out after {hours} hours, {minutes} minutes, {rest:g} seconds"


@overload
def timeout(f: F, /) -> F: ...
@overload
def timeout(*, seconds: float = ..., minutes: float = ..., hours: float = ...) -> Callable[[F], F]: ...
def timeout(f: Any = None, **attributes: Any) -> Any:
    """Stop the step's code after a while and count the attempt as failed.

    First :class:`~metaflow.exception.TimeoutException` is raised in the step. Code that cannot be interrupted that way,
    such as a long call into a C library, is killed with its process and everything that it started a few seconds later.

    Parameters
    ----------
    seconds, minutes, hours : float, default 0
        The limit is their sum. It covers the step's code of each attempt by itself.
    """
    return attach(TimeoutDecorator, f, attributes)
