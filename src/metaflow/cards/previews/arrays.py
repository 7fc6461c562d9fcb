"""NumPy arrays."""

from __future__ import annotations

from metaflow.cards.nodes import Node
from metaflow.cards.previews.facts import facts_node
from metaflow.cards.previews.numbers import histogram_of_array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Arrays with up to so many rows and columns are shown as tables.
_TABLE_ROWS = 12
_TABLE_COLUMNS = 12
_FULL_ROWS = 1000
#: A table of fewer numbers than this needs no histogram.
_FEW = 40


def array_nodes(value: Any, full: bool) -> list[Node] | None:
    """Shape, type, range and distribution of an array; a small matrix as a table."""
    import numpy  # type: ignore[import-not-found,import-untyped,unused-ignore]

    if not isinstance(value, numpy.ndarray) or value.ndim == 0:
        return []
    nodes, facts = histogram_of_array(value)
    shown = {"shape": list(value.shape), "dtype": str(value.dtype), "bytes": int(value.nbytes), **facts}
    table = _table(value, full)
    return [facts_node(shown), *([] if table and value.size < _FEW else nodes), *table]


def _table(value: Any, full: bool) -> list[Node]:
    rows = _FULL_ROWS if full else _TABLE_ROWS
    if value.dtype.names:
        columns = [str(name) for name in value.dtype.names][:_TABLE_COLUMNS]
        if value.ndim != 1:
            return []
        head = value[:rows]
        data = [[_cell(record[name]) for name in columns] for record in head]
        return [{"type": "table", "columns": columns, "data": data, "left_out": max(0, len(value) - rows)}]
    if value.ndim != 2 or value.shape[1] > _TABLE_COLUMNS or (value.shape[0] > rows and not full):
        return []
    columns = [str(index) for index in range(value.shape[1])]
    data = [[_cell(cell) for cell in row] for row in value[:rows].tolist()]
    return [{"type": "table", "columns": columns, "data": data, "left_out": max(0, value.shape[0] - rows)}]


def _cell(cell: Any) -> Any:
    import numpy

    from metaflow.datastore.preview import preview

    # The type is asked, as an object may have any answer for what is looked up in it.
    item = cell.item() if issubclass(type(cell), numpy.generic) else cell
    return item if type(item) in (int, float, str, type(None)) else preview(item)
