"""From the text of a config to its value: JSON, TOML, YAML, or a function of the flow's author."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exception import ConfigException

if TYPE_CHECKING:
    from collections.abc import Callable

    Parser = Callable[[str], Any]


def json_parser(text: str) -> Any:
    """Value of JSON text.

    Raises
    ------
    ConfigException
        If it is none; the message says where.
    """
    import json

    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigException(f"no valid JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error


def toml_parser(text: str) -> dict[str, Any]:
    """Value of TOML text.

    Raises
    ------
    ConfigException
        If it is none; the message says where.
    """
    import sys
    from importlib import import_module

    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        value: dict[str, Any] = tomllib.loads(text)
        return value
    except tomllib.TOMLDecodeError as error:
        raise ConfigException(f"no valid TOML: {error}") from error


def yaml_parser(text: str) -> Any:
    """Value of YAML text: a parser for ``Config(parser=yaml_parser)``.

    Only plain data is read. It needs the package PyYAML, which ``pip install metaflow[yaml]`` brings.

    Parameters
    ----------
    text : str

    Returns
    -------
    object
        Dictionaries, lists, texts, numbers, dates.

    Raises
    ------
    ConfigException
        If it is no valid YAML, which the message says where, or PyYAML is not installed.
    """
    from importlib import import_module

    try:
        yaml = import_module("yaml")
    except ModuleNotFoundError as error:
        raise ConfigException(
            "reading YAML needs the package PyYAML, which is not installed here: pip install 'metaflow[yaml]', or "
            "pip install pyyaml"
        ) from error
    try:
        # Both load plain data only; the former, where it is there, is many times faster.
        return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigException(f"no valid YAML: {place}{problem}") from error


#: Parser for the files whose name ends so.
_BY_SUFFIX: dict[str, Parser] = {".toml": toml_parser, ".yaml": yaml_parser, ".yml": yaml_parser}


def parser_for(path: str | None) -> Parser:
    """The parser that fits the name of a file, where the flow names none; JSON if nothing else does."""
    from os.path import splitext

    return _BY_SUFFIX.get(splitext(path)[1].lower(), json_parser) if path is not None else json_parser


def load_parser(parser: str | Parser) -> Parser:
    """A parser that may be given by its dotted path.

    Raises
    ------
    ConfigException
        If there is no such function.
    """
    if not isinstance(parser, str):
        return parser
    from importlib import import_module

    path = f"metaflow{parser}" if parser.startswith(".") else parser
    module, _, name = path.rpartition(".")
    if not module:
        raise ConfigException(f"its parser '{parser}' should be a dotted path, such as 'my_module.{parser}'")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigException(f"its parser '{parser}' cannot be imported: {error}") from error
    if not callable(found):
        raise ConfigException(f"its parser '{parser}' is no function but {found!r}")
    function: Parser = found
    return function
