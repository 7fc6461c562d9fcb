"""What viewers of one card are given while its task runs: the page, and a document of what has changed since.

The page is stored when there is none, and when what is on it cannot be brought up to date in place: components came or
went, or the card's type wants it (``RELOAD_POLICY``). The document has the components that differ from those on the
stored page, as nodes and as HTML, so that a viewer needs nothing but these two files, whenever it comes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from metaflow.cards.card import MetaflowCard
from metaflow.cards.files import CardName
from metaflow.cards.nodes import ComponentNode
from metaflow.cards.page.escaping import text
from metaflow.cards.pieces import pieces_of
from metaflow.cards.running.buffers import buffers_of, page_buffers
from metaflow.cards.running.final import CardProblem, error_page
from metaflow.cards.running.json_pieces import LARGE_NODE, Encoded, LongText, Part
from metaflow.cards.running.reload_tokens import ReloadTokens
from metaflow.cards.values.freeing import free

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.cards.nodes import Node
    from metaflow.cards.running.making import CardMaker
    from metaflow.cards.running.running_card import RunningCard

#: Characters of a page that are handled at once.
_SLICE = 256 * 1024
_COMPONENT = re.compile(r'data-component="([^"]*)"')
_LONGEST_ID = 1_000


class NotStored(Exception):
    """A file of the card could not be stored; the cause says why."""


class Unusable(Exception):
    """The card's class gave something that is not what it ought to be."""


class _Shown(NamedTuple):
    """What viewers have as a page."""

    token: str
    custom_token: str
    layout: list[tuple[str, str]]
    kinds: set[str]
    digests: dict[str, bytes]
    on_page: set[str]


class LivePage:
    """Renders and stores what viewers of a card are given.

    Parameters
    ----------
    card : RunningCard
    maker : CardMaker

    Attributes
    ----------
    was_stored : bool
        Whether anything was stored, or may be by now.
    """

    def __init__(self, card: RunningCard, maker: CardMaker) -> None:
        self._card = card
        self._maker = maker
        self._name = CardName(card.declared.type, card.declared.id, card.hash)
        self._tokens = ReloadTokens(maker.attempt)
        self._shown: _Shown | None = None
        self._document: dict[str, Any] = {}
        self._is_closed = False
        self._is_storing = False
        self.was_stored = False

    def close(self) -> bool:
        """Store nothing any more; whether something is being stored."""
        self._is_closed = True
        return self._is_storing

    def following(self) -> LivePage:
        """What goes on where this one, which is closed, was given up: with a whole page, whatever is stored by now."""
        following = LivePage(self._card, self._maker)
        following._tokens = self._tokens.following()
        following._document = self._document
        following.was_stored = self.was_stored
        return following

    def say(self, problem: CardProblem) -> None:
        """Tell those who look at the card why it is not up to date.

        Raises
        ------
        NotStored
            If a file could not be stored.
        """
        now = time.time()
        self._tokens.next_rendering()
        if not self._document:
            token = self._tokens.token("")
            self._put(self._name.page, error_page(self._maker, problem, token))
            data: dict[str, Any] = {
                "user": None,
                "components": {},
                "fragments": {},
                "render_seq": self._tokens.sequence,
                "mode": "refresh",
            }
            self._document = {"data": {**data, "component_update_ts": now}, "reload_token": token}
        data = {**self._document["data"], "notice": f"{problem.headline}: {problem.reason}"}
        self._put_document({**self._document, "data": data, "created_on": now})

    def update(self, user_data: Any) -> None:
        """Bring what is stored up to date with what is on the card now.

        Parameters
        ----------
        user_data : object
            What the step passed to `refresh` last.

        Raises
        ------
        NotStored
            If a file could not be stored.
        Exception
            Whatever the card's class raises.
        """
        long: list[list[Any]] = []
        try:
            self._update(user_data, long)
        finally:
            for items in long:
                free(items)

    def _update(self, user_data: Any, long: list[list[Any]]) -> None:
        """Do what `update` is to do; `long` gets the items of what was long, which is freed when nobody needs it."""
        self._tokens.next_rendering()
        nodes = self._maker.nodes(list(self._card.components))
        card = self._maker.instance(self._card, nodes)
        task = self._maker.task()
        data = {
            "user": user_data,
            "components": {node["id"]: node for node in nodes if isinstance(node, ComponentNode)},
            "render_seq": self._tokens.sequence,
            "component_update_ts": time.time(),
            "mode": "refresh",
        }
        content = _content(card, task, data)
        encoded = {key: Encoded(node) for key, node in _component_nodes(content["components"]).items()}
        whole = Encoded(None)
        for each in encoded.values():
            whole.include(each)
        long += whole.long
        parts = whole.parts
        now = _Shown("", _custom_token(card, task, data), _layout(nodes), whole.kinds, _digests(parts), set())
        shown = self._shown
        stale = changed_parts(parts, shown.digests, shown.on_page) if shown is not None else []
        if shown is None or not whole.ambiguous.isdisjoint(stale) or _is_outdated(shown, now, card):
            token, ids = self._store_page(card, task, {**data, "mode": "render_runtime"}, now.custom_token)
            on_page = {key for key in parts if text(key) in ids}
            shown = self._shown = now._replace(token=token, on_page=on_page)
            stale = []
        # From now on they are in every document: a page that has got them must learn of it when they are as before.
        shown.digests.update(dict.fromkeys(stale, b""))
        self._store_document(shown, content, encoded, {key: parts[key].node for key in stale})

    def _store_page(
        self, card: MetaflowCard, task: Any, data: dict[str, Any], custom_token: str
    ) -> tuple[str, set[str]]:
        """Store the page, if the card's class has one for tasks that run; returns its token and the ids on it."""
        by_itself = card.RELOAD_POLICY != MetaflowCard.RELOAD_POLICY_ALWAYS and _overrides(card, "refresh")
        token = self._tokens.token((custom_token or "never") if by_itself else "")
        if not _overrides(card, "render_runtime"):
            return token, set()
        page = pieces_of(card.render_runtime, task, data)
        self._put(self._name.page, page_buffers(page, token))
        return token, _ids_on(page)

    def _store_document(
        self, shown: _Shown, content: dict[str, Any], encoded: dict[str, Encoded], stale: dict[str, ComponentNode]
    ) -> None:
        from metaflow.cards.page.document import render_fragments

        is_ours = bool(shown.on_page)
        components = {
            key: encoded.get(str(key), node)
            for key, node in content["components"].items()
            if not is_ours or str(key) not in encoded or encoded[str(key)].size <= LARGE_NODE
        }
        fragments = {key: LongText(pieces) for key, pieces in render_fragments(dict(stale)).items()}
        data = {**content, "components": components, "fragments": fragments}
        self._document = {"data": data, "reload_token": shown.token}
        self._put_document({**self._document, "created_on": time.time()})

    def _put_document(self, document: dict[str, Any]) -> None:
        self._put(self._name.data, buffers_of(Encoded(document).pieces))

    def _put(self, name: str, parts: list[bytearray]) -> None:
        before = self.was_stored
        # Before the store is asked, as that may never come back, and before it is seen whether this is closed.
        self._is_storing = self.was_stored = True
        try:
            is_stored = self._maker.files.put(name, parts, lambda: self._is_closed)
            self.was_stored = is_stored or before
        except Exception as error:
            self.was_stored = before
            raise NotStored(name) from error
        finally:
            self._is_storing = False


def _is_outdated(shown: _Shown, now: _Shown, card: MetaflowCard) -> bool:
    """Whether a page cannot be brought up to date by replacing components on it, or is not meant to be."""
    if card.RELOAD_POLICY == MetaflowCard.RELOAD_POLICY_ALWAYS or shown.custom_token != now.custom_token:
        return True
    if not _overrides(card, "render_runtime"):
        return False
    return not _overrides(card, "refresh") or shown.layout != now.layout or not now.kinds <= shown.kinds


def changed_parts(parts: Mapping[str, Part], shown: Mapping[str, bytes], on_page: set[str]) -> list[str]:
    """Ids of the components to bring anew, none of which is in another one of them.

    Parameters
    ----------
    parts : mapping of str to Part
        What is on the card now.
    shown : mapping of str to bytes
        Digests of what the stored page shows.
    on_page : set of str
        Ids that have a place on that page.
    """
    wanted = {}
    for key, part in parts.items():
        if part.digest == shown.get(key):
            continue
        place: str | None = key
        while place is not None and place not in on_page:
            place = parts[place].parent
        if place is not None:
            wanted[place] = True
    return [key for key in wanted if not any(outer in wanted for outer in _outer(key, parts))]


def _outer(key: str, parts: Mapping[str, Part]) -> list[str]:
    found: list[str] = []
    parent = parts[key].parent
    while parent is not None and parent not in found:
        found.append(parent)
        parent = parts[parent].parent if parent in parts else None
    return found


def _content(card: MetaflowCard, task: Any, data: dict[str, Any]) -> dict[str, Any]:
    """What the document says: `data`, with what the card's class makes of it.

    Its `refresh` may give either all of that, or only what stands in the place of the components.
    """
    if not _overrides(card, "refresh"):
        return data
    content = card.refresh(task, data)
    if not isinstance(content, Mapping):
        what = "None" if content is None else f"a value of type {type(content).__name__}"
        raise Unusable(f"refresh() gave {what} instead of a dictionary.")
    if isinstance(content.get("components"), Mapping):
        return {**data, **content}
    return {**data, "components": content}


def _component_nodes(components: Mapping[Any, Any]) -> dict[str, ComponentNode]:
    return {
        str(key): node if type(node) is ComponentNode else ComponentNode(node, id=str(key))
        for key, node in components.items()
        if isinstance(node, Mapping)
    }


def _layout(nodes: list[Node]) -> list[tuple[str, str]]:
    """The components in order; a text is what it is, as it has no id by which it could be replaced."""
    return [
        (str(node["id"]), str(node.get("type"))) if isinstance(node, ComponentNode) else ("", str(node))
        for node in nodes
    ]


def _ids_on(page: list[str]) -> set[str]:
    """Ids of the components that have a place on a page, as they are written there, each within one piece."""
    found: set[str] = set()
    for piece in page:
        for start in range(0, len(piece), _SLICE):
            found.update(_COMPONENT.findall(piece, start, start + _SLICE + _LONGEST_ID))
    return found


def _custom_token(card: MetaflowCard, task: Any, data: Mapping[str, Any]) -> str:
    if card.RELOAD_POLICY != MetaflowCard.RELOAD_POLICY_ONCHANGE:
        return ""
    return str(card.reload_content_token(task, data))


def _digests(parts: Mapping[str, Part]) -> dict[str, bytes]:
    return {key: part.digest for key, part in parts.items()}


def _overrides(card: MetaflowCard, method: str) -> bool:
    return getattr(type(card), method, None) not in (None, getattr(MetaflowCard, method))
