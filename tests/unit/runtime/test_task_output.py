"""What a task has printed since its last line feed can be seen, and costs no line."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow.datastore.logs import LineSplitter, read_log, unfinished_path
from metaflow.runtime import task_output
from metaflow.runtime.task_output import TaskOutput


class NoConsole:
    def task_lines(self, where, lines):
        pass


@pytest.fixture
def output(tmp_path, monkeypatch):
    monkeypatch.setattr(task_output, "_UNFINISHED_SECONDS", 0.0)
    return TaskOutput(tmp_path / "step" / "1.0.log", 10**6, NoConsole())


def unfinished(tmp_path: Path) -> list[tuple[str, bytes]]:
    return [(line.stream, line.text) for line in read_log(unfinished_path(tmp_path / "step" / "1.0.log"))]


def test_a_line_is_seen_before_it_is_finished(output, tmp_path):
    output.feed("stderr", b"\r10%")
    output.feed("stderr", b"\r20%")
    output.feed("stdout", b"one\ntwo")
    assert unfinished(tmp_path) == [("stdout", b"two"), ("stderr", b"\r10%\r20%")]
    output.feed("stdout", b"\n")
    assert unfinished(tmp_path) == [("stderr", b"\r10%\r20%")]
    output.feed("stderr", b"\n")
    assert unfinished(tmp_path) == []
    output.feed("stdout", b"last")
    output.close()
    assert sorted(path.name for path in (tmp_path / "step").iterdir()) == ["1.0.log"]
    assert [line.text for line in read_log(tmp_path / "step" / "1.0.log")] == [b"one", b"two", b"\r10%\r20%", b"last"]


def test_that_it_cannot_be_shown_costs_nothing(output, tmp_path):
    (tmp_path / "step").mkdir()
    Path(f"{unfinished_path(tmp_path / 'step' / '1.0.log')}.new").mkdir()
    output.feed("stdout", b"a")
    output.feed("stdout", b"b\n")
    output.close()
    assert [line.text for line in read_log(tmp_path / "step" / "1.0.log")] == [b"ab"]


def test_only_the_end_of_what_is_not_finished_is_taken():
    splitter = LineSplitter()
    for number in range(100):
        splitter.feed(b"%03d" % number)
    assert splitter.unfinished(7) == b"7098099" and splitter.unfinished(0) == b""
    assert splitter.flush()[0].startswith(b"000001")
