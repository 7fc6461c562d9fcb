"""Cards of tasks within an exported page, each in a frame of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.cards.stored import cards_of_tasks
from metaflow.datastore.sizes import size_text
from metaflow.datastore.store import ObjectMissing
from metaflow.exception import MetaflowException
from metaflow.web.export.words import note, section, task_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.cards.nodes import Node
    from metaflow.cards.stored import StoredCard
    from metaflow.web.export.subject import Subject

#: Bytes of all cards of a page, and how many there are.
MOST_BYTES = 20_000_000
MOST_CARDS = 60
_MOST_NAMED = 20


def cards(subject: Subject) -> Iterator[Node]:
    """Cards of tasks that failed, and of the first tasks of each step."""
    if not subject.wanted.cards:
        return
    subject.wanted.progress("Reading cards")
    found = [card for each in cards_of_tasks(subject.provider, subject.shown_tasks) for card in each.cards]
    contents: list[Node] = []
    left_out: list[str] = []
    left, count = MOST_BYTES, 0
    for card in found:
        if card.size > left or count >= MOST_CARDS:
            left_out.append(f"{_name(card)} ({size_text(card.size)})")
            continue
        subject.wanted.progress(f"Reading cards: {_name(card)}")
        node = _framed(subject, card, is_open=not contents)
        contents.append(node)
        count += 1
        left -= card.size
    if left_out:
        others = len(left_out) - _MOST_NAMED
        more = f", and {others:,} more" if others > 0 else ""
        contents.append(note(f"Left out, as this file would be too large: {', '.join(left_out[:_MOST_NAMED])}{more}."))
    if contents and len(subject.shown_tasks) < sum(count.tasks for count in subject.counts):
        contents.append(note("Shown are the cards of tasks that failed, and of the first tasks of each step."))
    yield from section("Cards", contents)


def _framed(subject: Subject, card: StoredCard, is_open: bool) -> Node:
    name = _name(card)
    try:
        content = subject.provider.store_of(card.task.flow, card.task.run_id).get(card.page_key)
    except (ObjectMissing, MetaflowException) as error:
        return {"type": "error", "headline": f"{name} cannot be read", "message": str(error)}
    frame = {"type": "cardFrame", "document": content.decode("utf-8", "replace"), "label": name}
    return {"type": "fold", "title": name, "note": size_text(card.size), "open": is_open, "contents": [frame]}


def _name(card: StoredCard) -> str:
    return f"Card {card.name.id or card.name.type} of {task_name(card.task)}"
