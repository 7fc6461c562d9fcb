"""``MetaflowCard``: what card templates derive from."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from metaflow.client import Task

#: Text in a card's HTML that is replaced, when it is stored, by the token that tells viewers when to load it anew.
RELOAD_TOKEN = "[METAFLOW_RELOAD_TOKEN]"  # noqa: S105 - no secret


class MetaflowCard:
    """A type of card. A subclass turns a finished task, and what its step put on the card, into a page.

    Parameters
    ----------
    options : dict
        As given with ``@card(options=...)``.
    components : list
        What the step put on the card, rendered: nodes (see `metaflow.cards.nodes`) or texts.
    graph : dict, optional
        The flow's graph, as ``current.graph`` has it.
    flow : FlowSpec, optional
        The flow object of the task; only in the task itself.

    Attributes
    ----------
    type : str
        Name in ``@card(type=...)``.
    ALLOW_USER_COMPONENTS : bool
        Whether steps may put components on it.
    RUNTIME_UPDATABLE : bool
        Whether it can be rendered while the task runs.
    RELOAD_POLICY : str
        When a viewer loads the whole page anew while the task runs: ``"never"``, but when the layout changes;
        ``"always"``; or ``"onchange"``, whenever `reload_content_token` gives something else.
    """

    RELOAD_POLICY_NEVER: ClassVar[str] = "never"
    RELOAD_POLICY_ALWAYS: ClassVar[str] = "always"
    RELOAD_POLICY_ONCHANGE: ClassVar[str] = "onchange"

    type: ClassVar[str] = ""
    ALLOW_USER_COMPONENTS: ClassVar[bool] = False
    RUNTIME_UPDATABLE: ClassVar[bool] = False
    RELOAD_POLICY: ClassVar[str] = RELOAD_POLICY_NEVER
    scope: ClassVar[str] = "task"
    runtime_data: ClassVar[Any] = None

    def __init__(
        self,
        options: Mapping[str, Any] | None = None,
        components: Sequence[Any] = (),
        graph: Mapping[str, Any] | None = None,
        flow: Any = None,
    ) -> None:
        pass

    def render(self, task: Task) -> str:
        """The page of a finished task, as HTML.

        Parameters
        ----------
        task : Task
            The task, whose artifacts are saved already.
        """
        raise NotImplementedError(f"The card type {self.type!r} has no method render().")

    def render_runtime(self, task: Task, data: Mapping[str, Any]) -> str:
        """The page of a task that still runs, as HTML; for types that are ``RUNTIME_UPDATABLE``.

        Parameters
        ----------
        task : Task
            The task; it has no artifacts yet.
        data : dict
            What `refresh` would get.
        """
        raise NotImplementedError(f"The card type {self.type!r} has no method render_runtime().")

    def refresh(self, task: Task, data: Mapping[str, Any]) -> dict[str, Any]:
        """What changed on the page of a task that still runs; such that `json.dumps` takes it.

        Parameters
        ----------
        task : Task
            The task; it has no artifacts yet.
        data : dict
            ``user`` (what the step passed to ``current.card.refresh``), ``components`` (nodes by component id),
            ``render_seq`` (a number, or ``"final"``), ``component_update_ts`` (seconds since the epoch), ``mode``.
        """
        raise NotImplementedError(f"The card type {self.type!r} has no method refresh().")

    def reload_content_token(self, task: Task, data: Mapping[str, Any]) -> str:
        """A text that differs whenever viewers have to load the page anew; for ``RELOAD_POLICY = "onchange"``."""
        return "content-token"
