"""Texts, numbers and containers of them, read from the bytes of an artifact without unpickling anything.

A pickle is a program for a small machine. This reads the few of its instructions that put plain values together and
gives up at any other, in particular at those that look something up by name or call it. So nothing is imported and
nothing is called, whatever the bytes say; that is why a server may use it.
"""

from __future__ import annotations

import pickletools

from metaflow.datastore.serializer import FILE_ENCODING, PICKLE_ENCODING, deserialize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from metaflow.datastore.manifest import ArtifactEntry
    from metaflow.datastore.store import Buffer, ObjectStore

#: Larger artifacts are not read.
MOST_BYTES = 1 << 20
#: Nor are those that would be larger than so many values and characters if they were written down: a pickle names a
#: value that stands in many places once, and a few bytes can stand for more than any memory holds.
_MOST_WRITTEN = 2 * MOST_BYTES
#: Values and characters of a tuple that is a key; it is hashed as it would be written down.
_MOST_IN_KEY = 100
#: Longer whole numbers are not written in digits by Python.
_MOST_BITS = 14_000

_VALUES = frozenset(
    {"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_GETS = frozenset({"BINGET", "LONG_BINGET", "GET"})
_PUTS = frozenset({"BINPUT", "LONG_BINPUT", "PUT"})
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NOTHING = frozenset({"PROTO", "FRAME"})


class NotPlain(ValueError):
    """What is stored is not made of plain values only, is too large, or is damaged."""


def plain_content(store: ObjectStore, entry: ArtifactEntry) -> Any:
    """The value of an artifact that is a text, a number, or a container of such.

    Parameters
    ----------
    store : ObjectStore
        Where its bytes are, unless they are in the manifest.
    entry : ArtifactEntry

    Raises
    ------
    NotPlain
        It is something else, or larger than :data:`MOST_BYTES`.
    DataException
        Its bytes cannot be read.
    """
    if entry.size > MOST_BYTES:
        raise NotPlain(f"it has {entry.size:,} bytes")
    if entry.serializer is not None or entry.encoding not in (PICKLE_ENCODING, FILE_ENCODING):
        raise NotPlain(f"it is kept as {entry.encoding}")
    from metaflow.datastore.blob_reading import load_segment

    parts: list[Buffer] = [] if entry.inline is None else [entry.inline]
    parts += [load_segment(store, segment) for segment in entry.segments]
    if not parts:
        raise NotPlain("it has no bytes")
    if entry.encoding == FILE_ENCODING:
        return deserialize(FILE_ENCODING, parts[0], parts[1:])
    return read_plain(bytes(parts[0]))


def read_plain(stream: bytes) -> Any:
    """The plain value that a pickle describes.

    Parameters
    ----------
    stream : bytes
        The pickle.

    Raises
    ------
    NotPlain
        It describes anything else.
    """
    try:
        value = _Machine().run(stream)
        _check_extent(value, _MOST_WRITTEN)
        return value
    except NotPlain:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise NotPlain(f"its bytes make no sense ({type(error).__name__})") from error


def _check_extent(value: Any, most: int) -> None:
    """See that a value can be written down in so many values and characters."""
    left = most
    pending = [value]
    while pending:
        each = pending.pop()
        left -= 1
        if isinstance(each, str):
            left -= len(each)
        elif isinstance(each, dict):
            pending += each.keys()
            pending += each.values()
        elif isinstance(each, (list, tuple)):
            pending += each
        elif isinstance(each, int) and each.bit_length() > _MOST_BITS:
            raise NotPlain("it has a number of several thousand digits")
        if left < len(pending):
            raise NotPlain("it holds the same values again and again")


def _pairs(items: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Keys and values, which follow each other."""
    for key, value in zip(items[::2], items[1::2], strict=True):
        if isinstance(key, tuple):
            _check_extent(key, _MOST_IN_KEY)
        yield key, value


class _Machine:
    """Puts values together as a pickle says."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[Any, Any] = {}

    def run(self, stream: bytes) -> Any:
        for opcode, argument, _ in pickletools.genops(stream):
            name = opcode.name
            if name == "STOP":
                return self._stack.pop()
            if name in _VALUES:
                self._stack.append(argument)
            elif name in _CONSTANTS:
                self._stack.append(_CONSTANTS[name])
            elif name in _TUPLES:
                self._wrap(_TUPLES[name])
            elif name in _GETS:
                self._stack.append(self._memo[argument])
            elif name in _PUTS:
                self._memo[argument] = self._stack[-1]
            elif name == "MEMOIZE":
                self._memo[len(self._memo)] = self._stack[-1]
            elif name not in _NOTHING:
                self._container(name)
        raise NotPlain("it is cut short")

    def _wrap(self, count: int) -> None:
        items = tuple(self._stack[len(self._stack) - count :]) if count else ()
        del self._stack[len(self._stack) - count :]
        self._stack.append(items)

    def _container(self, name: str) -> None:
        if name == "EMPTY_DICT":
            self._stack.append({})
        elif name == "EMPTY_LIST":
            self._stack.append([])
        elif name == "MARK":
            self._below.append(self._stack)
            self._stack = []
        elif name == "SETITEM":
            value, key = self._stack.pop(), self._stack.pop()
            self._stack[-1].update(_pairs([key, value]))
        elif name == "APPEND":
            item = self._stack.pop()
            self._stack[-1].append(item)
        elif name in ("SETITEMS", "APPENDS", "TUPLE"):
            items, self._stack = self._stack, self._below.pop()
            if name == "TUPLE":
                self._stack.append(tuple(items))
            elif name == "APPENDS":
                self._stack[-1].extend(items)
            else:
                self._stack[-1].update(_pairs(items))
        else:
            raise NotPlain(f"it has more than plain values ({name})")
