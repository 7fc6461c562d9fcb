"""What a flow class declares besides its steps: parameters and constants."""

from __future__ import annotations

import re
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any

from ..exception import MetaflowException
from .parameters import Parameter
from .spec import FlowSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPTION_NAME = re.compile(r"[A-Za-z_][\w-]*").fullmatch
_NO_CONSTANT = (FunctionType, BuiltinFunctionType, classmethod, staticmethod, property, type, Parameter)


def parameters_of(flow_class: type[FlowSpec]) -> dict[str, Parameter]:
    """Parameters of a flow by attribute name, those of base classes included, in the order of definition.

    Raises
    ------
    MetaflowException
        If two have names that differ only in case.
    """
    found: dict[str, Parameter] = {}
    for attribute, value in _attributes(flow_class):
        if isinstance(value, Parameter):
            _check_name(attribute, value)
            found[attribute] = value
    names: dict[str, str] = {}
    for attribute, parameter in found.items():
        folded = parameter.name.lower()
        if folded in names:
            raise MetaflowException(
                f"Parameter '{parameter.name}' is declared twice, as self.{names[folded]} and self.{attribute}: "
                "names of parameters must be unique, ignoring case."
            )
        names[folded] = attribute
    return found


def _check_name(attribute: str, parameter: Parameter) -> None:
    """Refuse names that would hide what a flow or its command line has already."""
    if hasattr(FlowSpec, attribute) and attribute != "name":
        raise MetaflowException(
            f"The parameter '{parameter.name}' is assigned to self.{attribute}, which every flow has already. "
            "Assign it to an attribute of another name."
        )
    if parameter.name == "help" or not _OPTION_NAME(parameter.name):
        raise MetaflowException(
            f"'{parameter.name}' cannot be the name of a parameter, because --{parameter.name} cannot be an option of "
            "its own. Use letters, digits, dashes and underscores."
        )


def constants_of(flow_class: type[FlowSpec]) -> dict[str, Any]:
    """Class-level values that every task can read and none can change, by attribute name."""
    return {
        attribute: value
        for attribute, value in _attributes(flow_class)
        if not isinstance(value, _NO_CONSTANT)
        and not attribute.startswith("__")
        and attribute not in FlowSpec._EPHEMERAL
        and not hasattr(type(value), "__get__")
    }


def _attributes(flow_class: type[FlowSpec]) -> Iterator[tuple[str, Any]]:
    """Attributes of the flow's own classes as they end up in it: base classes first, overridden ones left out."""
    owned: dict[str, Any] = {}
    for cls in reversed(flow_class.__mro__):
        if cls is not FlowSpec and cls is not object:
            owned.update(vars(cls))
    yield from owned.items()
