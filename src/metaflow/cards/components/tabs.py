"""Several places that share one, of which the reader chooses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.components.contents import as_contents, content_nodes


class Tabs(MetaflowCardComponent):
    """Components on several tabs, one of which is seen at a time. All of them are there in print.

    Parameters
    ----------
    tabs : dict, or list of pairs
        Labels, and what is on each tab: a list of components, or of whatever else can be appended to a card; a single
        one need not be in a list. Tabs can hold tabs and columns.

    Attributes
    ----------
    components : list of MetaflowCardComponent
        All that is on the tabs, in order. They can be updated like those of the card itself.

    Examples
    --------
    >>> current.card.append(Tabs({"Loss": [chart], "Confusion": [table, "On the test set."]}))
    """

    REALTIME_UPDATABLE = True

    def __init__(self, tabs: Any) -> None:
        self.update(tabs)

    def update(self, tabs: Any) -> None:
        """Show other tabs. The reader stays on the one of the same label.

        Parameters
        ----------
        tabs : dict, or list of pairs
        """
        self._tabs = [(label, as_contents(contents)) for label, contents in _pairs_of(tabs)]

    @property
    def components(self) -> list[MetaflowCardComponent]:
        """All that is on the tabs, in order."""
        return [each for _, contents in self._tabs for each in contents]

    def render(self) -> dict[str, Any]:
        tabs = [{"label": label, "contents": content_nodes(contents)} for label, contents in self._tabs]
        return {"type": "tabs", "tabs": tabs}


def _pairs_of(tabs: Any) -> list[tuple[str, Any]]:
    """Labels and what is below them, of a dictionary or of pairs.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(tabs, Mapping):
        return [(str(label), contents) for label, contents in tabs.items()]
    try:
        return [(str(label), contents) for label, contents in tabs]
    except (TypeError, ValueError):
        raise ValueError(
            'Tabs takes a dictionary such as {"Training": [chart], "Data": [table]}, or a list of pairs of a label '
            "and its contents."
        ) from None
