"""A card of the task that runs: what was declared, and what the step has put on it."""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from metaflow.cards.card import MetaflowCard


class CardDeclaration(NamedTuple):
    """A ``@card`` of a step, checked.

    Attributes
    ----------
    type : str
    id : str or None
    options : dict
    timeout : float
        Seconds that the last rendering may take.
    save_errors : bool
        Whether a page that shows the error is stored if rendering fails.
    customize : bool
        Whether ``current.card.append`` is meant for this one where that is not clear.
    refresh_interval : float
        Least seconds between two updates while the task runs.
    """

    type: str
    id: str | None
    options: dict[str, Any]
    timeout: float
    save_errors: bool
    customize: bool
    refresh_interval: float


class RunningCard:
    """A card while its task runs.

    Parameters
    ----------
    declared : CardDeclaration
    card_class : type of MetaflowCard, or None
        None if there is no such type.
    problem : str
        Why there is no class, if there is none.
    hash : str
        Hexadecimal digits that tell this card of this task from all others; the same at each attempt.

    Attributes
    ----------
    components : list
        What the step has put on it, in order: components, or whatever else it appended.
    user_data : object
        What the step passed to ``current.card.refresh`` last.
    """

    def __init__(
        self, declared: CardDeclaration, card_class: type[MetaflowCard] | None, problem: str, hash: str
    ) -> None:
        self.declared = declared
        self.card_class = card_class
        self.problem = problem
        self.hash = hash
        self.components: list[Any] = []
        self.user_data: Any = None

    @property
    def is_editable(self) -> bool:
        """Whether steps may put components on it."""
        return self.card_class is not None and self.card_class.ALLOW_USER_COMPONENTS
