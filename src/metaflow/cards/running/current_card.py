"""``current.card``: what a step does with its cards."""

from __future__ import annotations

from metaflow.cards.running.card_contents import CardComponents, CardContents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, overload

    from metaflow.cards.running.live import LiveCards
    from metaflow.cards.running.running_card import RunningCard


class CardCollector:
    """The cards of the running task.

    Its methods act on *the* card of the step. Of several that is the one with ``customize=True``, else the only one
    without an id; where that does not tell, they do nothing but say so once in the log. ``current.card["id"]`` is a
    certain one. Nothing that a step does here makes it fail.

    Parameters
    ----------
    cards : list of RunningCard
    live : LiveCards

    Examples
    --------
    >>> current.card.append(Markdown("# Results"))
    >>> current.card["details"].append(frame, id="errors")
    >>> progress = ProgressBar(max=10)
    >>> current.card.append(progress)
    >>> progress.update(3)
    >>> current.card.refresh()
    """

    def __init__(self, cards: list[RunningCard], live: LiveCards) -> None:
        self._contents = [CardContents(card, live) for card in cards]
        self._notices = live.notices
        self._nowhere = CardContents(None, live)
        self._main = _main_card(cards)

    def append(self, component: Any, id: str | None = None) -> None:
        """Put something on the card, below all that is there.

        Parameters
        ----------
        component : object
            A component, or anything else: texts are Markdown, data frames tables, figures images, and so on. A list
            of components puts all of them there.
        id : str, optional
            Name under which `components` has it. If there is something of that name, it is replaced, where it is.
        """
        self._target().append(component, id)

    def extend(self, components: Iterable[Any]) -> None:
        """Put several things on the card, as `append` does one."""
        self._target().extend(components)

    def clear(self) -> None:
        """Take everything off the card that the step has put there."""
        self._target().clear()

    def refresh(self, data: Any = None, force: bool = False) -> None:
        """Have viewers see what is on the card now, while the step goes on.

        Returns at once: the card is rendered in the background, at most once in the ``refresh_interval`` of the card.
        What was asked for meanwhile is rendered together, and the last state is always shown in the end.

        Parameters
        ----------
        data : object, optional
            For cards of types of your own: what their ``refresh`` gets as ``data["user"]``. If not given, what was
            given last.
        force : bool
            Do not wait for the interval to pass.
        """
        self._target(needs_components=False).refresh(data, force)

    @property
    def components(self) -> CardComponents:
        """What is on the card, by id."""
        return self._target().components

    def get(self, type: str | None = None) -> list[CardContents]:
        """The cards of a type; all that take components, if it is not given."""
        return [
            each
            for each in self._contents
            if each.card is not None
            and (each.card.declared.type == type if type is not None else each.card.is_editable)
        ]

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, key: str) -> CardContents: ...
        @overload
        def __getitem__(self, key: int) -> Any: ...
        @overload
        def __getitem__(self, key: slice) -> list[Any]: ...

    def __getitem__(self, key: str | int | slice) -> Any:
        """The card with the id `key`; if `key` is a number, what is there on the card."""
        if isinstance(key, (int, slice)):
            return self._target()[key]
        return self._of_id(key)

    def __setitem__(self, key: str, components: Iterable[Any]) -> None:
        """Have the card with the id `key` show these components, and nothing else."""
        self._of_id(key).replace(components)

    def __len__(self) -> int:
        return len(self._target())

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return iter(self._target())

    def _of_id(self, key: str) -> CardContents:
        for each in self._contents:
            if each.card is not None and each.card.declared.id == key:
                return each
        known = [repr(each.card.declared.id) for each in self._contents if each.card and each.card.declared.id]
        self._notices.advise(
            f"id {key}",
            f"There is no card with the id {key!r}, so what is put on current.card[{key!r}] is not shown. "
            f"{'The ids of this step are ' + ', '.join(known) if known else 'No @card of this step has an id'}. "
            f"An id is given as in @card(id={key!r}).",
        )
        return self._nowhere

    def _target(self, needs_components: bool = True) -> CardContents:
        """The card that is meant where none is named."""
        if self._main is not None:
            return self._contents[self._main]
        if not needs_components and len(self._contents) == 1:
            return self._contents[0]
        if any(each.card is not None and each.card.is_editable for each in self._contents):
            message = (
                "It is not clear which of the cards of this step current.card stands for, so the call does nothing. "
                'Say @card(customize=True) at the one that is meant, or @card(id="...") and current.card["..."].'
            )
        else:
            types = ", ".join(repr(each.card.declared.type) for each in self._contents if each.card is not None)
            message = (
                f"No card of this step shows components, so the call does nothing. Their types: {types}. Add a card "
                'that does, such as @card(type="blank").'
            )
        self._notices.advise("unclear", message)
        return self._nowhere


def _main_card(cards: list[RunningCard]) -> int | None:
    """Which card is meant where none is named; None if that is not clear."""
    editable = [number for number, card in enumerate(cards) if card.is_editable]
    customized = [number for number in editable if cards[number].declared.customize]
    unnamed = [number for number in editable if cards[number].declared.id is None]
    for candidates in (editable, customized, unnamed):
        if len(candidates) == 1:
            return candidates[0]
    return None
