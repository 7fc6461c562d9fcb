"""A parameter with a field that comes from a config: it is made when the configs are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exception import MetaflowException
from .config_value import to_plain
from .deferred import UNPACKED, holds_deferred
from .parameters import Parameter, place_of_declaration
from .resolution import configs_of_object, resolve, resolve_attributes

if TYPE_CHECKING:
    from .resolution import KnownConfigs
    from .spec import FlowSpec


class DeferredParameter(Parameter):
    """What stands in the class until then. :func:`defer` makes it."""

    _kind: type[Parameter]
    _arguments: tuple[Any, ...]
    _fields: dict[str, Any]

    def __init__(self, *_: Any, **__: Any) -> None:
        """Leave it as it is: Python calls this with the arguments of the parameter, which `defer` has kept."""

    def settled(self, configs: KnownConfigs) -> Parameter:
        """The parameter, with values of configs in its fields.

        Raises
        ------
        MetaflowException
            If a config has no such part, or what it has does not fit.
        """
        where = f"parameter '{self.name}'"
        arguments = to_plain(resolve(self._arguments, configs, where))
        return self._make(arguments, to_plain(resolve_attributes(self._fields, configs, where)))

    def without_configs(self) -> Parameter:
        """One that can be listed by ``--help`` when the configs are not to be had."""
        # A function as the default says that it is computed later, which is the truth.
        arguments = tuple(_Unknown() if holds_deferred(value) else value for value in self._arguments)
        fields = {
            name: _Unknown() if name == "default" else None
            for name in self._fields
            if holds_deferred(self._fields[name]) and not name.startswith(UNPACKED)
        }
        kept = {name: value for name, value in self._fields.items() if not holds_deferred(value)}
        return self._make(arguments, {**kept, **fields})

    def _make(self, arguments: tuple[Any, ...], fields: dict[str, Any]) -> Parameter:
        made = self._kind(*arguments, **fields)
        made.attribute = self.attribute
        made.source_file, made.line_no = self.source_file, self.line_no
        return made

    def __get__(self, flow: FlowSpec | None, owner: type | None = None) -> Any:
        if flow is None:
            return self
        if self.attribute in flow.__dict__:
            return flow.__dict__[self.attribute]
        # How it is read is up to its kind, which may depend on the fields.
        return self.settled(configs_of_object(flow)).__get__(flow, owner)

    def __repr__(self) -> str:
        return f"{self._kind.__name__}({self.name!r}, ...)"


def defer(kind: type[Parameter], arguments: tuple[Any, ...], fields: dict[str, Any]) -> DeferredParameter:
    """What stands for a parameter whose fields are not all known.

    Parameters
    ----------
    kind : type
        Class of the parameter.
    arguments : tuple
    fields : dict
        As written, the name being the first argument, or a field of that name.

    Raises
    ------
    MetaflowException
        If the name is not known either.
    """
    name = arguments[0] if arguments else fields.get("name")
    if not isinstance(name, str) or not name:
        raise MetaflowException("Parameter needs a name, written as text: Parameter('alpha', default=cfg.alpha).")
    made: DeferredParameter = object.__new__(DeferredParameter)
    made.name = name
    made.attribute = name.replace("-", "_")
    made.source_file, made.line_no = place_of_declaration()
    made._kind = kind
    made._arguments = arguments
    made._fields = fields
    return made


class _Unknown:
    """Stands for a default that would be computed."""

    def __call__(self, context: Any) -> Any:
        raise MetaflowException("The default comes from a config, which is not known.")
