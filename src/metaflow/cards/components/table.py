"""``Table``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.running.making import node_of
from metaflow.cards.values.cell_values import plain_cell
from metaflow.cards.values.table_content import TableContent, table_content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, ClassVar

    from metaflow.cards.values.cell_values import Cell

#: Rows, and characters of a text, that ``truncate=True`` leaves.
_HEAD_ROWS = 5
_HEAD_CHARACTERS = 30


class Table(MetaflowCardComponent):
    """A table. Long ones are shown page by page, and can be sorted, searched and saved as CSV.

    Components in its cells are shown as they are when the card is rendered, so that a cell is changed by updating the
    component in it. A list of rows is read then, too, so that rows can be added to it; of all other data, the table is
    a copy as they are now.

    Parameters
    ----------
    data : object, optional
        Any of these:

        * rows: a list, or anything that can be iterated over, of lists or tuples, whose values may be anything, also
          components; the rows need not be equally long;
        * records: dicts, named tuples or objects of dataclasses, whose fields are the columns;
        * a dict of columns (lists or arrays); a dict of anything else is shown as one record;
        * an array of NumPy of one or two dimensions, or with named fields;
        * a data frame, as `from_dataframe` takes it, with all its rows.
    headers : iterable of str, optional
        Names of the columns, in the place of those that the data has. Of records that are dicts, these fields only.
    disable_updates : bool
        Show rows and the components in their cells as they are now, whatever becomes of them.

    Examples
    --------
    >>> Table([["a", 1], ["b", ProgressBar(max=10)]], headers=["name", "state"])
    >>> Table([{"model": "small", "accuracy": 0.91}, {"model": "large", "accuracy": 0.94}])
    """

    # What is in its cells can change on a page that is open.
    REALTIME_UPDATABLE: ClassVar[bool] = True

    def __init__(self, data: Any = None, headers: Iterable[Any] | None = None, disable_updates: bool = False) -> None:
        #: A list of rows as it is given, and what of other data there was when it was given.
        self._given: tuple[list[Any], Any] | None = None
        if not disable_updates and _can_be_read_again(data):
            self._given = data, list(headers) if isinstance(headers, Iterator) else headers
            return
        self._content = _contained(data, headers, None)
        if disable_updates:
            self._content = _with_nodes(self._content)

    @classmethod
    def from_dataframe(cls, dataframe: Any = None, truncate: bool = True) -> Table:
        """A table of a data frame.

        Parameters
        ----------
        dataframe : data frame
            Of pandas (also a Series or an Index), polars, pyarrow, or any that has ``__arrow_c_stream__``,
            ``__dataframe__`` or ``to_pandas``. Other data is taken as by ``Table(data)``. The index of a frame of
            pandas is the first column, under its name or none.
        truncate : bool
            Show the first five rows only, and of each text 30 characters; the card says how many rows there are.
            False takes all, whatever the size.

        Returns
        -------
        Table
        """
        table = cls()
        content = _contained(dataframe, None, _HEAD_ROWS if truncate else None)
        if truncate:
            content = content._replace(rows=[[_cut(cell) for cell in row] for row in content.rows])
        table._given, table._content = None, content
        return table

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Warn that a table as a whole cannot be updated; a component in one of its cells can."""
        warnings.warn(
            "A Table cannot be updated. Put components into its cells, such as Markdown, and update them.",
            stacklevel=2,
        )

    def render(self) -> dict[str, Any]:
        """A ``table`` node."""
        content = _with_nodes(self._content if self._given is None else _contained(*self._given, None))
        node: dict[str, Any] = {
            "type": "table",
            "columns": content.headers,
            "data": content.rows,
            "vertical": content.is_vertical,
        }
        if content.left_out:
            node["left_out"] = content.left_out
        return node


def _can_be_read_again(data: Any) -> bool:
    return type(data) is list and all(isinstance(row, (list, tuple, dict)) for row in data)


def _contained(data: Any, headers: Iterable[Any] | None, most_rows: int | None) -> TableContent:
    """The content; a step does not fail because its data cannot be shown."""
    try:
        return table_content(data, headers, most_rows)
    except Exception as error:
        reason = f"{type(data).__name__} cannot be shown as a table: {type(error).__name__}: {error}"
        warnings.warn(reason, stacklevel=3)
        return TableContent([], [[plain_cell(reason)]])


def _with_nodes(content: TableContent) -> TableContent:
    """The content with the nodes of its components, as they are now."""
    # Row by row: one call for all cells would keep the thread waiting that the step is in.
    kinds: set[type] = set()
    for row in content.rows:
        kinds.update(map(type, row))
    if not any(issubclass(kind, MetaflowCardComponent) for kind in kinds):
        return content
    return content._replace(rows=[[_rendered(cell) for cell in row] for row in content.rows])


def _rendered(cell: Cell) -> Any:
    return node_of(cell) if isinstance(cell, MetaflowCardComponent) else cell


def _cut(cell: Cell) -> Cell:
    return f"{cell[:_HEAD_CHARACTERS]}..." if type(cell) is str and len(cell) > _HEAD_CHARACTERS else cell
