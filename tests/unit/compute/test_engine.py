"""The threads of an engine: what they do with answers, silence and faults."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from engine_doubles import Scripted, until
from metaflow.compute import engine as engine_module
from metaflow.compute.backend import EngineUnavailable, Job, JobRefused, SubmittedJob, TaskState
from metaflow.compute.engine import Engine, EngineListener
from metaflow.exception import MetaflowException, StoreUnavailable


class Heard(EngineListener):
    def __init__(self) -> None:
        self.all: list[tuple[str, Any]] = []
        super().__init__(
            submitted=lambda job: self.all.append(("submitted", job)),
            refused=lambda job, error: self.all.append(("refused", error)),
            states=lambda states: self.all.append(("states", list(states))),
            say=lambda text: self.all.append(("say", text)),
        )

    def of(self, kind: str) -> list[Any]:
        return [what for name, what in self.all if name == kind]


def job(name: str = "mf-1", tasks: tuple[str, ...] = ("a/1/0",)) -> Job:
    return Job(name, "a", tasks, False, ("true",), {}, {}, None, {})


def make(monkeypatch: Any) -> tuple[Scripted, Heard, Engine]:
    monkeypatch.setattr(engine_module, "_FIRST_WAIT", 0.005)
    backend, heard = Scripted(), Heard()
    return backend, heard, Engine(backend, heard)


def test_a_submission_is_tried_again_until_the_engine_answers(monkeypatch: Any) -> None:
    backend, heard, engine = make(monkeypatch)
    backend.submissions = [EngineUnavailable("away"), EngineUnavailable("busy", retry_after=0.01)]
    engine.submit(job)
    until(lambda: heard.of("submitted"))
    assert heard.of("submitted") == [SubmittedJob("mf-1", "e-mf-1", ("a/1/0",))]
    assert [name for name, _ in backend.calls] == ["submit"] * 3
    engine.close(1)
    assert backend.calls[-1] == ("close", None)


def test_a_refusal_and_a_fault_are_both_told(monkeypatch: Any) -> None:
    backend, heard, engine = make(monkeypatch)
    backend.submissions = [JobRefused("no such queue"), ZeroDivisionError("a fault")]
    engine.submit(job)
    engine.submit(job)
    until(lambda: len(heard.of("refused")) == 2)
    texts = sorted(error.message for error in heard.of("refused"))
    assert texts == ["ZeroDivisionError: a fault", "no such queue"]
    engine.close(1)


def test_an_engine_is_left_alone_for_as_long_as_it_wants(monkeypatch: Any) -> None:
    backend, heard, engine = make(monkeypatch)
    slept: list[float] = []
    sleep = Engine._sleep

    def noted(self: Engine, seconds: float, until_new: bool = False) -> bool:
        slept.append(seconds)
        return sleep(self, min(seconds, 0.001), until_new)

    monkeypatch.setattr(Engine, "_sleep", noted)
    backend.polls = [EngineUnavailable("busy", retry_after=20.0), [TaskState("a/1/0", "ended", status=0)]]
    engine.watch(SubmittedJob("mf-1", "e", ("a/1/0",)))
    until(lambda: heard.of("states"))
    engine.close(1)
    assert any(15 < seconds < 25 for seconds in slept), "also if that is longer than the longest pause otherwise"


def test_watching_goes_on_through_errors_and_ends_with_the_last_task(monkeypatch: Any) -> None:
    backend, heard, engine = make(monkeypatch)
    state = TaskState("a/1/0", "ended", status=0)
    backend.polls = [EngineUnavailable("away"), MetaflowException("odd"), KeyError("fault"), [], [state]]
    submitted = SubmittedJob("mf-1", "e", ("a/1/0", "a/2/0"))
    engine.watch(submitted)
    until(lambda: heard.of("states"))
    assert heard.of("states") == [[state]]
    engine.task_is_over(submitted)
    before = len(backend.calls)
    until(lambda: len(backend.calls) > before + 2)  # the second task still runs
    engine.task_is_over(submitted)

    def is_quiet() -> bool:
        before = len(backend.calls)
        time.sleep(0.1)
        return len(backend.calls) == before

    until(is_quiet)
    engine.close(1)


def test_a_cancellation_is_repeated_until_it_is_taken(monkeypatch: Any) -> None:
    backend, _, engine = make(monkeypatch)
    backend.cancels = [EngineUnavailable("away"), ValueError("fault")]
    submitted = SubmittedJob("mf-1", "e", ("a/1/0", "a/2/0"))
    engine.cancel(submitted, ["a/2/0"])
    until(lambda: len(backend.calls) == 3)
    assert backend.calls == [("cancel", ("mf-1", ("a/2/0",)))] * 3
    engine.close(1)


def test_silence_is_told_now_and_then_and_so_is_its_end(monkeypatch: Any) -> None:
    monkeypatch.setattr(engine_module, "_TELL_AFTER", 0.02)
    monkeypatch.setattr(engine_module, "_TELL_AGAIN", 1000)
    backend, heard, engine = make(monkeypatch)
    backend.polls = [EngineUnavailable("no route to host")] * 10
    engine.watch(SubmittedJob("mf-1", "e", ("a/1/0",)))
    until(lambda: len(heard.of("say")) == 2)
    first, second = heard.of("say")
    assert "Scripted has not answered" in first and "no route to host" in first
    assert second == "Scripted answers again."
    engine.close(1)


def test_closing_finishes_what_is_being_cancelled_but_submits_nothing_more(monkeypatch: Any) -> None:
    backend, _, engine = make(monkeypatch)
    entered, free = threading.Event(), threading.Event()

    def slow(submitted: SubmittedJob, tasks: Sequence[str]) -> None:
        entered.set()
        free.wait(60)
        backend.calls.append(("cancelled", submitted.name))

    backend.cancel = slow  # type: ignore[method-assign]
    engine.cancel(SubmittedJob("mf-1", "e", ("a/1/0",)), ["a/1/0"])
    entered.wait(60)
    threading.Timer(0.05, free.set).start()
    engine.close(60)
    assert [name for name, _ in backend.calls] == ["cancelled", "close"]


def test_a_datastore_out_of_reach_delays_a_submission(monkeypatch: Any) -> None:
    _, heard, engine = make(monkeypatch)
    troubles: list[Exception] = [StoreUnavailable("The server does not answer.")] * 2

    def make_job() -> Job:
        if troubles:
            raise troubles.pop()
        return job()

    engine.submit(make_job)
    until(lambda: heard.of("submitted"))
    assert not heard.of("refused")
    engine.close(1)


def test_closing_cancels_all_jobs_although_the_engine_fails_now_and_then(monkeypatch: Any) -> None:
    backend, _, engine = make(monkeypatch)
    backend.cancels = [EngineUnavailable("busy"), EngineUnavailable("busy")]
    jobs = [SubmittedJob(f"mf-{number}", "e", ("a/1/0",)) for number in range(3)]
    with engine._changed:  # none is taken before the end
        for each in jobs:
            engine.cancel(each, each.tasks)
        engine._over, engine._deadline = True, time.monotonic() + 60
    engine.close(60)
    assert {name for kind, (name, *_) in backend.calls[2:-1] if kind == "cancel"} == {"mf-0", "mf-1", "mf-2"}
