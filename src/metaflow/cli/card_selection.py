"""Which cards a command means: a pathspec, and what narrows it down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..cards.exception import CardNotPresentException
from ..cards.reading import described, why_none
from ..cards.stored import LEAST_OF_HASH, CardFilter, StoredCard, cards_of_tasks
from ..exception import CommandException
from .run_names import find_named, find_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from click.shell_completion import CompletionItem

    from ..cards.stored import TaskCards
    from ..client.provider import Provider
    from ..metadata_store.records import TaskRecord
    from .reading import Place

#: So many are listed in a message.
_SHOWN = 20


class Choice(NamedTuple):
    """What the command line says of cards.

    Attributes
    ----------
    wanted : CardFilter
    follow_resumed : bool
        Whether to look also at what tasks of resumed runs were cloned from.
    """

    wanted: CardFilter
    follow_resumed: bool


class Found(NamedTuple):
    """A card, and the task that it was found for.

    Attributes
    ----------
    task : TaskRecord
    card : StoredCard
    """

    task: TaskRecord
    card: StoredCard


def choice_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose among cards; the command gets a Choice as `choice`."""
    import functools

    @functools.wraps(command)
    def choose(
        *arguments: Any, card_type: str | None, card_id: str | None, card_hash: str | None, follow: bool, **rest: Any
    ) -> Any:
        return command(*arguments, choice=Choice(CardFilter(card_type, card_id, card_hash), follow), **rest)

    made = click.option(
        "--follow-resumed/--no-follow-resumed",
        "follow",
        default=True,
        show_default=True,
        help="For tasks of a resumed run that were taken over, look at the tasks they come from.",
    )(choose)
    made = click.option("--id", "card_id", shell_complete=_ids, help="Cards with this id.")(made)
    made = click.option("--type", "card_type", shell_complete=_types, help="Cards of this type.")(made)
    return click.option(
        "--hash", "card_hash", shell_complete=_hashes, help="The card with this hash, or its first five characters."
    )(made)


def find_cards(place: Place, pathspec: str, follow_resumed: bool) -> list[TaskCards]:
    """The cards of all tasks that a pathspec names, in the order in which these were started.

    Parameters
    ----------
    place : Place
    pathspec : str
        ``FLOW/RUN[/STEP[/TASK]]``.
    follow_resumed : bool

    Raises
    ------
    CommandException
        There is no such run, step or task.
    """
    named = find_named(place, pathspec, most=4)
    return cards_of_tasks(place.provider, find_tasks(place, named), follow_resumed)


def matching(tasks: Sequence[TaskCards], wanted: CardFilter) -> Iterator[Found]:
    """The cards of tasks that a filter wants."""
    for each in tasks:
        for card in each.cards:
            if wanted.wants(card.name):
                yield Found(each.task, card)


def only_card(place: Place, pathspec: str, choice: Choice) -> Found:
    """The one card that is meant.

    Raises
    ------
    CardNotPresentException
        There is none.
    CommandException
        There are several; the message lists them and says how to choose.
    """
    tasks = find_cards(place, pathspec, choice.follow_resumed)
    found = list(matching(tasks, choice.wanted))
    if len(found) == 1:
        return found[0]
    if not found:
        raise no_card(pathspec, tasks, choice.wanted)
    raise CommandException(several(found))


def no_card(pathspec: str, tasks: Sequence[TaskCards], wanted: CardFilter) -> CardNotPresentException:
    """What to raise if tasks have no such card."""
    where = tasks[0].task.pathspec if len(tasks) == 1 else pathspec
    cards = [card for each in tasks for card in each.cards]
    return CardNotPresentException(why_none(where, cards, wanted, any(t.task.status == "running" for t in tasks)))


def several(found: Sequence[Found]) -> str:
    """What to say to somebody who meant one card, and could mean several."""
    digits = _digits_that_tell(found)
    lines = [f"    {each.task.step}/{each.task.task_id}: {described(each.card, digits)}" for each in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"    and {len(found) - _SHOWN} more")
    ways = [f"--hash, as in --hash {found[0].card.name.hash[:digits]}"]
    if len({each.card.name.id for each in found}) > 1:
        ways.append("--id")
    if len({each.card.name.type for each in found}) > 1:
        ways.append("--type")
    if len({each.task.pathspec for each in found}) > 1:
        ways.append(f"the task, as in {found[0].task.run_id}/{found[0].task.step}/{found[0].task.task_id}")
    run = f"{found[0].task.flow}/{found[0].task.run_id}"
    return f"{len(found)} cards of {run} match:\n" + "\n".join(lines) + f"\nChoose one by {', or by '.join(ways)}."


def _digits_that_tell(found: Sequence[Found]) -> int:
    """How many characters of the hashes it takes to tell them apart."""
    hashes = {each.card.name.hash for each in found}
    for digits in range(LEAST_OF_HASH, max(map(len, hashes))):
        if len({each[:digits] for each in hashes}) == len(hashes):
            return digits
    return max(map(len, hashes))


def _types(context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _candidates(context, incomplete, lambda card: card.name.type)


def _ids(context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _candidates(context, incomplete, lambda card: card.name.id)


def _hashes(context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _candidates(context, incomplete, lambda card: card.name.hash)


def _candidates(
    context: click.Context, incomplete: str, of: Callable[[StoredCard], str | None]
) -> list[CompletionItem]:
    """What an option could be for cards of the tasks that are named before it, or of the latest run."""
    from click.shell_completion import CompletionItem

    from ..exception import MetaflowException
    from .card_place import place_and_pathspec

    try:
        place, pathspec = place_and_pathspec(context)
        found = {of(card) for each in find_cards(place, pathspec, True) for card in each.cards}
    except MetaflowException:  # nothing to offer
        return []
    return [CompletionItem(text) for text in sorted(filter(None, found)) if text.startswith(incomplete)]


def provider_page(provider: Provider, card: StoredCard) -> bytes:
    """The page of a card.

    Raises
    ------
    DataException
        It cannot be read.
    """
    return provider.store_of(card.task.flow, card.task.run_id).get(card.page_key)
