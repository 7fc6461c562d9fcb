"""``MutableFlow``: a flow as mutators see it."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar

from ..exception import DuplicateFlowDecoratorException, MetaflowException, UserDecoratorException
from .declaration import check_parameters
from .mutable_step import DecoratorSpec, MutableStep, inserted_by, matching, put, remove, spec_of
from .mutators import FlowMutator
from .named_decorators import declare_for_flow, to_decospec
from .parameters import Parameter
from .user_decorators import Application

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .declaration import FlowDeclaration
    from .flow_decorators import FlowDecorator


class NamedItems:
    """Items with names: iterate over ``(name, item)`` pairs, or index by name.

    Parameters
    ----------
    items : mapping
    what : str
        What an item is, for the message of an error.
    """

    def __init__(self, items: Mapping[str, Any], what: str) -> None:
        self._items = dict(items)
        self._what = what

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self._items.items())

    def __getitem__(self, name: str) -> Any:
        if name not in self._items:
            raise KeyError(f"the flow has no {self._what} '{name}'; it has {', '.join(self._items) or 'none'}")
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __len__(self) -> int:
        return len(self._items)

    def keys(self) -> list[str]:
        """The names."""
        return list(self._items)

    def __repr__(self) -> str:
        return repr(self._items)


class MutableFlow:
    """A flow whose parameters and decorators can be changed. Its steps are what the source says.

    Steps, configs and parameters are also attributes: ``mutable_flow.start``, ``mutable_flow.alpha``.

    Attributes
    ----------
    IGNORE, ERROR, OVERRIDE : int
        What :meth:`add_decorator` does if the flow has the decorator already.
    """

    IGNORE: ClassVar[int] = MutableStep.IGNORE
    ERROR: ClassVar[int] = MutableStep.ERROR
    OVERRIDE: ClassVar[int] = MutableStep.OVERRIDE

    __slots__ = ("_declaration", "_is_settled", "_mutator")

    def __init__(self, declaration: FlowDeclaration, mutator: Any, command_line_is_read: bool) -> None:
        object.__setattr__(self, "_declaration", declaration)
        object.__setattr__(self, "_mutator", mutator)
        object.__setattr__(self, "_is_settled", command_line_is_read)

    @property
    def decorator_specs(self) -> Iterator[DecoratorSpec]:
        """Every decorator of the flow, mutators included."""
        return iter([spec_of(decorator) for decorator in self._declaration.decorators])

    def get_decorator_specs(self, deco_name: str) -> Iterator[DecoratorSpec]:
        """Those decorators of the flow that have a certain name: a short one, or the end of a dotted one."""
        return iter([spec_of(decorator) for decorator in matching(self._declaration.decorators, deco_name)])

    def has_decorator(self, deco_name: str) -> bool:
        """Whether the flow has a decorator of this name."""
        return bool(matching(self._declaration.decorators, deco_name))

    @property
    def configs(self) -> NamedItems:
        """Values of the flow's configs, by attribute name."""
        return NamedItems(self._declaration.config_values, "config")

    @property
    def parameters(self) -> NamedItems:
        """The flow's parameters, by attribute name."""
        return NamedItems(self._declaration.parameters, "parameter")

    @property
    def steps(self) -> NamedItems:
        """The flow's steps, each a :class:`MutableStep`, by name."""
        return NamedItems({name: self._step(name) for name in self._declaration.steps}, "step")

    def _step(self, name: str) -> MutableStep:
        step = self._declaration.steps[name]
        return MutableStep(self._declaration, step, self._mutator, self, takes_mutators=not self._is_settled)

    def __getattr__(self, name: str) -> Any:
        if name in self._declaration.steps:
            return self._step(name)
        for found in (self.configs, self.parameters):
            if name in found:
                return found[name]
        raise AttributeError(f"Flow {self._declaration.name} has no step, config or parameter '{name}'")

    def __setattr__(self, name: str, value: object) -> None:
        raise UserDecoratorException(
            f"A mutator cannot assign {name} to flow *{self._declaration.name}*. It can add and remove parameters and "
            "decorators; steps and what they lead to are read from the source of the flow, and stay as they are."
        )

    def add_parameter(self, name: str, value: Parameter, overwrite: bool = False) -> None:
        """Give the flow a parameter.

        Parameters
        ----------
        name : str
            The attribute by which steps read it.
        value : Parameter
        overwrite : bool
            Whether it may replace a parameter of that name.

        Raises
        ------
        MetaflowException
            If it comes too late, is no parameter, or the name is taken.
        """
        self._refuse_late(f"Adding the parameter '{name}'")
        declaration = self._declaration
        if not isinstance(value, Parameter):
            raise UserDecoratorException(
                f"Only a Parameter can be added as '{name}' with add_parameter, and this is {value!r}."
            )
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
            raise UserDecoratorException(f"{name!r} cannot be the attribute of a parameter: it should be a plain name.")
        existing = getattr(declaration.flow_class, name, None)
        if name in declaration.parameters and not overwrite:
            raise UserDecoratorException(
                f"Flow *{declaration.name}* has a parameter '{name}' already. To replace it, use "
                "add_parameter(..., overwrite=True)."
            )
        if existing is not None and not isinstance(existing, Parameter):
            raise UserDecoratorException(
                f"Flow *{declaration.name}* has a member '{name}' already, which is no parameter and cannot be "
                "replaced by one. Use another name."
            )
        added = copy(value)
        added.__set_name__(declaration.flow_class, name)
        added = added.settled(declaration.known_configs)
        check_parameters({**declaration.parameters, name: added})
        declaration.parameters[name] = added

    def remove_parameter(self, name: str) -> bool:
        """Take a parameter off the flow.

        Parameters
        ----------
        name : str
            The attribute by which steps read it.

        Returns
        -------
        bool
            True.

        Raises
        ------
        MetaflowException
            If there is no such parameter, or it comes too late.
        """
        self._refuse_late(f"Removing the parameter '{name}'")
        parameters = self._declaration.parameters
        if name not in parameters:
            from difflib import get_close_matches

            close = get_close_matches(str(name), list(parameters), n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise UserDecoratorException(
                f"Flow *{self._declaration.name}* has no parameter '{name}' that could be removed.{hint} "
                f"Its parameters: {', '.join(parameters) or 'none'}."
            )
        del parameters[name]
        return True

    def add_decorator(
        self,
        deco_type: Any,
        deco_args: Sequence[Any] | None = None,
        deco_kwargs: dict[str, Any] | None = None,
        duplicates: int = IGNORE,
    ) -> FlowDecorator | None:
        """Put a decorator, or a mutator, on the flow; the same as :meth:`MutableStep.add_decorator`, for flows.

        Returns
        -------
        FlowDecorator or None
            The decorator, unless the flow had it and keeps it.

        Raises
        ------
        UnknownFlowDecoratorException
            If there is no such decorator.
        DuplicateFlowDecoratorException
            If the flow has it already, and `duplicates` is ERROR.
        MetaflowException
            If it comes too late, or cannot be added.
        """
        deco_type, spec = to_decospec(deco_type, deco_args, deco_kwargs)
        made = declare_for_flow(spec, deco_type, self._mutator.statically_defined, inserted_by(self._mutator))
        self._refuse_late(f"Adding the flow decorator '{made.name}'")
        self._declaration.settle(made, f"flow *{self._declaration.name}*")
        owner = f"Flow *{self._declaration.name}*"
        added = put(self._declaration.decorators, made, duplicates, owner, DuplicateFlowDecoratorException)
        return made if added else None

    def remove_decorator(
        self,
        deco_name: Any,
        deco_args: Sequence[Any] | None = None,
        deco_kwargs: dict[str, Any] | None = None,
    ) -> bool:
        """Take a decorator off the flow; the same as :meth:`MutableStep.remove_decorator`, for flows.

        Raises
        ------
        MetaflowException
            If it comes too late, or is a mutator, which may have run already.
        """
        self._refuse_late(f"Removing the flow decorator '{deco_name}'")
        decorators = self._declaration.decorators
        mutators = [each for each in decorators if each.is_mutator]
        decorator = deco_name.decorator if isinstance(deco_name, Application) else deco_name
        is_mutator = isinstance(decorator, type) and issubclass(decorator, FlowMutator)
        if is_mutator or (isinstance(deco_name, str) and matching(mutators, deco_name)):
            raise UserDecoratorException(f"'{deco_name}' is a mutator, and mutators of flows cannot be removed.")
        return remove(decorators, deco_name, deco_args, deco_kwargs, f"Flow *{self._declaration.name}*")

    def _refuse_late(self, what: str) -> None:
        if self._is_settled:
            raise MetaflowException(
                f"{what} is only allowed in the `pre_mutate` method and not the `mutate` method, because the command "
                "line has been read by then."
            )

    def __repr__(self) -> str:
        return f"<MutableFlow {self._declaration.name}>"
