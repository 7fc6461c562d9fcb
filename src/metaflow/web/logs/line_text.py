"""The text of a line as people see it, and never more of it than a page can take."""

from __future__ import annotations

import re
from typing import NamedTuple

#: Most bytes of a line that are part of a page of lines; all of it is had with the line alone.
SHOWN_BYTES = 8192

# Of a line that was written over several states are shown, as one may be shorter than what it is written over.
_KEPT_STATES = 4
# A control sequence (colours, cursor), a command to the operating system (titles, links), and other escapes of two
# characters. None of them goes beyond its line.
_ESCAPE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[PX^_][^\x1b\n]*\x1b\\|[ -/]*[0-Z\\^-~])"
)


class ShownText(NamedTuple):
    """What a page has of a line.

    Attributes
    ----------
    text : str
        Its text, with the escapes that give it colours; of a line that was written over, the last states only.
    bytes : int
        How long the line is in the log.
    is_cut : bool
        Whether the end is missing.
    earlier_states : int
        How many states of a progress bar, each of which was written over by the next, are left out.
    """

    text: str
    bytes: int
    is_cut: bool
    earlier_states: int


def without_escapes(text: bytes) -> bytes:
    """The text without the escape sequences of terminals."""
    return _ESCAPE.sub(b"", text) if b"\x1b" in text else text


def last_state(text: bytes) -> bytes:
    """What stands where carriage returns have led back to the beginning of the line, again and again."""
    if b"\r" not in text:
        return text
    text = text.rstrip(b"\r")
    return text[text.rfind(b"\r") + 1 :]


def plain(text: bytes) -> str:
    """A line as it is read: what a terminal shows at the end, without colours."""
    return decoded(last_state(without_escapes(text)))


def decoded(text: bytes) -> str:
    """Text of bytes that may be in any encoding."""
    return text.decode("utf-8", "replace")


def shown(text: bytes, most: int = SHOWN_BYTES) -> ShownText:
    """What a page has of a line.

    Parameters
    ----------
    text : bytes
        The line.
    most : int
        Most bytes of the result.
    """
    size, dropped = len(text), 0
    if b"\r" in text:
        states = text.rstrip(b"\r").split(b"\r")
        kept = states[-_KEPT_STATES:]
        while len(kept) > 1 and sum(map(len, kept)) > most:
            del kept[0]
        dropped = sum(map(bool, states[: len(states) - len(kept)]))
        text = b"\r".join(kept)
    return ShownText(decoded(text[:most]), size, len(text) > most, dropped)
