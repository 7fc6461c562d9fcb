"""Searches in logs find what a person sees, and nothing stops the server."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from attack_strings import ATTACKS
from metaflow.datastore.logs import format_lines
from metaflow.web.logs.line_text import plain, shown
from metaflow.web.logs.matchers import LevelMatcher, plain_lines, text_matcher, utf16_spans
from metaflow.web.logs.pattern_search import ExpressionMatcher, PatternError, PatternTooSlow

TEXTS = st.lists(st.text(alphabet="abAB é😀\x1b[31m\r 19o", max_size=20).map(lambda text: text.encode()), max_size=20)


def block(*lines: bytes) -> bytes:
    return format_lines("stdout", lines, 1763775000000000)


def found(matcher, content: bytes) -> list[int]:
    try:
        return [match.line for match in matcher.matches(content)]
    finally:
        matcher.close()


@given(TEXTS, st.sampled_from(["a", "ab", "B ", "é", "😀", "1", "o", "19", "aB"]), st.booleans())
def test_a_text_is_found_where_it_is_seen(lines, text, case):
    content = block(*lines)
    pattern = re.compile(re.escape(text), 0 if case else re.IGNORECASE)
    assert found(text_matcher(text, case), content) == [
        index for index, line in enumerate(lines) if pattern.search(plain(line))
    ]
    assert plain_lines(content) == [plain(line) for line in lines] or not lines


def test_a_text_is_found_through_its_colours_and_not_in_what_the_log_adds():
    content = block(b"\x1b[31merr\x1b[0mor", b"10%\rdone", b"176377")
    assert found(text_matcher("error", False), content) == [0]
    assert found(text_matcher("10%", False), content) == []
    assert found(text_matcher("176377", False), content) == [2]
    (match,) = text_matcher("R", False).matches(block("😀 r r".encode()))
    assert match.spans == [(3, 4), (5, 6)]  # as JavaScript counts


@pytest.mark.parametrize("text", [text for text in ATTACKS if text and "\n" not in text and "\r" not in text])
def test_any_text_may_be_looked_for(text):
    line = text.encode("utf-8", "replace")
    seen = plain(line)
    if seen:
        assert found(text_matcher(seen, True), block(b"x", line)) == [1]


def test_lines_of_a_level():
    lines = [
        b"DEBUG a",
        b"INFO a",
        b"2026-01-01 WARNING b",
        b"UserWarning: c",
        b"\x1b[31mERROR\x1b[0m d",
        b"Traceback (most recent call last):",
        b"ValueError: x",
        b"KeyError",
        b"no errors here",
        b"TERROR",
        b"INFORMATION",
    ]
    content = block(*lines)
    assert found(LevelMatcher("error"), content) == [4, 5, 6, 7]
    assert found(LevelMatcher("warning"), content) == [2, 3, 4, 5, 6, 7]
    assert found(LevelMatcher("info"), content) == [1, 2, 3, 4, 5, 6, 7]
    assert found(LevelMatcher("debug"), content) == list(range(8))


def test_patterns_are_those_of_python():
    content = block(b"loss=0.5", b"loss=", b"\x1b[1mLOSS=1\x1b[0m", "é😀 loss=2".encode())
    matcher = ExpressionMatcher(r"loss=\d+", False)
    assert [(match.line, match.spans) for match in matcher.matches(content)] == [
        (0, [(0, 6)]),
        (2, [(0, 6)]),
        (3, [(4, 10)]),
    ]
    matcher.close()
    assert found(ExpressionMatcher("^$", True), block(b"", b"x")) == [0]
    for wrong in ("(", "[", "*", "(?P<a>x)(?P<a>y)"):
        with pytest.raises(PatternError):
            ExpressionMatcher(wrong, False)


def test_a_pattern_that_takes_for_ever_is_stopped():
    matcher = ExpressionMatcher(r"(\w+\s?)*!", False, seconds=0.3)
    with pytest.raises(PatternTooSlow):
        list(matcher.matches(block(b"a word and another word and so on and so on")))
    matcher.close()
    for _ in range(3):  # and gave back its place
        assert found(ExpressionMatcher("a", False), block(b"a")) == [0]


@given(st.text(max_size=20), st.data())
def test_spans_count_as_javascript_does(text, data):
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, len(text)))
    text = text.encode("utf-8", "replace").decode()
    ((first, last),) = utf16_spans(text, [(begin, end)])
    units = text.encode("utf-16-le")
    assert units[2 * first : 2 * last].decode("utf-16-le") == text[begin:end]


def test_a_line_of_very_many_bytes_is_cut():
    line = shown(b"x" * 100_000)
    assert (len(line.text), line.bytes, line.is_cut) == (8192, 100_000, True)
    assert shown(b"short") == ("short", 5, False, 0)
    bar = shown(b"".join(b"\r%3d%%" % number for number in range(101)))
    assert plain(bar.text.encode()) == "100%" and bar.earlier_states == 97 and not bar.is_cut
    assert shown(b"windows\r").text == "windows"
