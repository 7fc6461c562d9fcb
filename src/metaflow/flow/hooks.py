"""What may wrap the user's code while a task runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .decorators import StepDecorator
    from .spec import FlowSpec
    from .state import Inputs


class TaskContext(NamedTuple):
    """What a hook is told about the task.

    Attributes
    ----------
    flow : FlowSpec
        The flow object; artifacts may be set on it.
    step : str
    attempt : int
        Number of the attempt, from 0.
    last_user_attempt : bool
        Whether no further attempt will run the user's code.
    fallback : bool
        Whether this attempt stands in for the user's code, whose process died every time.
    inputs : Inputs or None
        What the step takes beside the flow, if it does.
    describe : callable
        Gives the step as ``_graph_info`` describes it: where it leads to, and how.
    put_card : callable
        Stores a file of the task's cards: takes its name and its bytes, in parts. Can be called from any thread, and
        raises MetaflowException if it cannot be stored.
    client_task : callable
        Gives the task as a client object, as it is now: with its artifacts once its result is committed.
    metadata : dict of str to str
        Facts that are recorded with the attempt. What a hook adds before the result is committed is among them.
    owns_process : bool
        Whether the process is there for this task alone, so that it may be ended after the task.
    """

    flow: FlowSpec
    step: str
    attempt: int
    last_user_attempt: bool
    fallback: bool
    inputs: Inputs | None
    describe: Callable[[], Mapping[str, Any]]
    put_card: Callable[[str, Sequence[bytes | bytearray | memoryview]], None]
    client_task: Callable[[], Any]
    metadata: dict[str, str]
    owns_process: bool


class TaskHook:
    """Actions around a step's code. Every method does nothing unless it is overridden.

    Hooks run in this order: ``before`` of all, innermost decorator first; the step, inside of what ``around`` of each
    made of it; ``after`` of all, or ``on_failure`` of all if the step raised; ``close`` of all, whatever happened. Then
    the attempt's result is committed, and ``committed`` of all is called, which cannot change it any more.

    Attributes
    ----------
    order : int
        Hooks with a lower number run before others, wherever their decorators stand.
    """

    order: ClassVar[int] = 0

    def before(self, task: TaskContext) -> None:
        """Run before the step's code."""

    def around(self, task: TaskContext, call: Callable[[], None]) -> Callable[[], None]:
        """What to call instead of `call`: the step's code, inside of what the decorators below this one made of it."""
        return call

    def after(self, task: TaskContext) -> None:
        """Run after the step's code, if it did not raise."""

    def on_failure(self, task: TaskContext, error: BaseException) -> bool:
        """Run after the step's code raised; True means that the failure is dealt with and the flow goes on."""
        return False

    def close(self, task: TaskContext) -> None:
        """Undo what ``before`` set up; runs in any case, before artifacts are saved."""

    def committed(self, task: TaskContext, ok: bool) -> None:
        """Run after the attempt's result was committed; `ok` says whether the flow can go on from here."""


def hooks_of(decorators: Sequence[StepDecorator]) -> list[TaskHook]:
    """The hooks of a step's decorators, in the order in which they act.

    Parameters
    ----------
    decorators : sequence of StepDecorator
        Innermost first.
    """
    hooks = [hook for decorator in decorators if (hook := decorator.hook()) is not None]
    for kind in dict.fromkeys(type(decorator) for decorator in decorators if decorator.allow_multiple):
        joint = kind.joint_hook([decorator for decorator in decorators if type(decorator) is kind])
        if joint is not None:
            hooks.append(joint)
    hooks.sort(key=lambda hook: hook.order)
    return hooks
