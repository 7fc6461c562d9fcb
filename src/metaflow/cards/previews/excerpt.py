"""The beginning of nested data, as plain data of bounded size."""

from __future__ import annotations

from itertools import islice

from metaflow.datastore.preview import preview, shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ITEMS = 40
_LEVELS = 6
#: How many values a whole excerpt holds.
_MOST_VALUES = 150
_MOST_TEXT = 300
_MORE = "\N{HORIZONTAL ELLIPSIS}"


def excerpt(value: object) -> Any:
    """The beginning of dictionaries, lists, tuples and sets, and of what they hold.

    Parameters
    ----------
    value : object
        Anything. No code of its class runs.

    Returns
    -------
    object
        Plain data of bounded size, with remarks on what was left out.
    """
    return _Excerpt().of(value, 0)


def short_text(value: Any) -> Any:
    """A text up to a length; any other value as it is."""
    if type(value) is not str or len(value) <= _MOST_TEXT:
        return value
    return f"{value[:_MOST_TEXT]}{_MORE} ({len(value):,} characters)"


class _Excerpt:
    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def of(self, value: Any, level: int) -> Any:
        self._left -= 1
        cls = type(value)
        if cls in (bool, int, float, type(None)):
            return value if cls is not int or value.bit_length() < 256 else preview(value)
        if cls is str:
            return short_text(value)
        if isinstance(value, dict):
            return self._dictionary(value, level)
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._items(value, level)
        return preview(value)

    def _dictionary(self, value: dict[Any, Any], level: int) -> Any:
        if value and (level >= _LEVELS or self._left <= 0):
            return f"{{{_MORE}}} {len(value):,} items"
        shown: dict[str, Any] = {}
        for key, item in islice(dict.items(value), _ITEMS):
            if self._left <= 0:
                break
            shown[shortened(key) if type(key) is str else preview(key)] = self.of(item, level + 1)
        if len(value) > len(shown):
            shown[_MORE] = f"{len(value) - len(shown):,} more items"
        return shown

    def _items(self, value: Any, level: int) -> Any:
        if value and (level >= _LEVELS or self._left <= 0):
            return f"[{_MORE}] {len(value):,} items"
        shown: list[Any] = []
        for item in islice(value, _ITEMS):
            if self._left <= 0:
                break
            shown.append(self.of(item, level + 1))
        if len(value) > len(shown):
            shown.append(f"{_MORE} {len(value) - len(shown):,} more items")
        return shown
