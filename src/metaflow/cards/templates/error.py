"""``error``: a page that says why there is no other one."""

from __future__ import annotations

from metaflow.cards.card import MetaflowCard
from metaflow.cards.templates.blank import nodes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from typing_extensions import Self

    from metaflow.cards.nodes import Node
    from metaflow.client import Task

_NOTE = "Nothing is wrong with the task itself: a card that cannot be made does not fail its task."


class ErrorCard(MetaflowCard):
    """What is stored in the place of a card that cannot be made.

    Parameters
    ----------
    options : dict, optional
        Ignored.
    components : sequence
        What the page shows: nodes, such as one of type ``error``, or texts.
    graph : dict, optional
        Ignored.
    flow : FlowSpec, optional
        Ignored.
    """

    type: ClassVar[str] = "error"

    def __init__(
        self,
        options: Mapping[str, Any] | None = None,
        components: Sequence[Any] = (),
        graph: Mapping[str, Any] | None = None,
        flow: Any = None,
    ) -> None:
        self._nodes: list[Node] = nodes_of(components)
        self._title = ""

    @classmethod
    def for_error(cls, title: str, message: str, trace: str = "") -> Self:
        """A card that tells of one error.

        Parameters
        ----------
        title : str
            What could not be done.
        message : str
            Why.
        trace : str
            Where, from the code of the card on.
        """
        node: dict[str, Any] = {"type": "error", "headline": title, "message": message}
        if trace:
            node["trace"] = trace
        card = cls(components=[node, {"type": "text", "text": _NOTE}])
        card._title = title
        return card

    def render(self, task: Task) -> str:
        """The page, as HTML."""
        from metaflow.cards.page.document import PageFacts, render_page

        nodes: list[Node] = self._nodes or [{"type": "error", "headline": "The card failed", "message": ""}]
        return render_page(nodes, PageFacts(self._title or "This card could not be made", task.pathspec))
