"""In what two texts, or two versions of code, differ: patches, bounded. Pure but for the reading of a value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.client.code_difference import difference
from metaflow.datastore.plain_content import NotPlain, plain_content

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.datastore.tasks import TaskReader

#: Characters of all patches of an answer, and lines of a text that is compared line by line.
MOST_PATCH, MOST_LINES = 600_000, 20_000
_MOST_TEXT = 400_000


class FilePatch(NamedTuple):
    """How one file differs.

    Attributes
    ----------
    path : str
    change : str
        ``added``, ``removed`` or ``changed``.
    patch : str or None
        None if there was no more room for it, or the file is too long to be compared line by line.
    added, removed : int
        How many lines.
    """

    path: str
    change: str
    patch: str | None
    added: int
    removed: int


class Content(NamedTuple):
    """What a run has of a value, as a text.

    Attributes
    ----------
    text : str
    is_whole : bool
        Whether that is all of it.
    note : str
        What the text is, if it is not the value itself.
    """

    text: str
    is_whole: bool = True
    note: str = ""


def patches(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[FilePatch]:
    """How the files of two versions differ, in the order of their paths."""
    found = []
    room = MOST_PATCH
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        change = "added" if old is None else "removed" if new is None else "changed"
        text = None
        if max((old or b"").count(b"\n"), (new or b"").count(b"\n")) <= MOST_LINES:
            text = "".join(difference({} if old is None else {path: old}, {} if new is None else {path: new}))
        added, removed = _counted(text or "")
        if text is not None and len(text) > room:
            text = None
        room -= len(text or "")
        found.append(FilePatch(path, change, text, added, removed))
    return found


def text_patch(before: str, after: str) -> str | None:
    """How two texts differ, line by line; None if they are too long for that."""
    if max(before.count("\n"), after.count("\n")) > MOST_LINES:
        return None
    old, new = (text.encode("utf-8", "backslashreplace") for text in (before, after))
    return "".join(difference({"value": old}, {"value": new}))


def content_of(provider: Provider, reader: TaskReader, name: str) -> Content:
    """An artifact as a text: itself if it is a text, as JSON if it is plain, otherwise what its preview says.

    Raises
    ------
    DataException
        Its bytes cannot be read.
    MetaflowDataMissing
        The task has no such artifact.
    """
    entry = reader.entry(name)
    manifest = reader.manifest
    try:
        value = plain_content(provider.store_of(manifest.flow, manifest.run_id), entry)
    except NotPlain as error:
        return Content(entry.preview, False, f"Shown is the preview of {entry.type}: {error}.")
    text = value if isinstance(value, str) else _json(value)
    if len(text) > _MOST_TEXT:
        return Content(text[:_MOST_TEXT], False, f"Shown are the first {_MOST_TEXT:,} of {len(text):,} characters.")
    return Content(text)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, indent=2, ensure_ascii=False, default=repr)
    except (ValueError, TypeError, RecursionError):
        return repr(value)[:_MOST_TEXT]


def _counted(patch: str) -> tuple[int, int]:
    lines = patch.split("\n")
    added = sum(line.startswith("+") and not line.startswith("+++ ") for line in lines)
    removed = sum(line.startswith("-") and not line.startswith("--- ") for line in lines)
    return added, removed
