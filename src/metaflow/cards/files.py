"""The files of a task's cards, and their names: ``<type>[-<id>]-<hash>.html``, and ``.data.json`` for what is live."""

from __future__ import annotations

import re
from typing import NamedTuple

#: What types and ids of cards may be.
NAME = re.compile(r"[a-zA-Z0-9_]+")
_STEM = re.compile(r"(?P<type>[a-zA-Z0-9_]+)(?:-(?P<id>[a-zA-Z0-9_]+))?-(?P<hash>[0-9a-f]+)")
_PAGE = ".html"
_DATA = ".data.json"


class CardName(NamedTuple):
    """Which card of a task.

    Attributes
    ----------
    type : str
    id : str or None
    hash : str
    """

    type: str
    id: str | None
    hash: str

    @property
    def page(self) -> str:
        """Name of the file with the page."""
        return self._stem + _PAGE

    @property
    def data(self) -> str:
        """Name of the file with what changes while the task runs."""
        return self._stem + _DATA

    @property
    def _stem(self) -> str:
        return "-".join(part for part in self if part)


def parse_page_name(name: str) -> CardName | None:
    """The card whose page is in the file `name`; None if no card is."""
    found = _STEM.fullmatch(name.removesuffix(_PAGE)) if name.endswith(_PAGE) else None
    return CardName(found["type"], found["id"], found["hash"]) if found else None
