"""What a person filled in, as the words of a command line. No shell is involved: each value is one word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaflow.web.actions.flow_form import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaflow.runner.flow_description import OptionDescription


class WrongValue(ValueError):
    """A value cannot be given.

    Parameters
    ----------
    name : str
        Of the option.
    message : str
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def typed_values(
    options: Sequence[OptionDescription], texts: Mapping[str, Any], directory: Path
) -> tuple[dict[str, Any], list[WrongValue]]:
    """Values of options, from what was typed for them.

    Parameters
    ----------
    options : sequence of OptionDescription
    texts : mapping of str to str, bool, or list of str
        By the names of options. What is not there has its default.
    directory : Path
        Where files must be.

    Returns
    -------
    tuple of dict and list of WrongValue
        The values, and what is wrong with the others.
    """
    known = {option.name: option for option in options}
    values: dict[str, Any] = {}
    wrong: list[WrongValue] = []
    for name, text in texts.items():
        option = known.get(name)
        try:
            if option is None:
                raise WrongValue(name, f"The flow has no {name!r} (any more).")
            if isinstance(text, list):
                if not option.multiple:
                    raise WrongValue(name, "Give one value.")
                values[name] = [_typed(option, each, directory) for each in text]
            else:
                value = _typed(option, text, directory)
                values[name] = [value] if option.multiple else value
        except WrongValue as error:
            wrong.append(error)
    wrong += [
        WrongValue(option.name, "A value is required.")
        for option in options
        if option.is_parameter and option.required and option.name not in texts
    ]
    return values, wrong


def inside(directory: Path, text: str, name: str) -> str:
    """The path of a file below the project's directory, as it was given.

    Raises
    ------
    WrongValue
        It is none.
    """
    try:
        path = (directory / text).resolve()
        is_file = path.is_file()
    except (OSError, ValueError, RuntimeError):
        raise WrongValue(name, "This is no path of a file.") from None
    if not path.is_relative_to(directory):
        raise WrongValue(
            name, "Only files in the project's directory can be chosen here; the command line takes any file."
        )
    if not is_file:
        raise WrongValue(name, f"There is no file {text} in the project's directory.")
    return text


def _typed(option: OptionDescription, text: Any, directory: Path) -> Any:
    """One value of an option, which its command line will read in the same way."""
    kind = kind_of(option)
    if isinstance(text, bool):
        if kind != "boolean":
            raise WrongValue(option.name, "Give a text, not true or false.")
        return text
    if "\0" in text:
        raise WrongValue(option.name, "A zero character cannot be passed to a flow.")
    if kind == "boolean":
        return _boolean(option.name, text)
    if kind in ("integer", "number"):
        return _number(option.name, text, int if kind == "integer" else float)
    if kind == "json":
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            raise WrongValue(option.name, f"This is no valid JSON: {error}.") from None
    elif kind == "choice" and option.choices and text not in option.choices:
        raise WrongValue(option.name, f"Choose one of: {', '.join(option.choices)}.")
    elif kind == "path":
        return inside(directory, text, option.name)
    return text


def _boolean(name: str, text: str) -> bool:
    found = {"true": True, "false": False}.get(text.strip().lower())
    if found is None:
        raise WrongValue(name, "Say true or false.")
    return found


def _number(name: str, text: str, kind: type[int] | type[float]) -> int | float:
    try:
        return kind(text)
    except (ValueError, OverflowError):
        what = "a whole number" if kind is int else "a number"
        raise WrongValue(name, f"{text[:100]!r} is not {what}.") from None
