"""Rows of a log, a page at a time, as answers have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.web.logs.line_text import shown
from metaflow.web.logs.log_index import row_of_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.web.logs.log_files import OpenLog
    from metaflow.web.logs.log_index import Line, LogIndex, View
    from metaflow.web.logs.sources import LogBytes

#: Most rows of a page.
MOST_ROWS = 1000


class Looking(NamedTuple):
    """What of a log is looked at.

    Attributes
    ----------
    view : str
        ``both``, ``stdout`` or ``stderr``.
    folds : bool
        Whether lines are left out that a terminal would have written over.
    """

    view: View = "both"
    folds: bool = True

    def rows(self, index: LogIndex) -> int:
        """How many rows there are."""
        return index.rows(self.view) if self.folds else index.count(self.view)

    def row(self, index: LogIndex, file: LogBytes, number: int) -> int:
        """The row that shows a line, or the nearest one."""
        place = index.place(file, self.view, number)
        row = row_of_line(index, self.view, place) if self.folds else place
        return max(0, min(row, self.rows(index) - 1))


def rows(index: LogIndex, file: LogBytes, looking: Looking, begin: int, end: int) -> list[dict[str, Any]]:
    """Rows from one to another, as answers have them."""
    end = min(end, looking.rows(index))
    begin = min(max(0, begin), end)
    if not looking.folds:
        return [plain_row(line) for line in index.read(file, looking.view, begin, end)]
    return [_folded_row(index, line) for line in _visible(index, file, looking.view, begin, end)]


def changed_row(index: LogIndex, looking: Looking, file: LogBytes, known_lines: int) -> int:
    """The first row that is not as it was when the log had only so many lines."""
    first = known_lines
    if looking.folds:
        for number in index.reachable():
            redrawn = index.changed.get(number)
            if number < first and redrawn is not None and redrawn.line >= known_lines:
                first = number
    if first >= index.lines:
        return looking.rows(index)
    place = index.place(file, looking.view, first)
    return place - index.hidden[looking.view].before(place) if looking.folds else place


def plain_row(line: Line) -> dict[str, Any]:
    """A line as answers have it."""
    return _row(line, line.text)


def unfinished_rows(log: OpenLog, looking: Looking) -> list[dict[str, Any]]:
    """What is not a line yet, of a task that runs."""
    return [plain_row(line) for line in log.unfinished() if looking.view in ("both", line.stream)]


def _folded_row(index: LogIndex, line: Line) -> dict[str, Any]:
    redrawn = index.changed.get(line.number)
    if redrawn is None:
        return _row(line, line.text)
    row = _row(line, redrawn.text)
    if redrawn.line != line.number:
        row["redrawn_by"] = redrawn.line + 1
    return row


def _row(line: Line, text: bytes) -> dict[str, Any]:
    found = shown(text)
    row: dict[str, Any] = {
        "line": line.number + 1,
        "stream": line.stream,
        "time": None if line.microseconds is None else line.microseconds / 1e6,
        "text": found.text,
    }
    if found.is_cut:
        row["bytes"] = found.bytes
    if found.earlier_states:
        row["earlier_states"] = found.earlier_states
    return row


def _visible(index: LogIndex, file: LogBytes, view: View, begin: int, end: int) -> Iterator[Line]:
    """Lines that made these rows. Between them there may be very many others, which are not read."""
    hidden = index.hidden[view]
    if not len(hidden):
        yield from index.read(file, view, begin, end)
        return
    places = [hidden.line_of_row(row) for row in range(begin, end)]
    first = 0
    while first < len(places):
        last = first
        while last + 1 < len(places) and places[last + 1] == places[last] + 1:
            last += 1
        yield from index.read(file, view, places[first], places[last] + 1)
        first = last + 1
