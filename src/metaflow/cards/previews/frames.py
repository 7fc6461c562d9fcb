"""Data frames, columns and arrays of pandas, Polars and Arrow."""

from __future__ import annotations

from metaflow.cards.nodes import Node
from metaflow.cards.previews.facts import facts_node
from metaflow.cards.previews.numbers import histogram_of_array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_ROWS = 8
_COLUMNS = 20
_FULL_ROWS = 10_000
_MOST_LISTED_COLUMNS = 200
#: Missing values are counted in frames with up to so many cells.
_COUNTED_CELLS = 2_000_000


def pandas_nodes(value: Any, full: bool) -> list[Node] | None:
    """First rows, columns and types of a frame; range and distribution of a series."""
    if hasattr(value, "columns") and hasattr(value, "iloc"):
        missing = value.isna().sum().tolist() if value.size <= _COUNTED_CELLS else []
        names, types = list(value.columns[:_MOST_LISTED_COLUMNS]), list(value.dtypes.iloc[:_MOST_LISTED_COLUMNS])
        head = value.iloc[: _FULL_ROWS if full else _ROWS, : None if full else _COLUMNS]
        facts = {"rows": len(value), "columns": value.shape[1]}
        if value.shape[1] <= _MOST_LISTED_COLUMNS:  # they are asked one by one
            facts["bytes"] = int(value.memory_usage(deep=False).sum())
        return _frame(head, len(value), facts, _columns(names, types, missing, value.shape[1]), full)
    if hasattr(value, "dtype") and hasattr(value, "to_numpy"):
        return _column(value, str(value.dtype), len(value), full)
    return None


def polars_nodes(value: Any, full: bool) -> list[Node] | None:
    """The same of Polars; a query that has not run is not run."""
    if hasattr(value, "collect"):
        return [{"type": "log", "data": str(value.explain(optimized=False))}]
    if hasattr(value, "columns"):
        names, types = value.columns[:_MOST_LISTED_COLUMNS], value.dtypes[:_MOST_LISTED_COLUMNS]
        cells = value.height * value.width
        missing = [value.get_column(name).null_count() for name in names] if cells <= _COUNTED_CELLS else []
        head = value.head(_FULL_ROWS if full else _ROWS)
        head = head if full else head.select(value.columns[:_COLUMNS])
        facts = {"rows": value.height, "columns": value.width, "bytes": int(value.estimated_size())}
        return _frame(head, value.height, facts, _columns(names, types, missing, value.width), full)
    return _column(value, str(value.dtype), len(value), full)


def arrow_nodes(value: Any, full: bool) -> list[Node] | None:
    """The same of Arrow's tables, batches and arrays."""
    if hasattr(value, "schema") and hasattr(value, "num_rows"):
        names, types = value.schema.names, value.schema.types
        missing = [value.column(index).null_count for index in range(min(len(names), _MOST_LISTED_COLUMNS))]
        columns = _columns(names[:_MOST_LISTED_COLUMNS], types[:_MOST_LISTED_COLUMNS], missing, len(names))
        head = value.slice(0, _FULL_ROWS if full else _ROWS)
        if not full:
            head = head.select(list(range(min(len(names), _COLUMNS))))
        return _frame(head, value.num_rows, {"rows": value.num_rows, "columns": len(names)}, columns, full)
    if hasattr(value, "type") and hasattr(value, "null_count"):
        head = [item.as_py() for item in value[:_ROWS]]
        return [
            facts_node({"length": len(value), "dtype": str(value.type), "missing": value.null_count}),
            *_items(head),
        ]
    return None


def stored_frame_nodes(facts: Any) -> list[Node]:
    """A frame by what was noted of it when it was saved: its columns, and the texts of its first cells."""
    names, head, shape = list(facts.get("columns", ())), list(facts.get("head", ())), facts.get("shape") or [0, 0]
    total = shape[1] if len(shape) == 2 else len(names)
    nodes: list[Node] = [facts_node({"rows": shape[0], "columns": total})]
    if head:
        columns = [str(name) for name in names[: len(head[0])]]
        nodes.append({"type": "table", "columns": columns, "data": head, "left_out": max(0, shape[0] - len(head))})
    return [*nodes, *_columns(names, list(facts.get("dtypes", ())), [], total)]


def _frame(head: Any, rows: int, facts: dict[str, Any], columns: list[Node], full: bool) -> list[Node]:
    from metaflow.cards.components.table import Table
    from metaflow.cards.previews.excerpt import short_text

    table = dict(Table.from_dataframe(head, truncate=False).render())
    if not full:
        table["data"] = [[short_text(cell) for cell in row] for row in table["data"]]
    shown = len(head)
    return [facts_node(facts), {**table, "left_out": max(0, rows - shown)}, *columns]


def _columns(names: Sequence[Any], types: Sequence[Any], missing: Sequence[int], total: int) -> list[Node]:
    rows: list[list[Any]] = [
        [str(name), str(kind), *([missing[index]] if missing else [])]
        for index, (name, kind) in enumerate(zip(names, types))
    ]
    if not rows:
        return []
    headers = ["column", "type", *(["missing"] if missing else [])]
    table: Node = {"type": "table", "columns": headers, "data": rows, "left_out": total - len(rows)}
    return [{"type": "fold", "title": "Columns and their types", "note": f"{total:,}", "contents": [table]}]


def _column(value: Any, dtype: str, length: int, full: bool) -> list[Node]:
    facts: dict[str, Any] = {"length": length, "dtype": dtype}
    nodes: list[Node] = []
    array = value.to_numpy() if length else None
    if array is not None and array.dtype.kind in "biuf":
        nodes, found = histogram_of_array(array)
        facts.update(found)
    head = value.head(_FULL_ROWS if full else _ROWS)
    return [facts_node(facts), *nodes, *_items(head.to_list())]


def _items(items: list[Any]) -> list[Node]:
    from metaflow.datastore.preview import preview

    cells = [item if type(item) in (int, float, str, type(None)) else preview(item) for item in items]
    return [{"type": "table", "columns": ["", "value"], "data": [[index, cell] for index, cell in enumerate(cells)]}]
