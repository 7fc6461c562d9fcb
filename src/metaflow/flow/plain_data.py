"""What flows and decorators hold, as data that can be written as JSON and read without importing anything."""

from __future__ import annotations

from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def plain(value: object) -> Any:
    """Describe a value by numbers, texts, lists and dictionaries.

    Parameters
    ----------
    value : object

    Returns
    -------
    None, bool, int, float, str, list or dict
        Functions and classes become their names, sets lists, and whatever else there is its text.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return [plain(item) for item in sorted(value, key=str)]
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) else str(value)
