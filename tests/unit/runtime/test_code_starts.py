"""When the code of steps began: notes in a pipe that nobody is woken by."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from metaflow.runtime import code_starts as module
from metaflow.runtime.code_starts import CodeStarts, note_code_start
from metaflow.runtime.loop import EventLoop


def test_notes_are_told_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.001)
    told: list[Mapping[int, float]] = []
    with EventLoop() as loop:
        starts = CodeStarts(loop, told.append)
        for at in (7.5, 8.5):
            note_code_start(os.dup(starts.writing_end), at)
        while not told:
            loop.step()
        for _ in range(3):
            loop.step()
        starts.close()
    assert told == [{os.getpid(): 8.5}], "the later one counts, and nothing is told twice"


def test_a_task_never_waits_for_whoever_reads() -> None:
    with EventLoop() as loop:
        starts = CodeStarts(loop, lambda starts: None)
        for _ in range(10_000):
            note_code_start(os.dup(starts.writing_end), 1.0)
        writing_end = os.dup(starts.writing_end)
        starts.close()
    note_code_start(writing_end, 1.0)
    with pytest.raises(OSError):
        os.fstat(writing_end)
