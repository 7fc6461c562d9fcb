"""What tasks leave running: asked to end, killed later, or let go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable

import pytest

from metaflow.runtime.left_running import LeftRunning
from metaflow.runtime.process_family import TASK_VARIABLE, children_of, processes_marked, with_descendants

PROC = pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="There is no /proc here.")


class System:
    """A clock that a test moves, and what was sent to whom."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sent: list[tuple[int, int]] = []
        self.left = LeftRunning(3.0, lambda: self.now, self.send)

    def send(self, pids: Iterable[int], number: int) -> None:
        self.sent += [(pid, number) for pid in pids]

    def taken(self) -> list[tuple[int, int]]:
        sent, self.sent = self.sent, []
        return sent


def test_what_may_not_stay_is_asked_to_end_and_then_killed() -> None:
    system = System()
    system.left.found([7, 8], may_stay=False)
    assert system.taken() == [(7, signal.SIGTERM), (8, signal.SIGTERM)]
    system.now += 2
    system.left.found([7, 8, 9], may_stay=False)
    assert system.taken() == [(9, signal.SIGTERM)], "nobody is asked twice"
    assert system.left.gone(7) is False
    system.left.enforce()
    assert system.taken() == [] and system.left.seconds_left() == 1
    system.now += 1
    system.left.enforce()
    assert system.taken() == [(8, signal.SIGKILL)]
    assert system.left.seconds_left() == 2, "the one that came later has as long"


def test_what_may_stay_is_let_alone() -> None:
    system = System()
    system.left.found([7], may_stay=True)
    system.left.found([7], may_stay=False)
    system.now += 60
    system.left.enforce()
    assert system.taken() == []
    assert not system.left.is_ending and system.left.seconds_left() is None
    assert system.left.gone(7) is True


def test_nothing_is_known_of_what_was_never_found() -> None:
    assert System().left.gone(7) is None


def test_what_cannot_be_killed_is_not_waited_for_without_a_pause() -> None:
    system = System()
    system.left.found([7], may_stay=False)
    system.now += 3
    system.left.enforce()
    assert system.left.is_ending and system.left.seconds_left() == 3


@PROC
def test_descendants_are_found_wherever_they_have_gone() -> None:
    code = "import subprocess, sys, time; subprocess.Popen(['sleep', '60'], start_new_session=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, TASK_VARIABLE: "F/1/a/2/0"}, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while len(family := with_descendants([process.pid])) < 2:
        assert time.monotonic() < deadline, "its child was not found"
        time.sleep(0.01)
    try:
        assert family[0] == process.pid in children_of(os.getpid())
        assert processes_marked(["F/1/a/1/0", "F/1/a/2/0"]) == dict.fromkeys(family, "F/1/a/2/0")
        assert processes_marked(["F/1/a/2"]) == {}, "another task's mark is no part of it"
    finally:
        for pid in reversed(family):
            os.kill(pid, signal.SIGKILL)
        process.wait()
