"""What a search looks for in lines: a text, a pattern, or lines of a level.

A matcher is given blocks of lines, and says which of them match, and where. Patterns of people are tried in a process
of their own, see :mod:`metaflow.web.logs.pattern_process`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from metaflow.web.logs.line_text import decoded, plain, without_escapes
from metaflow.web.logs.log_index import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_PREFIX = re.compile(rb"(?m)^[oe] \d{1,18}(?: |$)")
#: Levels that can be asked for, with the words that name them; a level means that one and those above it.
LEVELS = ("debug", "info", "warning", "error")
_WORDS = (
    rb"DEBUG|TRACE",
    rb"INFO|NOTICE",
    rb"WARN(?:ING)?|[A-Z]\w*Warning(?=:)",
    rb"ERROR|CRITICAL|FATAL|Traceback \(most recent call last\)|[A-Z]\w*(?:Error|Exception)(?=:|$)",
)
# Text that is searched of a line; the rest of longer ones is not.
_MOST_CHARACTERS = 100_000
_MOST_SPANS = 50
# Characters of a line that an answer shows.
_EXCERPT = 400


class Match(NamedTuple):
    """A line that matches.

    Attributes
    ----------
    line : int
        Which line of the block.
    spans : list of (int, int)
        Where, in characters of what is shown of the line.
    """

    line: int
    spans: list[tuple[int, int]]


class Matcher(Protocol):
    """Says which lines match."""

    def matches(self, content: bytes) -> Iterator[Match]:
        """Give the lines that match of a block of a log as it stands in the file."""
        ...

    def close(self) -> None:
        """Let go of what it uses."""
        ...


class PatternMatcher:
    """Looks for a text, or for a level.

    Parameters
    ----------
    pattern : compiled pattern
        What to look for in the text of a line. It must be one of ours, which no line can make slow.
    needle : bytes
        What a line has that matches, by which most are passed over; empty if there is no such thing.
    ignores_case : bool
        Whether `needle` is in lower case and lines are compared so.
    """

    def __init__(self, pattern: re.Pattern[str], needle: bytes, ignores_case: bool) -> None:
        self._pattern = pattern
        self._needle = needle
        self._ignores_case = ignores_case

    def matches(self, content: bytes) -> Iterator[Match]:
        """Give the lines that match of a block."""
        lines: list[bytes] = []
        for index in self._candidates(without_escapes(content)):
            lines = lines or content.split(b"\n")
            spans = spans_in(self._pattern, _text_of(lines[index]))
            if spans:
                yield Match(index, spans)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _lower(self, content: bytes) -> bytes:
        return content.lower() if self._needle.isascii() else decoded(content).lower().encode()

    def _candidates(self, content: bytes) -> Iterator[int]:
        compared = self._lower(content) if self._ignores_case else content
        if self._needle not in compared:
            return
        for index, line in enumerate(compared.removesuffix(b"\n").split(b"\n")):
            if self._needle in line:
                yield index


class LevelMatcher:
    """Looks for lines that say, in capital letters or as an exception, that something of a level happened.

    Parameters
    ----------
    level : str
        One of `LEVELS`: lines of this level and those above it match.
    """

    def __init__(self, level: str) -> None:
        words = rb"\b(?:" + b"|".join(_WORDS[LEVELS.index(level) :]) + rb")(?!\w)"
        self._bytes = re.compile(words, re.MULTILINE)
        self._text = re.compile(words.decode())

    def matches(self, content: bytes) -> Iterator[Match]:
        """Give the lines that match of a block."""
        lines = content.split(b"\n")
        stripped = without_escapes(content)
        seen, index, done = 0, 0, -1
        for found in self._bytes.finditer(stripped):
            index += stripped.count(b"\n", seen, found.start())
            seen = found.start()
            if index == done:
                continue
            done = index
            spans = spans_in(self._text, _text_of(lines[index]))
            if spans:
                yield Match(index, spans)

    def close(self) -> None:
        """There is nothing to let go of."""


def text_matcher(text: str, case: bool) -> PatternMatcher:
    """A matcher of lines with this text in them."""
    pattern = re.compile(re.escape(text), 0 if case else re.IGNORECASE)
    return PatternMatcher(pattern, (text if case else text.lower()).encode("utf-8", "replace"), not case)


def shown_match(number: int, raw: bytes, match: Match) -> dict[str, Any]:
    """A line that matches, as answers have it: of a long one, the part where it does.

    Parameters
    ----------
    number : int
        The line's, from 0.
    raw : bytes
        The line as it stands in the log.
    match : Match
    """
    line = parsed(number, raw)
    text = plain(line.text)
    begin = max(0, match.spans[0][0] - _EXCERPT // 4) if match.spans and match.spans[0][1] > _EXCERPT else 0
    if begin and max(text) >= "\U00010000":
        begin = 0  # spans count such characters twice
    return {
        "line": number + 1,
        "stream": line.stream,
        "time": None if line.microseconds is None else line.microseconds / 1e6,
        "text": text[begin : begin + _EXCERPT],
        "begin": begin,
        "spans": match.spans,
    }


def plain_lines(content: bytes) -> list[str]:
    """The lines of a block as they are read, without what a log says of each."""
    content = content.removesuffix(b"\n")
    if b"\r" in content:
        return [_text_of(raw) for raw in content.split(b"\n")]
    return [line[:_MOST_CHARACTERS] for line in decoded(_PREFIX.sub(b"", without_escapes(content))).split("\n")]


def spans_in(pattern: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    """Where a pattern is in a text, in characters as JavaScript counts them."""
    spans = []
    for found in pattern.finditer(text):
        spans.append(found.span())
        if len(spans) == _MOST_SPANS:
            break
    return utf16_spans(text, spans)


def utf16_spans(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans of a text in units of UTF-16, which is what JavaScript counts."""
    if not spans or text.isascii() or max(text) < "\U00010000":
        return spans

    def units(end: int) -> int:
        return end + sum(character >= "\U00010000" for character in text[:end])

    return [(units(begin), units(end)) for begin, end in spans]


def _text_of(raw: bytes) -> str:
    return plain(parsed(0, raw).text)[:_MOST_CHARACTERS]
