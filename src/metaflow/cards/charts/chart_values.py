"""Values of Python programs as charts take them: plain data that JSON can hold, without bounds on its size."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

#: Specifications are not nested this deeply, but those that contain themselves are.
_MOST_LEVELS = 100
#: Lists up to this length are copied with what is in them; longer ones are rows of data, which nobody changes.
_SHORT = 64
_PLAIN = frozenset({str, int, bool, type(None)})


def plain(value: Any) -> Any:
    """`value` with nothing but dictionaries, lists, texts, numbers, booleans and None in it.

    NaN, infinities and missing values become None; dates and times texts as JavaScript reads them; data frames lists
    of a dictionary for each row; arrays lists.

    Parameters
    ----------
    value : object

    Raises
    ------
    ValueError
        If it is nested more deeply than charts are, such as by containing itself.
    """
    return _plain(value, _MOST_LEVELS)


def snapshot(value: Any) -> Any:
    """A copy of `value` that later changes of it do not reach, made in microseconds: long lists are copied flat."""
    return _snapshot(value, _MOST_LEVELS)


def _snapshot(value: Any, levels: int) -> Any:
    if not levels:
        return value
    if type(value) is dict:
        return {key: _snapshot(each, levels - 1) for key, each in value.items()}
    if type(value) is list:
        return [_snapshot(each, levels - 1) for each in value] if len(value) <= _SHORT else value.copy()
    return value


def _plain(value: Any, levels: int) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if isfinite(value) else None
    if not levels:
        raise ValueError(f"It is nested more than {_MOST_LEVELS} levels deep. Does it contain itself?")
    if isinstance(value, Mapping):
        return {key if type(key) is str else str(key): _plain(each, levels - 1) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each, levels - 1) for each in value]
    return _plain_object(value, levels - 1)


def _plain_object(value: Any, levels: int) -> Any:
    """A value of a class of its own."""
    if isinstance(value, str):  # of a subclass, such as that of an enumeration, whose str() is its name
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _plain(float(value), levels)
    rows = _rows(value)
    if rows is not None:
        return _plain(rows, levels)
    return _plain_scalar(value, levels)


def _rows(value: Any) -> Any:
    """What a data frame, a table, a series or an array holds; None if it is none of them."""
    if hasattr(value, "to_dicts"):  # Polars
        return value.to_dicts()
    if hasattr(value, "to_pylist"):  # Arrow
        return value.to_pylist()
    if hasattr(value, "iloc") and hasattr(value, "columns"):  # pandas
        return value.to_dict(orient="records")
    if hasattr(value, "to_list"):  # series of pandas and Polars
        return value.to_list()
    if hasattr(value, "tolist") and getattr(value, "shape", ()) != ():
        return value.tolist() if getattr(value.dtype, "kind", "") not in "Mm" else [_moment(each) for each in value]
    return None


def _plain_scalar(value: Any, levels: int) -> Any:
    import datetime
    from decimal import Decimal
    from enum import Enum

    if type(value).__name__ in {"NAType", "NaTType"}:
        return None
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, datetime.date):
        # With its time, as a date alone is midnight in Greenwich to JavaScript.
        return f"{value.isoformat()}T00:00:00"
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return _plain(float(value), levels)
    if isinstance(value, Enum):
        return _plain(value.value, levels)
    if getattr(getattr(value, "dtype", None), "kind", "") in {"M", "m"}:
        return _moment(value)
    if hasattr(value, "item") and getattr(value, "shape", None) == ():  # a number of NumPy or PyTorch
        return _plain(value.item(), levels)
    return str(value)


def _moment(value: Any) -> Any:
    """A date or duration of NumPy, or a list of them."""
    if getattr(value, "shape", ()) != ():
        return [_moment(each) for each in value]
    if str(value) == "NaT":
        return None
    if value.dtype.kind == "m":
        return float(value.astype("timedelta64[ns]").astype("int64")) / 1e9
    return str(value.astype("datetime64[ms]"))
