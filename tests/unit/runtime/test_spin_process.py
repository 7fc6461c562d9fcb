"""What happens to the process of a spun step when it has to be ended, seen from an executor that only pretends."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from metaflow.datastore.local import LocalStore
from metaflow.exception import MetaflowException
from metaflow.runtime import spin_process
from metaflow.runtime.console import Console
from metaflow.runtime.loop import EventLoop
from metaflow.runtime.specs import RunSpec, TaskSpec
from metaflow.runtime.spin_process import SpunTask
from metaflow.runtime.task_output import TaskOutput


class Pretender:
    """Starts nothing; `start` is called in its stead. Notes what it is told."""

    def __init__(self, start: Callable[[Pretender], None]) -> None:
        self._start = start
        self.heard: list[object] = []
        self.loop: EventLoop
        self.lost: Callable[[Exception], None]
        self.listener: SpunTask

    def __call__(self, loop: EventLoop, lost: Callable[[Exception], None]) -> Pretender:
        self.loop, self.lost = loop, lost
        return self

    def submit(self, spec: TaskSpec, listener: SpunTask) -> None:
        self.listener = listener
        self._start(self)

    def kill(self, keys: Sequence[str], number: int) -> None:
        self.heard.append(signal.Signals(number))

    def close(self) -> None:
        self.heard.append("close")


def spun(tmp_path: Path, timeout_seconds: float | None = None) -> SpunTask:
    run = RunSpec("F", "1", str(tmp_path), "me", "user:me")
    console = Console(io.StringIO())
    output = TaskOutput(tmp_path / "log", 1000, console)
    return SpunTask(run, TaskSpec("s", "0", 0, 1, ()), LocalStore(tmp_path), console, output, timeout_seconds)


def test_a_task_that_is_stopped_before_it_starts_is_ended_as_soon_as_it_has(tmp_path: Path) -> None:
    def start(executor: Pretender) -> None:
        executor.lost(MetaflowException("enough"))
        executor.heard.clear()  # there was no process yet that could have got the signal
        executor.listener.started(1)
        executor.loop.call_later(0, lambda: executor.listener.ended(-signal.SIGTERM))

    executor = Pretender(start)
    with pytest.raises(MetaflowException, match="enough"):
        spun(tmp_path).drive(executor)
    assert executor.heard == [signal.SIGTERM, "close"]


def test_a_process_that_nothing_is_heard_of_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spin_process, "STOP_GRACE", 0)
    monkeypatch.setattr(spin_process, "TIMEOUT_GRACE", 0)
    executor = Pretender(lambda executor: executor.listener.started(1))
    with pytest.raises(MetaflowException, match="was killed, but nothing was heard of its end"):
        spun(tmp_path, timeout_seconds=0).drive(executor)
    assert executor.heard == [signal.SIGKILL, "close"]
