"""A person is told what a run waits for, and nothing where it need not wait."""

from __future__ import annotations

import re
import threading
import time

import pytest

from metaflow.runtime import still_waiting as module
from metaflow.runtime.still_waiting import StillWaiting


def test_what_takes_long_is_told_until_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_SECONDS", 0.001)
    told: list[str] = []
    threads = threading.active_count()
    with StillWaiting("the datastore", True, told.append) as waiting:
        while not told:
            time.sleep(0.001)
        waiting.what = "the code package"
        while "code package" not in told[-1]:
            time.sleep(0.001)
    assert re.fullmatch(r"Still waiting for the datastore \(\d+ seconds\)\.\.\.", told[0])
    assert threading.active_count() == threads, "a process with threads is not to be forked"


def test_nothing_is_said_of_what_is_over_at_once_or_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    threads = threading.active_count()
    with StillWaiting("the datastore", True, told.append):
        pass
    monkeypatch.setattr(module, "_FIRST_SECONDS", 0.001)
    with StillWaiting("the datastore", False, told.append):
        assert threading.active_count() == threads
        time.sleep(0.01)
    assert told == []
