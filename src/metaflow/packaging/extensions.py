"""Other packages that add to this one, by entry points or with types of cards: they go along, as flows use them."""

from __future__ import annotations

import os
from typing import NamedTuple

from ..cards.extensions import CARDS_FOLDER, EXTENSIONS, extension_folders, names_in
from ..registry import packages_add_something
from .content_type import CODE_DIRECTORY

_PACKAGE = __name__.partition(".")[0]
#: What has to be known of a package for its entry points to be found.
_NOTES = ("METADATA", "entry_points.txt")


class Extensions(NamedTuple):
    """What goes along of other packages.

    Attributes
    ----------
    modules : tuple of str
        Names of top-level modules, sorted.
    notes : dict of str to bytes
        Notes of their installer, by their names in the archive.
    """

    modules: tuple[str, ...] = ()
    notes: dict[str, bytes] = {}


def extensions(directory: str) -> Extensions:
    """Find the packages that add to this one.

    Parameters
    ----------
    directory : str
        The flow's directory; what is below goes along anyway.
    """
    with_cards = _with_cards(directory)
    if not packages_add_something():
        return Extensions(with_cards)
    from importlib.metadata import distributions

    modules: set[str] = set()
    notes: dict[str, bytes] = {}
    for distribution in distributions():
        points = [each for each in distribution.entry_points if each.group.startswith(f"{_PACKAGE}.")]
        found = {each.module.partition(".")[0] for each in points} - {_PACKAGE}
        if not found:
            continue
        modules |= found
        folder = f"{CODE_DIRECTORY}/{distribution.name.replace('-', '_')}-{distribution.version}.dist-info"
        for name in _NOTES:
            notes[f"{folder}/{name}"] = (distribution.read_text(name) or "").encode()
    return Extensions(tuple(sorted({*modules, *with_cards})), notes)


def _with_cards(directory: str) -> tuple[str, ...]:
    """Names of the packages with types of cards, in the way in which packages of Metaflow have them."""
    own = os.path.realpath(directory)
    found = set()
    for folder in extension_folders():
        if os.path.dirname(os.path.realpath(folder)) == own:
            continue
        for organization in names_in(folder):
            if os.path.isdir(os.path.join(folder, organization, *CARDS_FOLDER)):
                found.add(f"{EXTENSIONS}.{organization}")
    return tuple(sorted(found))
