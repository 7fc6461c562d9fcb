"""The pages of cards when their task is over."""

from __future__ import annotations

import time
from typing import NamedTuple

from metaflow.cards.exception import CardException
from metaflow.cards.files import CardName
from metaflow.cards.nodes import ComponentNode
from metaflow.cards.pieces import pieces_of
from metaflow.cards.running.buffers import buffers_of, page_buffers
from metaflow.cards.running.containment import Contained
from metaflow.error_text import OWN_FILES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from traceback import FrameSummary
    from typing import Any

    from metaflow.cards.nodes import Node
    from metaflow.cards.running.making import CardMaker
    from metaflow.cards.running.running_card import RunningCard

#: Token of a page, or of a data document, after which nothing changes any more.
FINAL = "final"
_PACKAGE = __name__.partition(".")[0]
_MOST_TRACE_LINES = 30


class FinalPage(NamedTuple):
    """What rendering a card has come to.

    Attributes
    ----------
    page : list of bytearray or None
        The bytes of the page, in parts; None if there is none, because of the problem.
    problem : CardProblem or None
    nodes : list of nodes
        What the components on the card show; empty if they could not be asked.
    """

    page: list[bytearray] | None
    problem: CardProblem | None = None
    nodes: Sequence[Node] = ()


class CardProblem(NamedTuple):
    """Why there is no page.

    Attributes
    ----------
    headline : str
        Which card it is about, and what could not be done.
    reason : str
        Why, as a sentence.
    trace : str
        Where in the code of the card, if it is an error there; lines that end with a newline.
    """

    headline: str
    reason: str
    trace: str = ""

    def __str__(self) -> str:
        return f"{self.headline}: {self.reason}\n{self.trace}".rstrip()


def render_final(card: RunningCard, maker: CardMaker, owns_process: bool = False) -> FinalPage:
    """Render a card of a task that is over, within the time that it has.

    Parameters
    ----------
    card : RunningCard
    maker : CardMaker
        Its `task` gives the finished task.
    owns_process : bool
        Whether this process may be ended if the card's code does not come to an end.

    Returns
    -------
    FinalPage
        With what is wrong, if anything is: nothing is raised because of a card.
    """
    if card.card_class is None:
        return FinalPage(None, CardProblem(f"{title_of(card)} cannot be rendered", card.problem))
    nodes: list[Node] = []
    try:
        with Contained(card.declared.timeout, owns_process):
            nodes = maker.nodes(card.components)
            page = page_buffers(pieces_of(maker.instance(card, nodes).render, maker.task()), FINAL)
    except CardException as error:
        cause = error.__cause__
        trace = "" if cause is None or isinstance(cause, (SystemExit, MemoryError)) else trace_of(cause)
        return FinalPage(
            None, CardProblem(f"{title_of(card)} cannot be rendered", f"{error.message.rstrip('.')}.", trace), nodes
        )
    return FinalPage(page, None, nodes)


def title_of(card: RunningCard) -> str:
    """A card in a sentence."""
    identified = f" with id '{card.declared.id}'" if card.declared.id else ""
    return f"The card of type '{card.declared.type}'{identified}"


def name_of(card: RunningCard) -> CardName:
    """Names of the files of a card."""
    return CardName(card.declared.type, card.declared.id, card.hash)


def error_page(maker: CardMaker, problem: CardProblem, token: str = FINAL) -> list[bytearray]:
    """The page that takes the place of a card that could not be rendered."""
    from metaflow.cards.templates.error import ErrorCard

    return page_buffers([ErrorCard.for_error(*problem).render(maker.task())], token)


def unfinished_page(card: RunningCard, maker: CardMaker) -> list[bytearray]:
    """What stands in the place of a card while code that is not ours renders it, and stays if that ends the process."""
    reason = "If this page stays, the process ended meanwhile: the code of the card crashed, or did not come to an end."
    return error_page(maker, CardProblem(f"{title_of(card)} is being rendered", reason))


def may_crash(card: RunningCard) -> bool:
    """Whether the card's class is of somebody else, so that rendering it may end the process."""
    assert card.card_class is not None
    return not card.card_class.__module__.startswith(f"{_PACKAGE}.")


def final_document(user_data: Any, nodes: Sequence[Node]) -> list[bytearray]:
    """The data document that tells viewers to load the page a last time, and what was on the card in the end.

    Parameters
    ----------
    user_data : object
        What the step passed to `refresh` last.
    nodes : list of nodes
        What its components show; large ones are on the page only.
    """
    from metaflow.cards.running.json_pieces import LARGE_NODE, Encoded

    now = time.time()
    encoded = {node["id"]: Encoded(node) for node in nodes if isinstance(node, ComponentNode)}
    data: dict[str, Any] = {
        "user": user_data,
        "components": {key: each for key, each in encoded.items() if each.size <= LARGE_NODE},
        "fragments": {},
        "render_seq": FINAL,
        "component_update_ts": now,
        "mode": "render",
    }
    return buffers_of(Encoded({"data": data, "reload_token": FINAL, "created_on": now}).pieces)


def trace_of(error: BaseException) -> str:
    """Where an error came up, in code that is not ours; empty if all of it is. Long ones are cut in the middle."""
    import traceback

    return trace_lines(traceback.extract_tb(error.__traceback__))


def trace_lines(frames: Iterable[FrameSummary]) -> str:
    """Frames as a traceback shows them, without those of our code. Long ones are cut in the middle."""
    import traceback

    others = [each for each in frames if not each.filename.startswith(OWN_FILES) and each.filename != "<string>"]
    lines = "".join(traceback.format_list(others)).splitlines(keepends=True)
    if len(lines) > _MOST_TRACE_LINES:
        half = _MOST_TRACE_LINES // 2
        lines = [*lines[:half], f"  [{len(lines) - 2 * half} lines left out]\n", *lines[-half:]]
    return "".join(lines)
