"""Components side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.components.contents import as_contents, content_nodes, is_several


class Columns(MetaflowCardComponent):
    """Components in columns, which stand below each other where there is no room, such as on a phone.

    Parameters
    ----------
    columns : list
        What is in each column: a list of components, or of whatever else can be appended to a card; a single one need
        not be in a list. Columns can hold columns and tabs.
    widths : list of float, optional
        How wide they are, relative to each other; in twelfths, as finer ones make no difference. All the same if not
        given.

    Attributes
    ----------
    components : list of MetaflowCardComponent
        All that is in the columns, in order. They can be updated like those of the card itself.

    Examples
    --------
    >>> current.card.append(Columns([[chart], ["## What to see", table]], widths=[2, 1]))
    """

    REALTIME_UPDATABLE = True

    def __init__(self, columns: Sequence[Any], widths: Sequence[float] | None = None) -> None:
        self._widths = list(widths) if widths is not None else None
        self.update(columns)

    def update(self, columns: Sequence[Any]) -> None:
        """Show other columns.

        Parameters
        ----------
        columns : list
        """
        self._columns = [as_contents(each) for each in (columns if is_several(columns) else (columns,))]

    @property
    def components(self) -> list[MetaflowCardComponent]:
        """All that is in the columns, in order."""
        return [each for contents in self._columns for each in contents]

    def render(self) -> dict[str, Any]:
        node: dict[str, Any] = {
            "type": "columns",
            "contents": [content_nodes(contents) for contents in self._columns],
        }
        return node if self._widths is None else {**node, "widths": self._widths}
