"""Decorators written as text, as ``--with`` takes them: ``retry``, or ``retry:times=3,minutes_between_retries=0``."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ..exception import BadStepDecoratorException

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NEXT_ARGUMENT = re.compile(r",(?=\s*\w+=)")
_ARGUMENT = re.compile(r"\s*(\w+)=(.*)", re.DOTALL)
#: Text that means itself wherever it stands in a specification.
_BARE = re.compile(r"[\w./:@+-]+").fullmatch
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


def format_decospec(name: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> str:
    """Text that :func:`parse_decospec` reads as these arguments.

    Parameters
    ----------
    name : str
    args : sequence
    kwargs : mapping, optional
        Values, like those of `args`, are plain data, as JSON knows it.

    Returns
    -------
    str

    Raises
    ------
    BadStepDecoratorException
        If a value is no plain data.
    """
    values = {**{str(position): value for position, value in enumerate(args)}, **(kwargs or {})}
    try:
        written = [f"{key}={_text(value)}" for key, value in values.items()]
    except (TypeError, ValueError) as error:
        raise BadStepDecoratorException(f"The arguments of '{name}' cannot be written as text: {error}.") from error
    return f"{name}:{','.join(written)}" if written else name


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


def _text(value: Any) -> str:
    if isinstance(value, str) and _BARE(value) and _value(value) == value:
        return value
    written = json.dumps(value)
    # Backslashes before quotes are dropped by the reader, and `,word=` separates: neither may stand in the text.
    written = re.sub(r'\\(["\\])', lambda match: f"\\u{ord(match[1]):04x}", written)
    return written.replace("=", "\\u003d")


def _positional(text: str, values: dict[str, Any]) -> tuple[Any, ...]:
    """Take the values with numbers as keys out of `values`."""
    numbered = sorted((key for key in values if key.isdecimal()), key=int)
    if numbered != [str(position) for position in range(len(numbered))]:
        raise BadStepDecoratorException(f"The decorator '{text}' should number its positional arguments 0, 1, 2...")
    return tuple(values.pop(key) for key in numbered)
