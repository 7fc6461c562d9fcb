"""Any value as plain data of bounded size: what viewers of data show.

Values are taken level by level, not branch by branch: so what is near the top is there, however much is below its
neighbours, and neither depth nor size of a value matters.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set as AbstractSet
from itertools import islice
from typing import Any, NamedTuple

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.values.cell_values import plain_cell
from metaflow.cards.values.value_texts import value_text
from metaflow.datastore.preview import preview

MOST_LEVELS = 64


class Limits(NamedTuple):
    """How much of a value is kept.

    Attributes
    ----------
    values : int
        Values in all.
    items : int
        Values in one list or dict.
    characters : int
        Characters of one text.
    characters_in_all : int
        When texts have that many together, further ones are cut to a hundred.
    """

    values: int = 20_000
    items: int = 5_000
    characters: int = 10_000
    characters_in_all: int = 1_000_000


#: For values as they come from flows.
LIMITS = Limits()
#: For what should be plain already: leaves alone what was kept by the other limits, and what says that it was cut.
WIDER_LIMITS = Limits(*(2 * limit for limit in LIMITS))

#: Length of texts when those so far have used up the characters there are.
_SHORT = 100
_MOST_KEY_CHARACTERS = 500
_LEAVES = (str, bytes, bytearray, memoryview)
#: Longer integers take long to write down.
_LARGE_INTEGER = 2**256


class PlainValue(NamedTuple):
    """A value as plain data.

    Attributes
    ----------
    value : object
        Of dicts with texts as keys, lists, texts, finite numbers, truth values and None.
    notes : list of str
        What of it is missing, for people.
    """

    value: Any
    notes: list[str]


def plain_value(value: object, limits: Limits = LIMITS) -> PlainValue:
    """Any value as plain data of bounded size.

    Sets, tuples and arrays become lists; named tuples, dataclasses (but for fields that they do not show) and models of
    pydantic become dicts; NaN and infinities, dates, bytes and all other objects become texts.

    Parameters
    ----------
    value : object
    limits : Limits

    Returns
    -------
    PlainValue
    """
    conversion = _Conversion(limits)
    return PlainValue(conversion.convert(value), conversion.notes())


class _Open(NamedTuple):
    """A value that holds others, still to be taken.

    `holder[place]` is where it goes; `above` are the values that it is in, innermost first, with what those are in.
    """

    source: Any
    holder: Any
    place: Any
    level: int
    above: Any


class _Conversion:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._values_left = limits.values
        self._characters_left = limits.characters_in_all
        self._waiting: deque[_Open] = deque()
        self._left_out = self._shortened = self._too_deep = self._circular = 0

    def convert(self, value: object) -> Any:
        result: list[Any] = [None]
        self._put(value, result, 0, 0, None)
        while self._waiting:
            self._take(self._waiting.popleft())
        return result[0]

    def notes(self) -> list[str]:
        counts = [
            (self._left_out, "value was left out", "values were left out"),
            (self._shortened, "text was shortened", "texts were shortened"),
            (self._too_deep, "value is nested too deeply", "values are nested too deeply"),
            (self._circular, "value contains itself", "values contain themselves"),
        ]
        return [f"{count:,} {one if count == 1 else many}" for count, one, many in counts if count]

    def _put(self, value: object, holder: Any, place: Any, level: int, above: Any) -> None:
        if type(value) is str:
            holder[place] = self._text(value)
        elif _is_plain(value):
            holder[place] = value
        else:
            holder[place] = None
            self._waiting.append(_Open(value, holder, place, level, above))

    def _text(self, text: str) -> str:
        most = self._limits.characters if self._characters_left > 0 else _SHORT
        self._characters_left -= min(len(text), most)
        if len(text) <= most:
            return text
        self._shortened += 1
        return f"{text[:most]}… ({len(text):,} characters)"

    def _take(self, found: _Open) -> None:
        source, holder, place, level, above = found
        try:
            children = _children(source)
        except Exception as error:  # of the user's class
            children, source = None, f"<{type(source).__name__}: {type(error).__name__}>"
        if children is None:
            cell = plain_cell(source)
            cell = preview(source) if isinstance(cell, MetaflowCardComponent) else cell
            holder[place] = self._text(cell) if isinstance(cell, str) else cell
            return
        if _holds_itself(source, above):
            self._circular += 1
            holder[place] = f"<the same {type(source).__name__} as above>"
        elif level >= MOST_LEVELS:
            self._too_deep += 1
            holder[place] = preview(source)
        else:
            container: Any = {} if children.is_mapping else []
            holder[place] = container
            try:
                self._fill(container, children, level + 1, (source, above))
            except Exception as error:  # while it is iterated over
                self._add(container, "…", f"<{type(error).__name__}>")

    def _fill(self, container: Any, children: _Children, level: int, above: Any) -> None:
        most = min(self._limits.items, self._values_left)
        taken = 0
        for key, value in islice(children.items, most):
            taken += 1
            if children.is_mapping:
                place: Any = _unused(_key(key), key, container)
            else:
                place = taken - 1
                container.append(None)
            self._put(value, container, place, level, above)
        self._values_left -= taken
        if children.number > taken:
            self._left_out += children.number - taken
            self._add(container, "…", f"… {children.number - taken:,} more")

    @staticmethod
    def _add(container: Any, key: str, text: str) -> None:
        if isinstance(container, dict):
            container[_unused(key, key, container)] = text
        else:
            container.append(text)


class _Children(NamedTuple):
    items: Iterator[tuple[Any, Any]]
    number: int
    is_mapping: bool


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind is float:
        return math.isfinite(value)
    if kind is int:
        return bool(-_LARGE_INTEGER < value < _LARGE_INTEGER)
    return kind is bool or value is None


def _children(value: Any) -> _Children | None:
    """What a value holds; None if it is shown as one."""
    if isinstance(value, Mapping):
        return _Children(iter(value.items()), len(value), True)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return _Children(zip(value._fields, value), len(value), True)
    if isinstance(value, (type, *_LEAVES)):
        return None
    if isinstance(value, AbstractSet):
        return _listed(_in_order(value))
    if isinstance(value, (Sequence, deque)):
        return _listed(value)
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is not None:
        names = [name for name, field in fields.items() if field.repr]
        return _Children(((name, getattr(value, name, None)) for name in names), len(names), True)
    if hasattr(type(value), "model_fields") and hasattr(value, "model_dump"):
        return _children(value.model_dump())
    if getattr(value, "ndim", 0) and type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return _listed(value if value.ndim > 1 else value[: WIDER_LIMITS.items].tolist(), len(value))
    return None


def _listed(values: Any, count: int | None = None) -> _Children:
    return _Children(((None, value) for value in values), len(values) if count is None else count, False)


def _in_order(values: AbstractSet[Any]) -> Iterable[Any]:
    if len(values) > WIDER_LIMITS.items:
        return values
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=preview)


def _holds_itself(value: object, above: Any) -> bool:
    while above is not None:
        if above[0] is value:
            return True
        above = above[1]
    return False


def _key(key: object) -> str:
    if type(key) is not str:
        key = str(key) if key is None or type(key) in (bool, int, float) else value_text(key)
    return key if len(key) <= _MOST_KEY_CHARACTERS else f"{key[:_MOST_KEY_CHARACTERS]}…"


def _unused(name: str, key: object, container: dict[str, Any]) -> str:
    """`name`, or if it is taken (as with ``1`` and ``"1"``), one that tells the key's type, and then a number."""
    if name not in container:
        return name
    name = f"{name} ({type(key).__name__})"
    found, number = name, 1
    while found in container:
        number += 1
        found = f"{name} {number}"
    return found
