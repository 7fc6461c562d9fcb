"""Values that are small and plain enough to be kept in an index beside the name of their artifact."""

from __future__ import annotations

from math import isfinite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Scalar: TypeAlias = "bool | int | float | str | None"

#: Longest text, in characters.
MAXIMUM_TEXT = 200
#: Most values of one task.
MAXIMUM_COUNT = 100

_TYPES = frozenset(map(repr, (type(None), bool, int, float, str)))
# A text takes at most four bytes a character, and a few for the frame around it.
_MOST_BYTES = 4 * MAXIMUM_TEXT + 64

# What a signed integer of 64 bits can hold.
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


def may_be_scalar(type_name: str, size: int) -> bool:
    """Tell whether a serialised value may be one that an index can hold, so that it is worth loading.

    Parameters
    ----------
    type_name : str
        Its type, like ``<class 'int'>``.
    size : int
        Its serialised bytes.
    """
    return type_name in _TYPES and size <= _MOST_BYTES


def is_scalar(value: object) -> bool:
    """Tell whether an index can hold a value, so that it is the same, and of the same type, when it is read there.

    Parameters
    ----------
    value : object
        Anything. A value of a derived type, such as a number of NumPy, is none.

    Returns
    -------
    bool
        True for None, a bool, an int of 64 bits, a finite float, and a str of at most 200 characters.
    """
    kind = type(value)
    if kind is bool or value is None:
        return True
    if kind is int:
        return _SMALLEST <= value <= _LARGEST  # type: ignore[operator]
    if kind is float:
        return isfinite(value)  # type: ignore[arg-type]
    return kind is str and len(value) <= MAXIMUM_TEXT  # type: ignore[arg-type]
