"""The index of a log: any part of it as plain reading gives it, however it grows."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from metaflow.datastore.logs import TRUNCATION_NOTICE, format_lines, overwrite_log, read_log
from metaflow.web.logs import log_index
from metaflow.web.logs.line_text import plain
from metaflow.web.logs.log_files import OpenLog
from metaflow.web.logs.log_index import LogIndex
from metaflow.web.logs.log_pages import Looking, changed_row, rows
from metaflow.web.logs.sources import LogFile

VIEWS = ("both", "stdout", "stderr")
#: Lines as we write them, and what a damaged file may have instead.
LINES = st.one_of(
    st.builds(
        lambda stream, time, text: b"%s %d %s" % (stream, time, text),
        st.sampled_from([b"o", b"e"]),
        st.integers(0, 10**17),
        st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"")),
    ),
    st.sampled_from(
        [b"", b"o", b"e ", b"e 12", b"o x y", b"e x y", b"x 1 y", b"o  1", b"e 1\r", b"e 1 e 2 x", b"\xff"]
    ),
)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(log_index, "BLOCK_BYTES", 64)


def plainly(content: bytes, view: str) -> list[tuple[str, bytes]]:
    return [(line.stream, line.text) for line in read_log(content, None if view == "both" else view)]


def indexed(content: bytes) -> tuple[LogIndex, io.BytesIO]:
    index, file = LogIndex(), io.BytesIO(content)
    assert index.extend(file)
    return index, file


def read(index: LogIndex, file, view: str, begin: int = 0, end: int = 10**9) -> list[tuple[str, bytes]]:
    return [(line.stream, line.text) for line in index.read(file, view, begin, end)]


@given(st.lists(LINES, max_size=60), st.binary(max_size=10), st.integers(0, 70), st.integers(0, 70))
def test_any_part_of_a_log_is_as_plain_reading_gives_it(lines, rest, begin, length):
    content = b"".join(line + b"\n" for line in lines) + rest.replace(b"\n", b"")
    index, file = indexed(content)
    for view in VIEWS:
        expected = plainly(content, view)
        assert index.count(view) == len(expected)
        assert read(index, file, view) == expected
        assert read(index, file, view, begin, begin + length) == expected[begin : begin + length]
    numbers = [line.number for line in index.read(file, "stderr", 0, 10**9)]
    assert [index.place(file, "stderr", number) for number in numbers] == list(range(len(numbers)))
    assert index.lines == len(plainly(content, "both"))


@given(st.lists(LINES, max_size=30), st.lists(st.integers(0, 2000), max_size=5))
def test_an_index_that_grows_is_that_of_the_whole(lines, ends):
    content = b"".join(line + b"\n" for line in lines)
    index = LogIndex()
    for end in [*sorted(ends), len(content)]:
        assert index.extend(io.BytesIO(content[:end]))
    whole, file = indexed(content)
    assert (index.lines, index.stderr_lines, index.end) == (whole.lines, whole.stderr_lines, whole.end)
    for view in VIEWS:
        assert read(index, file, view) == read(whole, file, view)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=50).map(sorted), st.integers(-1, 10**6 + 1))
def test_the_place_of_a_time_is_that_of_the_first_line_that_is_not_earlier(times, wanted):
    content = b"".join(format_lines("stdout", [b"x"], time) for time in times)
    index, file = indexed(content)
    assert index.place_of_time(file, "both", wanted) == sum(time < wanted for time in times)


def test_a_line_longer_than_a_block_is_a_block_of_its_own():
    content = b"o 1 a\no 2 " + b"x" * 1000 + b"\ne 3 b\n"
    index, file = indexed(content)
    assert [text for _, text in read(index, file, "both")] == [b"a", b"x" * 1000, b"b"]
    assert read(index, file, "stderr") == [("stderr", b"b")]


def test_what_was_taken_back_is_seen_as_another_log(tmp_path: Path):
    path = tmp_path / "1.0.log"
    path.write_bytes(format_lines("stdout", [b"secret %d" % number for number in range(50)], 1))
    log = OpenLog()
    log.renew(LogFile(str(path)))
    version = log.version
    with path.open("ab") as file:
        file.write(format_lines("stdout", [b"more"], 2))
    log.renew(LogFile(str(path)))
    assert (log.version, log.index.lines) == (version, 51)
    overwrite_log(path, format_lines("stdout", [b"[REDACTED task stdout]"], 3))
    log.renew(LogFile(str(path)))
    assert log.version != version and log.index.lines == 1 and log.index.scrubbed == {"stdout"}
    path.unlink()
    log.renew(LogFile(str(path)))
    assert log.is_missing and log.index.lines == 0
    with log.reading() as file:
        assert rows(log.index, file, Looking(), 0, 10) == []


def test_a_stream_that_was_cut_is_told():
    index, _ = indexed(format_lines("stderr", [b"a", TRUNCATION_NOTICE], 1) + format_lines("stdout", [b"b"], 1))
    assert index.truncated == {"stderr"} and not index.scrubbed
    quoting, _ = indexed(format_lines("stdout", [b"it said " + TRUNCATION_NOTICE], 1))
    assert not quoting.truncated


# What is shown of lines that were written over.

UP = b"\x1b[A"


def texts(content: bytes, view: str = "both", folds: bool = True) -> list[tuple[int, str]]:
    index, file = indexed(content)
    looking = Looking(view, folds)
    found = rows(index, file, looking, 0, 10**6)
    assert len(found) == looking.rows(index)
    return [(row["line"], row["text"]) for row in found]


def shown_texts(content: bytes) -> list[str]:
    return [plain(text.encode()) for _, text in texts(content)]


def log(*lines: bytes, stream: str = "stderr") -> bytes:
    return format_lines(stream, lines, 1)


def test_bars_one_below_the_other_are_shown_as_they_are_at_the_end():
    # As tqdm does with a bar at position 1.
    states = [b"\router 0"] + [b"\r inner %d" % number + UP for number in range(100)]
    content = log(b"before", *states, b"\r inner 100" + UP + b"\router 1", b"", b"after")
    assert texts(content) == [(1, "before"), (2, "outer 1"), (3, " inner 100"), (105, "after")]
    assert len(texts(content, folds=False)) == 105


def test_a_display_that_is_drawn_anew_from_its_top():
    # As rich does: up over what there is, erasing it, and then all of it again, without a line feed at the end.
    again = b"\r\x1b[2K\x1b[1A\x1b[2K"
    lines = [b"title 0", *(b"row %d%stitle %d" % (number, again, number + 1) for number in range(50)), b"row 50"]
    assert shown_texts(log(*lines, b"after")) == ["title 50", "row 50", "after"]
    # With one, the cursor is below.
    again = b"\r\x1b[1A\x1b[2K"
    lines = [b"bar 0", *(again + b"bar %d" % number for number in range(1, 50))]
    assert shown_texts(log(*lines, b"\x1b[Btext", b"after")) == ["bar 49", "text", "after"]


def test_lines_of_the_other_stream_stay_where_they_are():
    content = log(b"bar 0") + log(b"hello", stream="stdout") + log(UP + b"\rbar 1", b"end")
    assert texts(content) == [(1, "bar 1"), (2, "hello"), (4, "end")]
    assert texts(content, "stdout") == [(2, "hello")]
    assert texts(content, "stderr") == [(1, "bar 1"), (4, "end")]


def test_rows_far_above_cannot_be_written_over():
    lines = [b"line %d" % number for number in range(1000)]
    shown = texts(log(*lines, b"\x1b[9999A\rx"))
    assert len(shown) == 1000 and shown[0] == (1, "line 0")
    assert [text for _, text in shown].count("x") == 1


MOVES = st.sampled_from(
    [b"text", b"\r", UP, b"\x1b[2A", b"\x1b[B", b"\x1b[3F", b"\x1b[K", b"\x1b[31m", b"\x1b[", b"\x1b[99999B"]
)


@given(
    st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.lists(MOVES, max_size=4).map(b"".join)), max_size=50)
)
def test_whatever_moves_the_cursor_each_row_is_of_one_line(lines):
    content = b"".join(format_lines(stream, [text], 1) for stream, text in lines)
    index, file = indexed(content)
    for view in VIEWS:
        looking = Looking(view)
        found = rows(index, file, looking, 0, 10**6)
        numbers = [row["line"] for row in found]
        assert len(found) == looking.rows(index) and numbers == sorted(set(numbers))
        assert index.rows(view) + len(index.hidden[view]) == index.count(view)
        for place, row in enumerate(found):
            assert looking.row(index, file, row["line"] - 1) == place
            assert rows(index, file, looking, place, place + 1) == [row]


@given(
    st.lists(st.lists(MOVES, max_size=4).map(b"".join), min_size=1, max_size=40),
    st.integers(0, 40),
    st.sampled_from(VIEWS),
)
def test_whoever_knows_a_log_is_told_all_that_changes(lines, known, view):
    content = log(*lines)
    known = min(known, len(lines))
    before, _ = indexed(log(*lines[:known]) if known else b"")
    looking = Looking(view)
    index, file = indexed(content)
    old = rows(before, io.BytesIO(log(*lines[:known]) if known else b""), looking, 0, 10**6)
    first = changed_row(index, looking, file, known)
    new = rows(index, file, looking, 0, 10**6)
    assert old[:first] == new[:first] and len(old[:first]) == first
