"""Where the lines of a log are: made by one fast scan, a few bytes for thousands of lines, and extended as it grows.

Lines are numbered from 0, in the order in which they were printed, whichever stream they are of; a line keeps its
number whatever comes later, and whatever part of the log is looked at. For the format, see
:mod:`metaflow.datastore.logs`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Literal, NamedTuple

from metaflow.datastore.logs import TRUNCATION_NOTICE
from metaflow.web.logs.redraws import CURSOR_MOVES, HiddenLines, Redrawn, Redraws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.datastore.logs import LogStream
    from metaflow.web.logs.sources import LogBytes

#: What of a log is looked at.
View = Literal["both", "stdout", "stderr"]
#: Bytes that are scanned, and read, at a time. A longer line is a block of its own.
BLOCK_BYTES = 256 * 1024
#: More of a line is never held in memory; longer ones are of damaged files.
MOST_LINE_BYTES = 64 * 1024 * 1024
#: Bytes at the end of what was scanned, by which it is recognised.
_MARK_BYTES = 4096

_STDERR = re.compile(rb"\ne \d{1,18}(?=[ \n])")
_LINE = re.compile(rb"([oe]) (\d{1,18})(?: |\Z)")
_SCRUBBED: dict[LogStream, bytes] = {
    "stdout": b"[REDACTED task stdout]\n",
    "stderr": b"[REDACTED task stderr]\n",
}


class Line(NamedTuple):
    """A line of a log.

    Attributes
    ----------
    number : int
        From 0.
    stream : str
    microseconds : int or None
        When it came, in Unix time; None for one that says no time, as the file was damaged.
    text : bytes
    """

    number: int
    stream: LogStream
    microseconds: int | None
    text: bytes


class Block(NamedTuple):
    """Lines that stand together.

    Attributes
    ----------
    offset, size : int
        Where, in bytes.
    line, stderr : int
        How many lines, and how many lines of stderr, are before it.
    """

    offset: int
    size: int
    line: int
    stderr: int


def parsed(number: int, raw: bytes) -> Line:
    """A line as it stands in the log, without the line feed."""
    found = _LINE.match(raw)
    if found is None:
        return Line(number, "stdout", None, raw)  # damaged: shown as it is rather than dropped
    stream: LogStream = "stderr" if raw[0] == 101 else "stdout"
    return Line(number, stream, int(found[2]), raw[found.end() :])


class LogIndex:
    """The index of a log.

    Attributes
    ----------
    blocks : list of Block
    end : int
        Where the first line begins that is not complete, in bytes.
    lines, stderr_lines : int
        How many there are.
    untimed_lines : int
        How many of them are damaged, in that they say no time.
    hidden : dict of str to HiddenLines
        For each view, which of its lines made no row.
    changed : dict of int to Redrawn
        What rows show that were written over, by the line that made them.
    truncated, scrubbed : set of str
        Streams that were cut because they were too long, and that a person has taken back.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.end = 0
        self.lines = 0
        self.stderr_lines = 0
        self.untimed_lines = 0
        self.hidden: dict[View, HiddenLines] = {view: HiddenLines() for view in ("both", "stdout", "stderr")}
        self.changed: dict[int, Redrawn] = {}
        self.truncated: set[LogStream] = set()
        self.scrubbed: set[LogStream] = set()
        self._redraws: dict[LogStream, Redraws] = {each: Redraws(self.changed) for each in ("stdout", "stderr")}
        self._passed: tuple[Block, bytes] | None = None
        self._mark = b""

    def extend(self, file: LogBytes) -> bool:
        """Take in what was added to the file.

        Returns
        -------
        bool
            False if the file has other content than it had; this index is then of no more use.
        """
        if self._mark:
            file.seek(self.end - len(self._mark))
            if file.read(len(self._mark)) != self._mark:
                return False
        begin = self.end
        for content, size in scan(file, begin):
            self._add(content, size)
        if self.end > begin:
            size = min(_MARK_BYTES, self.end)
            file.seek(self.end - size)
            self._mark = file.read(size)
        return True

    def count(self, view: View) -> int:
        """How many lines a view has."""
        if view == "both":
            return self.lines
        return self.stderr_lines if view == "stderr" else self.lines - self.stderr_lines

    def rows(self, view: View) -> int:
        """How many rows a view has."""
        return self.count(view) - len(self.hidden[view])

    def read(self, file: LogBytes, view: View, begin: int, end: int) -> Iterator[Line]:
        """Give the lines of a view from the one with that place in it, in order.

        Parameters
        ----------
        file : file
        view : str
        begin, end : int
            Places among the lines of the view, from 0.
        """
        end = min(end, self.count(view))
        if begin >= end:
            return
        block = bisect_right(self.blocks, begin, key=lambda each: _before(each, view)) - 1
        place = _before(self.blocks[block], view)
        while place < end:
            for line in self.lines_of(file, self.blocks[block]):
                if view in ("both", line.stream):
                    if place >= begin:
                        yield line
                    place += 1
                    if place >= end:
                        return
            block += 1
            if block >= len(self.blocks):
                return  # the file has shrunk

    def lines_of(self, file: LogBytes, block: Block) -> Iterator[Line]:
        """Give the lines of a block."""
        for number, raw in enumerate(self.raw_lines_of(file, block), block.line):
            yield parsed(number, raw)

    def raw_lines_of(self, file: LogBytes, block: Block) -> list[bytes]:
        """The lines of a block as they stand in the file."""
        file.seek(block.offset)
        content = file.read(min(block.size, MOST_LINE_BYTES))
        return content.removesuffix(b"\n").split(b"\n") if content else []

    def place(self, file: LogBytes, view: View, number: int) -> int:
        """Place in a view of the line with that number, or of the next one, if it is of the other stream."""
        number = min(max(0, number), self.lines)
        if view == "both" or not self.blocks:
            return number if view == "both" else 0
        block = self.blocks[bisect_right(self.blocks, number, key=lambda each: each.line) - 1]
        place = _before(block, view)
        for line in self.lines_of(file, block):
            if line.number >= number:
                break
            place += line.stream == view
        return place

    def place_of_time(self, file: LogBytes, view: View, microseconds: int) -> int:
        """Place in a view of the first line that came at this time or later."""
        low, high = 0, len(self.blocks)
        while low < high:  # the last block that begins before
            middle = (low + high) // 2
            if self._time_of(file, self.blocks[middle]) < microseconds:
                low = middle + 1
            else:
                high = middle
        if low == 0:
            return 0
        block = self.blocks[low - 1]
        place = _before(block, view)
        for line in self.lines_of(file, block):
            if line.microseconds is not None and line.microseconds >= microseconds:
                return place
            place += view in ("both", line.stream)
        return place

    def _time_of(self, file: LogBytes, block: Block) -> int:
        """When the first line of a block came that says so."""
        file.seek(block.offset)
        for raw in file.read(min(block.size, _MARK_BYTES)).split(b"\n"):
            line = parsed(0, raw)
            if line.microseconds is not None:
                return line.microseconds
        return 0

    def reachable(self) -> list[int]:
        """Numbers of the lines that made those rows which what comes next may still write over."""
        return sorted(number for redraws in self._redraws.values() for number in redraws.reachable)

    def _add(self, content: bytes, size: int) -> None:
        block = Block(self.end, size, self.lines, self.stderr_lines)
        framed = b"\n" + content
        lines = 1 if size > BLOCK_BYTES else content.count(b"\n")
        stderr = len(_STDERR.findall(framed)) if b"\ne " in framed else 0
        self.untimed_lines += max(0, lines - stderr - framed.count(b"\no "))
        if TRUNCATION_NOTICE in content or b"[REDACTED task " in content:
            self._note_marks(content)
        if self._must_follow(content):
            self._follow(block, content)
            self._passed = None
        else:
            self._passed = (block, content) if size <= BLOCK_BYTES else None
        self.blocks.append(block)
        self.end += size
        self.lines += lines
        self.stderr_lines += stderr

    def _note_marks(self, content: bytes) -> None:
        for raw in content.split(b"\n"):
            line = parsed(0, raw)
            if line.text == TRUNCATION_NOTICE:
                self.truncated.add(line.stream)
            elif line.text + b"\n" == _SCRUBBED[line.stream]:
                self.scrubbed.add(line.stream)

    def _must_follow(self, content: bytes) -> bool:
        if any(not redraws.is_at_bottom for redraws in self._redraws.values()):
            return True
        return b"\x1b[" in content and CURSOR_MOVES.search(content) is not None

    def _follow(self, block: Block, content: bytes) -> None:
        """See what the lines of a block were written over."""
        if self._passed is not None:
            self._remember(*self._passed)
        places = {"stdout": block.line - block.stderr, "stderr": block.stderr}
        for number, raw in enumerate(content.removesuffix(b"\n").split(b"\n"), block.line):
            line = parsed(number, raw)
            if not self._redraws[line.stream].take(number, line.text):
                self.hidden["both"].append(number)
                self.hidden[line.stream].append(places[line.stream])
            places[line.stream] += 1

    def _remember(self, block: Block, content: bytes) -> None:
        """Bring the rows to mind that the lines of a block made, which was passed by."""
        numbers: dict[LogStream, list[int]] = {"stdout": [], "stderr": []}
        for number, raw in enumerate(content.removesuffix(b"\n").split(b"\n"), block.line):
            numbers[parsed(number, raw).stream].append(number)
        for stream, redraws in self._redraws.items():
            if numbers[stream]:
                redraws.pass_by(numbers[stream])


def row_of_line(index: LogIndex, view: View, place: int) -> int:
    """The row that shows the line at a place of a view: its own, or the last one before it."""
    hidden = index.hidden[view]
    return max(0, place - hidden.before(place) - hidden.made_no_row(place))


def _before(block: Block, view: View) -> int:
    if view == "both":
        return block.line
    return block.stderr if view == "stderr" else block.line - block.stderr


def scan(file: LogBytes, begin: int) -> Iterator[tuple[bytes, int]]:
    """Give the complete lines of a file from an offset on, block by block: the bytes of each, and how many they are.

    A line that is longer than a block is one of its own, and longer than its bytes, if it is of a damaged file.
    """
    while True:
        file.seek(begin)
        content = file.read(BLOCK_BYTES)
        size = content.rfind(b"\n") + 1
        if size:
            yield content[:size], size
        else:
            size = _long_line_bytes(file, len(content))
            if not size:
                return
            file.seek(begin)
            yield file.read(min(size, MOST_LINE_BYTES)), size
        begin += size


def _long_line_bytes(file: LogBytes, read: int) -> int:
    """Bytes of a line of which some were read; 0 if it is not complete."""
    while True:
        content = file.read(BLOCK_BYTES)
        if not content:
            return 0
        found = content.find(b"\n") + 1
        if found:
            return read + found
        read += len(content)
