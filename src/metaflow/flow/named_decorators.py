"""From what names a decorator (its name, its import path, the thing itself) to its declaration."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .. import registry
from ..exception import (
    BadFlowDecoratorException,
    BadStepDecoratorException,
    MetaflowException,
    UnknownFlowDecoratorException,
    UnknownStepDecoratorException,
    UserDecoratorException,
)
from .decorators import StepDecorator
from .decospec import Decospec, parse_decospec
from .flow_decorators import FlowDecorator
from .mutators import FlowMutator, FlowMutatorDeclaration, StepMutatorDeclaration
from .node import PARALLEL_DECORATORS
from .user_decorators import Application, UserDecorator, definitions
from .user_step_decorator import StepWrapperDeclaration, UserStepDecorator

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .declaration import FlowDeclaration, StepDeclaration

    #: Classes that declare decorators: ours, and those of users.
    Decorator = type[StepDecorator] | type[FlowDecorator] | type[UserDecorator]


def add_to_every_step(declaration: FlowDeclaration, decospecs: Sequence[str]) -> None:
    """Add decorators to all steps that do not have them yet; those that make gangs, to the steps that are gangs.

    Parameters
    ----------
    declaration : FlowDeclaration
    decospecs : sequence of str
        Decorators as ``--with`` takes them; of several of the same kind, the first counts.

    Raises
    ------
    UnknownStepDecoratorException
        If there is no such decorator.
    MetaflowException
        If it cannot be added to a step.
    """
    for text in decospecs:
        made, _ = extract_step_decorator_from_decospec(text)
        for step in _steps_for(made, declaration):
            if made.allow_multiple or all(there.full_name != made.full_name for there in step.decorators):
                step.decorators.append(made.copy())


def _steps_for(made: StepDecorator, declaration: FlowDeclaration) -> Iterable[StepDeclaration]:
    """The steps that a decorator is meant for."""
    if made.name not in PARALLEL_DECORATORS:
        return declaration.steps.values()
    from .graph import FlowGraph

    graph = FlowGraph(declaration.flow_class)
    gangs = dict.fromkeys(target for node in graph if node.num_parallel for target in node.targets)
    if not gangs:
        raise BadStepDecoratorException(
            f"--with {made.name} is for steps that are led to with num_parallel, and flow {declaration.name} has none."
        )
    return [declaration.steps[name] for name in gangs if name in declaration.steps]


def extract_step_decorator_from_decospec(decospec: str) -> tuple[StepDecorator, bool]:
    """The step decorator that a text such as ``retry:times=3`` stands for.

    Parameters
    ----------
    decospec : str

    Returns
    -------
    StepDecorator
        Its declaration, on no step yet.
    bool
        Whether the text gives it arguments.

    Raises
    ------
    UnknownStepDecoratorException
        If there is no such decorator.
    BadStepDecoratorException
        If the text is not of the form ``name:key=value,key=value``.
    InvalidDecoratorAttribute
        If the decorator does not have such an attribute.
    """
    spec = parse_decospec(decospec)
    return declare_for_step(spec), bool(spec.args or spec.kwargs)


def to_decospec(decorator: Any, args: Sequence[Any] | None, kwargs: dict[str, Any] | None) -> tuple[Any, Decospec]:
    """What is added or removed, apart from its arguments.

    Parameters
    ----------
    decorator : str or decorator
        Name, possibly with arguments as ``--with`` takes them; or the decorator itself.
    args : sequence, optional
    kwargs : dict, optional

    Returns
    -------
    str or class
    Decospec

    Raises
    ------
    MetaflowException
        If arguments are given in two ways.
    """
    spec = Decospec("", tuple(args or ()), dict(kwargs or {}))
    written = None
    if isinstance(decorator, str):
        written = parse_decospec(decorator)
        decorator = written.name
    elif isinstance(decorator, Application):
        written = Decospec("", decorator.args, decorator.kwargs)
        decorator = decorator.decorator
    if written is not None and (written.args or written.kwargs):
        if spec.args or spec.kwargs:
            raise MetaflowException(
                f"The decorator '{name_of(decorator)}' is given arguments in two ways: in its text, and as deco_args "
                "or deco_kwargs. Use one of them."
            )
        spec = written
    return decorator, spec


def declare_for_step(
    spec: Decospec,
    decorator: Any = None,
    statically_defined: bool = False,
    inserted_by: list[str] | None = None,
) -> StepDecorator:
    """Declaration of a step decorator or a step mutator.

    Parameters
    ----------
    spec : Decospec
        Its arguments; its name too, unless `decorator` is given.
    decorator : str or class or function, optional
        A name, or the decorator itself.
    statically_defined : bool
    inserted_by : list of str, optional

    Returns
    -------
    StepDecorator

    Raises
    ------
    UnknownStepDecoratorException
        If there is no such decorator.
    BadStepDecoratorException
        If it is no decorator of steps.
    InvalidDecoratorAttribute
        If it does not have such an attribute.
    """
    found = _find(decorator if decorator is not None else spec.name, "step_decorators")
    if issubclass(found, FlowDecorator | FlowMutator):
        raise BadStepDecoratorException(f"'{name_of(found)}' decorates flows, so it cannot be added to a step.")
    if issubclass(found, UserDecorator):
        found._check_arguments(spec.args, spec.kwargs)
        wrapper = issubclass(found, UserStepDecorator)
        kind = StepWrapperDeclaration if wrapper else StepMutatorDeclaration
        return kind(found, spec.args, spec.kwargs, statically_defined, inserted_by)
    _refuse_positional(found, spec, BadStepDecoratorException)
    made: StepDecorator = found(spec.kwargs, statically_defined=statically_defined, inserted_by=inserted_by)
    return made


def declare_for_flow(
    spec: Decospec, decorator: Any, statically_defined: bool, inserted_by: list[str] | None
) -> FlowDecorator:
    """Declaration of a flow decorator or a flow mutator; the same as :func:`declare_for_step`, for flows."""
    found = _find(decorator, "flow_decorators")
    if not issubclass(found, FlowDecorator | FlowMutator):
        raise BadFlowDecoratorException(
            f"'{name_of(found)}' decorates steps, so it cannot be added to a flow. Add it to the flow's steps."
        )
    if issubclass(found, UserDecorator):
        found._check_arguments(spec.args, spec.kwargs)
        return FlowMutatorDeclaration(found, spec.args, spec.kwargs, statically_defined, inserted_by)
    _refuse_positional(found, spec, BadFlowDecoratorException)
    made: FlowDecorator = found(spec.kwargs, statically_defined=statically_defined, inserted_by=inserted_by)
    return made


def name_of(decorator: Any) -> str:
    """Name of a decorator that is given in one of the ways in which it can be."""
    if isinstance(decorator, str):
        return decorator
    if isinstance(decorator, type) and issubclass(decorator, StepDecorator | FlowDecorator):
        return getattr(decorator, "name", decorator.__name__)
    return str(getattr(decorator, "__name__", repr(decorator)))


def names_match(name: str, short: str, full: str) -> bool:
    """Whether `name` means a decorator: with a period the end of its dotted name, else its short name."""
    if "." not in name:
        return name == short
    return any(f".{path}".endswith(f".{name}") for path in _paths(full))


def _refuse_positional(found: Any, spec: Decospec, error: type[MetaflowException]) -> None:
    if spec.args:
        raise error(
            f"The decorator '{found.name}' takes no positional arguments. Name them: {', '.join(found.defaults)}."
        )


def _find(decorator: Any, category: str) -> Any:
    """Class of a decorator."""
    if isinstance(decorator, str):
        return _by_name(decorator, category)
    found = _by_object(decorator)
    if found is None:
        raise (BadStepDecoratorException if category == "step_decorators" else BadFlowDecoratorException)(
            f"{decorator!r} is no decorator. Give its name, the decorator as it is imported, or its class."
        )
    return found


def _by_object(decorator: Any) -> Decorator | None:
    """Class of a decorator that was imported; None if it is none."""
    if isinstance(decorator, type):
        wanted = (StepDecorator, FlowDecorator, UserDecorator)
        return decorator if issubclass(decorator, wanted) else None
    # Built-in ones are functions that stand beside the class of the same name in the registry.
    name, module = getattr(decorator, "__name__", None), getattr(decorator, "__module__", None)
    for category in ("step_decorators", "flow_decorators"):
        if name in registry.BUILT_IN[category]:
            found: Decorator = registry.load(category, name)
            if found.__module__ == module:
                return found
    return None


def _by_name(name: str, category: str) -> Decorator:
    if name in registry.BUILT_IN[category]:
        found: Decorator = registry.load(category, name)
        return found
    defined = {definition.full_name: decorator for decorator, definition in definitions().items()}
    matching = [full for full in defined if any(f".{path}".endswith(f".{name}") for path in _paths(full))]
    if name in defined or len(matching) == 1:
        return defined[name] if name in defined else defined[matching[0]]
    if matching:
        raise _error_for(category)(
            f"There are several decorators called '{name}': {', '.join(sorted(matching))}. "
            "Write more of the path of the one that you mean."
        )
    if "." in name:
        return _imported(name, category)
    if name in registry.names(category):
        plugged_in: Decorator = registry.load(category, name)
        return plugged_in
    raise _unknown(name, category)


def _paths(full_name: str) -> Iterable[str]:
    """Dotted names by which a decorator can be called: in the flow's own file also with the name of that file."""
    module, _, rest = full_name.partition(".")
    return (full_name, f"{_name_of_script()}.{rest}") if module == "__main__" else (full_name,)


def _name_of_script() -> str:
    script = sys.modules["__main__"]
    spec = getattr(script, "__spec__", None)
    if spec is not None:
        return str(spec.name)
    file = getattr(script, "__file__", None) or ""
    return file.replace("\\", "/").rpartition("/")[2].removesuffix(".py")


def _imported(name: str, category: str) -> Decorator:
    """A decorator by the path that one would import it by."""
    from importlib import import_module

    path, _, attribute = name.rpartition(".")
    if path in ("__main__", _name_of_script()):
        module: Any = sys.modules["__main__"]
    else:
        try:
            module = import_module(path)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{path}.".startswith(f"{error.name}."):
                raise _import_failed(name, path, error) from error
            raise _unknown(name, category, f"there is no module '{error.name}'") from None
        except Exception as error:
            raise _import_failed(name, path, error) from error
    found = _by_object(getattr(module, attribute, None))
    if found is None:
        what = "is no decorator" if hasattr(module, attribute) else "does not exist"
        raise _unknown(name, category, f"'{attribute}' {what} in the module '{path}'")
    return found


def _import_failed(name: str, module: str, error: Exception) -> MetaflowException:
    from ..error_text import format_error

    return UserDecoratorException(
        f"The decorator '{name}' cannot be used, because importing the module '{module}' failed:\n{format_error(error)}"
    )


def _error_for(category: str) -> type[MetaflowException]:
    return UnknownStepDecoratorException if category == "step_decorators" else UnknownFlowDecoratorException


def _unknown(name: str, category: str, why: str | None = None) -> MetaflowException:
    from difflib import get_close_matches

    for_steps = category == "step_decorators"
    own = [
        definition.name
        for decorator, definition in definitions().items()
        if issubclass(decorator, FlowMutator) is not for_steps
    ]
    known = [*own, *registry.names(category)]
    close = get_close_matches(name.rpartition(".")[2], known, n=1)
    hint = f" Did you mean *{close[0]}*?" if close else ""
    kind = "step" if for_steps else "flow"
    if name in registry.names("flow_decorators" if for_steps else "step_decorators"):
        why = "it decorates flows, and goes above the class" if for_steps else "it decorates steps"
    reason = f": {why}." if why else "."
    listed = ", ".join(known) or "none"
    return _error_for(category)(
        f"Unknown {kind} decorator *{name}*{reason}{hint} The following decorators are supported: *{listed}*"
    )
