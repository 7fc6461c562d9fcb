"""A short text that shows what a value is, and facts about it, made when it is saved.

That is all that a web page or a service ever shows of an artifact without loading it. Built-in values are shown by
their content, through code of Python itself, and values of known libraries through code of theirs: no `__repr__` of a
user's class runs here.
"""

from __future__ import annotations

from itertools import islice

from metaflow.datastore.manifest import NO_FACTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

#: Longest preview, in characters.
MAXIMUM_LENGTH = 200

_ELLIPSIS = "..."
_MAXIMUM_ITEMS = 8
_MAXIMUM_DEPTH = 2
_MAXIMUM_LEAF = 60
# Printing an integer takes time quadratic in its digits, and Python refuses the very long ones.
_MAXIMUM_INTEGER_BITS = 256


def preview(value: object) -> str:
    """Show what `value` is, in one line of printable characters.

    Parameters
    ----------
    value : object
        Anything. No code of its class runs, unless the class belongs to a known array library.

    Returns
    -------
    str
        At most 200 characters.
    """
    return _cut(_show(value, 0, MAXIMUM_LENGTH))


def describe(value: object) -> tuple[str, Mapping[str, Any]]:
    """Show what `value` is, and tell facts about it.

    Parameters
    ----------
    value : object
        Anything; see `preview`.

    Returns
    -------
    tuple of (str, mapping)
        The preview, and in JSON's terms: for built-in containers ``length``, and ``tree`` if the preview leaves
        something out (see `metaflow.datastore.excerpts`); for arrays, frames and tensors ``shape``,
        ``dtype``, ``columns`` and the like (see `metaflow.datastore.library_values`); for others nothing.
    """
    kind = type(value)
    leaf = _LEAVES.get(kind)
    if leaf is not None:
        return _cut(leaf(value, MAXIMUM_LENGTH)), NO_FACTS
    container = _CONTAINERS.get(kind)
    if container is not None:
        shown, length = _cut(container(value, 0)), {"length": len(value)}  # type: ignore[arg-type]
        if _ELLIPSIS not in shown:
            return shown, length
        from metaflow.datastore.excerpts import excerpt

        return shown, {**length, "tree": excerpt(value)}
    from metaflow.datastore.library_values import facts_of, text_of

    facts = facts_of(value)
    return shortened(_object(value, kind) if facts is None else text_of(value, facts)), facts or NO_FACTS


def shortened(text: str) -> str:
    """A text in one line of printable characters, cut to the length of a preview."""
    if not text.isprintable():
        text = "".join([character if character.isprintable() else " " for character in text])
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= MAXIMUM_LENGTH else text[: MAXIMUM_LENGTH - len(_ELLIPSIS)] + _ELLIPSIS


def _show(value: object, depth: int, limit: int) -> str:
    cls = type(value)
    leaf = _LEAVES.get(cls)
    if leaf is not None:
        return leaf(value, limit)
    container = _CONTAINERS.get(cls)
    if container is not None:
        return container(value, depth)
    return _library_value(value, cls)


def _literal(value: object, limit: int) -> str:
    return repr(value)


def _integer(value: int, limit: int) -> str:
    bits = value.bit_length()
    return repr(value) if bits <= _MAXIMUM_INTEGER_BITS else f"<int of {bits} bits>"


def _text(value: str | bytes | bytearray, limit: int) -> str:
    if len(value) <= limit - 2:
        return repr(value)
    return repr(value[: limit - 6]) + _ELLIPSIS


def _type(value: type, limit: int) -> str:
    return f"<class {type_name(value)}>"


def _list(value: list[object], depth: int) -> str:
    return f"[{_items(value, len(value), depth)}]"


def _items(values: Iterable[object], count: int, depth: int) -> str:
    if count and depth >= _MAXIMUM_DEPTH:
        return _ELLIPSIS
    shown = [_show(item, depth + 1, _MAXIMUM_LEAF) for item in islice(values, _MAXIMUM_ITEMS)]
    if count > _MAXIMUM_ITEMS:
        shown.append(f"{_ELLIPSIS} {count} items")
    return ", ".join(shown)


def _tuple(value: tuple[object, ...], depth: int) -> str:
    return f"({_items(value, len(value), depth)}{',' if len(value) == 1 else ''})"


def _set(value: set[object], depth: int) -> str:
    return "{" + _items(value, len(value), depth) + "}" if value else "set()"


def _frozenset(value: frozenset[object], depth: int) -> str:
    return f"frozenset({{{_items(value, len(value), depth)}}})" if value else "frozenset()"


def _dictionary(value: dict[object, object], depth: int) -> str:
    if value and depth >= _MAXIMUM_DEPTH:
        return "{...}"
    shown = [
        f"{_show(key, depth + 1, _MAXIMUM_LEAF)}: {_show(item, depth + 1, _MAXIMUM_LEAF)}"
        for key, item in islice(value.items(), _MAXIMUM_ITEMS)
    ]
    if len(value) > _MAXIMUM_ITEMS:
        shown.append(f"{_ELLIPSIS} {len(value)} items")
    return "{" + ", ".join(shown) + "}"


def _object(value: object, cls: type) -> str:
    """Name the class of an object that is not built in."""
    return f"<{type_name(cls)}>"


def _library_value(value: object, cls: type) -> str:
    from metaflow.datastore.library_values import facts_of, text_of

    facts = facts_of(value, briefly=True)
    return _object(value, cls) if facts is None else text_of(value, facts)


def type_name(cls: type) -> str:
    """Name of a class, with its module unless it is built in."""
    # Both names can be set to anything by a program; type's own slots are asked so that no metaclass answers.
    module = type.__getattribute__(cls, "__module__")
    name = type.__getattribute__(cls, "__qualname__")
    text = f"{module}.{name}" if isinstance(module, str) and module != "builtins" else name
    return text if text.isprintable() else ascii(text)


_LEAVES: dict[type, Callable[..., str]] = {
    type(None): _literal,
    bool: _literal,
    int: _integer,
    float: _literal,
    complex: _literal,
    type(Ellipsis): _literal,
    str: _text,
    bytes: _text,
    bytearray: _text,
    type: _type,
}
_CONTAINERS: dict[type, Callable[..., str]] = {
    list: _list,
    tuple: _tuple,
    set: _set,
    frozenset: _frozenset,
    dict: _dictionary,
}
