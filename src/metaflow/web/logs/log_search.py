"""Searching the log of one task, as much of it as is quickly done, from where the search before has ended."""

from __future__ import annotations

import time
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.web.logs.log_index import parsed
from metaflow.web.logs.matchers import shown_match
from metaflow.web.logs.pattern_search import PatternTooSlow

if TYPE_CHECKING:
    from metaflow.datastore.logs import LogStream
    from metaflow.web.logs.log_files import OpenLog
    from metaflow.web.logs.log_index import LogIndex
    from metaflow.web.logs.log_pages import Looking
    from metaflow.web.logs.matchers import Matcher

#: Most lines of an answer.
MOST_MATCHES = 2000
#: Seconds after which an answer is given with what was found so far.
_SECONDS = 0.4


class Found(NamedTuple):
    """What a search has found.

    Attributes
    ----------
    matches : list of dict
    searched_lines : int
        How many lines, from the first of the log, have been searched now.
    is_over : bool
        Whether these were all.
    is_too_slow : bool
        Whether the pattern took too long for the lines that come next.
    """

    matches: list[dict[str, Any]]
    searched_lines: int
    is_over: bool
    is_too_slow: bool = False


def search(log: OpenLog, looking: Looking, matcher: Matcher, begin: int, most: int = MOST_MATCHES) -> Found:
    """Search a log.

    Parameters
    ----------
    log : OpenLog
    looking : Looking
        What of it is looked at.
    matcher : Matcher
    begin : int
        The line to begin with, from 0.
    most : int, optional
        After how many matches to stop.

    Raises
    ------
    DataException
        It cannot be read.
    """
    index, matches = log.index, list[dict[str, Any]]()
    deadline = time.monotonic() + _SECONDS
    blocks = index.blocks[:]
    first = max(0, bisect_right(blocks, begin, key=lambda each: each.line) - 1)
    searched = begin
    with log.reading() as file:
        for number in range(first, len(blocks)):
            if time.monotonic() > deadline:
                return Found(matches, searched, False)
            block = blocks[number]
            file.seek(block.offset)
            content = file.read(block.size)
            lines = content.removesuffix(b"\n").split(b"\n")
            places = _Places(index, looking, lines, block.line, block.stderr)
            try:
                for match in matcher.matches(content):
                    row = places.row(match.line) if block.line + match.line >= begin else None
                    if row is not None:
                        matches.append({"row": row, **shown_match(block.line + match.line, lines[match.line], match)})
                        if len(matches) >= most:
                            searched = block.line + match.line + 1
                            return Found(matches, searched, searched >= index.lines)
            except PatternTooSlow:
                return Found(matches, searched, False, True)
            searched = max(searched, block.line + len(lines))
    return Found(matches, searched, True)


class _Places:
    """Rows of the lines of a block, asked for in order."""

    def __init__(self, index: LogIndex, looking: Looking, lines: list[bytes], first: int, stderr: int) -> None:
        self._index = index
        self._looking = looking
        self._lines = lines
        self._first = first
        self._counts: dict[LogStream, int] = {"stdout": first - stderr, "stderr": stderr}
        self._counted = 0

    def row(self, line: int) -> int | None:
        """The row that shows a line of the block; None if none does."""
        looking = self._looking
        if looking.view == "both":
            place = self._first + line
        else:
            for raw in self._lines[self._counted : line]:
                self._counts[parsed(0, raw).stream] += 1
            self._counted = line
            if parsed(0, self._lines[line]).stream != looking.view:
                return None
            place = self._counts[looking.view]
        if not looking.folds:
            return place
        hidden = self._index.hidden[looking.view]
        # A line that was written over, or shows what it says in the row of another, is found with all redraws shown.
        return None if hidden.made_no_row(place) else place - hidden.before(place)
