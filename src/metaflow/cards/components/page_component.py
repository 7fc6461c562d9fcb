"""``PageComponent`` and ``Section``: parts of a card with a title of their own."""

from __future__ import annotations

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.components.contents import as_contents, content_nodes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class PageComponent(MetaflowCardComponent):
    """A page: what card templates hand to the viewer as a whole.

    Parameters
    ----------
    title : str, optional
    subtitle : str, optional
    contents : iterable
        Components, nodes (see `metaflow.cards.nodes`), or texts.

    Attributes
    ----------
    components : list
        What is on it.

    Examples
    --------
    >>> PageComponent("Evaluation", contents=[Markdown("All is well."), ValueBox("Accuracy", 0.93)])
    """

    _type = "page"

    def __init__(self, title: str | None = None, subtitle: str | None = None, contents: Iterable[Any] = ()) -> None:
        self._title = title
        self._subtitle = subtitle
        self.components = as_contents(contents)

    def render(self) -> dict[str, Any]:
        """The node, with those of what is on it now."""
        titles = {"title": self._title, "subtitle": self._subtitle}
        return {
            "type": self._type,
            **{name: str(text) for name, text in titles.items() if text is not None},
            "contents": content_nodes(self.components),
        }


class Section(PageComponent):
    """Components under a common title, one below the other or side by side.

    Parameters
    ----------
    title : str, optional
    subtitle : str, optional
    columns : int
        How many stand side by side where there is room.
    contents : iterable
        Components, nodes (see `metaflow.cards.nodes`), or texts.

    Attributes
    ----------
    components : list
        What is in it.

    Examples
    --------
    >>> current.card.append(Section("Losses", columns=2, contents=[Image("train.png"), Image("test.png")]))
    """

    _type = "section"

    def __init__(
        self,
        title: str | None = None,
        subtitle: str | None = None,
        columns: int | None = None,
        contents: Iterable[Any] = (),
    ) -> None:
        super().__init__(title, subtitle, contents)
        self._columns = columns if isinstance(columns, int) else 1

    def render(self) -> dict[str, Any]:
        """The node, with those of what is in it now."""
        return {**super().render(), "columns": self._columns}
