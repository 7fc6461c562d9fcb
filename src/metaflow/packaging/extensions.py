"""Other packages that add to this one through entry points: they go along, as flows use what they add."""

from __future__ import annotations

from typing import NamedTuple

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


def extensions() -> Extensions:
    """Find the packages that add to this one."""
    if not packages_add_something():
        return Extensions()
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
    return Extensions(tuple(sorted(modules)), notes)
