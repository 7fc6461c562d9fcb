"""``StepMutator`` and ``FlowMutator``: users' code that changes what a flow declares, before it runs."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

from .declaration import FLOW_MUTATORS
from .flow_decorators import FlowDecorator
from .user_decorators import (
    UserDeclaration,
    UserDecorator,
    UserStepDeclaration,
    check_takes,
    create,
    definition_of,
    failure_of,
    takes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Self

    from .declaration import FlowDeclaration
    from .mutable_flow import MutableFlow
    from .mutable_step import MutableStep


class StepMutator(UserDecorator, is_base=True):
    """Base of decorators that change what decorates a step.

    The class is the decorator::

        class Robust(StepMutator):
            def init(self, times=2):
                self.times = times

            def mutate(self, mutable_step):
                mutable_step.add_decorator("retry", deco_kwargs={"times": self.times})

        @Robust(times=3)
        @step
        def start(self): ...

    Mutators run in every process that runs tasks, and have to do the same in each.
    """

    def pre_mutate(self, mutable_step: MutableStep) -> None:
        """Change the step as soon as configs are known; further mutators can be added here only.

        Parameters
        ----------
        mutable_step : MutableStep
        """

    def mutate(self, mutable_step: MutableStep) -> None:
        """Change the step when the command line was read and ``--with`` was applied.

        Parameters
        ----------
        mutable_step : MutableStep
        """

    @classmethod
    def _attach(cls, target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        target.decorators.append(StepMutatorDeclaration(cls, args, kwargs, statically_defined=True))
        return target


class FlowMutator(UserDecorator, is_base=True):
    """Base of decorators that change a flow: its parameters, its decorators, those of its steps.

    The class is the decorator, and goes above the class of the flow::

        class Everywhere(FlowMutator):
            def mutate(self, mutable_flow):
                for name, step in mutable_flow.steps:
                    step.add_decorator("retry")

        @Everywhere
        class Train(FlowSpec): ...

    Mutators run in every process that runs tasks, and have to do the same in each. Those of base classes come first,
    and of several on one class the lowest.
    """

    def pre_mutate(self, mutable_flow: MutableFlow) -> None:
        """Change the flow as soon as configs are known: before the command line is read, so that parameters can change.

        Parameters
        ----------
        mutable_flow : MutableFlow
        """

    def mutate(self, mutable_flow: MutableFlow) -> None:
        """Change the decorators of steps when the command line was read and ``--with`` was applied.

        Parameters
        ----------
        mutable_flow : MutableFlow
        """

    @classmethod
    def _can_decorate(cls, target: Any) -> bool:
        from .spec import FlowSpec

        return isinstance(target, type) and issubclass(target, FlowSpec)

    @classmethod
    def _attach(cls, target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        # In a list of the class's own: one that it inherits belongs to its base.
        own = [*vars(target).get(FLOW_MUTATORS, ()), FlowMutatorDeclaration(cls, args, kwargs, statically_defined=True)]
        setattr(target, FLOW_MUTATORS, own)
        return target

    @classmethod
    def _misplaced(cls, target: Any) -> str:
        return (
            f"Decorator '@{cls.__name__}' is applied to {target.__name__}, which is no flow: put it above a class that "
            "derives from FlowSpec. (To give it a function or a class as an argument, name the argument.)"
        )


class _Mutating(UserDeclaration):
    """A declaration that changes others."""

    is_mutator: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._instance: Any = None
        self._done: set[str] = set()

    def copy(self) -> Self:
        """The same declaration with arguments of its own, whose mutator is yet to be made."""
        return type(self)(self.decorator, self.args, self.kwargs, self.statically_defined, self.inserted_by)

    def is_due(self, method: str) -> bool:
        """Whether the mutator has yet to run this method."""
        return method not in self._done

    def run(self, method: str, target: MutableStep | MutableFlow, where: str) -> None:
        """Let the mutator change `target`; `where` is for the message of an error."""
        self._done.add(method)
        try:
            if self._instance is None:
                if self.args or self.kwargs:
                    self.decorator._check_arguments(self.args, self.kwargs)
                    check_takes(self.decorator, self.args, self.kwargs, f"{where}: ")
                self._instance = create(self.decorator, self.args, self.kwargs)
            self._check_method(method)
            getattr(self._instance, method)(target)
        except Exception as error:
            raise failure_of(definition_of(self.decorator), method, error, where) from error

    def _check_method(self, method: str) -> None:
        function = getattr(self.decorator, method)
        if isinstance(function, FunctionType) and not takes(function, 2):
            target = "mutable_flow" if issubclass(self.decorator, FlowMutator) else "mutable_step"
            raise definition_of(self.decorator).error(
                f"{self.decorator.__name__}.{method} should be declared as {method}(self, {target}).",
                function.__code__.co_firstlineno,
            )


class StepMutatorDeclaration(_Mutating, UserStepDeclaration):
    """A step mutator on a step."""


class FlowMutatorDeclaration(_Mutating, FlowDecorator):
    """A flow mutator on a flow."""

    allow_multiple: ClassVar[bool] = True


def flow_mutators_of(flow_class: type) -> list[FlowMutatorDeclaration]:
    """Mutators above a flow's class and its bases: those of bases first, and of one class the lowest first."""
    classes = reversed(flow_class.__mro__)
    return [declaration.copy() for cls in classes for declaration in vars(cls).get(FLOW_MUTATORS, ())]


def run_mutators(declaration: FlowDeclaration, method: str, command_line_is_read: bool) -> None:
    """Let all mutators of a flow change it, also those that mutators add meanwhile; each once.

    Parameters
    ----------
    declaration : FlowDeclaration
    method : str
        ``pre_mutate`` or ``mutate``.
    command_line_is_read : bool
        Whether parameters and decorators of the flow are settled.

    Raises
    ------
    MetaflowException
        If a mutator fails, or does what cannot be done.
    """
    from .mutable_flow import MutableFlow
    from .mutable_step import MutableStep

    def next_of(decorators: Sequence[Any]) -> Any:
        return next((each for each in decorators if each.is_mutator and each.is_due(method)), None)

    while (mutator := next_of(declaration.decorators)) is not None:
        target = MutableFlow(declaration, mutator, command_line_is_read)
        mutator.run(method, target, f"In flow *{declaration.name}*")
    for step in declaration.steps.values():
        while (mutator := next_of(step.decorators)) is not None:
            flow = MutableFlow(declaration, mutator, command_line_is_read)
            step_target = MutableStep(declaration, step, mutator, flow, takes_mutators=method == "pre_mutate")
            mutator.run(method, step_target, f"On step *{step.name}*")
