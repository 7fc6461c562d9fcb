"""All that a flow declares: steps and what decorates them, parameters, constants.

A :class:`FlowDeclaration` is made from the class, which stays as it is: what configs, mutators and ``--with`` change,
they change in the declaration. Every process that runs tasks makes its own, from the same class and the same data.
"""

from __future__ import annotations

import re
import sys
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any

from .spec import FlowSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import ModuleType

    from .config_value import ConfigValue
    from .configs import ConfigDeclaration, ConfigSource
    from .decorators import StepDecorator
    from .flow_decorators import FlowDecorator
    from .parameters import Parameter
    from .resolution import KnownConfigs

#: Attribute of a flow class that lists the mutators written above it.
FLOW_MUTATORS = "__flow_mutators__"
_OPTION_NAME = re.compile(r"[A-Za-z_][\w-]*").fullmatch
_NO_CONSTANT = (FunctionType, BuiltinFunctionType, classmethod, staticmethod, property, type)


class StepDeclaration:
    """One step of a flow, and what decorates it.

    Attributes
    ----------
    name : str
    function : callable
        The method, as written.
    decorators : list of StepDecorator
        Innermost, that is closest to ``@step``, first.

    Raises
    ------
    MetaflowException
        If one of them is declared wrongly.
    """

    __slots__ = ("decorators", "function", "name")

    def __init__(self, name: str, function: Any) -> None:
        self.name = name
        self.function = function
        self.decorators: list[StepDecorator] = [decorator.copy() for decorator in function.decorators]
        if function.misdeclared:
            raise function.misdeclared[0]


class FlowDeclaration:
    """What a flow declares.

    Making one reads the class. :meth:`configure` and :meth:`complete` then finish it, in this order, once each.

    Parameters
    ----------
    flow_class : type

    Attributes
    ----------
    flow_class : type
    name : str
        Name of the flow.
    parameters : dict of str to Parameter
        By attribute name, those of base classes first.
    constants : dict of str to object
        Class-level values that every task can read and none can change, by attribute name.
    configs : dict of str to ConfigDeclaration
        By attribute name.
    config_values : mapping of str to object
        Values of the configs, as steps see them, by attribute name.
    config_sources : mapping of str to ConfigSource
        Where they came from, as far as that is known.
    preset : dict of str to object
        What flow objects have among their own attributes from the start: configs, and constants made from them.
    steps : dict of str to StepDeclaration
    decorators : list of FlowDecorator
        Those of base classes first.

    Raises
    ------
    MetaflowException
        If something is declared in a way that cannot be.
    """

    __slots__ = (
        "config_sources",
        "config_values",
        "configs",
        "constants",
        "decorators",
        "flow_class",
        "name",
        "parameters",
        "preset",
        "steps",
    )

    def __init__(self, flow_class: type[FlowSpec]) -> None:
        self.flow_class = flow_class
        self.name = flow_class.__name__
        self.parameters = parameters_of(flow_class)
        self.constants = constants_of(flow_class)
        self.steps = {name: StepDeclaration(name, function) for name, function in steps_of(flow_class)}
        self.decorators: list[FlowDecorator] = [*flow_decorators_of(flow_class), *_flow_mutators_of(flow_class)]
        self.configs = configs_of(flow_class)
        self.config_values: Mapping[str, Any] = {}
        self.config_sources: Mapping[str, ConfigSource] = {}
        self.preset: dict[str, Any] = {}

    def configure(
        self, config_values: Mapping[str, Any], config_sources: Mapping[str, ConfigSource] | None = None
    ) -> None:
        """Give the declaration the values of the flow's configs, and let mutators change what they may change early.

        Parameters
        ----------
        config_values : mapping of str to object
            By attribute name.
        config_sources : mapping of str to ConfigSource, optional
            Where they came from.

        Raises
        ------
        ConfigException
            If what the flow refers to is in none of them.
        """
        self.config_values = config_values
        self.config_sources = config_sources or {}
        if _deferred_type() is not None:
            from .resolution import settle

            settle(self)
        if self._has_mutators:
            from .mutators import run_mutators

            run_mutators(self, "pre_mutate", command_line_is_read=False)
        for parameter in self.parameters.values():
            parameter.check()

    def complete(self, decospecs: Sequence[str] = ()) -> None:
        """Add decorators to every step, let mutators have the last word, and settle all attributes.

        Parameters
        ----------
        decospecs : sequence of str
            Decorators as ``--with`` takes them; earlier ones win over later ones.
        """
        if decospecs:
            from .named_decorators import add_to_every_step

            add_to_every_step(self, decospecs)
        if self._has_mutators:
            from .mutators import run_mutators

            run_mutators(self, "pre_mutate", command_line_is_read=True)  # of those that were added just now
            run_mutators(self, "mutate", command_line_is_read=True)

    def settle(self, decorator: StepDecorator | FlowDecorator, owner: str) -> None:
        """Put the values of configs into a decorator that was added; `owner` is what has it, for messages."""
        if _deferred_type() is not None:
            from .resolution import settle_decorator

            settle_decorator(decorator, self.known_configs, owner)

    @property
    def _has_mutators(self) -> bool:
        return any(decorator.is_mutator for decorator in self.decorators) or any(
            decorator.is_mutator for step in self.steps.values() for decorator in step.decorators
        )

    @property
    def read_only(self) -> dict[str, str]:
        """Attributes that tasks may not assign, each with what it is."""
        return {
            **dict.fromkeys(self.constants, "a constant"),
            **dict.fromkeys(self.parameters, "a parameter"),
            **dict.fromkeys(self.configs, "a config"),
        }

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Sorted attribute names of the parameters and the configs."""
        return tuple(sorted([*self.parameters, *self.configs]))

    @property
    def known_configs(self) -> KnownConfigs:
        """The configs with their values, for what refers to them."""
        from .resolution import KnownConfigs

        return KnownConfigs(self.name, self.configs, self.config_values.__getitem__, self.config_sources)

    @property
    def configs_by_name(self) -> ConfigValue:
        """Values of the configs by the names of the configs."""
        from .config_value import ConfigValue

        return ConfigValue({config.name: self.config_values[attribute] for attribute, config in self.configs.items()})

    @property
    def stored_values(self) -> Mapping[str, Any]:
        """Constants and configs as they are stored with a run, by attribute name."""
        if not self.preset:
            return self.constants
        from .resolution import stored

        return stored(self)


def _imported(module: str) -> ModuleType | None:
    """A module of this room; None if nothing in a flow can come from it, because nobody has imported it.

    Most flows have neither configs nor decorators of their own, and those that have none should not pay for them.
    """
    return sys.modules.get(f"{__package__}.{module}")


def flow_decorators_of(flow_class: type[FlowSpec]) -> list[FlowDecorator]:
    """Decorators above a flow's class and its bases, mutators not included; those of base classes first.

    Raises
    ------
    MetaflowException
        If one is declared wrongly, or twice.
    """
    module = _imported("flow_decorators")
    found: list[FlowDecorator] = [] if module is None else module.flow_decorators_of(flow_class)
    return found


def _flow_mutators_of(flow_class: type[FlowSpec]) -> list[FlowDecorator]:
    if not hasattr(flow_class, FLOW_MUTATORS):
        return []
    from .mutators import flow_mutators_of

    return list(flow_mutators_of(flow_class))


def steps_of(flow_class: type[FlowSpec]) -> Iterator[tuple[str, Any]]:
    """The steps as they stand in the class: their names, and the functions with what is written above them."""
    for name, value in _attributes(flow_class):
        if isinstance(value, FunctionType) and getattr(value, "is_step", False):
            yield name, value


def configs_of(flow_class: type[FlowSpec]) -> dict[str, ConfigDeclaration]:
    """Configs of a flow by attribute name, those of base classes included, in the order of definition.

    Raises
    ------
    ConfigException
        If two have the same name, or one hides what every flow has.
    """
    module = _imported("configs")
    if module is None:
        return {}
    found: dict[str, ConfigDeclaration] = module.configs_among(list(_attributes(flow_class)), FlowSpec)
    return found


def _deferred_type() -> type | None:
    """Class of what stands for the values of configs; None if nothing can."""
    module = _imported("deferred")
    return module.Deferred if module is not None else None


def parameters_of(flow_class: type[FlowSpec]) -> dict[str, Parameter]:
    """Parameters of a flow by attribute name, those of base classes included, in the order of definition.

    Raises
    ------
    MetaflowException
        If two have names that differ only in case.
    """
    module = _imported("parameters")
    if module is None:
        return {}
    found: dict[str, Parameter] = {
        attribute: value for attribute, value in _attributes(flow_class) if isinstance(value, module.Parameter)
    }
    check_parameters(found)
    return found


def check_parameters(parameters: Mapping[str, Parameter]) -> None:
    """Check that parameters have names that they can have beside each other.

    Raises
    ------
    MetaflowException
        If two have names that differ only in case, or one cannot be an option or an attribute.
    """
    names: dict[str, str] = {}
    for attribute, parameter in parameters.items():
        _check_name(attribute, parameter)
        folded = parameter.name.lower()
        if folded in names:
            raise parameter.error(
                f"Parameter '{parameter.name}' is declared twice, as self.{names[folded]} and self.{attribute}: "
                "names of parameters must be unique, ignoring case."
            )
        names[folded] = attribute


def _check_name(attribute: str, parameter: Parameter) -> None:
    """Refuse names that would hide what a flow or its command line has already."""
    parameter.check_name()
    if hasattr(FlowSpec, attribute) and attribute != "name":
        raise parameter.error(
            f"The parameter '{parameter.name}' is assigned to self.{attribute}, which every flow has already. "
            "Assign it to an attribute of another name."
        )
    if parameter.name == "help" or not _OPTION_NAME(parameter.name):
        raise parameter.error(
            f"'{parameter.name}' cannot be the name of a parameter, because --{parameter.name} cannot be an option of "
            "its own. Use letters, digits, dashes and underscores."
        )


def constants_of(flow_class: type[FlowSpec]) -> dict[str, Any]:
    """Class-level values that every task can read and none can change, by attribute name.

    Among them may be what stands for a part of a config.
    """
    deferred = _deferred_type()
    return {
        attribute: value
        for attribute, value in _attributes(flow_class)
        if not isinstance(value, _NO_CONSTANT)
        and not attribute.startswith("__")
        and attribute not in FlowSpec._EPHEMERAL
        and (type(value) is deferred or not hasattr(type(value), "__get__"))
    }


def _attributes(flow_class: type[FlowSpec]) -> Iterator[tuple[str, Any]]:
    """Attributes of the flow's own classes as they end up in it: base classes first, overridden ones left out."""
    owned: dict[str, Any] = {}
    for cls in reversed(flow_class.__mro__):
        if cls is not FlowSpec and cls is not object:
            owned.update(vars(cls))
    yield from owned.items()
