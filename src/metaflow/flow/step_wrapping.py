"""A user's decorator around a step, while a task runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from ..exception import UserDecoratorException
from .hooks import TaskContext, TaskHook
from .ordinary_way import take_ordinary_way
from .user_decorators import Definition, create, definition_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .user_step_decorator import GeneratorStepDecorator, StepWrapperDeclaration, UserStepDecorator


class Action(NamedTuple):
    """What shall happen where the step would run.

    Attributes
    ----------
    replacement : callable or None
        To be called instead of the step.
    skip : dict or None
        Nothing shall run; these are the arguments for ``next``.
    """

    replacement: Callable[..., Any] | None = None
    skip: dict[str, Any] | None = None


class Verdict(NamedTuple):
    """What a decorator says after the step.

    Attributes
    ----------
    error : BaseException or None
        The step has failed with this.
    arguments : True, dict or None
        Where the flow goes from here: as the step would have, with these arguments for ``next``, or no word of that.
    """

    error: BaseException | None = None
    arguments: bool | dict[str, Any] | None = None


class StepWrapping(TaskHook):
    """The hook of a user's decorator.

    Parameters
    ----------
    declaration : StepWrapperDeclaration
    kind : type
        :class:`GeneratorWrapper` or :class:`MethodsWrapper`.
    """

    def __init__(
        self, declaration: StepWrapperDeclaration, kind: type[GeneratorWrapper] | type[MethodsWrapper]
    ) -> None:
        self._declaration = declaration
        self._kind = kind

    def around(self, task: TaskContext, call: Callable[[], None]) -> Callable[[], None]:
        """The step inside of the decorator."""
        return lambda: self._run(task, call)

    def _run(self, task: TaskContext, call: Callable[[], None]) -> None:
        process = os.getpid()
        wrapper = self._kind(self._declaration, task)
        action = wrapper.enter()
        error: BaseException | None = None
        #: Arguments for `next`, where the step itself does not call it.
        pending: dict[str, Any] | None = action.skip
        try:
            if action.replacement is not None:
                pending = self._replace(task, action.replacement)
            elif action.skip is None:
                call()
        except BaseException as raised:
            error = raised
        if os.getpid() != process:
            # A process that the step forked came back: what follows is for the task's own process alone.
            if error is not None:
                raise error
            return
        verdict = wrapper.leave(error)
        if verdict.error is not None:
            if error is not None and verdict.error is not error and verdict.error.__cause__ is None:
                raise verdict.error from error
            raise verdict.error
        self._go_on(task, verdict.arguments, {} if error is not None and pending is None else pending)

    def _replace(self, task: TaskContext, replacement: Callable[..., Any]) -> dict[str, Any] | None:
        """Call what replaces the step; returns the arguments for `next` unless it called that."""
        result = replacement(task.flow) if task.inputs is None else replacement(task.flow, task.inputs)
        name = getattr(replacement, "__name__", repr(replacement))
        if isinstance(result, dict):
            return result
        if result is True:
            return {}
        if result is not None and result is not False:
            raise self._misuse(
                task,
                f"replaces the step by {name}, which returned {result!r}. It should return None after calling "
                "flow.next(), True to go on as the step would have, or a dict of arguments for next",
            )
        if task.flow._transition is None and task.describe()["next"]:
            raise self._misuse(
                task,
                f"replaces the step by {name}, which neither called flow.next() nor returned True, "
                "so the flow cannot go on",
            )
        return None

    def _go_on(self, task: TaskContext, explicit: bool | dict[str, Any] | None, pending: dict[str, Any] | None) -> None:
        """Make the transition, unless the step has made it or others will find out that it has not."""
        if isinstance(explicit, dict) and explicit:
            arguments: dict[str, Any] | None = explicit
        else:
            arguments = pending if pending is not None else ({} if explicit in (True, {}) else None)
            if arguments is None or task.flow._transition is not None:
                return
        assert arguments is not None
        definition = definition_of(self._declaration.decorator)
        take_ordinary_way(task.flow, task.step, task.describe(), arguments, (definition.line, definition.file))

    def _misuse(self, task: TaskContext, what: str) -> UserDecoratorException:
        return _misuse(definition_of(self._declaration.decorator), task, what)


class GeneratorWrapper:
    """A decorator that is a generator function, around one step."""

    def __init__(self, declaration: StepWrapperDeclaration, task: TaskContext) -> None:
        decorator: type[GeneratorStepDecorator] = declaration.decorator  # type: ignore[assignment]
        arguments = (declaration.kwargs,) if decorator._takes_attributes else ()
        self._generator = decorator._generator(task.step, task.flow, task.inputs, *arguments)
        self._definition = definition_of(decorator)
        self._task = task
        self._returned: Any = None
        self._is_over = False

    def enter(self) -> Action:
        """Run to the ``yield``."""
        try:
            yielded = next(self._generator)
        except StopIteration as stop:
            self._returned, self._is_over = stop.value, True
            return Action(skip={})
        if yielded is None:
            return Action()
        if isinstance(yielded, dict):
            return Action(skip=yielded)
        if callable(yielded):
            return Action(replacement=yielded)
        line = self._line()
        self._generator.close()
        raise _misuse(
            self._definition,
            self._task,
            f"yielded {yielded!r}. It should yield nothing, a function to call instead of the step, or a dict to skip "
            "the step",
            line,
        )

    def leave(self, error: BaseException | None) -> Verdict:
        """Run from the ``yield`` to the end."""
        if not self._is_over:
            try:
                if error is None:
                    next(self._generator)
                else:
                    self._generator.throw(error)
            except StopIteration as stop:
                self._returned = stop.value
            except RuntimeError as raised:
                if isinstance(error, StopIteration) and raised.__cause__ is error:
                    return Verdict(error)  # the step raised it, and Python does not let it pass through a generator
                raise
            else:
                line = self._line()
                self._generator.close()
                raise _misuse(
                    self._definition, self._task, "yielded a second time. The step runs once only", line
                ) from error
        return _verdict(self._returned, self._definition, self._task, "returned")

    def _line(self) -> int | None:
        frame: FrameType | None = getattr(self._generator, "gi_frame", None)
        return frame.f_lineno if frame is not None else None


class MethodsWrapper:
    """A decorator with ``pre_step`` and ``post_step``, around one step."""

    def __init__(self, declaration: StepWrapperDeclaration, task: TaskContext) -> None:
        self._instance: UserStepDecorator = create(declaration.decorator, (), declaration.kwargs)
        self._definition = definition_of(declaration.decorator)
        self._task = task

    def enter(self) -> Action:
        """Run ``pre_step``."""
        task = self._task
        replacement = self._instance.pre_step(task.step, task.flow, task.inputs)
        skip = self._instance.skip_step
        if skip is True:
            return Action(skip={})
        if isinstance(skip, dict):
            return Action(skip=skip)
        if skip is not False and skip is not None:
            raise _misuse(
                self._definition,
                task,
                f"set skip_step to {skip!r}. It should be True, or a dict of arguments for next",
            )
        if replacement is not None and not callable(replacement):
            raise _misuse(
                self._definition,
                task,
                f"returned {replacement!r} from pre_step. It should return None, or a function to call instead of "
                "the step",
            )
        return Action(replacement=replacement)

    def leave(self, error: BaseException | None) -> Verdict:
        """Run ``post_step``."""
        task = self._task
        try:
            value = self._instance.post_step(task.step, task.flow, error)
        except BaseException as raised:
            if error is not None and raised is not error and raised.__context__ is None:
                raised.__context__ = error
            raise
        return _verdict(value, self._definition, task, "returned from post_step")


def _verdict(value: Any, definition: Definition, task: TaskContext, what: str) -> Verdict:
    if value is None:
        return Verdict()
    if isinstance(value, BaseException):
        return Verdict(value)
    if isinstance(value, tuple) and len(value) == 2:
        error, arguments = value
        if isinstance(error, BaseException | None) and isinstance(arguments, bool | dict | None):
            return Verdict(error, None if arguments is False else arguments)
    raise _misuse(
        definition,
        task,
        f"{what} {value!r}. It should be None, an exception, or a tuple of an exception (or None) and arguments for "
        "next (or None)",
    )


def _misuse(definition: Definition, task: TaskContext, what: str, line: int | None = None) -> UserDecoratorException:
    return definition.error(f"Step *{task.step}*: the decorator {definition.full_name} {what}.", line)
