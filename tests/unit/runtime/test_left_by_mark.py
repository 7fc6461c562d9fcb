"""What tasks leave running, found by the marks of the tasks: asked to end, and killed later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.test_failures import is_alive
from e2e.test_kill import wait_until
from metaflow.distributed.outliving import OUTLIVES_VARIABLE
from metaflow.runtime import left_by_mark
from metaflow.runtime.left_by_mark import LeftByMark, end_from_outside
from metaflow.runtime.loop import EventLoop
from metaflow.runtime.process import signal_all
from metaflow.runtime.process_family import TASK_VARIABLE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")

_MARK = f"F/1/start/{os.getpid()}"
_STUBBORN = "trap 'echo told >> told' TERM; echo ready; while true; do sleep 0.02; done"


@pytest.fixture
def started(tmp_path: Path) -> Iterator:
    processes: list[subprocess.Popen] = []

    def start(code: str, **variables: str) -> subprocess.Popen:
        environment = {**os.environ, **variables}
        process = subprocess.Popen(["sh", "-c", code], env=environment, cwd=tmp_path, stdout=subprocess.PIPE)
        processes.append(process)
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_it_is_asked_to_end_and_killed_if_it_does_not(tmp_path: Path, monkeypatch, started) -> None:
    monkeypatch.setattr(left_by_mark, "STOP_GRACE", 0.5)
    reacts = started("echo ready; exec sleep 60", **{TASK_VARIABLE: _MARK})
    stubborn = started(_STUBBORN, **{TASK_VARIABLE: _MARK})
    of_another = started("echo ready; exec sleep 60", **{TASK_VARIABLE: f"{_MARK}0"})
    cleaner = started("echo ready; exec sleep 60", **{TASK_VARIABLE: _MARK, OUTLIVES_VARIABLE: "1"})
    with EventLoop() as loop:
        left = LeftByMark(loop)
        left.end([_MARK])
        left.wait()
    assert (tmp_path / "told").read_text() == "told\n"
    assert reacts.wait(10) == -signal.SIGTERM and stubborn.wait(10) == -signal.SIGKILL
    assert of_another.poll() is None and cleaner.poll() is None


def test_where_nothing_is_left_nothing_is_waited_for(monkeypatch) -> None:
    monkeypatch.setattr(left_by_mark.time, "sleep", lambda _seconds: pytest.fail("it waited"))
    with EventLoop() as loop:
        monkeypatch.setattr(loop, "call_later", lambda _seconds, _call: pytest.fail("it looks again later"))
        left = LeftByMark(loop)
        left.wait()
        left.end([_MARK])
        left.wait()


# What it supervises begins only after the supervisor has been asked to end, which that does not heed.
_SUPERVISOR = """
trap 'echo told >> told' TERM; echo ready
while true; do
  if [ -e told ]; then sleep 300 & echo $! > anew.new; mv anew.new anew; wait; else sleep 0.02; fi
done
"""


def test_what_is_started_anew_meanwhile_is_killed_by_another_process(tmp_path: Path, started) -> None:
    mark = {TASK_VARIABLE: f"{_MARK}/outside/1"}
    reacts = started("echo ready; exec sleep 60", **mark)
    supervisor = started(_SUPERVISOR, **mark)
    of_another = started("echo ready; exec sleep 60", **{TASK_VARIABLE: f"{_MARK}/outside/10"})
    cleaner = started("echo ready; exec sleep 60", **mark, **{OUTLIVES_VARIABLE: "1"})
    code = (
        "from metaflow.runtime import left_by_mark\nleft_by_mark.STOP_GRACE = 1.0\n"
        f"left_by_mark.end_from_outside({mark[TASK_VARIABLE]!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert reacts.wait(60) == -signal.SIGTERM and supervisor.wait(60) == -signal.SIGKILL
    anew = int((tmp_path / "anew").read_text())
    try:
        wait_until(lambda: not is_alive(anew))
    finally:
        signal_all([anew], signal.SIGKILL)
    assert of_another.poll() is None and cleaner.poll() is None


def test_without_a_shell_it_is_killed_at_once(monkeypatch, started) -> None:
    def refuse(*_given, **_named):
        raise OSError("no file descriptors left")

    monkeypatch.setattr(os, "posix_spawn", refuse)
    process = started("echo ready; exec sleep 60", **{TASK_VARIABLE: f"{_MARK}/refused"})
    end_from_outside(f"{_MARK}/refused")
    assert process.wait(60) == -signal.SIGKILL
