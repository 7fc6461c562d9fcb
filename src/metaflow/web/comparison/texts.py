"""Values of runs as texts, and in what two of them differ."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.client.code_difference import difference
from metaflow.datastore.plain_content import NotPlain, plain_content
from metaflow.web.run.changed_files import MOST_LINES

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.datastore.tasks import TaskReader

_MOST_TEXT = 400_000


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
        text = value if isinstance(value, str) else _json(value)
    except NotPlain as error:
        return Content(entry.preview, False, f"Shown is the preview of {entry.type}: {error}.")
    if len(text) > _MOST_TEXT:
        return Content(text[:_MOST_TEXT], False, f"Shown are the first {_MOST_TEXT:,} of {len(text):,} characters.")
    return Content(text)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, indent=2, ensure_ascii=False, default=repr)
    except RecursionError as error:
        raise NotPlain("it is nested too deeply") from error
    except (ValueError, TypeError):
        return repr(value)
