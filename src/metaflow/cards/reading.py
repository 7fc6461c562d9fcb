"""``get_cards``: the cards of a task, for programs and notebooks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import overload

from metaflow.cards.exception import (
    CardNotPresentException,
    IncorrectArgumentException,
    IncorrectPathspecException,
    TaskNotFoundException,
)
from metaflow.cards.stored import CardFilter, StoredCard, cards_of_tasks
from metaflow.exception import MetaflowNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from metaflow.client import Task
    from metaflow.client.provider import Provider
    from metaflow.datastore.store import ObjectStore

_PARTS = 4


class Card:
    """A card of a task. It is read when it is asked for, as it is then.

    Made by `get_cards`.

    Attributes
    ----------
    hash : str
        Hexadecimal digits that tell it from all other cards.
    type : str
        As in ``@card(type=...)``.
    id : str or None
        As in ``@card(id=...)``.
    path : str
        Where its page is: the path of a file, or an address such as ``s3://bucket/...``.
    from_resumed : bool
        Whether the task was taken over from another run, and the card is that of the task it was cloned from.
    origin_pathspec : str or None
        That task, if so.
    """

    def __init__(self, provider: Provider, stored: StoredCard, asked: str) -> None:
        self._provider = provider
        self._stored = stored
        self.hash = stored.name.hash
        self.type = stored.name.type
        self.id = stored.name.id
        self.from_resumed = stored.task.pathspec != asked
        self.origin_pathspec = stored.task.pathspec if self.from_resumed else None

    def __repr__(self) -> str:
        name = self.type if self.id is None else f"{self.type}, id={self.id!r}"
        return f"Card({name}, hash={self.hash[:5]}, {self._stored.task.pathspec})"

    @property
    def path(self) -> str:
        """Where its page is: the path of a file, or an address such as ``s3://bucket/...``."""
        from metaflow.datastore.location import name_of_object

        return name_of_object(self._store, self._stored.page_key)

    @property
    def _store(self) -> ObjectStore:
        return self._provider.store_of(self._stored.task.flow, self._stored.task.run_id)

    def get(self) -> str:
        """Read the page.

        Returns
        -------
        str
            A whole HTML document.

        Raises
        ------
        CardNotPresentException
            It was deleted meanwhile.
        DataException
            The datastore cannot be read.
        """
        from metaflow.datastore.store import ObjectMissing

        try:
            return self._store.get(self._stored.page_key).decode("utf-8", "replace")
        except ObjectMissing as error:
            raise CardNotPresentException(f"{self} is not there any more: {self.path} was deleted.") from error

    def get_data(self) -> dict[str, Any] | None:
        """Read what changes on the page while the task runs.

        Returns
        -------
        dict or None
            The live data document, with ``data``, ``reload_token`` and ``created_on``; None if the step never called
            ``current.card.refresh()``.

        Raises
        ------
        DataException
            The datastore cannot be read.
        """
        from metaflow.datastore.store import ObjectMissing

        try:
            document = json.loads(self._store.get(self._stored.data_key))
        except (ObjectMissing, ValueError):
            return None
        return document if isinstance(document, dict) else None

    def view(self) -> str:
        """Show a copy of the page in the browser.

        Returns
        -------
        str
            Path of the copy, also if there is no browser.
        """
        from metaflow.cards.opening import open_copy

        return str(open_copy(self.get(), self._stored.name).path)

    def _repr_html_(self) -> str:
        from metaflow.cards.notebook import framed, note
        from metaflow.exception import MetaflowException

        try:
            page = self.get()
        except MetaflowException as error:
            return note(f"{error.headline}: {error.message}")
        remark = ""
        if self._stored.task.status == "running":
            remark = (
                "The task is still running; this is its card as it was a moment ago. Show it again for a newer one."
            )
        return framed(page, repr(self), remark)


class CardContainer(Sequence[Card]):
    """The cards of a task, in the order in which the step declares them. Made by `get_cards`.

    It behaves like a list: it has a length, can be indexed and iterated, and shows its cards in a notebook.

    Attributes
    ----------
    from_resumed : bool
        Whether the task was taken over from another run, and its cards are those of the task it was cloned from.
    origin_pathspec : str or None
        That task, if so.
    """

    def __init__(self, pathspec: str, cards: Sequence[Card], why_empty: str = "") -> None:
        self._pathspec = pathspec
        self._why_empty = why_empty or f"No cards of {pathspec}."
        self._cards = tuple(cards)
        resumed = [card for card in self._cards if card.from_resumed]
        self.from_resumed = bool(resumed)
        self.origin_pathspec = resumed[0].origin_pathspec if resumed else None

    def __len__(self) -> int:
        return len(self._cards)

    @overload
    def __getitem__(self, index: int) -> Card: ...

    @overload
    def __getitem__(self, index: slice) -> CardContainer: ...

    def __getitem__(self, index: int | slice) -> Card | CardContainer:
        if isinstance(index, slice):
            return CardContainer(self._pathspec, self._cards[index])
        if not self._cards:
            raise IndexError(self._why_empty)
        return self._cards[index]

    def __repr__(self) -> str:
        return f"CardContainer({self._pathspec}, [{', '.join(map(repr, self._cards))}])"

    def _repr_html_(self) -> str:
        from metaflow.cards.notebook import note, stacked

        if not self._cards:
            return note(self._why_empty)
        return stacked(
            note(f"{card.type} {card.id or ''}".strip()) + card._repr_html_() if len(self) > 1 else card._repr_html_()
            for card in self
        )


def get_cards(
    task: Task | str, id: str | None = None, type: str | None = None, follow_resumed: bool = True
) -> CardContainer:
    """Get the cards of a task. Nothing of them is read before it is asked for.

    Parameters
    ----------
    task : Task or str
        The task, or its pathspec, ``"FlowName/RunID/StepName/TaskID"``.
    id : str, optional
        Only cards with this id.
    type : str, optional
        Only cards of this type.
    follow_resumed : bool
        If the task was taken over from another run, get the cards of the task that it was cloned from.

    Returns
    -------
    CardContainer
        Empty if the task has cards, but none with this id and of this type.

    Raises
    ------
    CardNotPresentException
        The task has no cards.
    TaskNotFoundException
        There is no such task.
    MetaflowNamespaceMismatch
        There is, but not in the current namespace.
    IncorrectPathspecException, IncorrectArgumentException
        `task` is neither a task nor the pathspec of one.
    DataException
        The datastore cannot be listed.

    Examples
    --------
    >>> cards = get_cards("Training/1711000000000000/train/2", type="default")
    >>> html = cards[0].get()
    """
    found = _task(task)
    record = found._current()
    wanted = CardFilter(type, id)
    (of_task,) = cards_of_tasks(found._provider, [record], follow_resumed)
    cards = [card for card in of_task.cards if wanted.wants(card.name)]
    why_empty = "" if cards else why_none(found.pathspec, of_task.cards, wanted, record.status == "running")
    if not of_task.cards:
        raise CardNotPresentException(why_empty)
    return CardContainer(found.pathspec, [Card(found._provider, card, found.pathspec) for card in cards], why_empty)


def why_none(pathspec: str, cards: Sequence[StoredCard], wanted: CardFilter, is_running: bool) -> str:
    """A message for somebody who looks for cards that are not there.

    Parameters
    ----------
    pathspec : str
        Where they were looked for.
    cards : sequence of StoredCard
        Those that are there.
    wanted : CardFilter
    is_running : bool
        Whether there may be more later.
    """
    later = " It is still running: a card is there once its step refreshes it, and in the end." if is_running else ""
    if not cards:
        return f"{pathspec} has no cards.{later or ' Its step has them if @card stands above it.'}"
    there = "; ".join(dict.fromkeys(described(card) for card in cards[:_SHOWN]))
    more = f"; and {len(cards) - _SHOWN} more" if len(cards) > _SHOWN else ""
    hash_hint = " A hash is given whole, or by at least its first five characters." if wanted.hash is not None else ""
    return f"{pathspec} has no card with {wanted.described}.{hash_hint} Its cards are: {there}{more}.{later}"


_SHOWN = 5


def described(card: StoredCard, digits: int = 5) -> str:
    """A card in words, with so many characters of its hash."""
    name = f"type {card.name.type}" + (f", id {card.name.id}" if card.name.id is not None else "")
    return f"{name}, hash {card.name.hash[:digits]}"


def _task(task: Task | str) -> Task:
    from metaflow.client import Task

    if isinstance(task, Task):
        return task
    if not isinstance(task, str):
        raise IncorrectArgumentException(
            f"get_cards() takes a Task or the pathspec of one, not {task!r}, of type {task.__class__.__name__}."
        )
    names = task.split("/")
    if len(names) != _PARTS or not all(names):
        raise IncorrectPathspecException(
            f"'{task}' is not the pathspec of a task, which has the form FlowName/RunID/StepName/TaskID."
        )
    try:
        return Task(task)
    except MetaflowNotFound as error:
        raise TaskNotFoundException(f"{error.message}, so it has no cards.") from error
