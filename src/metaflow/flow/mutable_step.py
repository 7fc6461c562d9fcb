"""``MutableStep``: a step as mutators see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from ..exception import DuplicateStepDecoratorException, MetaflowException, UserDecoratorException
from .named_decorators import declare_for_step, name_of, names_match, to_decospec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .declaration import FlowDeclaration, StepDeclaration
    from .decorators import StepDecorator
    from .flow_decorators import FlowDecorator
    from .mutable_flow import MutableFlow


#: Mutators that were added by one another; far more than anybody means.
_MAXIMUM_CHAIN = 50


class DecoratorSpec(NamedTuple):
    """A decorator as it was applied.

    Attributes
    ----------
    name : str
    full_name : str
        Its dotted name.
    args : list
        Positional arguments.
    kwargs : dict
        All other arguments; those that were not given have their defaults.
    """

    name: str
    full_name: str
    args: list[Any]
    kwargs: dict[str, Any]


class MutableStep:
    """A step whose decorators can be changed.

    Attributes
    ----------
    IGNORE, ERROR, OVERRIDE : int
        What :meth:`add_decorator` does if the step has the decorator already.
    """

    IGNORE: ClassVar[int] = 1
    ERROR: ClassVar[int] = 2
    OVERRIDE: ClassVar[int] = 3

    def __init__(
        self, declaration: FlowDeclaration, step: StepDeclaration, mutator: Any, flow: MutableFlow, takes_mutators: bool
    ) -> None:
        self._declaration = declaration
        self._step = step
        self._mutator = mutator
        self._flow = flow
        self._takes_mutators = takes_mutators

    @property
    def name(self) -> str:
        """Name of the step."""
        return self._step.name

    @property
    def flow(self) -> MutableFlow:
        """The flow of the step."""
        return self._flow

    @property
    def decorator_specs(self) -> Iterator[DecoratorSpec]:
        """Every decorator of the step, the innermost first."""
        return iter([spec_of(decorator) for decorator in self._step.decorators])

    def get_decorator_specs(self, deco_name: str) -> Iterator[DecoratorSpec]:
        """Those decorators that have a certain name.

        Parameters
        ----------
        deco_name : str
            A short name; or, with a period, the end of a dotted name.
        """
        return iter([spec_of(decorator) for decorator in matching(self._step.decorators, deco_name)])

    def has_decorator(self, deco_name: str) -> bool:
        """Whether the step has a decorator of this name."""
        return bool(matching(self._step.decorators, deco_name))

    def add_decorator(
        self,
        deco_type: Any,
        deco_args: Sequence[Any] | None = None,
        deco_kwargs: dict[str, Any] | None = None,
        duplicates: int = IGNORE,
    ) -> StepDecorator | None:
        """Put a decorator on the step, outside of those that it has.

        Parameters
        ----------
        deco_type : str or decorator
            A name, possibly with arguments as in ``--with`` (``"retry:times=3"``); or a decorator as it is imported.
        deco_args : sequence, optional
            Positional arguments, which only mutators take.
        deco_kwargs : dict, optional
        duplicates : int, default IGNORE
            What to do if the step has the decorator: leave that (IGNORE), replace it (OVERRIDE), or raise an error
            (ERROR; unless this mutator itself was added by ``--with``, which leaves what the source says).

        Returns
        -------
        StepDecorator or None
            The decorator, unless the step had it and keeps it.

        Raises
        ------
        UnknownStepDecoratorException
            If there is no such decorator.
        DuplicateStepDecoratorException
            If the step has it already, and `duplicates` is ERROR.
        MetaflowException
            If it cannot be added: a decorator of flows; a mutator after ``pre_mutate``; arguments that it lacks.
        """
        owner = f"Step *{self.name}*"
        deco_type, spec = to_decospec(deco_type, deco_args, deco_kwargs)
        made = declare_for_step(spec, deco_type, self._mutator.statically_defined, inserted_by(self._mutator))
        if made.is_mutator and not self._takes_mutators:
            raise MetaflowException(
                f"{owner}: the mutator {made.name} can be added in `pre_mutate` only, because in `mutate` "
                "the time to run it is over."
            )
        self._declaration.settle(made, f"step *{self.name}*")
        added = put(self._step.decorators, made, duplicates, owner, DuplicateStepDecoratorException)
        return made if added else None

    def remove_decorator(
        self,
        deco_name: Any,
        deco_args: Sequence[Any] | None = None,
        deco_kwargs: dict[str, Any] | None = None,
    ) -> bool:
        """Take a decorator off the step.

        Parameters
        ----------
        deco_name : str or decorator
            A short name, the end of a dotted name, or the decorator itself.
        deco_args : sequence, optional
            Only one with these positional arguments.
        deco_kwargs : dict, optional
            Only one whose arguments have these values.

        Returns
        -------
        bool
            Whether there was one.

        Raises
        ------
        MetaflowException
            If the name is a misspelling of a decorator that the step has.
        """
        return remove(self._step.decorators, deco_name, deco_args, deco_kwargs, f"Step *{self.name}*")

    def __repr__(self) -> str:
        return f"<MutableStep {self.name}>"


def spec_of(decorator: StepDecorator | FlowDecorator) -> DecoratorSpec:
    """A decorator as it was applied."""
    kwargs = dict(decorator.attributes)
    return DecoratorSpec(decorator.name, decorator.full_name, list(kwargs.pop("_args", ())), kwargs)


def matching(decorators: Iterable[Any], name: str) -> list[Any]:
    """Those decorators that `name` means."""
    return [decorator for decorator in decorators if names_match(name, decorator.name, decorator.full_name)]


def inserted_by(mutator: Any) -> list[str]:
    """How what a mutator adds has come to be."""
    return [*(mutator.inserted_by or ()), mutator.full_name]


def put(
    decorators: list[Any],
    made: StepDecorator | FlowDecorator,
    duplicates: int,
    owner: str,
    error: type[MetaflowException],
) -> bool:
    """Put a declaration that a mutator made outside of those in a list; returns whether it is there now.

    Parameters
    ----------
    decorators : list of StepDecorator, or of FlowDecorator
    made : StepDecorator or FlowDecorator
    duplicates : int
        What to do if it is there already.
    owner : str
        What has the decorators, for messages: ``Step *train*``.
    error : type
        What is raised if there may be no second one.

    Raises
    ------
    UserDecoratorException
        If `duplicates` is none of the three, or mutators add each other without end.
    """
    if duplicates not in (MutableStep.IGNORE, MutableStep.ERROR, MutableStep.OVERRIDE):
        raise UserDecoratorException(f"{owner}: duplicates={duplicates!r} should be IGNORE, ERROR or OVERRIDE.")
    present = [] if made.allow_multiple else [there for there in decorators if there.full_name == made.full_name]
    if present:
        if duplicates == MutableStep.ERROR and made.statically_defined:
            raise error(f"{owner} already has the decorator '{made.name}'.")
        if duplicates != MutableStep.OVERRIDE:
            return False
    chain = made.inserted_by or []
    if len(chain) > _MAXIMUM_CHAIN:
        raise UserDecoratorException(
            f"{owner}: mutators add each other without end: {', '.join(dict.fromkeys(chain))}."
        )
    decorators[:] = [*(there for there in decorators if there not in present), made]
    return True


def remove(
    decorators: list[Any],
    name: Any,
    args: Sequence[Any] | None,
    kwargs: dict[str, Any] | None,
    where: str,
) -> bool:
    """Take the decorators that `name` means out of a list; returns whether there were any.

    Raises
    ------
    MetaflowException
        If `name` is a misspelling of one of them.
    """
    name, spec = to_decospec(name, args, kwargs)
    if isinstance(name, str):
        named = matching(decorators, name)
    else:
        short = name_of(name)
        named = [each for each in decorators if each.name == short and getattr(each, "decorator", name) is name]
    if not named and isinstance(name, str):
        _refuse_misspelling(decorators, name, where)
    gone = [
        each
        for each in named
        if (not spec.args or list(spec.args) == list(each.attributes.get("_args", ())))
        and all(key in each.attributes and each.attributes[key] == value for key, value in spec.kwargs.items())
    ]
    decorators[:] = [each for each in decorators if each not in gone]
    return bool(gone)


def _refuse_misspelling(decorators: Iterable[Any], name: str, where: str) -> None:
    """A name that exists nowhere, but almost matches one that does, was hardly meant to have no effect."""
    from difflib import get_close_matches

    from ..registry import names

    close = get_close_matches(name, [each.name for each in decorators], n=1, cutoff=0.8)
    if close and name not in {*names("step_decorators"), *names("flow_decorators")}:
        raise UserDecoratorException(
            f"{where} has no decorator '{name}' that could be removed. Did you mean '{close[0]}'?"
        )
