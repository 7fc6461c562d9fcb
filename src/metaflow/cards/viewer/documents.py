"""What the viewer's server answers to its page: plain documents, made of what was seen of a run."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from metaflow.cards.viewer.run_watch import ShownCard, Snapshot


def run_document(
    seen: Snapshot, flow: str, follows: bool, poll_interval: float, most: int, search: str
) -> dict[str, Any]:
    """What ``/runinfo`` says.

    Parameters
    ----------
    seen : Snapshot
    flow : str
        Name of the flow.
    follows : bool
        Whether the viewer goes on to the next run.
    poll_interval : float
        Seconds until the page should ask again.
    most : int
        Most cards to list: those of the newest tasks.
    search : str
        Only cards in whose description all these words are.
    """
    words = search.casefold().split()
    matching = [card for card in seen.cards if not words or _has_words(card, words)]
    run = seen.run
    return {
        "status": "ok" if run is not None else "no run",
        "flow": flow,
        "run_id": None if run is None else run.run_id,
        "run_status": None if run is None else run.status,
        "started_at": None if run is None else run.started_at,
        "finished_at": None if run is None else run.finished_at,
        "follows": follows,
        "cards": [_card_document(card) for card in matching[:most]],
        "cards_found": len(matching),
        "cards_in_all": len(seen.cards),
        "poll_interval": poll_interval,
    }


def data_document(shown: ShownCard, content: bytes | None) -> dict[str, Any]:
    """What ``/data`` says of a card.

    Parameters
    ----------
    shown : ShownCard
    content : bytes or None
        The live data document as the task left it, if it did.
    """
    try:
        payload = None if content is None else json.loads(content, parse_constant=lambda _: None)
    except ValueError:
        payload = None
    return {
        "status": "ok",
        "payload": payload if isinstance(payload, dict) else None,
        "is_complete": is_complete(shown),
        "version": version_of(shown),
    }


def is_complete(shown: ShownCard) -> bool:
    """Whether the card stays as it is, because its task is over."""
    return shown.task.status != "running"


def version_of(shown: ShownCard) -> str:
    """A text that differs when another page was stored under the card's name."""
    return f"{shown.card.modified_at:.6f}-{shown.card.size}"


def label_of(shown: ShownCard) -> str:
    """A card in words: step, task, type, id."""
    name = shown.card.name
    return " ".join(filter(None, (f"{shown.task.step}/{shown.task.task_id}", name.type, name.id)))


def foreach_of(shown: ShownCard) -> str:
    """Where the card's task stands in its innermost foreach, in words; empty outside of one."""
    if not shown.task.foreach_stack:
        return ""
    variable, value, index, _ = shown.task.foreach_stack[-1]
    return f"{variable}[{index}] = {value}"


def _card_document(shown: ShownCard) -> dict[str, Any]:
    task, card = shown
    name = card.name
    return {
        "task": task.pathspec,
        "label": label_of(shown),
        "card_object": {"hash": name.hash, "type": name.type, "path": card.page_key, "id": name.id},
        "finished": is_complete(shown),
        "card": f"{task.pathspec}/{name.hash}",
        "step": task.step,
        "task_id": task.task_id,
        "task_status": task.status,
        "attempt": task.attempt,
        "foreach": foreach_of(shown),
        "origin": card.task.pathspec if card.task.pathspec != task.pathspec else None,
        "version": version_of(shown),
    }


def _has_words(shown: ShownCard, words: list[str]) -> bool:
    description = f"{label_of(shown)} {foreach_of(shown)} {shown.task.status} {shown.card.name.hash}".casefold()
    return all(word in description for word in words)
