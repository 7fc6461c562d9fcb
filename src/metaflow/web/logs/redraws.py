"""Which lines of a log a terminal would no longer show, because what came later was written over them.

Programs with several progress bars move the cursor up and write again. A log has each state as a line of its own,
thousands of them. Line numbers stay as they are in the log; what is shown are *rows*, each of which was made by one
line and shows what was written there last.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

from metaflow.web.logs.line_text import SHOWN_BYTES, last_state, without_escapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: What moves the cursor to another row.
CURSOR_MOVES = re.compile(rb"\x1b\[(\d*)([ABEF])")
# How many rows up the cursor can be moved: as many as a tall terminal has.
_REACHABLE = 200
# Rows that were written over are kept in memory; a log with more of them shows the rest line by line.
_MOST_CHANGED_ROWS = 20_000


class Redrawn(NamedTuple):
    """What a row shows that was written over.

    Attributes
    ----------
    line : int
        The line, counted from 0, that wrote it last.
    text : bytes
    """

    line: int
    text: bytes


class HiddenLines:
    """Sorted numbers of lines that made no row; says which row a line made, and the other way round."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers = array("Q")

    def __len__(self) -> int:
        return len(self._numbers)

    def append(self, number: int) -> None:
        """Note that a line, beyond all that were noted before, made no row."""
        self._numbers.append(number)

    def before(self, number: int) -> int:
        """How many lines before this one made no row."""
        return bisect_left(self._numbers, number)

    def made_no_row(self, number: int) -> bool:
        """Whether this line made no row."""
        index = bisect_left(self._numbers, number)
        return index < len(self._numbers) and self._numbers[index] == number

    def line_of_row(self, row: int) -> int:
        """The line that made a row."""
        numbers = self._numbers
        return row + bisect_right(range(len(numbers)), row, key=lambda index: numbers[index] - index)


class Redraws:
    """Follows the cursor of one stream.

    Parameters
    ----------
    changed : dict of int to Redrawn
        Where to note what rows show, by the line that made them.
    """

    def __init__(self, changed: dict[int, Redrawn]) -> None:
        self._changed = changed
        self._rows: list[int] = []
        self._at = 0

    @property
    def is_at_bottom(self) -> bool:
        """Whether the next line makes a row of its own, if it moves no cursor."""
        return self._at >= len(self._rows)

    @property
    def reachable(self) -> Sequence[int]:
        """The lines that made those rows which may still change."""
        return self._rows

    def pass_by(self, lines: Iterable[int]) -> None:
        """Note the last of many lines that only made rows."""
        self._rows = list(lines)[-_REACHABLE:]
        self._at = len(self._rows)

    def take(self, number: int, text: bytes) -> bool:
        """Follow a line.

        Parameters
        ----------
        number : int
            Its number, counted from 0.
        text : bytes

        Returns
        -------
        bool
            Whether it made a row.
        """
        if len(self._changed) >= _MOST_CHANGED_ROWS:
            self._rows, self._at = [number], 1
            return True
        parts = CURSOR_MOVES.split(text) if b"\x1b[" in text else [text]
        made_row = False
        for index in range(0, len(parts), 3):
            made_row |= self._write(number, parts[index], len(parts) == 1, index + 1 == len(parts))
            if index + 1 < len(parts):
                self._move(int(parts[index + 1][:4] or b"1"), parts[index + 2], made_row)
        self._at += 1
        if len(self._rows) > 2 * _REACHABLE:
            del self._rows[:_REACHABLE]
            self._at = max(0, self._at - _REACHABLE)
        return made_row

    def _write(self, number: int, part: bytes, is_whole: bool, is_last: bool) -> bool:
        """Write a part of a line into the row where the cursor is; returns whether that made the row."""
        writes = bool(without_escapes(part).strip(b"\r"))
        makes_row = self.is_at_bottom and (writes or is_last)
        if makes_row:
            self._rows.append(number)
            self._at = len(self._rows) - 1
            if is_whole:
                return True  # as most do: the row shows the line
        if makes_row or (not self.is_at_bottom and (writes or _ERASES.search(part))):
            self._changed[self._rows[self._at]] = Redrawn(number, last_state(part.strip(b"\r"))[:SHOWN_BYTES])
        return makes_row

    def _move(self, rows: int, direction: bytes, made_row: bool) -> None:
        at = self._at - rows if direction in b"AF" else self._at + rows
        # Below the last row there is one that is not made yet, unless this line has made its own already.
        self._at = min(max(0, at), len(self._rows) - made_row)


_ERASES = re.compile(rb"\x1b\[\d*[KJ]")
