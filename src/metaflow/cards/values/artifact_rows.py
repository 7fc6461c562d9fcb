"""Artifacts as rows of a table: name, type, and a short text that shows the value."""

from __future__ import annotations

from metaflow.cards.values.value_texts import fuller_text
from metaflow.datastore.preview import MAXIMUM_LENGTH, describe, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Characters of the text of a value, where it is not compressed.
MOST_CHARACTERS = 10_000


def artifact_row(name: str | None, value: object, compressed: bool = True, asks: bool = False) -> dict[str, Any]:
    """A row of an ``artifacts`` node.

    Parameters
    ----------
    name : str or None
    value : object
        The artifact.
    compressed : bool
        Show at most 200 characters of it; else, if it is asked, at most 10,000.
    asks : bool
        Whether the value is asked for more than its preview, and objects of classes that are not known for their text,
        which runs code of these classes.

    Returns
    -------
    dict
        ``name``; ``type``: name of the class, with its module unless it is built in; ``data``: the text.
    """
    data, _ = describe(value)
    if asks:
        data = fuller_text(value, data, MAXIMUM_LENGTH if compressed else MOST_CHARACTERS)
    return {"name": name, "type": type_name(type(value)), "data": data}
