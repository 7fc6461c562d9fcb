"""What the elements of one page share while they are made."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from metaflow.cards.nodes import Node, Nodes
from metaflow.cards.page.escaping import text

#: Nodes may hold nodes; deeper than this they are not shown.
_MOST_LEVELS = 40
#: Characters from which on a part of the page is put into it last.
_LARGE = 64 * 1024
#: Level of headings of what stands directly on a page, whose title has the first.
TOP_LEVEL = 2


class PageContext:
    """Makes HTML of nodes, and notes what the page needs for them.

    Parameters
    ----------
    title : str
        Title of the page.
    prefix : str
        What the ids of elements begin with.

    Attributes
    ----------
    libraries : dict of str to str
        Scripts of libraries that the page has to hold, by name: their code. Only these, and our own, can run.
    title : str
    styles : set of str
        Names of styles that only some pages need, such as ``gantt``.
    frame_scripts : set of str
        Hashes of scripts that may run in frames with pages of cards.
    heading_level : int
        Level that the next heading should have, from 1 to 6.
    """

    def __init__(self, title: str = "", prefix: str = "mf") -> None:
        self.libraries: dict[str, str] = {}
        self.styles: set[str] = set()
        self.frame_scripts: set[str] = set()
        self.title = title
        self.heading_level = TOP_LEVEL
        self._prefix = prefix
        self._ids = 0
        self._level = 0
        self._later: list[list[str]] = []
        # No flow's text can be that: it is not known before.
        self._mark = f"\x00{os.urandom(8).hex()}:"

    def new_id(self) -> str:
        """An ``id`` for an element, of which there is one only on the page."""
        self._ids += 1
        return f"{self._prefix}-{self._ids}"

    def heading(self, content: str, classes: str, *, below: int = 0, id: str = "") -> str:
        """A heading of the level that is right here.

        Parameters
        ----------
        content : str
            HTML of what it says.
        classes : str
            How it looks, which does not depend on its level.
        below : int
            Number of levels by which it is below the level of this place.
        id : str
            Its id; none if empty.
        """
        tag = f"h{min(self.heading_level + below, 6)}"
        named = f' id="{id}"' if id else ""
        return f'<{tag} class="{classes}" dir="auto"{named}>{content}</{tag}>'

    def later(self, pieces: Iterable[str]) -> str:
        """A part of the page, such as the data of a table or an image; what stands for it if it is large.

        So it is not copied over and over into all that it is in.

        Parameters
        ----------
        pieces : iterable of str
            HTML.
        """
        part = list(pieces)
        if sum(map(len, part)) < _LARGE:
            return "".join(part)
        self._later.append(part)
        return f"{self._mark}{len(self._later) - 1}\x00"

    def in_pieces(self, html: str) -> list[str]:
        """HTML with all that was left for later, never joined: each copy of a large page halts the step for a while."""
        first, *rest = html.split(self._mark)
        pieces = [first]
        for part in rest:
            number, _, behind = part.partition("\x00")
            pieces += self._later[int(number)]
            pieces.append(behind)
        return pieces

    @contextmanager
    def under_heading(self) -> Iterator[None]:
        """What is made within is below a heading of the level that is right here."""
        before = self.heading_level
        self.heading_level = min(before + 1, 6)
        try:
            yield
        finally:
            self.heading_level = before

    def render_all(self, nodes: Nodes) -> str:
        """HTML of nodes, one after the other."""
        return "".join([self.render(node) for node in nodes])

    def render(self, node: Node) -> str:
        """HTML of a node. What is wrong with it becomes a message in its place, and nothing else."""
        from metaflow.cards.page.elements import element_of

        if not isinstance(node, Mapping):
            node = {"type": "text", "text": node}
        if self._level >= _MOST_LEVELS:
            return '<p class="mf-note">Nested too deeply to be shown.</p>'
        self._level += 1
        try:
            inner = element_of(str(node.get("type")))(node, self)
        except Exception as error:  # a component of the user's may hold anything
            inner = _failed(node, error)
        finally:
            self._level -= 1
        component = node.get("id")
        if component is None:
            return inner
        # An update of the component is made without knowing where it stands.
        level = f' data-level="{self.heading_level}"' if self.heading_level != TOP_LEVEL else ""
        return f'<div class="mf-component" data-component="{text(component)}"{level}>{inner}</div>'


def _failed(node: Mapping[str, Any], error: Exception) -> str:
    try:
        reason, kind = text(str(error)[:1000]) or type(error).__name__, text(str(node.get("type"))[:100])
    except Exception:  # a text that fails to be made again
        reason, kind = type(error).__name__, "component"
    return f'<p class="mf-problem" role="note">This {kind} cannot be shown: <bdi>{reason}</bdi></p>'
