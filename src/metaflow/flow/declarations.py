"""What a flow class declares besides its steps: parameters and constants."""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any

from ..exception import MetaflowException
from .parameters import Parameter
from .spec import FlowSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        if issubclass(cls, FlowSpec) and cls is not FlowSpec:
            owned.update(vars(cls))
    yield from owned.items()
