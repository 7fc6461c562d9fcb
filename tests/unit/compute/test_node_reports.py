"""What a node does beside its task: it goes on reporting whatever happens, and ends only what nobody wants any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from metaflow.compute import node_reports as module
from metaflow.compute.node_log import NodeLog
from metaflow.compute.node_reports import NodeReports
from metaflow.datastore.layout import AttemptKey, live_key
from metaflow.datastore.live_tasks import CodeStart, list_live_tasks, log_part_key, run_live_key
from metaflow.exception import StoreUnavailable
from metaflow.testing.memory_store import MemoryStore

ATTEMPT = AttemptKey("F", "1", "train", "7", 0)
SILENCE = 40.0


class AtOnce:
    """An event loop that does not wait."""

    def call_from_thread(self, callback: Callable[[], None]) -> None:
        callback()


class Clock:
    """Stands where the module `time` would; a test makes its time pass."""

    def __init__(self) -> None:
        self.now, self.looks = 1000.0, 0

    def monotonic(self) -> float:
        self.looks += 1
        return self.now


class Bench:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.store = MemoryStore()
        self.reasons: list[str] = []
        self.log = NodeLog(self.store, ATTEMPT, 10_000)
        self.reports = NodeReports(self.store, ATTEMPT, self.log, SILENCE, self.reasons.append)

    def start(self) -> None:
        self.reports.start(AtOnce(), b"{}")  # type: ignore[arg-type]

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and the reports take note: each round of them looks at the clock two times at most."""
        self.clock.now += seconds
        enough = self.clock.looks + 6
        until(lambda: self.clock.looks >= enough)

    def give_sign(self) -> None:
        self.store.put(run_live_key("F", "1"), [b"1"])


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(module, "_LOG_SECONDS", 0.005)
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    bench = Bench(clock)
    yield bench
    bench.reports.stop()
    bench.log.close()


def test_a_run_that_gives_no_sign_is_not_worked_for(bench: Bench) -> None:
    bench.give_sign()
    bench.start()
    bench.pass_time(0)
    bench.pass_time(SILENCE / 2)
    assert not bench.reasons
    bench.pass_time(SILENCE)
    until(lambda: bench.reasons)
    assert "no sign of life" in bench.reasons[0]


def test_when_the_steps_code_began_is_told_while_it_runs(bench: Bench) -> None:
    bench.give_sign()
    bench.start()
    code = CodeStart(1711000000.25, 1711000001.5)
    bench.reports.keep_code_start(code)
    until(lambda: list_live_tasks(bench.store, "F", "1").get("train/7/0"))
    until(lambda: list_live_tasks(bench.store, "F", "1")["train/7/0"].code == code)


def test_a_datastore_that_was_away_says_nothing_about_the_run(bench: Bench) -> None:
    stat, looks = bench.store.stat, 0

    def away(key: str) -> Any:
        nonlocal looks
        looks += 1
        raise StoreUnavailable("The server does not answer.")

    bench.give_sign()
    bench.start()
    until(lambda: live_key(*ATTEMPT, "state") in bench.store.objects)
    bench.store.stat = away  # type: ignore[method-assign]
    bench.pass_time(2 * SILENCE)
    assert looks
    bench.store.stat = stat  # type: ignore[method-assign]
    # The run's process has been waiting too, and is not as quick to say so.
    bench.pass_time(SILENCE / 2)
    assert not bench.reasons
    bench.give_sign()
    bench.pass_time(SILENCE * 0.7)
    assert not bench.reasons


def test_an_error_of_any_kind_does_not_end_the_reports(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, failures = bench.log.send, []

    def fail() -> None:
        if not failures:
            failures.append(1)
            raise OSError("Input/output error")
        send()

    monkeypatch.setattr(bench.log, "send", fail)
    bench.log.say("a line")
    bench.start()
    until(lambda: log_part_key(ATTEMPT, 0) in bench.store.objects)
