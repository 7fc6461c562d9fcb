"""Decorators written as text, as ``--with`` takes them: ``retry``, or ``retry:times=3,minutes_between_retries=0``."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from ..exception import BadStepDecoratorException

_NEXT_ARGUMENT = re.compile(r",(?=\s*\w+=)")
_ARGUMENT = re.compile(r"\s*(\w+)=(.*)", re.DOTALL)
_OPENING = "[{"
_CLOSING = "]}"


class Decospec(NamedTuple):
    """A decorator and its arguments.

    Attributes
    ----------
    name : str
    args : tuple
        Positional arguments, which only decorators of users take.
    kwargs : dict
    """

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def parse_decospec(text: str) -> Decospec:
    """Read a decorator that is written as ``name`` or ``name:key=value,key=value``.

    A value is JSON if it can be read as that, otherwise a whole number, a number, or else text. A comma belongs to the
    value unless ``word=`` follows it. Positional arguments have numbers as keys: ``name:0=first,1=second``.

    Parameters
    ----------
    text : str

    Returns
    -------
    Decospec

    Raises
    ------
    BadStepDecoratorException
        If it is not of that form.
    """
    name, colon, arguments = text.partition(":")
    name = name.strip()
    if not name:
        raise BadStepDecoratorException(f"'{text}' names no decorator. Write it as NAME or NAME:key=value,key=value.")
    values: dict[str, Any] = {}
    for piece in _pieces(arguments) if colon and arguments.strip() else ():
        match = _ARGUMENT.fullmatch(piece)
        if match is None:
            raise BadStepDecoratorException(
                f"The decorator '{text}' cannot be read: '{piece.strip()}' is not of the form key=value. "
                f"Write it as {name}:key=value,key=value."
            )
        key, value = match.groups()
        if key in values:
            raise BadStepDecoratorException(f"The decorator '{text}' gives '{key}' twice.")
        values[key] = _value(value)
    return Decospec(name, _positional(text, values), values)


def split_decospecs(text: str) -> list[str]:
    """Take apart several specifications with white space between them, as environment variables hold them.

    White space inside of brackets or of double quotes belongs to a specification.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
    """
    found = [""]
    depth, quoted, previous = 0, False, ""
    for character in text:
        if character == '"' and previous != "\\":
            quoted = not quoted
        elif not quoted:
            depth += (character in _OPENING) - (character in _CLOSING)
        if character.isspace() and not quoted and depth <= 0:
            found.append("")
        else:
            found[-1] += character
        previous = character
    if quoted or depth > 0:
        return text.split()  # something was opened and not closed: a mistake, which the specification will show
    return [spec for spec in found if spec]


def _pieces(arguments: str) -> list[str]:
    """``key=value`` pieces: commas in a value that is JSON do not separate."""
    pieces: list[str] = []
    for piece in _NEXT_ARGUMENT.split(arguments):
        if pieces and _is_begun(pieces[-1]):
            pieces[-1] += f",{piece}"
        else:
            pieces.append(piece)
    if pieces and _is_begun(pieces[-1]):
        return _NEXT_ARGUMENT.split(arguments)
    return pieces


def _is_begun(piece: str) -> bool:
    """Whether the value begins as JSON does, and does not end yet."""
    value = piece.partition("=")[2].strip()
    return value[:1] in ("[", "{", '"') and _json(value) is _NO_JSON


_NO_JSON = object()


def _json(text: str) -> Any:
    try:
        # Who quotes for a shell often ends up with one backslash too many.
        return json.loads(text.replace('\\"', '"'))
    except (ValueError, RecursionError):
        return _NO_JSON


def _value(text: str) -> Any:
    text = text.strip()
    value = _json(text)
    if value is not _NO_JSON:
        return value
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _positional(text: str, values: dict[str, Any]) -> tuple[Any, ...]:
    """Take the values with numbers as keys out of `values`."""
    numbered = sorted((key for key in values if key.isdecimal()), key=int)
    if numbered != [str(position) for position in range(len(numbered))]:
        raise BadStepDecoratorException(f"The decorator '{text}' should number its positional arguments 0, 1, 2...")
    return tuple(values.pop(key) for key in numbered)
