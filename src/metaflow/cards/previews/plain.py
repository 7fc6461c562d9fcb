"""Values of Python itself, and objects of classes that are not known."""

from __future__ import annotations

from metaflow.cards.nodes import Node
from metaflow.cards.previews.numbers import line_of_numbers
from metaflow.exception import MetaflowExceptionWrapper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

#: A text up to this length is shown whole by the line of its artifact.
_ONE_LINE = 120
_MOST_TEXT = 10_000
_FULL_TEXT = 2_000_000
#: From this many numbers on a list is drawn.
_LINE = 5
_MOST_NUMBERS = 1_000_000
_MOST_LOOKED_AT = 1000
_ROWS = 12
_MOST_COLUMNS = 12
#: Values of libraries that are looked into, in a list or dictionary that holds some.
_MOST_INNER = 8
_MOST_REPR = 4000


def plain_nodes(value: Any, full: bool) -> list[Node] | None:
    """What a text, bytes, a container, an exception or an object holds."""
    if isinstance(value, (bool, int, float, complex, type(None), type)):
        return []
    if isinstance(value, str):
        return _text(str.__str__(value), full)
    if isinstance(value, (bytes, bytearray, memoryview)):
        from metaflow.cards.images.image_types import image_type
        from metaflow.cards.previews.images import image_bytes_nodes

        # What is no image may be large, and is not copied.
        return (image_bytes_nodes(bytes(value)) if image_type(bytes(value[:64])) else None) or []
    if isinstance(value, (BaseException, MetaflowExceptionWrapper)):
        from metaflow.cards.components.error import Error

        return [Error(value).render()]
    if isinstance(value, dict):
        return _mapping(value, full)
    if isinstance(value, (list, tuple, set, frozenset)):
        return _sequence(value, full)
    return _object(value, full)


def _text(value: str, full: bool) -> list[Node]:
    if len(value) <= _ONE_LINE and "\n" not in value:
        return []
    most = _FULL_TEXT if full else _MOST_TEXT
    if len(value) <= most:
        return [{"type": "log", "data": value}]
    return [{"type": "log", "data": f"{value[:most]}\n... {len(value) - most:,} more characters"}]


def _mapping(value: Mapping[Any, Any], full: bool) -> list[Node]:
    named = {str(key) if isinstance(key, (str, int, float)) else "": item for key, item in _first(value.items())}
    inner = _inner(named.items()) if len(named) == len(value) else []
    return inner or _data(value, full)


def _sequence(value: Any, full: bool) -> list[Node]:
    if not value:
        return []
    names = getattr(type(value), "_fields", None)
    if isinstance(value, tuple) and isinstance(names, tuple):
        return _data(dict(zip(names, value)), full)
    if isinstance(value, (list, tuple)):
        if len(value) >= _LINE and len(value) <= _MOST_NUMBERS and _are_numbers(value):
            data = _data(value, full) if full or len(value) <= _MOST_LOOKED_AT else []
            return [
                *line_of_numbers(value),
                *([{"type": "fold", "title": "Numbers", "contents": data}] if data else []),
            ]
        inner = _inner(enumerate(value))
        if inner:
            return inner
        records = _records(value, full)
        if records:
            return records
    return _data(value, full)


def _first(items: Iterable[Any]) -> list[Any]:
    from itertools import islice

    return list(islice(items, _MOST_INNER + 1))


def _are_numbers(values: Any) -> bool:
    return all(type(each) in (int, float) for each in values[:_MOST_LOOKED_AT]) and all(
        type(each) in (int, float) for each in values[:: max(1, len(values) // _MOST_LOOKED_AT)]
    )


def _inner(items: Iterable[tuple[Any, Any]]) -> list[Node]:
    """Previews of the values of libraries in a small container, such as a list of figures; none if it has none."""
    from metaflow.cards.previews import family_of, preview_nodes

    first = _first(items)
    if len(first) > _MOST_INNER or not any(family_of(type(item)) for _, item in first):
        return []
    nodes: list[Node] = []
    for key, item in first:
        if family_of(type(item)) is not None:
            contents = preview_nodes(item)
            if contents:
                nodes.append({"type": "fold", "title": str(key), "open": True, "contents": contents})
                continue
        from metaflow.datastore.preview import preview

        nodes.append({"type": "text", "text": f"{key}: {preview(item)}"})
    return nodes


def _records(value: Any, full: bool) -> list[Node]:
    """A table of dictionaries that have the same few keys, or of tuples or lists of the same short length."""
    first = value[0]
    rows = value[: _MOST_LOOKED_AT if full else _ROWS]
    if len(value) < 2 or not _is_row(first) or any(type(row) is not type(first) for row in rows):
        return []
    if isinstance(first, dict):
        names = list(first)
        if any(type(name) is not str for name in names) or any(list(row) != names for row in rows):
            return []
        items = [list(row.values()) for row in rows]
    else:
        names = [str(name) for name in getattr(type(first), "_fields", range(len(first)))]
        items = [list(row) for row in rows]
    if not all(len(row) == len(names) and all(map(_is_cell, row)) for row in items):
        return []
    from metaflow.cards.previews.excerpt import short_text
    from metaflow.cards.values.cell_values import plain_cell

    data = [[plain_cell(item if full else short_text(item)) for item in row] for row in items]
    return [{"type": "table", "columns": names, "data": data, "left_out": len(value) - len(rows)}]


def _is_row(value: Any) -> bool:
    kind = type(value)
    is_known = kind in (dict, list, tuple) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))
    return is_known and 0 < len(value) <= _MOST_COLUMNS


def _is_cell(value: Any) -> bool:
    kind = type(value)
    if kind in (str, int, float, bool, type(None)):
        return True
    library = str(kind.__module__).partition(".")[0]
    return library in ("datetime", "decimal") or (library == "numpy" and getattr(value, "shape", None) == ())


def _data(value: Any, full: bool) -> list[Node]:
    if not value:
        return []
    from metaflow.cards.previews.excerpt import excerpt

    if full:
        from metaflow.cards.components.data_viewers import JSONViewer

        return [JSONViewer(value).render()]
    return [{"type": "jsonViewer", "data": excerpt(value), "collapsible": True, "show_copy_button": False}]


def _object(value: Any, full: bool) -> list[Node]:
    """An object of a class that is not known: its fields, if the class declares them, else what it says of itself."""
    cls = type(value)
    fields = getattr(cls, "__dataclass_fields__", None) or getattr(cls, "model_fields", None)
    if isinstance(fields, dict):
        own = object.__getattribute__(value, "__dict__") if hasattr(value, "__dict__") else {}
        return _data({name: own[name] for name in fields if name in own}, full)
    as_dictionary = getattr(cls, "to_dict", None)
    if cls.__module__.partition(".")[0] == "metaflow" and callable(as_dictionary):
        return _data(as_dictionary(value), full)
    if getattr(cls, "__repr__", None) is getattr(object, "__repr__", None):
        return []
    words = repr(value)
    if not isinstance(words, str) or (len(words) <= _ONE_LINE and "\n" not in words):
        return [{"type": "text", "text": words}]
    return [{"type": "log", "data": words[:_MOST_REPR] + ("..." if len(words) > _MOST_REPR else "")}]
