"""``blank``: a page with what the step put on it, and nothing else."""

from __future__ import annotations

from metaflow.cards.card import MetaflowCard
from metaflow.cards.pieces import joins
from metaflow.cards.running.making import node_of
from metaflow.exception import MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, ClassVar

    from metaflow.cards.nodes import Node
    from metaflow.client import Task


class BlankCard(MetaflowCard):
    """A card that shows the components that the step put on it.

    It is what card types of one's own are best derived from: give the subclass a `type`, and override `contents` or
    `title`. Such a card can be updated while its task runs.

    Parameters
    ----------
    options : dict, optional
        ``title``: what stands at the top of the page.
    components : sequence
        Components, the nodes that they render to (see `metaflow.cards.nodes`), or texts.
    graph : dict, optional
        The flow's graph, as ``current.graph`` has it.
    flow : FlowSpec, optional
        The flow object of the task; only in the task itself.

    Attributes
    ----------
    options : dict
    components : list of nodes
    graph : dict or None
    flow : FlowSpec or None

    Examples
    --------
    >>> class Scores(BlankCard):
    ...     type = "scores"
    ...
    ...     def contents(self, task):
    ...         return [Markdown("# Scores"), Table.from_dataframe(task.data.scores), *super().contents(task)]
    """

    type: ClassVar[str] = "blank"
    ALLOW_USER_COMPONENTS: ClassVar[bool] = True
    RUNTIME_UPDATABLE: ClassVar[bool] = True

    def __init__(
        self,
        options: Mapping[str, Any] | None = None,
        components: Sequence[Any] = (),
        graph: Mapping[str, Any] | None = None,
        flow: Any = None,
    ) -> None:
        if options is not None and not hasattr(options, "keys"):
            raise MetaflowException(f"The options of a card are a dictionary, not {type(options).__name__}.")
        self.options: dict[str, Any] = dict(options or {})
        self.components: list[Node] = nodes_of(components)
        self.graph = graph
        self.flow = flow

    def title(self, task: Task) -> str:
        """What stands at the top of the page.

        Parameters
        ----------
        task : Task

        Returns
        -------
        str
            The option ``title``, or the names of the step and the flow.
        """
        title = self.options.get("title")
        if title:
            return str(title)
        flow, _, step, _ = task.path_components
        return f"{step} \N{MIDDLE DOT} {flow}"

    def contents(self, task: Task) -> Iterable[Any]:
        """What the page shows, from top to bottom: components, nodes or texts.

        Parameters
        ----------
        task : Task
            The task. While it runs (``not task.finished``), it has no artifacts yet.

        Returns
        -------
        iterable
            What the step put on the card.
        """
        return self.components

    # Called by way of the class: a card type that is derived from it may use these names for something else.
    def _finished(self, task: Task) -> list[str]:
        return self._page(task, is_live=False)

    @joins(_finished)
    def render(self, task: Task) -> str:
        """The page of a finished task, as HTML."""
        return "".join(BlankCard._finished(self, task))

    def _running(self, task: Task, data: Mapping[str, Any]) -> list[str]:
        return self._page(task, is_live=True)

    @joins(_running)
    def render_runtime(self, task: Task, data: Mapping[str, Any]) -> str:
        """The page of a task that still runs, as HTML."""
        return "".join(BlankCard._running(self, task, data))

    def refresh(self, task: Task, data: Mapping[str, Any]) -> dict[str, Any]:
        """What the page shows of the components as they are now; if others came or went, it is rendered anew."""
        return dict(data)

    def _page(self, task: Task, is_live: bool) -> list[str]:
        from metaflow.cards.page.document import PageFacts, page_pieces

        nodes = nodes_of(self.contents(task))
        return page_pieces(nodes, PageFacts(self.title(task), task.pathspec, is_live, self._status(task)))

    def _status(self, task: Task) -> str:
        """How the task is doing, in a word; not shown if empty."""
        return ""


def nodes_of(contents: Iterable[Any]) -> list[Node]:
    """Nodes of what is given as components, nodes, texts, or anything else that can be put on a card."""
    from metaflow.cards.component import MetaflowCardComponent

    nodes: list[Node] = []
    for each in contents:
        if isinstance(each, (dict, str)):
            nodes.append(each)
        elif isinstance(each, MetaflowCardComponent):
            nodes.append(node_of(each))
        elif each is not None:
            from metaflow.cards.as_component import as_component

            nodes.append(node_of(as_component(each)))
    return nodes
