"""A file of a run's code for a page: as text, or some of its lines. Bounded."""

from __future__ import annotations

from typing import Any, NamedTuple

#: Most characters of a file.
MOST_CHARACTERS = 1_000_000


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
