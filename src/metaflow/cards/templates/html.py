"""``html``: a page that the step made itself."""

from __future__ import annotations

from metaflow.cards.card import MetaflowCard
from metaflow.exception import MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

    from metaflow.client import Task


class HtmlCard(MetaflowCard):
    """The artifact ``html`` of the step, as it is: a whole document, with whatever scripts it has."""

    type: ClassVar[str] = "html"

    def render(self, task: Task) -> str:
        """The artifact.

        Raises
        ------
        MetaflowException
            If there is no such artifact, or it is no text.
        """
        if "html" not in task:
            raise MetaflowException(
                f"A card of the type 'html' shows what the step {task.path_components[2]} assigns to self.html, a "
                "text or bytes with an HTML document. It assigned nothing."
            )
        found = task["html"].data
        if isinstance(found, (bytes, bytearray)):
            return bytes(found).decode("utf-8", "replace")
        if not isinstance(found, str):
            raise MetaflowException(
                f"A card of the type 'html' shows the text that the step assigns to self.html, but that is of the "
                f"type {type(found).__name__}."
            )
        return found
