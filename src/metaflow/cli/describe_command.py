"""``describe``: what the commands of a flow take, as JSON for programs that build command lines."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..exception import MetaflowException
from .flow_file import check_script

if TYPE_CHECKING:
    from ..flow.configs import ConfigSource
    from ..flow.declaration import FlowDeclaration
    from ..flow.parameters import Parameter
    from .flow_command import FlowState

#: Commands that are described, where the flow has them.
COMMANDS = ("run", "resume", "spin")

#: Options whose name in Python is not that of the option.
_NAMES = {"--tag": "tags", "--with": "decospecs", "--namespace": "user_namespace"}
#: The same for arguments without an option.
_ARGUMENT_NAMES = {"steps": "step_to_rerun"}
#: Option whose second value is that of a config, which may be any object.
_CONFIG_VALUE = "--config-value"
#: Types of click by the name of a type of Python that stands for them.
_TYPES = {
    "text": "str",
    "spec": "str",
    "integer": "int",
    "integer range": "int",
    "float": "float",
    "float range": "float",
    "boolean": "bool",
    "path": "path",
    "file": "path",
    "filename": "path",
    "IncludeFile": "path",
}


@click.command(hidden=True)
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def describe(context: click.Context, file: Path) -> None:
    """Write to FILE, as JSON, what the commands of the flow take."""
    state: FlowState = context.obj
    root = context.find_root()
    description: dict[str, Any] = {
        "flow": state.flow_class.__name__,
        "top_level": [_describe(parameter, None) for parameter in root.command.params if not _only_shows(parameter)],
        "commands": {},
        "error": None,
    }
    try:
        _check_file(state)
        declaration = state.declaration
        description["commands"] = _commands(root, declaration)
    except MetaflowException as error:
        description["error"] = {"message": error.message, "line": error.line_no, "file": error.source_file}
    except click.ClickException as error:
        description["error"] = {"message": error.format_message(), "line": None, "file": None}
    description["sources"] = _sources(state)
    file.write_text(json.dumps(description), encoding="utf-8")


def _check_file(state: FlowState) -> None:
    """Refuse a file that holds several flows, because which one is meant depends on how it is used."""
    from ..flow.spec import FlowSpec

    found = {
        value.__name__: getattr(value, "__firstlineno__", None) or _line_of(value)
        for value in vars(sys.modules["__main__"]).values()
        if isinstance(value, type) and issubclass(value, FlowSpec) and value.__module__ == "__main__"
    }
    if len(found) > 1:
        listed = ", ".join(f"{name} (line {line})" if line else name for name, line in found.items())
        raise MetaflowException(
            f"This file holds {len(found)} flows, {listed}; to be run from Python it should hold exactly one FlowSpec "
            "class. Move the others, or what they have in common, into files of their own and import them.",
            source_file=getattr(sys.modules["__main__"], "__file__", None),
        )
    check_script()


def _line_of(flow_class: type) -> int | None:
    """About where a class begins: the first line of its first method."""
    lines = [value.__code__.co_firstlineno for value in vars(flow_class).values() if hasattr(value, "__code__")]
    return min(lines, default=None)


def _commands(root: click.Context, declaration: FlowDeclaration) -> dict[str, list[dict[str, Any]]]:
    assert isinstance(root.command, click.Group)
    described = {}
    for name in COMMANDS:
        command = root.command.get_command(root, name)
        if command is not None:
            of_option = {f"--{parameter.name}": parameter for parameter in declaration.parameters.values()}
            described[name] = [
                _describe(parameter, of_option.get(parameter.opts[0]))
                for parameter in command.params
                if not _only_shows(parameter)
            ]
    return described


def _only_shows(parameter: click.Parameter) -> bool:
    """Whether an option shows something and ends, such as ``--help``; or is for whoever starts the command."""
    return parameter.is_eager or "--runner-attribute-file" in parameter.opts


def _describe(parameter: click.Parameter, declared: Parameter | None) -> dict[str, Any]:
    """One option or argument.

    Parameters
    ----------
    parameter : click.Parameter
    declared : Parameter or None
        The flow's own, that it is the option of.
    """
    is_option = isinstance(parameter, click.Option)
    option = next((text for text in parameter.opts if text.startswith("--")), None)
    types = parameter.type.types if isinstance(parameter.type, click.Tuple) else [parameter.type]
    choices = _choices(types[0] if declared is None else declared.value_type) or _choices(types[0])
    names = ["choice" if choices else _type(types[0]), *map(_type, types[1:])]
    if option == _CONFIG_VALUE:
        names[-1] = "JSON"
    return {
        "name": _keyword(parameter, option),
        "option": option,
        "off": next(iter(parameter.secondary_opts), None),
        "kind": _kind(parameter),
        "types": names,
        "choices": choices,
        "multiple": is_option and parameter.multiple,
        "nargs": parameter.nargs,
        "separator": None if declared is None else declared.separator,
        "required": parameter.required,
        "default": _default(parameter if declared is None else declared),
        "is_parameter": declared is not None,
        "hidden": bool(getattr(parameter, "hidden", False)),
        "help": getattr(parameter, "help", None),
    }


def _keyword(parameter: click.Parameter, option: str | None) -> str:
    if option is None:
        name = str(parameter.name)
        return _ARGUMENT_NAMES.get(name, name)
    return _NAMES.get(option, option.removeprefix("--").replace("-", "_"))


def _kind(parameter: click.Parameter) -> str:
    if not isinstance(parameter, click.Option):
        return "argument"
    if parameter.count:
        return "count"
    return "flag" if parameter.is_flag else "value"


def _type(kind: Any) -> str:
    return _TYPES.get(kind.name, str(kind.name))


def _choices(kind: Any) -> list[str] | None:
    choices = getattr(kind, "choices", None)
    return [getattr(choice, "name", None) or str(choice) for choice in choices] if choices else None


def _default(declared: Any) -> dict[str, Any] | None:
    """Default as a signature shows it: its value if it is plain data, otherwise its text; None if there is none."""
    default = declared.default
    if default is None or type(default).__name__ == "Sentinel":
        return None
    if callable(default):
        return {"text": "<computed>"}
    try:
        json.dumps(default)
    except (TypeError, ValueError):
        return {"text": repr(default)}
    return {"value": default}


def _sources(state: FlowState) -> list[list[Any]]:
    """Files that the description depends on, with time of modification and size: the user's own, and ours."""
    paths = {
        os.path.abspath(path)
        for module in list(sys.modules.values())
        if (path := getattr(module, "__file__", None)) and path.endswith(".py") and _may_change(path)
    }
    paths |= {source.path for source in _config_sources(state) if source.path}
    found = []
    for path in sorted(paths):
        try:
            stat = os.stat(path)
        except OSError:
            continue
        found.append([path, stat.st_mtime_ns, stat.st_size])
    return found


def _config_sources(state: FlowState) -> list[ConfigSource]:
    try:
        return list(state.declaration.config_sources.values())
    except (MetaflowException, click.ClickException):
        return []  # that it could not be declared is told by itself


def _may_change(path: str) -> bool:
    """Whether a module is one that somebody here works on, and not a part of Python or an installed package."""
    if path.startswith(_OWN):
        return True
    return not path.startswith(_STANDARD_LIBRARY) and "site-packages" not in path and "dist-packages" not in path


_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep
