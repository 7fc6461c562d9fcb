"""Arrow data that is a part of something larger: only what belongs to it is stored.

Arrow pickles whole buffers without copying them, but all of them: a slice of a thousand rows takes the whole table
along. Such a slice is written as an Arrow stream instead, which is its rows only.
"""

from __future__ import annotations

import sys

from metaflow.datastore.reducers import unless_it_fails
from metaflow.datastore.serializer import OUT_OF_BAND_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from metaflow.datastore.reducers import Reduced, Reducer

_found: dict[type, Reducer] = {}


def reducers(value: object) -> dict[type, Reducer]:
    """By type, how to pickle parts of `value`."""
    arrow = sys.modules["pyarrow"]
    if not _found and hasattr(arrow, "Table"):
        _found[arrow.Table] = _reducer(lambda table: table, _read_table)
        _found[arrow.RecordBatch] = _reducer(lambda batch: arrow.Table.from_batches([batch]), _read_batch)
        _found[arrow.ChunkedArray] = _reducer(lambda column: _table_of(arrow, column), _read_chunked_array)
        array = _reducer(lambda column: _table_of(arrow, column), _read_array)
        _found.update(dict.fromkeys(_subclasses(arrow.Array), array))
    return _found


def _table_of(arrow: Any, column: Any) -> Any:
    return arrow.Table.from_arrays([column], ["values"])


def _subclasses(cls: type) -> list[type]:
    """Arrow's own array types; what others derive from them may hold more than an array."""
    found: list[type] = []
    each: type
    for each in cls.__subclasses__():
        if each.__module__ == "pyarrow.lib":
            found += [each, *_subclasses(each)]
    return found


def _reducer(as_table: Callable[[Any], Any], read: Callable[[Any], Any]) -> Reducer:
    def reduce(value: Any) -> Reduced:
        if value.get_total_buffer_size() - value.nbytes >= OUT_OF_BAND_BYTES:
            table = as_table(value)
            if not any(map(_is_extended, table.schema.types)):
                return read, (_stream(table),)
        reduced: Reduced = value.__reduce_ex__(5)
        return reduced

    return unless_it_fails(reduce)


def _is_extended(kind: Any) -> bool:
    """Whether a type is, or contains, one that the reader of a stream knows only if it was registered there."""
    import pyarrow  # type: ignore[import-not-found,import-untyped,unused-ignore]

    if isinstance(kind, pyarrow.BaseExtensionType):
        return True
    if pyarrow.types.is_dictionary(kind):
        return _is_extended(kind.value_type)
    return any(_is_extended(kind.field(index).type) for index in range(kind.num_fields))


def _stream(table: Any) -> Any:
    import pyarrow  # type: ignore[import-not-found,import-untyped,unused-ignore]

    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _read_table(stream: Any) -> Any:
    import pyarrow  # type: ignore[import-not-found,import-untyped,unused-ignore]

    return pyarrow.ipc.open_stream(stream).read_all()


def _read_batch(stream: Any) -> Any:
    import pyarrow  # type: ignore[import-not-found,import-untyped,unused-ignore]

    reader = pyarrow.ipc.open_stream(stream)
    batches = list(reader)
    return batches[0] if batches else pyarrow.RecordBatch.from_pylist([], schema=reader.schema)


def _read_array(stream: Any) -> Any:
    import pyarrow  # type: ignore[import-not-found,import-untyped,unused-ignore]

    column = _read_chunked_array(stream)
    return column.chunk(0) if column.num_chunks else pyarrow.array([], type=column.type)


def _read_chunked_array(stream: Any) -> Any:
    return _read_table(stream).column(0)
