"""Reading configs: from a file, from text, from a default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..exception import ConfigException, MetaflowException
from .config_parsers import load_parser, parser_for
from .config_value import ConfigValue
from .configs import ConfigSource
from .user_code import tell_failure

if TYPE_CHECKING:
    from .configs import ConfigDeclaration
    from .deploy_time import ParameterContext


#: Ends of names that say what a file holds.
_NAMED = (".json", ".toml", ".yaml", ".yml")


class ConfigReading(NamedTuple):
    """A config that was read.

    Attributes
    ----------
    value : object
        As the flow sees it.
    source : ConfigSource
        Where it came from.
    """

    value: Any
    source: ConfigSource


def read_file(config: ConfigDeclaration, path: str, given_by: str) -> ConfigReading:
    """Read a config from a file.

    Parameters
    ----------
    config : ConfigDeclaration
    path : str
        From the working directory; ``~`` is the user's home.
    given_by : str
        What named the file, for messages and for the run's record.

    Raises
    ------
    ConfigException
        If the file cannot be read, or its content is not what the config takes.
    """
    from os.path import abspath, expanduser

    full = abspath(expanduser(path))
    source = ConfigSource("file", given_by, full)
    try:
        with open(full, encoding="utf-8-sig") as file:
            text = file.read()
    except OSError as error:
        what = "its default file" if given_by == "default" else f"the file of {given_by},"
        raise ConfigException(
            f"Config '{config.name}': {what} {full} could not be read: {error.strerror}. "
            f"Name another one with --config {config.name} PATH."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigException(
            f"Config '{config.name}', from {source}: it is no text in UTF-8 (byte {error.start}: {error.reason})."
        ) from error
    return ConfigReading(_parse(config, text, source), source)


def read_value(config: ConfigDeclaration, value: Any, given_by: str) -> ConfigReading:
    """Read a config from a value: text is parsed, anything else is taken as it is.

    Raises
    ------
    ConfigException
        If it is not what the config takes.
    """
    source = ConfigSource("value", given_by)
    if isinstance(value, str):
        return ConfigReading(_parse(config, value, source), source)
    return ConfigReading(_present(config, value, source), source)


def read_default(config: ConfigDeclaration, context: ParameterContext) -> ConfigReading:
    """Read what a config is when nothing is given.

    Parameters
    ----------
    config : ConfigDeclaration
    context : ParameterContext
        What a function that computes the default is told.

    Raises
    ------
    ConfigException
        If it is required, or its default cannot be had.
    """
    if config.default is not None:
        path = _computed(config, "default", context)
        if path is not None:
            return read_file(config, _as_path(config, path), "default")
    elif config.default_value is not None:
        value = _computed(config, "default_value", context)
        if value is not None:
            return read_value(config, value, "default")
    if config.required:
        raise ConfigException(
            f"Config '{config.name}': missing configuration for '{config.name}', which is required. Give it with "
            f"--config {config.name} PATH or --config-value {config.name} VALUE."
        )
    return ConfigReading(None, ConfigSource("none", "default"))


def _computed(config: ConfigDeclaration, field: str, context: ParameterContext) -> Any:
    """A default, which may be a function that computes it."""
    default = getattr(config, field)
    if not callable(default):
        return default
    try:
        return default(context)
    except Exception as error:
        raise ConfigException(
            f"Config '{config.name}': its {field} could not be computed: {tell_failure(default, error)}"
        ) from error


def _as_path(config: ConfigDeclaration, path: Any) -> str:
    from os import fspath

    try:
        return str(fspath(path))
    except TypeError:
        raise ConfigException(
            f"Config '{config.name}': the function that computes its default should return the path of a file, but it "
            f"returned {path!r}. For a value, make it the default_value."
        ) from None


def _parse(config: ConfigDeclaration, text: str, source: ConfigSource) -> Any:
    """The value of a config's text, as the flow sees it."""
    if config.plain and config.parser is None:
        return text
    try:
        parser = load_parser(config.parser) if config.parser is not None else parser_for(source.path)
        value = _call(parser, text)
    except ConfigException as error:
        hint = ""
        if config.parser is None and source.path is not None and not source.path.endswith(_NAMED):
            hint = " It is read as JSON because its name does not end in .toml or .yaml, and the config has no parser."
        raise ConfigException(f"Config '{config.name}', from {source}: {error.message.rstrip('.')}.{hint}") from error
    return _present(config, value, source)


def _call(parser: Any, text: str) -> Any:
    try:
        return parser(text)
    except MetaflowException:
        raise
    except RecursionError as error:
        raise ConfigException("it is nested too deeply") from error
    except Exception as error:
        raise ConfigException(f"its parser {tell_failure(parser, error)}") from error


def _present(config: ConfigDeclaration, value: Any, source: ConfigSource) -> Any:
    if config.plain:
        return value
    if not isinstance(value, Mapping):
        parsed = " (what its parser returned)" if config.parser is not None else ""
        raise ConfigException(
            f"Config '{config.name}', from {source}: it should be a mapping of names to values, but it{parsed} is of "
            f"type {type(value).__name__}. For anything else, declare it with plain=True."
        )
    try:
        return ConfigValue(value)
    except RecursionError as error:
        raise ConfigException(f"Config '{config.name}', from {source}: it is nested too deeply.") from error
