"""The code of a run for a page: its files, one of them as text, and in what they differ from others. Bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.client.code_difference import difference

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Most files of one list, and characters of one file and of one patch.
MOST_FILES = 5_000
MOST_CHARACTERS = 1_000_000
_LARGEST_COMPARED = 1_000_000


class TextOfFile(NamedTuple):
    """A file for a page.

    Attributes
    ----------
    text : str or None
        None if it is no text in UTF-8.
    is_cut : bool
        Whether only its beginning is given.
    """

    text: str | None
    is_cut: bool


def text_of_file(content: bytes) -> TextOfFile:
    """A file as text, as far as a page shows it.

    Parameters
    ----------
    content : bytes
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return TextOfFile(None, False)
    if "\0" in text:
        return TextOfFile(None, False)
    return TextOfFile(text[:MOST_CHARACTERS], len(text) > MOST_CHARACTERS)


def changed_files(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """Files that differ, with what changed in each as a patch.

    Parameters
    ----------
    before, after : mapping of str to bytes
        Content by path.

    Returns
    -------
    list of dict
        With ``path``, ``change`` (added, removed, changed), ``added`` and ``removed`` (numbers of lines), ``patch`` and
        ``is_cut``: whether the patch, or a part of it, was left out because all patches together would be too long.
    """
    found: list[dict[str, Any]] = []
    left = MOST_CHARACTERS
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        change = "added" if old is None else "removed" if new is None else "changed"
        entry: dict[str, Any] = {"path": path, "change": change, "added": 0, "removed": 0, "patch": "", "is_cut": False}
        found.append(entry)
        if max(len(old or b""), len(new or b"")) > _LARGEST_COMPARED or left <= 0 or len(found) > MOST_FILES:
            entry["is_cut"] = True
            continue
        lines = list(difference({} if old is None else {path: old}, {} if new is None else {path: new}))
        body = [line for line in lines if not line.startswith(("+++ ", "--- "))]
        entry["added"] = sum(line.startswith("+") for line in body)
        entry["removed"] = sum(line.startswith("-") for line in body)
        patch = "".join(lines)
        entry["patch"], entry["is_cut"] = patch[:left], len(patch) > left
        left -= len(patch)
    return found[:MOST_FILES]


def excerpt(content: bytes, line: int, before: int = 8, after: int = 5) -> list[dict[str, Any]]:
    """Lines around one line of a file.

    Parameters
    ----------
    content : bytes
    line : int
        Its number, from 1.
    before, after : int
        How many lines around it.
    """
    text = text_of_file(content).text
    if text is None:
        return []
    lines = text.split("\n")
    first = max(1, line - before)
    return [
        {"number": number, "text": lines[number - 1][:1000], "is_marked": number == line}
        for number in range(first, min(len(lines), line + after) + 1)
    ]
