"""The beginning of a container as plain JSON, of bounded size: what a page shows of it as a tree.

Numbers, texts and containers stand for themselves. Anything else is ``{"$": "its preview"}``, and what was left out
``{"$more": how many}``. No code of a value's class runs.
"""

from __future__ import annotations

from itertools import islice
from math import isfinite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Most values in what is kept with an artifact, about the most characters of it, and how deep it goes.
_VALUES, _CHARACTERS = 120, 2400
_DEPTH = 6
_TEXT = 160
_WHOLE_NUMBERS = 2**53


class _Room:
    """What is left of an excerpt."""

    __slots__ = ("characters", "items", "values")

    def __init__(self, values: int, characters: int) -> None:
        self.values = values
        self.characters = characters
        #: Most items of one container.
        self.items = max(1, values // 3)

    @property
    def is_gone(self) -> bool:
        return self.values <= 0 or self.characters <= 0


def excerpt(value: object, values: int = _VALUES, characters: int = _CHARACTERS) -> Any:
    """How a container begins.

    Parameters
    ----------
    value : list, tuple, set, frozenset or dict
        Of exactly that type.
    values, characters : int
        Most values in it, and about the most characters.

    Returns
    -------
    list or dict
        In JSON's terms.
    """
    return _shown(value, _Room(values, characters), 0)


def _shown(value: object, room: _Room, depth: int) -> Any:
    kind = type(value)
    room.values -= 1
    if value is None or kind is bool:
        return value
    if kind in (int, float):
        return _number(value, room)
    if kind is str:
        return _text(value, room)  # type: ignore[arg-type]
    if kind is dict:
        return _mapping(value, room, depth)  # type: ignore[arg-type]
    if kind in (list, tuple, set, frozenset):
        return _sequence(value, room, depth)
    from metaflow.datastore.preview import preview

    text = preview(value)
    room.characters -= len(text)
    return {"$": text}


def _number(value: Any, room: _Room) -> Any:
    room.characters -= 8
    if type(value) is float:
        return value if isfinite(value) else {"$": repr(value)}
    if -_WHOLE_NUMBERS <= value <= _WHOLE_NUMBERS:
        return value
    from metaflow.datastore.preview import preview

    return {"$": preview(value)}


def _text(value: str, room: _Room) -> str:
    room.characters -= min(len(value), _TEXT)
    return value if len(value) <= _TEXT else f"{value[:_TEXT]}\N{HORIZONTAL ELLIPSIS}"


def _mapping(value: dict[object, object], room: _Room, depth: int) -> Any:
    if value and depth >= _DEPTH:
        return {"$more": len(value)}
    shown: dict[str, Any] = {}
    for key, item in islice(value.items(), room.items):
        if room.is_gone:
            break
        shown[_key(key, room)] = _shown(item, room, depth + 1)
    if len(value) > len(shown):
        shown["$more"] = len(value) - len(shown)
    return shown


def _key(key: object, room: _Room) -> str:
    from metaflow.datastore.preview import preview, shortened

    text = shortened(key) if type(key) is str else preview(key)
    room.characters -= len(text)
    return text


def _sequence(value: Any, room: _Room, depth: int) -> Any:
    if value and depth >= _DEPTH:
        return {"$more": len(value)}
    shown: list[Any] = []
    for item in islice(value, room.items):
        if room.is_gone:
            break
        shown.append(_shown(item, room, depth + 1))
    if len(value) > len(shown):
        shown.append({"$more": len(value) - len(shown)})
    return shown
