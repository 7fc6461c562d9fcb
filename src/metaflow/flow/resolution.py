"""From what a flow wrote about its configs to values, once the configs are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exception import ConfigException, InvalidDecoratorAttribute, MetaflowException
from .config_value import ConfigValue, missing_key, to_plain
from .configs import ConfigDeclaration
from .deferred import UNPACKED, Deferred, Expression, holds_deferred, text_of, text_of_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import CodeType

    from .configs import ConfigSource
    from .declaration import FlowDeclaration
    from .decorators import StepDecorator
    from .flow_decorators import FlowDecorator
    from .spec import FlowSpec

#: Attribute under which decorators of users keep their positional arguments.
_POSITIONAL = "_args"


class KnownConfigs:
    """The configs of a flow, with their values.

    Parameters
    ----------
    flow : str
        Name of the flow, for messages.
    declarations : mapping of str to ConfigDeclaration
        By attribute name.
    value : callable
        Gives the value of a config by attribute name.
    sources : mapping of str to ConfigSource
        Where values came from, as far as that is known.
    """

    __slots__ = ("_value", "declarations", "flow", "sources")

    def __init__(
        self,
        flow: str,
        declarations: Mapping[str, ConfigDeclaration],
        value: Callable[[str], Any],
        sources: Mapping[str, ConfigSource],
    ) -> None:
        self.flow = flow
        self.declarations = declarations
        self._value = value
        self.sources = sources

    def __getitem__(self, attribute: str) -> Any:
        return self._value(attribute)

    def attribute_of(self, name: str) -> str | None:
        """Attribute of the config that expressions call `name`: its own name, else that of its attribute."""
        for attribute, declared in self.declarations.items():
            if declared.name == name:
                return attribute
        return name if name in self.declarations else None


def configs_of_object(flow: FlowSpec) -> KnownConfigs:
    """The configs of a flow object, such as one that a test has made."""
    from .declaration import configs_of

    return KnownConfigs(type(flow).__name__, configs_of(type(flow)), lambda attribute: getattr(flow, attribute), {})


def resolve(value: Any, configs: KnownConfigs, where: str) -> Any:
    """`value` with values in place of all that stood for configs, also inside lists, tuples, sets and dictionaries.

    Parameters
    ----------
    value : object
    configs : KnownConfigs
    where : str
        Where `value` is used, for messages: ``@retry(times=...) of step *train*``.

    Returns
    -------
    object
        `value` itself if nothing in it stands for a config. Sections of configs are :class:`ConfigValue` objects.

    Raises
    ------
    ConfigException
        If a config has no such part, or an expression fails.
    """
    if isinstance(value, Deferred):
        return _evaluate(value, configs, where)
    if not holds_deferred(value):
        return value
    if isinstance(value, dict):
        made: dict[Any, Any] = {}
        for key, item in value.items():
            if _is_unpacked(key, item):
                made.update(_section(item, configs, where))
            else:
                made[key] = resolve(item, configs, where)
        return made
    return type(value)(resolve(item, configs, where) for item in value)


def resolve_attributes(attributes: Mapping[str, Any], configs: KnownConfigs, where: str) -> dict[str, Any]:
    """Arguments given by name, with values in place of all that stood for configs, and sections unpacked.

    Parameters
    ----------
    attributes : mapping of str to object
        As written; what ``**cfg.section`` was unpacked to stands under a key that begins with ``**``.
    configs : KnownConfigs
    where : str
        What the arguments are for: ``@retry of step *train*``.

    Raises
    ------
    ConfigException
        If a config has no such part, an expression fails, or an argument is given twice.
    """
    made: dict[str, Any] = {}
    given_by: dict[str, str] = {}

    def add(name: str, value: Any, by: str) -> None:
        if name in made:
            raise ConfigException(f"'{name}' is given twice to {where}: {given_by[name]} and {by}. Remove one of them.")
        made[name] = value
        given_by[name] = by

    for name, value in attributes.items():
        if not _is_unpacked(name, value):
            place = "the arguments" if name == _POSITIONAL else f"{name}="
            add(name, resolve(value, configs, f"{place} of {where}"), "by name")
            continue
        for key, item in _section(value, configs, where).items():
            if not isinstance(key, str):
                raise _error(value, configs, where, f"its key {key!r} is no text, so it cannot be the name of anything")
            add(key, item, f"by what is unpacked from `{text_of(value)}`")
    return made


def _is_unpacked(key: object, value: object) -> bool:
    return isinstance(key, str) and key.startswith(UNPACKED) and isinstance(value, Deferred)


def _section(deferred: Deferred, configs: KnownConfigs, where: str) -> Mapping[Any, Any]:
    value = _evaluate(deferred, configs, where)
    if not isinstance(value, dict):
        raise _error(deferred, configs, where, f"a section is needed to unpack, but it is {_short(value)}")
    return value


def _evaluate(deferred: Deferred, configs: KnownConfigs, where: str) -> Any:
    value = _value_of_origin(deferred, configs, where)
    origin, steps = deferred._origin, deferred._steps
    for count, (is_attribute, key) in enumerate(steps):
        try:
            # An attribute of a config is a key, also where dictionaries have a method of that name.
            value = getattr(value, key) if is_attribute and not isinstance(value, ConfigValue) else value[key]
        except Exception as error:
            reached = text_of_steps(origin, steps[:count])
            raise _error(deferred, configs, where, _why_not(reached, value, key, error)) from None
    return value


def _why_not(reached: str, value: Any, key: Any, error: Exception) -> str:
    """Why `value`, which is what `reached` stands for, has no `key`."""
    if value is None:
        return f"`{reached}` has no value"
    if isinstance(value, ConfigValue):
        return f"in `{reached}`, {missing_key(value, key)}"
    if isinstance(value, (list, tuple)) and isinstance(key, int):
        return f"`{reached}` has {len(value)} elements, so none at {key}"
    if isinstance(error, (AttributeError, TypeError, KeyError)):
        return f"`{reached}` is {_short(value)}, which has no '{key}'"
    return f"`{reached}` is {_short(value)}; taking its '{key}' failed with {type(error).__name__}: {error}"


def _value_of_origin(deferred: Deferred, configs: KnownConfigs, where: str) -> Any:
    origin = deferred._origin
    if isinstance(origin, Expression):
        return _run(origin, deferred, configs, where)
    if origin.attribute not in configs.declarations:
        raise ConfigException(
            f"`{text_of(deferred)}` in {where}: the config '{origin.name}' is none of the flow {configs.flow}. Assign "
            f"it to an attribute in the body of the flow's class, or in that of its base class.",
            deferred._line or None,
            deferred._file or None,
        )
    return configs[origin.attribute]


def _run(expression: Expression, deferred: Deferred, configs: KnownConfigs, where: str) -> Any:
    if isinstance(expression.code, str):
        raise _error(deferred, configs, where, f"it is no Python expression: {expression.code}")
    # As global names rather than local ones, so that comprehensions and lambdas in the expression see them too.
    names = dict(expression.names)
    for name in set(_names_in(expression.code)):
        attribute = configs.attribute_of(name)
        if attribute is not None:
            names[name] = configs[attribute]
    try:
        return eval(expression.code, names)  # noqa: S307 - the flow's own code
    except MetaflowException:
        raise
    except Exception as error:
        why = f"it failed with {type(error).__name__}: {error.args[0] if isinstance(error, KeyError) else error}"
        if isinstance(error, NameError):
            known = ", ".join(declared.name for declared in configs.declarations.values()) or "none"
            why = f"{error}. The configs that it can use are: {known}"
        raise _error(deferred, configs, where, why) from error


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            yield from _names_in(constant)


def _configs_in(expression: Expression, configs: KnownConfigs) -> list[ConfigDeclaration]:
    """The configs that an expression reads."""
    if isinstance(expression.code, str):
        return []
    attributes = {configs.attribute_of(name) for name in _names_in(expression.code)}
    return [declared for attribute, declared in configs.declarations.items() if attribute in attributes]


def _error(deferred: Deferred, configs: KnownConfigs, where: str, why: str) -> ConfigException:
    origin = deferred._origin
    read = [origin] if isinstance(origin, ConfigDeclaration) else _configs_in(origin, configs)
    sources = [f"config '{r.name}': {configs.sources[r.attribute]}" for r in read if r.attribute in configs.sources]
    read_from = f" ({'; '.join(sources)})" if sources else ""
    return ConfigException(
        f"`{text_of(deferred)}` in {where}: {why.rstrip('.')}{read_from}.",
        deferred._line or None,
        deferred._file or None,
    )


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "a section"
    import reprlib

    return reprlib.repr(value)


def settle(declaration: FlowDeclaration) -> None:
    """Put the values of configs into all that a flow declares: constants, parameters and decorators."""
    configs = declaration.known_configs
    name = declaration.name
    declaration.preset.update(declaration.config_values)
    for attribute, value in declaration.constants.items():
        if holds_deferred(value):
            resolved = resolve(value, configs, f"the constant {attribute} of {name}")
            declaration.constants[attribute] = declaration.preset[attribute] = resolved
    for attribute, parameter in declaration.parameters.items():
        declaration.parameters[attribute] = parameter.settled(configs)
    for flow_decorator in declaration.decorators:
        settle_decorator(flow_decorator, configs, f"flow *{name}*")
    for step in declaration.steps.values():
        for decorator in step.decorators:
            settle_decorator(decorator, configs, f"step *{step.name}*")


def settle_decorator(decorator: StepDecorator | FlowDecorator, configs: KnownConfigs, owner: str) -> None:
    """Put the values of configs into a decorator.

    Parameters
    ----------
    decorator : StepDecorator or FlowDecorator
    configs : KnownConfigs
    owner : str
        What has the decorator, for messages: ``step *train*``.

    Raises
    ------
    ConfigException
        If a config has no such part, or an expression fails.
    InvalidDecoratorAttribute
        If the decorator does not have an attribute that a section of a config would give it.
    """
    if not holds_deferred(decorator.attributes):
        return
    written = {name: decorator.attributes[name] for name in decorator.attributes if name in decorator.given}
    attributes = resolve_attributes(written, configs, f"@{decorator.name} of {owner}")
    try:
        decorator.set_attributes(attributes)
    except InvalidDecoratorAttribute as error:
        message = f"{owner[0].upper()}{owner[1:]}: {error.message}"
        raise InvalidDecoratorAttribute(message, error.line_no, error.source_file) from None


def stored(declaration: FlowDeclaration) -> dict[str, Any]:
    """Constants and configs as they are stored, by attribute name: plain dictionaries, not config values."""
    values = dict(declaration.constants)
    for attribute in declaration.preset:
        values[attribute] = to_plain(declaration.preset[attribute])
    return values
