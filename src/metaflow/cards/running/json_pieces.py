"""JSON of nodes, made in small pieces, so that the thread that makes it never keeps another one waiting.

`json.dumps` of a large table holds Python's global lock for as long as it takes. Here no call into C handles more than
a few thousand characters, and between two of them another thread can go on.

What JSON does not know is made plain on the way: NaN and infinities become null, sets become lists, bytes and other
objects become texts that say what was there, and what contains itself is cut.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from math import isfinite
from typing import Any, NamedTuple

from metaflow.cards.nodes import ComponentNode

#: Nodes of more bytes than this are not repeated in data documents beside the page.
LARGE_NODE = 64 * 1024
#: Characters that one call into C handles, roughly.
_PIECE = 8_192
#: Bytes that are hashed at once. Hashing 2,048 or more gives up Python's global lock for an instant, and a thread that
#: does so again and again starves one that waits for the lock: it is woken each time, and each time it comes too late.
_HASHED = 2_047
_NUMBER = 8
_MOST_LEVELS = 100
#: Items from which on a sequence is long.
_LONG = 2_000
_LONGEST_TEXT = 1_000
_NUMBERS = (int, float, bool, type(None))
#: Kinds of nodes for which a page may have to hold a library.
_WITH_LIBRARIES = frozenset({"vegaChart", "plotly", "bokeh"})


class Part(NamedTuple):
    """A component inside of what was encoded.

    Attributes
    ----------
    node : ComponentNode
    digest : bytes
        Differs if anything in the component differs, but for what is in components within it.
    parent : str or None
        Id of the component that it is in.
    """

    node: ComponentNode
    digest: bytes
    parent: str | None


class LongText(list[str]):
    """A text in pieces, which are never put together."""


class Encoded:
    """A value as JSON, in pieces.

    Parameters
    ----------
    value : object

    Attributes
    ----------
    pieces : list of bytes
    size : int
        Their bytes.
    parts : dict of str to Part
        The components in it, by id.
    ambiguous : set of str
        Ids that different components in it have.
    kinds : set of str
        Kinds of nodes in it that may need libraries.
    long : list of list
        The items of what is long in it, which whoever drops the value may have to `free`.
    """

    def __init__(self, value: Any) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self.parts: dict[str, Part] = {}
        self.ambiguous: set[str] = set()
        self.kinds: set[str] = set()
        self.long: list[list[Any]] = []
        self._open: set[int] = set()
        self._hash = blake2b(digest_size=16)
        self._parent: str | None = None
        self._add(value)

    def include(self, other: Encoded) -> None:
        """Take the components of another value as parts of this one; its JSON is not taken."""
        for key, part in other.parts.items():
            self._note(key, part)
        self.ambiguous |= other.ambiguous
        self.kinds |= other.kinds
        self.long += other.long

    def _write(self, text: str) -> None:
        piece = text.encode("ascii")
        self.pieces.append(piece)
        self.size += len(piece)
        for start in range(0, len(piece), _HASHED):
            self._hash.update(piece[start : start + _HASHED])

    def _add(self, value: Any) -> None:
        if _cost(value) >= 0:
            self._flat(value)
        elif type(value) is str:
            self._long_text([value])
        elif type(value) is LongText:
            self._long_text(value)
        elif type(value) is Encoded:
            self.pieces += value.pieces
            self.size += value.size
        elif len(self._open) >= _MOST_LEVELS or id(value) in self._open:
            self._write('"\\u2026"')
        else:
            self._open.add(id(value))
            try:
                self._container(value)
            finally:
                self._open.discard(id(value))

    def _container(self, value: Any) -> None:
        if type(value) is ComponentNode:
            self._component(value)
        elif type(value) is dict:
            self._mapping(value)
        elif type(value) in (list, tuple):
            self._sequence(value)
        else:
            self._add(_plain(value))

    def _component(self, node: ComponentNode) -> None:
        key, outer, parent = str(node.get("id")), self._hash, self._parent
        self._hash, self._parent = blake2b(digest_size=16), key
        self._mapping(node)
        part = Part(node, self._hash.digest(), parent)
        self._hash, self._parent = outer, parent
        self._hash.update(json.dumps([key, str(node.get("type"))]).encode())
        self._note(key, part)

    def _note(self, key: str, part: Part) -> None:
        known = self.parts.setdefault(key, part)
        if known.digest != part.digest:
            self.parts[key] = known._replace(digest=known.digest + part.digest)
            self.ambiguous.add(key)

    def _mapping(self, value: dict[Any, Any]) -> None:
        kind = value.get("type")
        if type(kind) is str and kind in _WITH_LIBRARIES:
            self.kinds.add(kind)
        before = "{"
        for key, item in list(value.items()):  # another thread may be changing it
            self._write(before)
            self._add(key if type(key) is str else _text_of_key(key))
            self._write(":")
            self._add(item)
            before = ","
        self._write("{}" if before == "{" else "}")

    def _sequence(self, value: list[Any] | tuple[Any, ...]) -> None:
        batch: list[Any] = []
        cost = 0
        before = "["
        items = list(value)  # another thread may be changing it
        if len(items) >= _LONG:
            self.long.append(items)
        for item in items:
            item_cost = _cost(item)
            if batch and (item_cost < 0 or cost + item_cost > _PIECE):
                self._write(before)
                self._batch(batch)
                batch, cost, before = [], 0, ","
            if item_cost >= 0:
                batch.append(item)
                cost += item_cost
            else:
                self._write(before)
                self._add(item)
                before = ","
        if batch:
            self._write(before)
            self._batch(batch)
        self._write("[]" if before == "[" and not batch else "]")

    def _batch(self, items: list[Any]) -> None:
        """Flat items with commas between."""
        try:
            self._write(json.dumps(items, separators=(",", ":"), allow_nan=False)[1:-1])
        except (ValueError, TypeError):
            for index, item in enumerate(items):
                if index:
                    self._write(",")
                self._flat(item)

    def _flat(self, value: Any) -> None:
        try:
            text = json.dumps(value, separators=(",", ":"), allow_nan=False)
        except (ValueError, TypeError):
            text = json.dumps(_cleaned(value), separators=(",", ":"))
        self._write(text)

    def _long_text(self, pieces: list[str]) -> None:
        self._write('"')
        for piece in pieces:
            for start in range(0, len(piece), _PIECE):
                self._write(json.dumps(piece[start : start + _PIECE])[1:-1])
        self._write('"')


def _cost(value: Any) -> int:
    """About how many characters a scalar or a small container of scalars is; -1 for everything else."""
    kind = type(value)
    if kind is str:
        return len(value) if len(value) <= _PIECE else -1
    if kind in _NUMBERS:
        return _NUMBER
    if kind is not list and kind is not tuple and (kind is not dict or "type" in value):
        return -1  # of nodes, more than their text is to be known
    if len(value) > _PIECE // _NUMBER:
        return -1
    total = 2
    for each in tuple(value.values() if kind is dict else value):
        if type(each) is str:
            total += len(each)
        elif type(each) in _NUMBERS:
            total += _NUMBER
        else:
            return -1
    return total if total <= _PIECE else -1


def _cleaned(value: Any) -> Any:
    """A flat value that `json.dumps` refuses, such that it does not."""
    kind = type(value)
    if kind is dict:
        return {_text_of_key(key): _cleaned(item) for key, item in list(value.items())}
    if kind in (list, tuple):
        return [_cleaned(item) for item in value]
    if kind is float:
        return value if isfinite(value) else None
    if kind is int:
        try:
            str(value)
        except ValueError:
            return f"<an integer of {value.bit_length()} bits>"
    return value


def _text_of_key(key: Any) -> str:
    if type(key) is str:
        return key
    plain = _plain(key)
    return plain if isinstance(plain, str) else str(plain)[:_LONGEST_TEXT]


def _plain(value: Any) -> Any:
    """A value of a type that JSON does not have, as one that it has, or that is a step nearer to it."""
    from collections.abc import Mapping, Set

    try:
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, (bool, type(None))):
            return value
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value)
        if isinstance(value, Mapping):
            return dict(value.items())
        if isinstance(value, (list, tuple, Set)):
            return list(value)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return f"<{len(value)} bytes>"
        if callable(convert := getattr(value, "tolist", None)):  # numbers and arrays of NumPy, and the like
            converted = convert()
            return converted if type(converted) is not type(value) else _shown(value)
        if callable(convert := getattr(value, "isoformat", None)):
            return str(convert())
    except Exception:
        return _shown(value)
    return _shown(value)


def _shown(value: Any) -> str:
    try:
        text = str(value)
    except Exception:
        text = object.__repr__(value)
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "\N{HORIZONTAL ELLIPSIS}"
