"""Numbers of all libraries, as those that JSON holds."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def plain_number(value: Any) -> int | float | None:
    """A number as one of Python's own.

    Parameters
    ----------
    value : any
        Such as an int, a number or array of one number of numpy, a tensor of one number, or a Decimal.

    Returns
    -------
    int, float or None
        None if it is none; not a number (NaN) and infinities stay what they are.
    """
    kind = type(value)
    if kind is int or kind is float:
        return value  # type: ignore[no-any-return]
    if isinstance(value, str | bytes) or value is None:
        return None
    try:
        if hasattr(value, "item"):
            value = value.item()
        return int(value) if isinstance(value, int) else float(value)
    except Exception:  # of any library's conversion
        return None
