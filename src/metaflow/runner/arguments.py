"""Values of Python as the arguments of a command line, checked on the way."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .flow_description import OptionDescription

#: Bytes that Linux passes on in one argument, its name included.
MAXIMUM_ARGUMENT_BYTES = 128 * 1024 - 1


def arguments(options: Sequence[OptionDescription], values: Mapping[str, Any]) -> list[str]:
    """Arguments that give these values.

    Parameters
    ----------
    options : sequence of OptionDescription
        What there is.
    values : mapping of str to object
        By name. None stands for the default.

    Returns
    -------
    list of str
        What has no name comes last.

    Raises
    ------
    ValueError
        If there is nothing of a name, a required value is missing, or a value cannot be passed.
    TypeError
        If a value is of the wrong type.
    """
    by_name = {option.name.replace("-", "_"): option for option in options}
    given: dict[str, Any] = {}
    for name, value in values.items():
        known = name.replace("-", "_")
        if known not in by_name:
            possible = ", ".join(key for key, option in by_name.items() if not option.hidden)
            raise ValueError(f"Unknown argument: '{name}', possible args are: {possible}{_hint(name, by_name)}")
        if value is not None:
            given[known] = _scalar(value)
    missing = [name for name, option in by_name.items() if option.required and name not in given]
    if missing:
        raise ValueError(f"Missing argument: {', '.join(map(repr, missing))} must be given.")
    named: list[str] = []
    unnamed: list[str] = []
    for name, value in given.items():
        option = by_name[name]
        (unnamed if option.kind == "argument" else named).extend(_words(option, value))
    words = [*named, "--", *unnamed] if unnamed else named
    for word in words:
        _check(word)
    return words


def seconds(name: str, value: Any) -> float:
    """A duration that an argument `name` gives.

    Raises
    ------
    TypeError
        If it is no number.
    """
    value = _scalar(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"'{name}' takes seconds, as a number, not {value!r}, which is of type {type(value).__name__}.")
    return value


def _hint(name: str, known: Mapping[str, OptionDescription]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=1)
    return f". Did you mean '{close[0]}'?" if close else ""


def _words(option: OptionDescription, value: Any) -> list[str]:
    """Words of the command line for one option."""
    name = option.option or ""
    if option.kind == "flag":
        _require(isinstance(value, bool), option, value, "True or False")
        word = option.option if value else option.off
        return [word] if word else []
    if option.kind == "count":
        _require(isinstance(value, int) and not isinstance(value, bool) and value >= 0, option, value, "a whole number")
        return [name] * int(value)
    if option.separator is not None:
        return [f"{name}={_joined(option, option.separator, value)}"]
    if option.kind == "argument":
        several = option.nargs == -1 and not isinstance(value, (str, bytes))
        return [_text(option, option.types[0], one) for one in (_sequence(option, value) if several else [value])]
    if not option.multiple:
        return _one(option, value)
    if len(option.types) == 2 and not isinstance(value, (list, tuple)) and hasattr(value, "items"):
        value = list(value.items())  # as in config={"name": "path"}
    return [word for one in _sequence(option, value) for word in _one(option, one)]


def _one(option: OptionDescription, value: Any) -> list[str]:
    """The option once, with its value or values."""
    if option.nargs == 1:
        # With the sign of equality, so that a value may begin with a dash.
        return [f"{option.option}={_text(option, option.types[0], value)}"]
    elements = _sequence(option, value)
    _require(len(elements) == option.nargs, option, value, f"{option.nargs} values")
    types = option.types if len(option.types) == option.nargs else option.types[:1] * option.nargs
    texts = [_text(option, kind, element) for kind, element in zip(types, elements, strict=True)]
    return [str(option.option), *texts]


def _sequence(option: OptionDescription, value: Any) -> list[Any]:
    good = not isinstance(value, (str, bytes, os.PathLike)) and hasattr(value, "__iter__")
    _require(good and not hasattr(value, "keys"), option, value, "a list")
    return list(value)


def _joined(option: OptionDescription, separator: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    elements = _sequence(option, value)
    for element in elements:
        _require(isinstance(element, str), option, element, "a list of texts")
        if separator in element:
            raise ValueError(
                f"'{option.name}': {element!r} holds {separator!r}, which separates the values of the list."
            )
    return separator.join(elements)


def _text(option: OptionDescription, kind: str, value: Any) -> str:
    """One value as text."""
    value = _scalar(value)
    if option.choices and kind == "choice":
        return _choice(option, option.choices, value)
    return _TEXTS.get(kind, _other)(option, value)


def _scalar(value: Any) -> Any:
    """A number of NumPy as one of Python; all else as it is."""
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def _choice(option: OptionDescription, choices: Sequence[str], value: Any) -> str:
    text = value if isinstance(value, str) else str(getattr(value, "name", value))
    folded = {choice.lower(): choice for choice in choices}
    if text in choices or text.lower() in folded:
        return text if text in choices else folded[text.lower()]
    raise ValueError(f"'{option.name}' is one of {', '.join(map(repr, choices))}, not {value!r}.")


def _string(option: OptionDescription, value: Any) -> str:
    _require(isinstance(value, str), option, value, "a text")
    return str(value)


def _integer(option: OptionDescription, value: Any) -> str:
    _require(hasattr(value, "__index__") and not isinstance(value, bool), option, value, "a whole number")
    return str(value.__index__())


def _float(option: OptionDescription, value: Any) -> str:
    good = hasattr(value, "__float__") or hasattr(value, "__index__")
    _require(good and not isinstance(value, bool), option, value, "a number")
    return repr(float(value))


def _boolean(option: OptionDescription, value: Any) -> str:
    _require(isinstance(value, bool), option, value, "True or False")
    return str(value)


def _path(option: OptionDescription, value: Any) -> str:
    _require(isinstance(value, (str, bytes, os.PathLike)), option, value, "the path of a file")
    return os.fsdecode(value)


def _json(option: OptionDescription, value: Any) -> str:
    """JSON as it is, or of an object. What a config's value is, its parser says; it need not be JSON."""
    if isinstance(value, str):
        if option.is_parameter:
            try:
                json.loads(value)
            except ValueError as error:
                raise TypeError(
                    f"'{option.name}' takes an object, or its JSON; {value!r} is no valid JSON ({error}). "
                    "Give json.dumps(...) of a text to have it as it is."
                ) from None
        return value
    try:
        return json.dumps(value, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"'{option.name}' takes what JSON can hold: {error}.") from None


def _plain(value: Any) -> Any:
    """Mappings and sequences of other kinds, and what NumPy calls a number, as JSON has them."""
    if hasattr(value, "keys"):
        return {key: value[key] for key in value.keys()}  # noqa: SIM118 - it may be no dict
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"an object of type {type(value).__name__} cannot be written as JSON")


def _other(option: OptionDescription, value: Any) -> str:
    """A value of a type that only the flow knows."""
    return os.fsdecode(value) if isinstance(value, os.PathLike) else str(value)


_TEXTS: dict[str, Callable[[OptionDescription, Any], str]] = {
    "str": _string,
    "int": _integer,
    "float": _float,
    "bool": _boolean,
    "path": _path,
    "JSON": _json,
}


def _require(good: bool, option: OptionDescription, value: Any, expected: str) -> None:
    if not good:
        raise TypeError(f"'{option.name}' takes {expected}, not {value!r}, which is of type {type(value).__name__}.")


def _check(word: str) -> None:
    """Refuse what the system cannot pass to another process."""
    name = word.partition("=")[0]
    if "\0" in word:
        raise ValueError(f"The value of {name} holds a zero character, which cannot be passed to a process.")
    try:
        size = len(os.fsencode(word))
    except UnicodeEncodeError as error:
        raise ValueError(f"The value of {name} holds what cannot be passed to a process: {error}.") from None
    if size > MAXIMUM_ARGUMENT_BYTES:
        raise ValueError(
            f"The value of {name} is of {size:,} bytes; no more than {MAXIMUM_ARGUMENT_BYTES:,} can be passed to a "
            "process. Write it to a file, and give the flow an IncludeFile or a Config of that file."
        )
