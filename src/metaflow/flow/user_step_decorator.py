"""``user_step_decorator`` and ``UserStepDecorator``: code of the user's own around steps."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, overload

from ..exception import UserDecoratorException
from .user_decorators import T, UserDecorator, UserStepDeclaration, define, definition_of, takes

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from .graph import FlowGraph
    from .hooks import TaskHook
    from .spec import FlowSpec
    from .state import Inputs

#: What a generator yields, and ``skip_step`` may be set to, so that the step is skipped.
USER_SKIP_STEP: dict[str, Any] = {}

_IS_GENERATOR = 0x20
_HAS_VARIABLE_ARGUMENTS = 0x04 | 0x08


class UserStepDecorator(UserDecorator, is_base=True):
    """Base of decorators that act before and after a step, or instead of it.

    The class is the decorator::

        class Timed(UserStepDecorator):
            def init(self, label="took"):
                self.label = label

            def pre_step(self, step_name, flow, inputs=None):
                self.started = time.time()

            def post_step(self, step_name, flow, exception=None):
                print(step_name, self.label, time.time() - self.started)
                return exception

        @Timed(label="needed")
        @step
        def start(self): ...

    Of several decorators the topmost is the outermost: its ``pre_step`` comes first and its ``post_step`` last. What an
    outer one skips or replaces is the step and all decorators inside.

    Attributes
    ----------
    skip_step : bool or dict
        Set in ``pre_step`` (or for good, in the class), True skips the step, and the flow goes on as the step would
        have. A dict does so too; its items are given to ``self.next`` as keyword arguments.
    """

    skip_step: bool | dict[str, Any] = False

    def __init_subclass__(cls, is_base: bool = False) -> None:
        super().__init_subclass__(is_base)
        for method, form in (("pre_step", "(self, step_name, flow, inputs=None)"), ("post_step", _POST_FORM)):
            function = vars(cls).get(method)
            if isinstance(function, FunctionType) and not takes(function, 4):
                raise definition_of(cls).error(
                    f"{cls.__name__}.{method} should be declared as {method}{form}.", function.__code__.co_firstlineno
                )

    def pre_step(
        self, step_name: str, flow: FlowSpec, inputs: Inputs | None = None
    ) -> Callable[..., bool | dict[str, Any] | None] | None:
        """Act before the step.

        Parameters
        ----------
        step_name : str
        flow : FlowSpec
            What the step knows as ``self``.
        inputs : Inputs or None
            What a join is given beside it.

        Returns
        -------
        callable or None
            What to call instead of the step, with the same arguments. It returns None or False if it has called
            ``flow.next``; True if the flow shall go on as the step would have; or a dict of keyword arguments for
            ``next`` to the same steps.
        """

    def post_step(
        self, step_name: str, flow: FlowSpec, exception: BaseException | None = None
    ) -> BaseException | tuple[BaseException | None, bool | dict[str, Any] | None] | None:
        """Act after the step, or after what ran instead of it. Unless overridden, exceptions pass.

        Parameters
        ----------
        step_name : str
        flow : FlowSpec
        exception : BaseException or None
            What was raised.

        Returns
        -------
        None, exception or tuple
            None: the step has succeeded, whatever `exception` is. An exception: it is raised. A tuple of one of these
            and what a replacement of the step may return: also where the flow goes from here.
        """
        return exception

    @classmethod
    def _attach(cls, target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        target.decorators.append(StepWrapperDeclaration(cls, args, kwargs, statically_defined=True))
        return target

    @classmethod
    def _check_arguments(cls, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if args:
            raise definition_of(cls).error(
                f"The decorator {cls.__name__} takes no positional arguments: name the argument {args[0]!r}."
            )
        super()._check_arguments(args, kwargs)


_POST_FORM = "(self, step_name, flow, exception=None)"


class GeneratorStepDecorator(UserStepDecorator, is_base=True):
    """Base of the classes that :func:`user_step_decorator` makes of generator functions."""

    _generator: ClassVar[Callable[..., Generator[Any, Any, Any]]]
    _takes_attributes: ClassVar[bool]

    @classmethod
    def _check_arguments(cls, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if kwargs and not cls._takes_attributes:
            raise definition_of(cls).error(
                f"The decorator {cls.__name__} is given the argument '{next(iter(kwargs))}', but takes none. "
                f"Give its function a fourth parameter: def {cls.__name__}(step_name, flow, inputs, attributes)."
            )
        if args:
            super()._check_arguments(args, kwargs)


class StepWrapperDeclaration(UserStepDeclaration):
    """A decorator of the user's that acts around the step."""

    decorator: type[UserStepDecorator]

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that the decorator takes these arguments."""
        self.decorator._check_arguments(self.args, self.kwargs)
        super().validate(graph, step)

    def hook(self) -> TaskHook:
        """The user's code, around the step."""
        from .step_wrapping import GeneratorWrapper, MethodsWrapper, StepWrapping

        kind = GeneratorWrapper if issubclass(self.decorator, GeneratorStepDecorator) else MethodsWrapper
        return StepWrapping(self, kind)


class _MadeDecorator(Protocol):
    """A class made by :func:`user_step_decorator`, as its users see it."""

    @overload
    def __call__(self, step: T, /) -> T: ...
    @overload
    def __call__(self, **attributes: Any) -> Callable[[T], T]: ...


def user_step_decorator(function: Callable[..., Iterator[Any]]) -> _MadeDecorator:
    """Make a step decorator of a generator function.

    What stands before the ``yield`` runs before the step, what stands after it runs after the step. The value that is
    yielded says what happens in between:

    * ``yield``: what is decorated runs.
    * ``yield function``: `function` is called instead, with the flow (and the inputs of a join).
    * ``yield {}`` (:data:`USER_SKIP_STEP`): nothing runs; the flow goes on as the step would have.
    * ``yield {"foreach": "items"}``: nothing runs; the items are given to ``self.next`` as keyword arguments.

    An exception of the step is raised at the ``yield``. If the function does not raise it again, the step has
    succeeded. A function that returns without a ``yield`` skips the step.

    Parameters
    ----------
    function : generator function
        Takes the name of the step, the flow, and the inputs of a join (None for others); as a fourth parameter, if it
        has one, a dict of the arguments that the decorator was given.

    Returns
    -------
    callable
        The decorator, a class: use it as ``@name``, or as ``@name(argument=value)`` if the function has the fourth
        parameter.

    Raises
    ------
    UserDecoratorException
        If it is no generator function, or has another number of parameters.

    Examples
    --------
    >>> @user_step_decorator
    ... def timed(step_name, flow, inputs=None, attributes=None):
    ...     started = time.time()
    ...     yield
    ...     print(step_name, "took", time.time() - started)
    """
    if not isinstance(function, FunctionType):
        raise UserDecoratorException(f"@user_step_decorator takes a generator function, not {function!r}.")
    code = function.__code__
    problem = None
    if not code.co_flags & _IS_GENERATOR:
        problem = "it contains no `yield`, which says where the step runs"
    elif code.co_argcount not in (3, 4) or code.co_kwonlyargcount or code.co_flags & _HAS_VARIABLE_ARGUMENTS:
        problem = "it should have the parameters (step_name, flow, inputs), or (step_name, flow, inputs, attributes)"
    if problem is not None:
        raise UserDecoratorException(
            f"{function.__qualname__} cannot be made a step decorator: {problem}.",
            code.co_firstlineno,
            code.co_filename,
        )
    content = {
        "__doc__": function.__doc__,
        "__module__": function.__module__,
        "__qualname__": function.__qualname__,
        "_generator": staticmethod(function),
        "_takes_attributes": code.co_argcount == 4,
    }
    made: Any = type(function.__name__, (GeneratorStepDecorator,), content)
    define(made, code.co_firstlineno, code.co_filename)
    decorator: _MadeDecorator = made
    return decorator
