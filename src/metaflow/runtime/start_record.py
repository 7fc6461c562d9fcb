"""How a run was started, kept beside its parameters as plain data, so that it can be understood and repeated."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from ..datastore.preview import preview
from ..secret_names import MASK, is_hidden, without_secrets
from .sources import started_script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..flow.declaration import FlowDeclaration
    from ..flow.parameters import Parameter

#: A command line of more characters, and a config of more characters as JSON, are left out.
MAXIMUM_ARGUMENTS = 32_768
MAXIMUM_CONFIG = 65_536


def start_record(declaration: FlowDeclaration, values: Mapping[str, Any]) -> dict[str, Any]:
    """Describe how this process starts a run.

    Parameters
    ----------
    declaration : FlowDeclaration
        The flow, configured and complete.
    values : mapping of str to object
        Value of each parameter by attribute name.

    Returns
    -------
    dict
        In JSON's terms: ``directory`` and ``arguments`` (of the process, the interpreter first), of which ``program``
        is how many start the flow's file, ``base`` (the directory that imports start from), ``parameters`` (how each
        is declared) and ``configs`` (their values).
    """
    script = started_script()
    found: dict[str, Any] = {
        "directory": _working_directory(),
        "base": None if script is None else script.base,
        "arguments": _arguments(),
        # So many of these start the program; the others are what it was told.
        "program": len(sys.orig_argv) - len(sys.argv) + 1,
    }
    if declaration.parameters:
        found["parameters"] = {
            attribute: _described(parameter, values.get(attribute))
            for attribute, parameter in declaration.parameters.items()
        }
    if declaration.configs:
        stored = declaration.stored_values
        texts = {attribute: _json(stored.get(attribute)) for attribute in declaration.configs}
        found["configs"] = {
            attribute: json.loads(text)
            for attribute, text in texts.items()
            if text is not None and len(text) <= MAXIMUM_CONFIG
        }
    return found


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return None


def _arguments() -> list[str] | None:
    arguments = without_secrets(sys.orig_argv)
    return arguments if sum(map(len, arguments)) <= MAXIMUM_ARGUMENTS else None


def _described(parameter: Parameter, value: Any) -> dict[str, Any]:
    declared = parameter.default
    described: dict[str, Any] = {"option": parameter.name, "required": bool(parameter.required)}
    if isinstance(parameter.help, str) and parameter.help:
        described["help"] = parameter.help[:1000]
    if callable(declared):
        described["default_is_computed"] = True
    elif declared is not None:
        is_secret = is_hidden(parameter.name, type(declared).__name__)
        described["default"] = MASK if is_secret else preview(declared)
    if not callable(declared):
        described["is_default"] = _same(value, declared)
    return described


def _same(value: Any, declared: Any) -> bool | None:
    """Whether a value is what was declared; None if plain data cannot tell."""
    texts = (_json(value), _json(declared))
    if texts[0] == texts[1]:
        return None if texts[0] is None else True
    if isinstance(declared, str) and not isinstance(value, str):
        return None  # a text that stands for a value of another type
    return None if None in texts else value == declared


def _json(value: Any) -> str | None:
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return None
