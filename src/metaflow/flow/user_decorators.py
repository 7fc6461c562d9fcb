"""What all decorators that users write have in common: how they are applied, named, found and recorded."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar, overload

from ..exception import BadStepDecoratorException, InvalidDecoratorAttribute, MetaflowException, UserDecoratorException
from .decorators import Decorator, StepDecorator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .graph import FlowGraph

#: What is decorated: a step, or a flow.
T = TypeVar("T", bound="Callable[..., Any]")


class Definition(NamedTuple):
    """Where a user's decorator is defined.

    Attributes
    ----------
    name : str
    full_name : str
        Name with that of its module before it.
    line : int
    file : str
    """

    name: str
    full_name: str
    line: int
    file: str

    def error(self, message: str, line: int | None = None) -> UserDecoratorException:
        """An error that is the definition's fault; `line` is where in its file."""
        return UserDecoratorException(message, line or self.line, self.file)


#: Every decorator that was defined. Kept here, so that the classes of users have all names to themselves.
_DEFINITIONS: dict[type[UserDecorator], Definition] = {}


class UserDecorator:
    """Base of the classes that users derive to make decorators.

    Calling such a class decorates; its objects are made where the decorator acts.
    """

    #: Whether users derive from the class, instead of decorating with it.
    _is_base: ClassVar[bool] = True

    def __init_subclass__(cls, is_base: bool = False) -> None:
        cls._is_base = is_base
        if is_base:
            return
        frame = sys._getframe(1)
        while frame.f_code.co_name == "__init_subclass__" and frame.f_back is not None:
            frame = frame.f_back
        define(cls, frame.f_lineno, frame.f_code.co_filename)
        own_init = vars(cls).get("__init__")
        if isinstance(own_init, FunctionType) and _required_arguments(own_init) > 1:
            raise definition_of(cls).error(
                f"The decorator {cls.__name__} takes its arguments in __init__. Call that method init: "
                "it is called when the arguments are known, those that come from configs too.",
                own_init.__code__.co_firstlineno,
            )

    if TYPE_CHECKING:
        # mypy does not believe that calling the class gives anything but an object of it. So it takes a decorated
        # step for such an object, which it has to be able to call and to apply to a step.
        def __call__(self, target: T, /) -> T: ...

    @overload
    def __new__(cls, target: T, /) -> T: ...  # type: ignore[misc]  # see above
    @overload
    def __new__(cls, *args: Any, **kwargs: Any) -> Callable[[T], T]: ...  # type: ignore[misc]
    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Decorate, or keep the arguments until what they decorate is known."""
        if cls._is_base:
            raise UserDecoratorException(f"Derive a class from {cls.__name__}; it is no decorator by itself.")
        if len(args) == 1 and not kwargs and cls._can_decorate(args[0]):
            return cls._attach(args[0], (), {})
        if len(args) == 1 and not kwargs and isinstance(args[0], (FunctionType, type)):
            raise BadStepDecoratorException(cls._misplaced(args[0]))
        return Application(cls, args, kwargs)

    def init(self, *args: Any, **kwargs: Any) -> None:
        """Take the decorator's arguments. To be overridden by decorators that have any."""

    def add_to_package(self) -> Iterable[Any]:
        """Say what the flow's code package needs for this decorator; see :meth:`Decorator.add_to_package`."""
        return ()

    @classmethod
    def _can_decorate(cls, target: Any) -> bool:
        # What stands for a part of a config has every attribute.
        return getattr(target, "is_step", False) is True

    @classmethod
    def _attach(cls, target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        target.decorators.append(UserStepDeclaration(cls, args, kwargs, statically_defined=True))
        return target

    @classmethod
    def _misplaced(cls, target: Any) -> str:
        return (
            f"Decorator '@{cls.__name__}' is applied to {target.__name__}, which is no step: put it above @step. "
            "(To give it a function or a class as an argument, name the argument.)"
        )

    @classmethod
    def _check_arguments(cls, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        # Not where it is applied, but when the flow is declared: there an error can be shown as one.
        if (args or kwargs) and cls.init is UserDecorator.init:
            given = args[0] if args else next(iter(kwargs))
            raise definition_of(cls).error(
                f"The decorator {cls.__name__} is given an argument ({given!r}), but takes none. "
                "Give its class a method init(self, ...) that takes it."
            )


class Application:
    """A decorator with its arguments, before it is known what it decorates.

    Attributes
    ----------
    decorator : type
    args : tuple
    kwargs : dict
    """

    def __init__(self, decorator: type[UserDecorator], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.decorator = decorator
        self.args = args
        self.kwargs = kwargs

    def __call__(self, target: Any) -> Any:
        if not self.decorator._can_decorate(target):
            if not hasattr(target, "__name__"):
                raise BadStepDecoratorException(f"{self} is applied to {target!r}, which it cannot decorate.")
            raise BadStepDecoratorException(self.decorator._misplaced(target))
        return self.decorator._attach(target, self.args, self.kwargs)

    def __repr__(self) -> str:
        return f"@{self.decorator.__name__}({written_arguments(self.args, self.kwargs)})"


class UserDeclaration(Decorator):
    """What a decorator of a user's declares, on a step or on a flow.

    Parameters
    ----------
    decorator : type
        The user's class.
    args : sequence
    kwargs : mapping
    statically_defined : bool
    inserted_by : list of str, optional

    Attributes
    ----------
    decorator : type
    attributes : dict
        The arguments by name, and the list of the positional ones as ``_args``.
    """

    def __init__(
        self,
        decorator: type[UserDecorator],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        statically_defined: bool = False,
        inserted_by: list[str] | None = None,
    ) -> None:
        self.decorator = decorator
        self.statically_defined = statically_defined
        self.inserted_by = inserted_by
        self.set_attributes({"_args": list(args), **(kwargs or {})})

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Replace all arguments."""
        self.attributes = dict(attributes)
        self.given = frozenset(attributes)

    @property
    def name(self) -> str:  # type: ignore[override]  # of built-in ones it is a constant of the class
        """Name of the user's class or function."""
        return definition_of(self.decorator).name

    @property
    def full_name(self) -> str:
        """Dotted name of the user's class or function."""
        return definition_of(self.decorator).full_name

    @property
    def recorded_name(self) -> str:
        """The dotted name: short ones are unique in one flow only."""
        return self.full_name

    @property
    def args(self) -> tuple[Any, ...]:
        """Positional arguments."""
        return tuple(self.attributes["_args"])

    @property
    def kwargs(self) -> dict[str, Any]:
        """Arguments by name."""
        return {name: value for name, value in self.attributes.items() if name != "_args"}

    def add_to_package(self) -> Iterable[Any]:
        """What the user's class says."""
        return create(self.decorator, self.args, self.kwargs).add_to_package()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"@{self.name}({written_arguments(self.args, self.kwargs)})"


class UserStepDeclaration(UserDeclaration, StepDecorator):
    """A step decorator or a step mutator of a user's, on a step."""

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check that the decorator takes these arguments."""
        if self.decorator.init is not UserDecorator.init:
            check_takes(self.decorator, self.args, self.kwargs, f"Step *{step}*: ")


def define(decorator: type[UserDecorator], line: int, file: str) -> None:
    """Make a decorator known under its name.

    Parameters
    ----------
    decorator : type
    line : int
    file : str
        Where it is defined.
    """
    full_name = f"{decorator.__module__}.{decorator.__qualname__}"
    _DEFINITIONS[decorator] = Definition(decorator.__name__, full_name, line, file)


def definition_of(decorator: type[UserDecorator]) -> Definition:
    """Where a user's decorator is defined."""
    return _DEFINITIONS[decorator]


def definitions() -> dict[type[UserDecorator], Definition]:
    """All decorators that users have defined so far; of several with the same full name, the youngest."""
    by_name = {definition.full_name: decorator for decorator, definition in _DEFINITIONS.items()}
    return {decorator: _DEFINITIONS[decorator] for decorator in by_name.values()}


def create(decorator: type[UserDecorator], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """An object of a user's decorator, with its arguments taken."""
    instance = object.__new__(decorator)
    instance.__init__()  # type: ignore[misc]  # calling the class would decorate
    if decorator.init is not UserDecorator.init:
        instance.init(*args, **kwargs)
    return instance


def check_takes(decorator: type[UserDecorator], args: Sequence[Any], kwargs: Mapping[str, Any], where: str) -> None:
    """Check arguments against the decorator's ``init``.

    Raises
    ------
    InvalidDecoratorAttribute
        If it does not take them; the message begins with `where`.
    """
    from inspect import signature

    wanted = signature(decorator.init)
    try:
        wanted.bind(None, *args, **kwargs)
    except TypeError as error:
        own = ", ".join(str(parameter) for parameter in list(wanted.parameters.values())[1:])
        code = decorator.init.__code__
        raise InvalidDecoratorAttribute(
            f"{where}@{decorator.__name__}({written_arguments(args, kwargs)}) does not fit its init({own}): {error}.",
            code.co_firstlineno,
            code.co_filename,
        ) from None


def written_arguments(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Arguments as one would write them."""
    return ", ".join([*(repr(value) for value in args), *(f"{name}={value!r}" for name, value in kwargs.items())])


def failure_of(definition: Definition, method: str, error: Exception, where: str) -> MetaflowException:
    """What a person is told of an error in a mutator: theirs, without our frames around it."""
    from ..error_text import format_error
    from .user_code import place_in_user_code

    line, file = place_in_user_code(error)
    if line is None:
        line, file = definition.line, definition.file
    if isinstance(error, MetaflowException):
        if error.line_no is None:
            error.line_no, error.source_file = line, file
        return error
    return UserDecoratorException(
        f"{where}, {definition.full_name}.{method} raised an error:\n{format_error(error)}", line, file
    )


def takes(function: FunctionType, number: int) -> bool:
    """Whether a function can be called with so many positional arguments."""
    code = function.__code__
    most = number if code.co_flags & 0x04 else code.co_argcount
    least = code.co_argcount - len(function.__defaults__ or ())
    keyword_only = code.co_kwonlyargcount - len(function.__kwdefaults__ or ())
    return least <= number <= most and not keyword_only


def _required_arguments(function: FunctionType) -> int:
    return function.__code__.co_argcount - len(function.__defaults__ or ())
