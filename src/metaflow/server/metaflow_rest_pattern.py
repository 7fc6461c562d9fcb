"""The patterns by which Metaflow's client looks for tasks, matched in a time that nobody can make long.

They are regular expressions, but of a simple kind: characters, ``.``, ``.*``, ``.+``, ``^`` and ``$``, and all of that
as ``^(?:...)$``. Running just any expression that a stranger sends could keep the service busy for ever.
"""

from __future__ import annotations

from typing import NamedTuple

_ANY = None
_SPECIAL = "[](){}|?+*\\"
_WHOLE_BEGINS, _WHOLE_ENDS = "^(?:", ")$"


class PatternError(ValueError):
    """A pattern is of a kind that is not supported."""


class Pattern(NamedTuple):
    """A pattern that was read.

    Attributes
    ----------
    pieces : tuple of tuple of (str or None)
        What stands between the stars: one entry a character, None for any.
    at_start, at_end : bool
        Whether the first piece must be at the beginning of a text, and the last one at its end.
    """

    pieces: tuple[tuple[str | None, ...], ...]
    at_start: bool
    at_end: bool

    def matches(self, text: str) -> bool:
        """Whether the text has the pattern in it."""
        position = 0
        last = len(self.pieces) - 1
        for number, piece in enumerate(self.pieces):
            if number == last and self.at_end:
                begin = len(text) - len(piece)
                is_fixed = last == 0 and self.at_start
                return begin >= position and (not is_fixed or begin == 0) and _fits(piece, text, begin)
            if number == 0 and self.at_start:
                found = 0 if _fits(piece, text, 0) else -1
            else:
                found = _search(piece, text, position)
            if found < 0:
                return False
            position = found + len(piece)
        return True


def read_pattern(text: str) -> Pattern:
    """Read a pattern.

    Parameters
    ----------
    text : str
        As Metaflow's client sends it.

    Raises
    ------
    PatternError
        It uses more of regular expressions than is supported.
    """
    inner, at_start, at_end = _anchors(text)
    pieces: list[list[str | None]] = [[]]
    characters = iter(inner)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            if not escaped or escaped.isalnum():
                raise _unsupported(text, character + escaped)
            pieces[-1].append(escaped)
        elif character == ".":
            pieces[-1].append(_ANY)
        elif character in "*+" and pieces[-1] and pieces[-1][-1] is _ANY:
            if character == "*":
                pieces[-1].pop()
            pieces.append([])
        elif character in _SPECIAL:
            raise _unsupported(text, character)
        else:
            pieces[-1].append(character)
    return Pattern(tuple(map(tuple, pieces)), at_start, at_end)


def _anchors(text: str) -> tuple[str, bool, bool]:
    """What is between the anchors, and which of these there are."""
    if text.startswith(_WHOLE_BEGINS) and text.endswith(_WHOLE_ENDS):
        return text[len(_WHOLE_BEGINS) : -len(_WHOLE_ENDS)], True, True
    at_start, at_end = text.startswith("^"), text.endswith("$") and not text.endswith("\\$")
    return text[1 if at_start else 0 : len(text) - 1 if at_end else len(text)], at_start, at_end


def _unsupported(text: str, part: str) -> PatternError:
    return PatternError(
        f"The pattern {text!r} uses {part!r}, which is not supported here: a pattern may have characters, '.', '.*', "
        "'.+', '^' and '$'."
    )


def _fits(piece: tuple[str | None, ...], text: str, begin: int) -> bool:
    return len(text) - begin >= len(piece) and all(
        wanted is _ANY or wanted == text[begin + offset] for offset, wanted in enumerate(piece)
    )


def _search(piece: tuple[str | None, ...], text: str, begin: int) -> int:
    for place in range(begin, len(text) - len(piece) + 1):
        if _fits(piece, text, place):
            return place
    return -1
