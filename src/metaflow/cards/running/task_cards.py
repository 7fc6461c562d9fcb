"""The cards of a task, from its start to their last page."""

from __future__ import annotations

import json

from metaflow.cards.exception import CardException
from metaflow.cards.files import NAME
from metaflow.cards.running.card_files import CardFiles
from metaflow.cards.running.making import CardMaker
from metaflow.cards.running.notices import tell
from metaflow.cards.running.running_card import RunningCard
from metaflow.cards.types import find_card_class
from metaflow.client.task_metadata import CARD_INFO
from metaflow.error_text import text_of
from metaflow.exception import TimeoutException
from metaflow.flow.current import current
from metaflow.flow.hooks import TaskContext, TaskHook
from metaflow.flow.plain_data import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, ClassVar

    from metaflow.cards.running.live import LiveCards
    from metaflow.cards.running.running_card import CardDeclaration

#: Digits that tell a card from others; as many bytes as a UUID has.
_HASH_BYTES = 16
#: Seconds that a task's end waits for a last page to be stored again, because a store that hung wrote an older one.
_SETTLING_SECONDS = 10.0


class TaskCards(TaskHook):
    """Makes the cards of a task when it starts, and renders them when its result is committed.

    Whatever goes wrong with a card is told in the task's log, and nothing else happens.

    Parameters
    ----------
    declared : sequence of CardDeclaration
        In the order in which they are to be shown.
    """

    # Last: a type of cards may be imported by what other decorators have set up.
    order: ClassVar[int] = 100

    def __init__(self, declared: Sequence[CardDeclaration]) -> None:
        self._declared = declared
        self._cards: list[RunningCard] = []
        self._maker: CardMaker
        self._live: LiveCards | None = None

    def before(self, task: TaskContext) -> None:
        """Make the cards, and ``current.card``, which is there whatever happens."""
        from metaflow.cards.running.current_card import CardCollector
        from metaflow.cards.running.live import LiveCards

        pathspec = current.pathspec
        try:
            cards = [
                _running_card(pathspec, number, declared)
                for number, declared in enumerate(with_usable_ids(self._declared, tell))
            ]
            task.metadata[CARD_INFO] = json.dumps([card_info(card) for card in cards])
            self._cards = cards
        except TimeoutException:
            raise
        except Exception as error:
            tell(f"The cards of this task cannot be made. {type(error).__name__}: {text_of(error)}")
        self._maker = CardMaker(
            pathspec, task.attempt, task.flow, _once(lambda: current.graph), task.client_task, CardFiles(task.put_card)
        )
        self._live = LiveCards(self._cards, self._maker)
        current._update({"card": CardCollector(self._cards, self._live)})

    def committed(self, task: TaskContext, ok: bool) -> None:
        """Render the last page of each card, if the task succeeded."""
        if self._live is None:
            return
        self._live.finish(ok)
        if ok:
            for card in self._cards:
                self._finish(card, self._live.was_shown(card), task.owns_process)
        self._maker.files.settle(_SETTLING_SECONDS)

    def _finish(self, card: RunningCard, was_shown: bool, owns_process: bool) -> None:
        from metaflow.cards.running.final import title_of
        from metaflow.cards.running.finishing import finish_card

        try:
            finish_card(card, self._maker, was_shown or self._maker.attempt > 0, owns_process, tell)
        except Exception as error:
            tell(f"{title_of(card)} cannot be finished. {type(error).__name__}: {text_of(error)}")


def with_usable_ids(declared: Sequence[CardDeclaration], warn: Callable[[str], None]) -> list[CardDeclaration]:
    """The cards, without ids that cannot be used because they are none, or another card of the step has them.

    Parameters
    ----------
    declared : sequence of CardDeclaration
    warn : callable
        Is told of each id that is dropped.
    """
    seen: set[str] = set()
    usable = []
    for card in declared:
        if card.id is not None and NAME.fullmatch(card.id) is None:
            warn(f"The id {card.id!r} of a @card is left out: an id is made of letters, digits and underscores.")
            card = card._replace(id=None)  # noqa: PLW2901
        elif card.id in seen:
            warn(
                f"There are several cards with the id '{card.id}'. Only the first of them has it: the one of type "
                f"'{card.type}' goes without, so current.card['{card.id}'] is not that one."
            )
            card = card._replace(id=None)  # noqa: PLW2901
        if card.id is not None:
            seen.add(card.id)
        usable.append(card)
    return usable


def card_hash(pathspec: str, number: int) -> str:
    """What tells a card of a task from all others, the same at each attempt."""
    from blake3 import blake3

    return blake3(f"{pathspec}/{number}".encode()).hexdigest(length=_HASH_BYTES)


def card_info(card: RunningCard) -> dict[str, Any]:
    """What is recorded of a card, as Metaflow does."""
    declared = card.declared
    return {
        "card_uuid": card.hash,
        "rank": None,
        "type": declared.type,
        "options": plain(declared.options),
        "is_editable": card.is_editable,
        "is_runtime_card": card.card_class is not None and bool(card.card_class.RUNTIME_UPDATABLE),
        "refresh_interval": declared.refresh_interval,
        "customize": declared.customize,
        "id": declared.id,
    }


def _running_card(pathspec: str, number: int, declared: CardDeclaration) -> RunningCard:
    found, problem = None, ""
    try:
        found = find_card_class(declared.type)
    except CardException as error:
        problem = error.message
    except TimeoutException:
        raise
    except Exception as error:
        problem = f"the type of cards '{declared.type}' cannot be imported: {type(error).__name__}: {text_of(error)}"
    if problem:
        tell(problem)
    return RunningCard(declared, found, problem, card_hash(pathspec, number))


def _once(function: Callable[[], Mapping[str, Any]]) -> Callable[[], Mapping[str, Any]]:
    known: list[Mapping[str, Any]] = []

    def called_once() -> Mapping[str, Any]:
        if not known:
            known.append(function())
        return known[0]

    return called_once
