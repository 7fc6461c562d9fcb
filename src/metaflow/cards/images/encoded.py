"""An image, as bytes that browsers show."""

from __future__ import annotations

from typing import NamedTuple

#: The longest side, in pixels, that arrays and PIL images keep: more than screens have.
LONGEST_SIDE = 4096


class ImageProblem(Exception):
    """Something cannot be shown as an image; the text says why, and what to do."""


class Encoded(NamedTuple):
    """An image as a file.

    Attributes
    ----------
    kind : str
        Such as ``image/png``.
    data : bytes
    note : str
        What a reader has to know of it, such as that it was made smaller; empty if there is nothing.
    """

    kind: str
    data: bytes
    note: str = ""


def reduced(width: int, height: int) -> str:
    """The note on an image that had this many pixels, and has fewer now."""
    return f"made smaller, from {width:,} × {height:,} pixels"  # noqa: RUF001 - a multiplication sign
