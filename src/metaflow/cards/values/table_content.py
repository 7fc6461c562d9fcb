"""What a table holds, made of whatever a flow calls a table: rows, columns, records, arrays, data frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from metaflow.cards.values.cell_values import Cell, plain_cell, plain_column
from metaflow.cards.values.frames import frame_columns, is_frame
from metaflow.cards.values.freeing import free

#: Rows of larger tables are tuples.
_MANY_ROWS = 2_000
#: Rows that are turned into columns and back at once, which keeps other threads waiting.
_ROWS_AT_ONCE = 2_000
_ATOMS = (str, bytes, bytearray, memoryview)


class TableContent(NamedTuple):
    """What a table holds.

    Attributes
    ----------
    headers : list of str
        Names of the columns; may be fewer than there are columns, or none.
    rows : list of list of cells
        Need not be equally long.
    left_out : int
        Number of further rows.
    is_vertical : bool
        Whether it is one record, with its headers best shown at the left.
    """

    headers: list[str]
    rows: Sequence[Sequence[Cell]]
    left_out: int = 0
    is_vertical: bool = False


def table_content(data: Any, headers: Iterable[Any] | None = None, most_rows: int | None = None) -> TableContent:
    """Read what a table is to hold.

    Parameters
    ----------
    data : object
        Rows; records (dicts, named tuples, dataclasses); a dict of columns, or of single values; an array of NumPy; a
        data frame. Anything else becomes a table of one cell.
    headers : iterable, optional
        Names of the columns. Of records that are dicts it chooses the fields, if it names some.
    most_rows : int, optional
        Number of rows, from the first on; all if None.

    Returns
    -------
    TableContent
        A copy of its own, except of components.
    """
    names = None if headers is None else [_name(each) for each in _iterated(headers)]
    content = _content(data, names, most_rows)
    return content if names is None else content._replace(headers=names)


def _content(data: Any, names: list[str] | None, most_rows: int | None) -> TableContent:
    if data is None:
        return TableContent([], [])
    if is_frame(data):
        frame = frame_columns(data, most_rows)
        return TableContent(frame.names, _rows_of(frame.columns), frame.left_out)
    if _is_array(data):
        return _of_array(data, most_rows)
    if isinstance(data, Mapping):
        return _of_columns(data, names, most_rows)
    if isinstance(data, _ATOMS) or not isinstance(data, Iterable):
        return TableContent([], [[plain_cell(data)]])
    rows = list(data)
    shown = rows if most_rows is None else rows[:most_rows]
    return _of_rows(shown, names)._replace(left_out=len(rows) - len(shown))


def _of_rows(rows: list[Any], names: list[str] | None) -> TableContent:
    if not rows:
        return TableContent([], [])
    if all(isinstance(row, Mapping) for row in rows):
        return _of_records(rows, names)
    found: list[str] = []
    fields = getattr(rows[0], "__dataclass_fields__", None)
    if fields is not None and not isinstance(rows[0], type):
        found = list(fields)
        rows = [[getattr(row, name, None) for name in found] if type(row) is type(rows[0]) else [row] for row in rows]
    elif isinstance(rows[0], tuple) and hasattr(rows[0], "_fields"):
        found = [str(name) for name in rows[0]._fields]
    rows = [_row(row) for row in rows]
    return TableContent(found, _cells(rows))


def _of_records(rows: list[Mapping[Any, Any]], names: list[str] | None) -> TableContent:
    """Dicts, of which each has a value for some of the columns."""
    keys: dict[Any, None] = {}
    for row in rows:
        keys.update(dict.fromkeys(row))
    by_name = {_name(key): key for key in keys}
    if names and any(name in by_name for name in names):
        chosen = [by_name.get(name, name) for name in names]
    else:
        chosen = list(keys)
    return TableContent([_name(key) for key in chosen], _cells([[row.get(key, "") for key in chosen] for row in rows]))


def _of_columns(data: Mapping[Any, Any], names: list[str] | None, most_rows: int | None) -> TableContent:
    """A dict: of columns if each of its values is one, else a single record."""
    found = [_name(key) for key in data]
    if data and all(_is_column(value) for value in data.values()):
        columns = [_values(value) for value in data.values()]
        count = max(map(len, columns))
        left_out = 0 if most_rows is None else max(0, count - most_rows)
        columns = [plain_column(column[: count - left_out]) for column in columns]
        columns = [column + [""] * (count - left_out - len(column)) for column in columns]
        return TableContent(found, _rows_of(columns), left_out)
    return TableContent(found, [[plain_cell(value) for value in data.values()]] if data else [], is_vertical=True)


def _of_array(array: Any, most_rows: int | None) -> TableContent:
    if array.ndim == 0:
        return TableContent(list(array.dtype.names or ()), [[plain_cell(each) for each in _row(array.item())]])
    left_out = 0 if most_rows is None else max(0, len(array) - most_rows)
    array = array[: len(array) - left_out]
    names = array.dtype.names
    if names:
        columns = [_array_column(array.reshape(len(array), -1)[:, 0][name]) for name in names]
        return TableContent(list(names), _rows_of(columns), left_out)
    if array.ndim == 1:
        return TableContent([], _rows_of([_array_column(array)]), left_out)
    columns = [_array_column(array[:, position]) for position in range(array.shape[1])]
    return TableContent([], _rows_of(columns), left_out)


def _array_column(values: Any) -> list[Cell]:
    if values.ndim > 1:
        return [plain_cell(each) for each in values]
    if values.dtype.kind in "Mm":
        texts: list[Cell] = values.astype(str).tolist()
        return texts
    return plain_column(values.tolist())


def _cells(rows: list[Sequence[Any]]) -> Sequence[Sequence[Cell]]:
    """Rows of cells, made of rows in a list that nobody else has."""
    width = len(rows[0])
    if not all(len(row) == width for row in rows):
        return [[plain_cell(value) for value in row] for row in rows]
    if not width:
        return [[] for _ in rows]
    cells: list[Sequence[Cell]] = []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        columns = [plain_column(list(column)) for column in zip(*rows[start : start + _ROWS_AT_ONCE])]
        cells += _rows_of(columns, len(rows))
    free(rows)
    return cells


def _rows_of(columns: list[list[Cell]], count: int | None = None) -> Sequence[Sequence[Cell]]:
    """Rows of columns, which may be a part of a table of `count` rows."""
    rows = zip(*columns)
    if not columns or (len(columns[0]) if count is None else count) < _MANY_ROWS:
        return [list(row) for row in rows]
    # The garbage collector never looks again at tuples that hold nothing which it would have to follow.
    return [row for row in rows]  # noqa: C416 - list() would be one long call


def _row(row: Any) -> Sequence[Any]:
    """The cells of what stands for a row; what is no sequence is a row of one cell."""
    if isinstance(row, (list, tuple)):
        return row
    if isinstance(row, (*_ATOMS, Mapping)) or not isinstance(row, Iterable):
        return [row]
    return list(row)


def _is_column(value: object) -> bool:
    is_sequence = isinstance(value, Sequence) and not isinstance(value, _ATOMS)
    return is_sequence or (_is_array(value) and getattr(value, "ndim", 0) == 1) or is_frame(value)


def _values(column: Any) -> list[Any]:
    if is_frame(column):
        frame = frame_columns(column)
        return frame.columns[-1] if frame.columns else []
    return _array_column(column) if _is_array(column) else list(column)


def _is_array(value: object) -> bool:
    """Whether a value is an array of NumPy."""
    return any(cls.__module__ == "numpy" and cls.__name__ == "ndarray" for cls in type(value).__mro__)


def _iterated(headers: Any) -> Iterable[Any]:
    return [headers] if isinstance(headers, _ATOMS) or not isinstance(headers, Iterable) else headers


def _name(name: object) -> str:
    return name if isinstance(name, str) else str(name)
