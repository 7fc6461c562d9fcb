"""``default_json`` and ``taskspec_card``: what tests and programs read, instead of people."""

from __future__ import annotations

from metaflow.cards.card import MetaflowCard
from metaflow.cards.page.escaping import text
from metaflow.cards.pieces import joins
from metaflow.cards.templates.blank import nodes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from metaflow.cards.nodes import Node
    from metaflow.client import Task

#: Characters of each stream that are there, the last ones.
_MOST_PRINTED = 400_000


class DefaultJsonCard(MetaflowCard):
    """The nodes of the default card, and what it says of the task, as JSON instead of HTML."""

    type: ClassVar[str] = "default_json"
    ALLOW_USER_COMPONENTS: ClassVar[bool] = True

    def __init__(
        self,
        options: Mapping[str, Any] | None = None,
        components: Sequence[Any] = (),
        graph: Mapping[str, Any] | None = None,
        flow: Any = None,
    ) -> None:
        self._options, self._components, self._graph, self._flow = options, components, graph, flow

    def _pieces(self, task: Task) -> list[str]:
        from metaflow import __version__
        from metaflow.cards.report.log import wait_for_own_output
        from metaflow.cards.running.json_pieces import Encoded
        from metaflow.cards.templates.default import DefaultCard

        if self._flow is not None:
            wait_for_own_output()
        card = DefaultCard(self._options, self._components, self._graph, self._flow)
        components: list[Node] = nodes_of(card.contents(task))
        finished_at = task.finished_at
        metadata = {
            "version": 1,
            "template": "defaultCardTemplate",
            "created_at": task.created_at.isoformat(),
            "finished_at": None if finished_at is None else finished_at.isoformat(),
            "pathspec": task.pathspec,
            "metaflow_version": __version__,
            "stdout": task.stdout[-_MOST_PRINTED:],
            "stderr": task.stderr[-_MOST_PRINTED:],
        }
        return [piece.decode() for piece in Encoded({"metadata": metadata, "components": components}).pieces]

    @joins(_pieces)
    def render(self, task: Task) -> str:
        """A JSON document with ``metadata`` and ``components``."""
        return "".join(DefaultJsonCard._pieces(self, task))


class TaskspecCard(MetaflowCard):
    """The task's pathspec."""

    type: ClassVar[str] = "taskspec_card"

    def render(self, task: Task) -> str:
        """The pathspec."""
        return text(task.pathspec)
