"""What the executor for tasks elsewhere makes of faults on the way to an engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from engine_doubles import Scripted, until
from metaflow.compute.executor import Launch, RemoteExecutor
from metaflow.compute.placement import Placement
from metaflow.runtime.loop import EventLoop
from metaflow.runtime.specs import RunSpec, TaskSpec
from metaflow.testing.memory_store import MemoryStore

PLACEMENT = Placement("scripted", {}, {}, None)


class Local:
    """Stands in for the executor of this machine, which has nothing to do."""

    def kill(self, keys: Any, number: int) -> None: ...
    def close(self) -> None: ...


class Listener:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.end: tuple[int, str | None, bool] | None = None

    def started(self, pid: int, place: str = "", metadata: Mapping[str, str] | None = None) -> None: ...
    def output(self, stream: str, data: bytes) -> None: ...

    def waiting(self, text: str) -> None:
        self.said.append(text)

    def ended(
        self, status: int, reason: str | None = None, retriable: bool = True, used: dict[str, float] | None = None
    ) -> None:
        self.end = (status, reason, retriable)


class Bench:
    def __init__(self, loop: EventLoop) -> None:
        self.loop = loop
        self.store = MemoryStore()
        self.backend = Scripted()
        self.variables: Callable[[str], Mapping[str, str]] = lambda engine: {}
        launch = Launch(
            placements={"train": PLACEMENT},
            backends={PLACEMENT.engine: self.backend},  # type: ignore[dict-item]
            script=("flow.py",),
            command=lambda options: ("true",),
            variables=lambda engine: self.variables(engine),
            facts={},
            service="",
            max_log_bytes=1000,
            silence_seconds=60.0,
        )
        run = RunSpec("F", "1", "/root", "ada", "user:ada")
        self.executor = RemoteExecutor(loop, run, self.store, launch, Local())  # type: ignore[arg-type]
        self.listener = Listener()

    def submit(self) -> None:
        self.executor.submit(TaskSpec("train", "7", 0, 1, ()), self.listener)

    def step_until(self, condition: Callable[[], object]) -> None:
        timeout = self.loop.call_later(60, lambda: pytest.fail("it did not happen"))
        while not condition():
            self.loop.call_later(0.01, lambda: None)
            self.loop.step()
        timeout.cancel()


@pytest.fixture
def bench() -> Iterator[Bench]:
    with EventLoop() as loop:
        yield Bench(loop)


def test_a_fault_on_the_way_to_the_engine_ends_the_task_instead_of_hanging(bench: Bench) -> None:
    def fail(engine: str) -> Mapping[str, str]:
        raise TypeError("Object of type set is not JSON serializable")

    bench.variables = fail
    bench.submit()
    bench.step_until(lambda: bench.listener.end)
    assert bench.listener.end == (1, "TypeError: Object of type set is not JSON serializable", False)
    bench.executor.close()


def test_a_job_that_cannot_be_noted_is_watched_all_the_same(bench: Bench) -> None:
    put = bench.store.put

    def full(key: str, parts: Any) -> None:
        if ".submitted" in key:
            raise OSError("No space left on device")
        put(key, parts)

    bench.store.put = full  # type: ignore[method-assign]
    bench.submit()
    bench.step_until(lambda: any(name == "poll" for name, _ in bench.backend.calls))
    bench.step_until(lambda: any("No space left on device" in text for text in bench.listener.said))
    bench.executor.close()


def test_a_job_that_is_being_submitted_when_the_run_leaves_is_ended(bench: Bench) -> None:
    entered, free, submit = threading.Event(), threading.Event(), bench.backend.submit

    def slow(job: Any) -> Any:
        entered.set()
        free.wait(60)
        return submit(job)

    bench.backend.submit = slow  # type: ignore[method-assign]
    bench.submit()
    bench.step_until(entered.is_set)
    threading.Timer(0.05, free.set).start()
    bench.executor.close()
    until(lambda: any(name == "cancel" for name, _ in bench.backend.calls))
    assert [name for name, _ in bench.backend.calls if name != "poll"] == ["submit", "cancel", "close"]
