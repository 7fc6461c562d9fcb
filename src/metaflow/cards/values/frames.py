"""Data frames of any library, column by column, as cells of tables.

No library is imported here that the frame does not come with: what a frame is, is told by the names of its classes.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from metaflow.cards.values.cell_values import Cell, plain_column


class FrameColumns(NamedTuple):
    """What a data frame holds.

    Attributes
    ----------
    names : list of str
    columns : list of list of cells
        As many as names.
    left_out : int
        Number of further rows of the frame.
    """

    names: list[str]
    columns: list[list[Cell]]
    left_out: int


def is_frame(value: object) -> bool:
    """Whether a value is a data frame, or a column of one, of a library that is known, or says how it is read."""
    return _reader_of(value) is not None


def frame_columns(frame: Any, most_rows: int | None = None) -> FrameColumns:
    """The columns of a data frame as cells.

    Parameters
    ----------
    frame : data frame
        Of pandas (also a Series or an Index), polars (also a Series or a query), pyarrow, or one that has
        ``__arrow_c_stream__``, ``__dataframe__`` or ``to_pandas``.
    most_rows : int, optional
        Number of rows, from the first on; all if None.

    Returns
    -------
    FrameColumns
        A copy: nothing that happens to the frame later changes it. The index of pandas' comes first, under an empty
        name unless it has one.
    """
    read = _reader_of(frame)
    if read is None:
        raise TypeError(f"{type(frame).__name__} is no data frame")
    found: FrameColumns = read(frame, most_rows)
    return found


def _reader_of(value: object) -> Any:
    for cls in type(value).__mro__:
        library = str(cls.__module__).partition(".")[0]
        reader = _READERS.get((library, cls.__name__))
        if reader is not None:
            return reader
    if isinstance(value, type):
        return None
    if hasattr(value, "__arrow_c_stream__") or hasattr(value, "__dataframe__"):
        return _exchanged
    return _by_pandas if hasattr(value, "to_pandas") else None


def _head(frame: Any, count: int, most_rows: int | None) -> tuple[Any, int]:
    """The first rows, and how many there are beside."""
    if most_rows is None or count <= most_rows:
        return frame, 0
    return frame.head(most_rows), count - most_rows


def _pandas(frame: Any, most_rows: int | None) -> FrameColumns:
    frame, left_out = _head(frame, len(frame), most_rows)
    index = frame.index
    levels = [index.get_level_values(level) for level in range(index.nlevels)]
    names = ["" if level.name is None else _name(level.name) for level in levels]
    columns = [_pandas_column(level.to_series()) for level in levels]
    for position, name in enumerate(frame.columns):  # by position, as names may come twice
        names.append(_name(name))
        columns.append(_pandas_column(frame.iloc[:, position]))
    return FrameColumns(names, columns, left_out)


def _pandas_series(series: Any, most_rows: int | None) -> FrameColumns:
    series, left_out = _head(series, len(series), most_rows)
    return _pandas(series.to_frame("value" if series.name is None else series.name), None)._replace(left_out=left_out)


def _pandas_index(index: Any, most_rows: int | None) -> FrameColumns:
    frame, left_out = _head(index.to_frame(index=False), len(index), most_rows)
    read = _pandas(frame, None)
    return FrameColumns(read.names[1:], read.columns[1:], left_out)


def _pandas_column(series: Any) -> list[Cell]:
    kind = series.dtype
    letter = getattr(kind, "kind", "O")
    if hasattr(kind, "categories"):
        cells: list[Cell] = [*plain_column(kind.categories.tolist()), None]  # a missing one has the code -1
        return [cells[code] for code in series.cat.codes.tolist()]
    if letter == "M":
        return _pandas_times(series)
    if letter == "m":
        return _texts(series)
    if hasattr(kind, "na_value") and letter != "f":  # a type of pandas' own, whose missing values are not NaN
        missing = series.isna()
        if missing.any():
            return plain_column(series.astype(object).where(~missing, None).tolist())
    return plain_column(series.tolist())


def _pandas_times(series: Any) -> list[Cell]:
    """Points in time as text; those with a time zone column-wise too, as each by itself takes long."""
    if getattr(series.dt, "tz", None) is None:
        return _texts(series)
    local = series.dt.tz_localize(None)
    minutes = (local - series.dt.tz_convert(None)).dt.total_seconds() // 60
    offsets = {each: _offset(each) for each in minutes.unique().tolist()}
    return [
        f"{time}{offsets[each]}" if each == each else "NaT"  # noqa: PLR0124 - NaN is where there is no time
        for time, each in zip(_texts(local), minutes.tolist())
    ]


def _texts(times: Any) -> list[Cell]:
    # Newer versions leave what is missing as it is.
    return [text if type(text) is str else "NaT" for text in times.astype(str).tolist()]


def _offset(minutes: float) -> str:
    if minutes != minutes:  # noqa: PLR0124 - NaN
        return ""
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{sign}{int(minutes) // 60:02}:{int(minutes) % 60:02}"


def _polars(frame: Any, most_rows: int | None) -> FrameColumns:
    frame, left_out = _head(frame, len(frame), most_rows)
    return FrameColumns(
        [_name(name) for name in frame.columns], [_polars_column(each) for each in frame.get_columns()], left_out
    )


def _polars_query(query: Any, most_rows: int | None) -> FrameColumns:
    return _polars(query.collect(), most_rows)


def _polars_series(series: Any, most_rows: int | None) -> FrameColumns:
    series, left_out = _head(series, len(series), most_rows)
    return FrameColumns([_name(series.name)], [_polars_column(series)], left_out)


def _polars_column(series: Any) -> list[Cell]:
    polars = sys.modules["polars"]
    if series.dtype in (polars.Date, polars.Datetime, polars.Time, polars.Categorical, polars.Enum):
        return _shortened_times(series.cast(polars.String).to_list())
    return plain_column(series.to_list())


def _pyarrow(table: Any, most_rows: int | None) -> FrameColumns:
    count = table.num_rows
    left_out = 0 if most_rows is None else max(0, count - most_rows)
    if left_out:
        table = table.slice(0, most_rows)
    columns = [_pyarrow_column(table.column(position)) for position in range(table.num_columns)]
    return FrameColumns([_name(name) for name in table.schema.names], columns, left_out)


def _pyarrow_array(array: Any, most_rows: int | None) -> FrameColumns:
    left_out = 0 if most_rows is None else max(0, len(array) - most_rows)
    return FrameColumns(["value"], [_pyarrow_column(array.slice(0, len(array) - left_out))], left_out)


def _pyarrow_column(array: Any) -> list[Cell]:
    kind = str(array.type)
    if kind.startswith(("timestamp", "date", "time")):
        import pyarrow  # type: ignore[import-not-found,import-untyped,unused-ignore]

        return _shortened_times(array.cast(pyarrow.string()).to_pylist())
    if not array.null_count and kind in _PYARROW_NUMBERS:
        return plain_column(array.to_numpy().tolist())
    return plain_column(array.to_pylist())


def _shortened_times(texts: list[Any]) -> list[Cell]:
    """Points in time without the parts of a second, if all of them are zero."""
    for zeros in (".000000000", ".000000", ".000"):
        if all(text is None or text.endswith(zeros) for text in texts):
            return [text and text.removesuffix(zeros) for text in texts]
    return plain_column(texts)


def _exchanged(frame: Any, most_rows: int | None) -> FrameColumns:
    """A frame that offers itself by one of the protocols for exchange between libraries."""
    try:
        import pyarrow  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        if not hasattr(frame, "to_pandas"):
            raise
        return _by_pandas(frame, most_rows)
    if hasattr(frame, "__arrow_c_stream__"):
        return _pyarrow(pyarrow.table(frame), most_rows)
    from pyarrow.interchange import from_dataframe  # type: ignore[import-not-found,import-untyped,unused-ignore]

    return _pyarrow(from_dataframe(frame), most_rows)


def _by_pandas(frame: Any, most_rows: int | None) -> FrameColumns:
    return frame_columns(frame.to_pandas(), most_rows)


def _name(name: object) -> str:
    """The name of a column; of one with several levels, all of them."""
    return " / ".join(str(part) for part in name if part != "") if isinstance(name, tuple) else str(name)


_PYARROW_NUMBERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)} | {"float", "double"}
#: Library and class -> what reads it.
_READERS = {
    ("pandas", "DataFrame"): _pandas,
    ("pandas", "Series"): _pandas_series,
    ("pandas", "Index"): _pandas_index,
    ("polars", "DataFrame"): _polars,
    ("polars", "LazyFrame"): _polars_query,
    ("polars", "Series"): _polars_series,
    ("pyarrow", "Table"): _pyarrow,
    ("pyarrow", "RecordBatch"): _pyarrow,
    ("pyarrow", "Array"): _pyarrow_array,
    ("pyarrow", "ChunkedArray"): _pyarrow_array,
}
