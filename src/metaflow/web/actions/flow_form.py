"""What a person can fill in to start a flow, as the flow's own command line tells it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from metaflow import registry

if TYPE_CHECKING:
    from metaflow.runner.flow_description import FlowDescription, OptionDescription

#: Kinds of controls by the names of types.
_KINDS = {
    "str": "text",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "path": "path",
    "JSON": "json",
    "choice": "choice",
}
#: Options before the command that say in which branch of a project the run is; no others can be given.
PROJECT_OPTIONS = ("branch", "production")
_FOR_TESTS = "elsewhere"
_SHOWN_DEFAULT = re.compile(r"\s*\[default: .*\]\s*\Z", re.DOTALL)


def form_of(description: FlowDescription) -> dict[str, Any]:
    """The form of a flow.

    Parameters
    ----------
    description : FlowDescription

    Returns
    -------
    dict
        Fields of its parameters, names of its configs, and what else can be said.
    """
    options = description.commands.get("run", [])
    top_level = {option.name: option for option in description.top_level if not option.hidden}
    configs = top_level.get("config")
    return {
        "flow": description.flow,
        "parameters": [_field(option) for option in options if option.is_parameter and not option.hidden],
        "options": [_field(top_level[name]) for name in PROJECT_OPTIONS if name in top_level],
        "configs": list(configs.choices or ()) if configs is not None else [],
        "decorators": [name for name in registry.names("step_decorators") if name != _FOR_TESTS],
    }


def kind_of(option: OptionDescription) -> str:
    """What a value of an option is: how it is filled in."""
    if option.kind == "flag":
        return "boolean"
    if option.kind == "count":
        return "integer"
    if option.separator is not None:
        return "text"
    if len(option.types) != 1 or option.nargs != 1:
        return "other"
    return _KINDS.get(option.types[0], "text")


def _field(option: OptionDescription) -> dict[str, Any]:
    return {
        "name": option.name,
        "option": option.option,
        "kind": kind_of(option),
        "required": option.required,
        "multiple": option.multiple,
        "separator": option.separator,
        "choices": option.choices,
        "default": _default(option),
        "help": _SHOWN_DEFAULT.sub("", option.help or ""),
    }


def _default(option: OptionDescription) -> dict[str, Any] | None:
    """The default as text; whether it is a value, or only says what one will be."""
    if option.default is None:
        # A flag that is not given says no.
        return {"text": "False", "is_value": True} if option.kind == "flag" else None
    if "text" in option.default:
        return {"text": option.default["text"], "is_value": False}
    value = option.default["value"]
    if isinstance(value, list | tuple) and option.separator is not None:
        return {"text": option.separator.join(map(str, value)), "is_value": True}
    if isinstance(value, str | bool | int | float):
        return {"text": str(value), "is_value": True}
    import json

    return {"text": json.dumps(value), "is_value": True}
