"""Storing the last page of a card."""

from __future__ import annotations

from metaflow.cards.running.final import error_page, final_document, may_crash, name_of, render_final, unfinished_page
from metaflow.exception import MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metaflow.cards.running.making import CardMaker
    from metaflow.cards.running.running_card import RunningCard
    from metaflow.datastore.store import Buffer


def finish_card(
    card: RunningCard, maker: CardMaker, is_outdated: bool, owns_process: bool, warn: Callable[[str], None]
) -> None:
    """Render the last page of a card and store it; what goes wrong is told, and goes no further.

    Parameters
    ----------
    card : RunningCard
    maker : CardMaker
    is_outdated : bool
        Whether somebody may look at an earlier page of the card, which has to be replaced.
    owns_process : bool
        Whether this process may be ended if the card's code does not come to an end.
    warn : callable
        Is told what is wrong.
    """
    name = name_of(card)

    def put(file: str, parts: Sequence[Buffer]) -> bool:
        try:
            maker.files.put(file, parts)
        except MetaflowException as error:
            warn(f"The card {file} cannot be stored. {error.headline}: {error.message}")
            return False
        return True

    if card.card_class is not None and may_crash(card) and card.declared.save_errors and owns_process:
        put(name.page, unfinished_page(card, maker))
    page, problem, nodes = render_final(card, maker, owns_process)
    if problem is not None:
        if card.card_class is not None:  # that there is no such type was told when the task started
            warn(str(problem))
        if card.declared.save_errors:
            page = error_page(maker, problem)
    stored = page is None or put(name.page, page)
    if stored and is_outdated:
        put(name.data, final_document(card.user_data, nodes))
