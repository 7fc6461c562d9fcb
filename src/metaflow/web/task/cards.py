"""Cards of a task: which there are, their pages, and what changes on them while the task runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from metaflow.cards.notebook import SANDBOX
from metaflow.cards.stored import CardFilter, StoredCard, cards_of_tasks
from metaflow.cards.viewer.documents import data_document, version_of
from metaflow.cards.viewer.run_watch import ShownCard
from metaflow.datastore.sizes import size_text
from metaflow.datastore.store import ObjectMissing
from metaflow.server.errors import Refusal

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import TaskRecord

#: A card's page is a stranger to the app: also if it is opened by itself, it is in an origin of its own.
CARD_POLICY = f"sandbox {SANDBOX}; frame-ancestors 'self'"
#: Largest page that is shown, in bytes: it is in memory while it is sent.
_LARGEST_PAGE = 64 * 1024 * 1024
#: Largest document of what changes that is handed to a page, in bytes.
_LARGEST_DOCUMENT = 64 * 1024 * 1024


def list_cards(provider: Provider, record: TaskRecord) -> dict[str, Any]:
    """The cards of a task, in the order in which its step declares them."""
    return {"cards": [_described(record, card) for card in _cards(provider, record)]}


def card_page(provider: Provider, record: TaskRecord, digits: str) -> tuple[bytes, StoredCard]:
    """The page of a card, and which card it is.

    Raises
    ------
    Refusal
        There is no such card.
    """
    card = _card(provider, record, digits)
    if card.size > _LARGEST_PAGE:
        raise Refusal(
            422,
            "too_large",
            f"The card has {size_text(card.size)}, of which a browser would show little. See it with "
            f"`metaflow card get {record.pathspec}`.",
        )
    return _read(provider, card, card.page_key), card


def card_data(provider: Provider, record: TaskRecord, digits: str) -> dict[str, Any]:
    """What has changed on a card since its page was stored.

    Raises
    ------
    Refusal
        There is no such card.
    """
    card = _card(provider, record, digits)
    store = provider.store_of(card.task.flow, card.task.run_id)
    stored = store.stat(card.data_key)
    content = None
    if stored is not None and stored.size <= _LARGEST_DOCUMENT:
        try:
            content = store.get(card.data_key)
        except ObjectMissing:
            content = None  # the task has ended in between: the page now has it all
    document = data_document(ShownCard(record, card), content)
    payload = document["payload"]
    data = payload.get("data") if payload is not None else None
    return {
        # Of the page that it belongs to: another one means that the page is to be loaded anew.
        "token": f"token {payload.get('reload_token')}" if payload is not None else f"version {document['version']}",
        "is_complete": document["is_complete"],
        "data": data if isinstance(data, dict) else None,
    }


def file_name(card: StoredCard) -> str:
    """What a card is called when it is taken away."""
    task = card.task
    return f"{task.flow}-{task.run_id}-{task.step}-{task.task_id}-{card.name.id or card.name.type}.html"


def _cards(provider: Provider, record: TaskRecord) -> tuple[StoredCard, ...]:
    return cards_of_tasks(provider, [record])[0].cards


def _card(provider: Provider, record: TaskRecord, digits: str) -> StoredCard:
    wanted = CardFilter(hash=digits)
    for card in _cards(provider, record):
        if wanted.wants(card.name):
            return card
    raise Refusal(404, "not_found", f"The task has no card {digits!r} (any more).")


def _described(record: TaskRecord, card: StoredCard) -> dict[str, Any]:
    return {
        "hash": card.name.hash,
        "type": card.name.type,
        "id": card.name.id,
        "size": card.size,
        "modified_at": card.modified_at,
        "version": version_of(ShownCard(record, card)),
        "is_live": record.status == "running",
        "from_task": None if card.task.pathspec == record.pathspec else card.task.pathspec,
    }


def _read(provider: Provider, card: StoredCard, key: str) -> bytes:
    try:
        return provider.store_of(card.task.flow, card.task.run_id).get(key)
    except ObjectMissing as error:
        raise Refusal(404, "not_found", "The card is not there any more.") from error


def encode_data(document: dict[str, Any]) -> bytes:
    """The answer, also if a flow's data hold numbers that JSON has not."""
    return json.dumps(document, separators=(",", ":")).encode("ascii")
