"""Cells of tables: any value as a text, a number, a truth value or None, which is what nodes hold."""

from __future__ import annotations

import math
from enum import Enum
from typing import Any

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.values.value_texts import value_text

#: A text, a number that is finite, a truth value, None, or a component.
Cell = Any

#: Characters of one cell; a longer text is cut.
MOST_CHARACTERS = 100_000

#: Values that one call into C looks at: other threads wait as long.
_VALUES_AT_ONCE = 10_000
_MOST_BITS = 256
_PLAIN = {str, int, float, bool, type(None)}
#: Libraries whose values say best themselves what they are.
_SHOWN_AS_TEXT = {"datetime", "decimal", "fractions", "ipaddress", "pandas", "pathlib", "uuid"}
#: Libraries whose figures and pictures are shown as what they are.
_PICTURES = {"PIL", "altair", "matplotlib"}


def plain_column(values: list[Any]) -> list[Cell]:
    """The cells of a column; the list itself if its values are cells as they are.

    Parameters
    ----------
    values : list
        Anything.

    Returns
    -------
    list of cells
    """
    kinds: set[type] = set()
    for start in range(0, len(values), _VALUES_AT_ONCE):
        kinds.update(map(type, values[start : start + _VALUES_AT_ONCE]))
    if kinds <= _PLAIN and _are_harmless(values, kinds):
        return values
    return [plain_cell(value) for value in values]


def plain_cell(value: Any) -> Cell:
    """One value as a cell. NaN and infinities become the texts ``NaN``, ``Infinity`` and ``-Infinity``."""
    kind = type(value)
    if kind is str:
        return value if len(value) <= MOST_CHARACTERS else _cut(value)
    if kind is bool or value is None:
        return value
    if kind is float:
        return value if math.isfinite(value) else _not_finite(value)
    if kind is int:
        return value if value.bit_length() <= _MOST_BITS else f"<int of {value.bit_length()} bits>"
    if isinstance(value, MetaflowCardComponent):
        return value
    try:
        return _cell_of_class(value, kind)
    except Exception as error:  # an object of the user's may do anything
        return f"<{kind.__name__}: {type(error).__name__}>"


def _cell_of_class(value: Any, kind: type) -> Cell:
    if isinstance(value, Enum):
        return _cut(value.name)
    for plain in (str, int, float):
        if isinstance(value, plain):
            return plain_cell(plain.__str__(value) if plain is str else plain(value))
    library = str(kind.__module__).partition(".")[0]
    if library == "numpy" and getattr(value, "shape", None) == ():
        return _cell_of_scalar(value)
    if library == "pandas" and kind.__name__ == "NAType":
        return None
    if library in _SHOWN_AS_TEXT or kind is complex:
        return _cut(str(value))
    if library in _PICTURES:
        from metaflow.cards.as_component import as_component

        return as_component(value)
    return value_text(value)


def _cell_of_scalar(value: Any) -> Cell:
    """A scalar of NumPy, or an array of no dimensions."""
    letter = value.dtype.kind
    if letter in "Mm":
        return str(value)
    item = value.item()
    if type(item) in _PLAIN:
        return plain_cell(item)
    # A float of more digits than Python's is given back as it is.
    return plain_cell(float(item)) if letter == "f" else value_text(item)


def _are_harmless(values: list[Any], kinds: set[type]) -> bool:
    if float in kinds and not _are_finite(values, kinds):
        return False
    if int in kinds and any(type(value) is int and value.bit_length() > _MOST_BITS for value in values):
        return False
    return str not in kinds or max(len(value) for value in values if type(value) is str) <= MOST_CHARACTERS


def _are_finite(values: list[Any], kinds: set[type]) -> bool:
    if kinds == {float}:
        # One that is not finite makes the sum not finite, too; finite ones may as well, and are then looked at.
        return math.isfinite(sum(values))
    return all(math.isfinite(value) for value in values if type(value) is float)


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _cut(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS]}… ({len(text):,} characters)"
