"""The bytes of a card's file, as they are given to the store.

As a whole they would take long calls into C, for which the step's thread waits. Written in small pieces, they would
have Python's lock given up and taken back so often that a thread which waits for it comes too late each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from metaflow.cards.card import RELOAD_TOKEN

#: Bytes from which on a buffer is large enough.
_BUFFER = 512 * 1024
#: Characters that are encoded at once.
_SLICE = 128 * 1024


def buffers_of(pieces: Iterable[bytes]) -> list[bytearray]:
    """The pieces, one behind the other, in a few buffers."""
    buffers = [bytearray()]
    for piece in pieces:
        if len(buffers[-1]) >= _BUFFER:
            buffers.append(bytearray())
        buffers[-1] += piece
    return buffers


def page_buffers(pieces: Iterable[str], token: str) -> list[bytearray]:
    """A page as it is stored.

    Parameters
    ----------
    pieces : iterable of str
        The page.
    token : str
        What is put in for each `RELOAD_TOKEN`, wherever that stands.

    Returns
    -------
    list of bytearray
        UTF-8; characters that it has no place for are replaced.
    """
    return buffers_of(_encoded(pieces, token))


def _encoded(pieces: Iterable[str], token: str) -> Iterator[bytes]:
    rest = ""
    for piece in pieces:
        for start in range(0, len(piece), _SLICE):
            *before, rest = (rest + piece[start : start + _SLICE]).split(RELOAD_TOKEN)
            for each in before:
                yield _utf8(each + token)
            # The end may be the beginning of a token that goes on in the next piece.
            done = max(0, len(rest) - len(RELOAD_TOKEN) + 1)
            yield _utf8(rest[:done])
            rest = rest[done:]
    yield _utf8(rest)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
