from __future__ import annotations

import errno
import os

import pytest
from hypothesis import given, strategies as st

from metaflow.datastore import logs
from metaflow.datastore.logs import TRUNCATION_NOTICE, LineSplitter, LogWriter, read_log
from metaflow.exception import DataException


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "F" / "1" / "s" / "1.0.log"


@pytest.fixture
def writer(path):
    writer = LogWriter(path, 1_000_000)
    yield writer
    writer.close()


def texts(source, stream=None):
    return [line.text for line in read_log(source, stream)]


# -- splitting


@given(st.lists(st.binary(max_size=20) | st.sampled_from([b"\n", b"a\n", b"\r\n", b"\n\n"])))
def test_lines_do_not_depend_on_how_the_bytes_arrive(pieces):
    splitter = LineSplitter()
    lines = [line for piece in pieces for line in splitter.feed(piece)] + splitter.flush()
    expected = b"".join(pieces).split(b"\n")
    assert lines == (expected if expected[-1] else expected[:-1])
    assert splitter.flush() == []


def test_a_long_line_in_small_pieces_is_joined_once():
    splitter = LineSplitter()
    for _ in range(10_000):
        assert splitter.feed(b"x" * 1000) == []
    assert splitter.feed(b"y\nz") == [b"x" * 10_000_000 + b"y"]
    assert splitter.flush() == [b"z"]


def test_output_without_line_ends_is_delivered_in_pieces(monkeypatch):
    monkeypatch.setattr(logs, "MAXIMUM_LINE_BYTES", 10)
    splitter = LineSplitter()
    assert splitter.feed(b"0123456789") == []
    assert splitter.feed(b"a") == [b"0123456789a"]
    assert splitter.feed(b"b\n") == [b"b"]


# -- writing and reading


def test_lines_come_back_in_order_with_stream_and_time(writer, path):
    writer.write("stdout", [b"one", b"", b"50%\r100%"], 1_700_000_000_000_001)
    writer.write("stderr", [b"\xff\xfe not text"], 1_700_000_000_000_002)
    writer.write("stdout", [b"o 1 looks like a record"], 1_700_000_000_000_003)
    assert [line[:3] for line in read_log(path)] == [
        ("stdout", 1_700_000_000_000_001, b"one"),
        ("stdout", 1_700_000_000_000_001, b""),
        ("stdout", 1_700_000_000_000_001, b"50%\r100%"),
        ("stderr", 1_700_000_000_000_002, b"\xff\xfe not text"),
        ("stdout", 1_700_000_000_000_003, b"o 1 looks like a record"),
    ]
    assert texts(path, "stderr") == [b"\xff\xfe not text"]
    assert texts(path.read_bytes(), "stdout")[-1] == b"o 1 looks like a record"
    assert path.read_bytes().startswith(b"o 1700000000000001 one\n")


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), min_size=1))
def test_any_line_survives_the_format(lines):
    data = b"".join(b"e 5 %s\n" % line for line in lines)
    assert texts(data) == lines


def test_no_output_means_no_file(writer, path):
    writer.write("stdout", [], 1)
    writer.close()
    assert not path.parent.exists()
    assert list(read_log(path)) == []


def test_each_call_is_one_write(writer, monkeypatch):
    sizes = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: sizes.append(len(data)) or real(descriptor, data))
    writer.write("stdout", [b"a"] * 1000, 5)
    assert sizes == [6000]


def test_a_torn_last_line_is_not_read_yet(path):
    data = b"o 1 first\ne 2 second\no 3 thi"
    assert texts(data) == [b"first", b"second"]
    assert texts(data + b"rd\n") == [b"first", b"second", b"third"]


def test_reading_goes_on_where_it_stopped(writer, path):
    writer.write("stdout", [b"one", b"two"], 1)
    first = list(read_log(path))
    assert first[0].end_offset == len(b"o 1 one\n")
    writer.write("stderr", [b"three"], 2)
    rest = list(read_log(path, offset=first[-1].end_offset))
    assert [line.text for line in rest] == [b"three"]
    assert rest[-1].end_offset == path.stat().st_size
    assert list(read_log(path, offset=rest[-1].end_offset)) == []
    assert [line.text for line in read_log(path.read_bytes(), offset=first[0].end_offset)] == [
        b"two",
        b"three",
    ]


def test_foreign_lines_are_shown_as_they_are():
    data = b"o 7 ours\nno prefix here\n\no x y\n"
    assert [line[:3] for line in read_log(data)] == [
        ("stdout", 7, b"ours"),
        ("stdout", 7, b"no prefix here"),
        ("stdout", 7, b""),
        ("stdout", 7, b"o x y"),
    ]


# -- limits and failures


def test_each_stream_has_its_own_limit_and_says_so_once(path):
    writer = LogWriter(path, 10)
    writer.write("stdout", [b"1234", b"5678", b"9", b"10"], 1)
    writer.write("stdout", [b"more"], 2)
    writer.write("stderr", [b"still here"[:9]], 3)
    writer.write("stderr", [b"x"], 4)
    writer.close()
    assert texts(path, "stdout") == [b"1234", b"5678", TRUNCATION_NOTICE]
    assert texts(path, "stderr") == [b"still her", TRUNCATION_NOTICE]
    assert TRUNCATION_NOTICE == b"[TRUNCATED - MAXIMUM LOG FILE SIZE REACHED]"


def test_a_full_disk_is_explained_and_later_lines_stay_whole(writer, path, monkeypatch):
    real = os.write
    writer.write("stdout", [b"before"], 1)
    room = [8]

    def nearly_full(descriptor, data):
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data[: room.pop()])

    monkeypatch.setattr(os, "write", nearly_full)
    with pytest.raises(DataException, match=r"log .*1\.0\.log.*The disk is full"):
        writer.write("stdout", [b"torn line"], 2)
    monkeypatch.undo()
    writer.write("stdout", [b"after"], 3)
    assert texts(path)[0] == b"before"
    assert texts(path)[-1] == b"after"
    assert b"o 2 torn\no 3 after\n" in path.read_bytes()


def test_a_directory_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataException, match="A file stands where a directory is needed"):
        LogWriter(tmp_path / "file" / "x.log", 100).write("stdout", [b"x"], 1)


def test_an_unreadable_log_is_explained(tmp_path):
    with pytest.raises(DataException, match="Cannot read the log"):
        list(read_log(tmp_path))
