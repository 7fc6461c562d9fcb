"""In what the files of two versions of code differ, for a page: patches, bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.client.code_difference import difference

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Most files of one answer, and characters of all their patches.
MOST_FILES, MOST_CHARACTERS = 5_000, 1_000_000
#: A text with more of these is not compared line by line: that can take a time that grows with their square.
MOST_LINES = 20_000
_LARGEST_COMPARED = 1_000_000
#: The answer where nothing can be compared.
NO_FILES: Mapping[str, Any] = {"files": (), "left_out": 0}


def changed_files(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> dict[str, Any]:
    """Files that differ, in the order of their paths, with what changed in each as a patch.

    Parameters
    ----------
    before, after : mapping of str to bytes
        Content by path.

    Returns
    -------
    dict
        What :class:`~metaflow.web.run.models.ChangedFiles` has.
    """
    paths = [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
    room = MOST_CHARACTERS
    files = []
    for path in paths[:MOST_FILES]:
        file = _changed_file(path, before.get(path), after.get(path), room)
        room -= len(file["patch"])
        files.append(file)
    return {"files": files, "left_out": max(0, len(paths) - MOST_FILES)}


def _changed_file(path: str, old: bytes | None, new: bytes | None, room: int) -> dict[str, Any]:
    change = "added" if old is None else "removed" if new is None else "changed"
    if room <= 0 or not (_is_comparable(old) and _is_comparable(new)):
        return {"path": path, "change": change, "added": None, "removed": None, "patch": "", "is_cut": True}
    lines = list(difference({} if old is None else {path: old}, {} if new is None else {path: new}))
    added, removed = _counted(lines)
    patch = "".join(lines)
    return {
        "path": path,
        "change": change,
        "added": added,
        "removed": removed,
        "patch": patch[:room],
        "is_cut": len(patch) > room,
    }


def _is_comparable(content: bytes | None) -> bool:
    return content is None or (len(content) <= _LARGEST_COMPARED and content.count(b"\n") <= MOST_LINES)


def _counted(patch: list[str]) -> tuple[int, int]:
    """How many lines the patch of one file adds and removes."""
    added = removed = 0
    is_inside = False
    for line in patch:
        if line.startswith("@@"):
            is_inside = True
        elif is_inside:  # before that, +++ and --- name the file; behind it, they may be lines of it
            added += line.startswith("+")
            removed += line.startswith("-")
    return added, removed
