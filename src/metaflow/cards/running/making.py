"""What rendering a card of the running task takes, while the task runs and when it is over."""

from __future__ import annotations

from typing import NamedTuple

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.nodes import ComponentNode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from metaflow.cards.card import MetaflowCard
    from metaflow.cards.nodes import Node
    from metaflow.cards.running.card_files import CardFiles
    from metaflow.cards.running.running_card import RunningCard
    from metaflow.client import Task


class CardMaker(NamedTuple):
    """Renders the cards of one task attempt.

    Attributes
    ----------
    pathspec : str
    attempt : int
    flow : FlowSpec
    graph : callable
        Gives the flow's graph, as ``current.graph`` has it.
    task : callable
        Gives the task as a client object: as it is now.
    files : CardFiles
        Stores the files of the task's cards.
    """

    pathspec: str
    attempt: int
    flow: Any
    graph: Callable[[], Mapping[str, Any]]
    task: Callable[[], Task]
    files: CardFiles

    def nodes(self, components: list[Any]) -> list[Node]:
        """What components show; what is wrong with one becomes a node that says so."""
        return [node_of(component) for component in components]

    def instance(self, card: RunningCard, nodes: list[Node]) -> MetaflowCard:
        """An object of the card's class, with what is on it now."""
        assert card.card_class is not None
        accepted = accepted_names(card.card_class)
        given: dict[str, Any] = {"options": card.declared.options, "components": nodes, "flow": self.flow}
        for name in ("graph", "graph_info"):
            if name in accepted:
                given[name] = self.graph()
        return card.card_class(**{name: value for name, value in given.items() if name in accepted})


#: What the constructor of a card is given, if it takes that.
_ARGUMENTS = ("options", "components", "graph", "flow")
_TAKES_ANY_KEYWORD = 8  # inspect.CO_VARKEYWORDS; importing that module takes as long as rendering a card


def accepted_names(card_class: type[MetaflowCard]) -> frozenset[str]:
    """Names of the arguments that the constructor of a class takes."""
    function: Any = card_class.__init__
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    if code is None:
        return frozenset()
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return frozenset(names) | frozenset(_ARGUMENTS if code.co_flags & _TAKES_ANY_KEYWORD else ())


def node_of(component: Any) -> Node:
    """What one component shows, with its id; what is wrong with it becomes a node that says so."""
    if not isinstance(component, MetaflowCardComponent):
        return str(component)
    try:
        rendered = component.render()
        if not isinstance(rendered, dict):
            return str(rendered)
    except Exception as error:
        from metaflow.error_text import text_of

        rendered = {
            "type": "error",
            "headline": f"{type(component).__name__} cannot be rendered",
            "message": text_of(error),
        }
    return ComponentNode(rendered, id=component.component_id)
