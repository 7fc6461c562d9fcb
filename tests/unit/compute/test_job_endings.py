"""Jobs that nobody looks after: which of them go on, and how they are ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from metaflow.compute import job_endings
from metaflow.compute.backend import EngineUnavailable, FoundJob, JobQuery, SubmittedJob, TaskState
from metaflow.compute.engine_jobs import kill_jobs, list_jobs
from metaflow.compute.job_endings import EngineJobs
from metaflow.compute.jobs import KnownJob, write_known_job
from metaflow.datastore.layout import job_key
from metaflow.datastore.local import LocalStore
from metaflow.exception import MetaflowException

JOB = SubmittedJob("mf-1", "17", ("a/1/0", "a/2/0", "a/3/0"))
OLD = SubmittedJob("mf-0", "16", ("a/0/0",))


class Answers:
    """A backend that gives prepared answers, or raises them."""

    title = "Engine"

    def __init__(self, *answers: Any, jobs: Sequence[FoundJob] = ()) -> None:
        self.answers = list(answers)
        self.jobs = jobs
        self.polled: list[list[str]] = []
        self.cancelled: list[tuple[str, list[str]]] = []
        self.refuses: set[str] = set()

    def check(self) -> None:
        pass

    def poll(self, jobs: Sequence[SubmittedJob], wait: float) -> Sequence[TaskState]:
        self.polled.append([job.name for job in jobs])
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [TaskState(task, phase) for task, phase in answer.items()]

    def cancel(self, job: SubmittedJob, tasks: Sequence[str]) -> None:
        if job.engine_id in self.refuses:
            raise MetaflowException("It belongs to somebody else.")
        self.cancelled.append((job.engine_id, list(tasks)))

    def close(self) -> None:
        pass

    def find(self, query: JobQuery) -> Sequence[FoundJob]:
        return self.jobs


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)

    def sleep(seconds: float) -> None:
        clock.now += seconds

    monkeypatch.setattr(job_endings, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: clock.now))


def end(backend: Answers, patience: float = 10, over: Sequence[str] = ("a/0/0",)) -> tuple[list[Any], list[str]]:
    said: list[str] = []
    ended = job_endings._end(EngineJobs("engine", backend, [OLD, JOB], over), said.append, patience)
    return [(task.task, task.was, task.is_over) for task in ended], said


def test_only_what_goes_on_is_ended_and_jobs_with_results_are_not_asked_about() -> None:
    backend = Answers(
        {"a/1/0": "ended", "a/2/0": "pending", "a/3/0": "running"}, {}, {"a/2/0": "ended"}, {"a/3/0": "ended"}
    )
    ended, said = end(backend)
    assert ended == [("a/2/0", "pending", True), ("a/3/0", "running", True)]
    assert backend.cancelled == [("17", ["a/2/0", "a/3/0"])]
    assert backend.polled == [["mf-1"]] * 4
    assert said == ["Ending 2 tasks on Engine..."]


def test_what_an_engine_leaves_out_of_its_answer_may_go_on() -> None:
    backend = Answers({"a/1/0": "ended"}, *[{}] * 50)
    ended, _ = end(backend, patience=3)
    assert ended == [("a/2/0", "running", False), ("a/3/0", "running", False)]


def test_nothing_is_cancelled_if_everything_has_ended() -> None:
    backend = Answers(dict.fromkeys(JOB.tasks, "ended"))
    assert end(backend) == ([], [])
    assert not backend.cancelled


def test_an_engine_that_is_away_for_a_moment_is_asked_again() -> None:
    backend = Answers(
        EngineUnavailable("Busy.", retry_after=3),
        EngineUnavailable("Busy."),
        dict.fromkeys(JOB.tasks, "running"),
        dict.fromkeys(JOB.tasks, "ended"),
    )
    ended, said = end(backend)
    assert [is_over for _, _, is_over in ended] == [True] * 3
    assert said == ["Engine does not answer; trying again: Busy.", "Ending 3 tasks on Engine..."]


def test_an_engine_that_stays_away_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(MetaflowException, match=r"Engine does not answer.*Gone\. Cancel the run again"):
        end(Answers(*[EngineUnavailable("Gone.")] * 50))


def test_an_engine_that_stays_away_does_not_keep_the_tasks_on_others_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    for name, engine in (("mf-1", "gone"), ("mf-2", "missing"), ("mf-3", "there")):
        job = JOB._replace(name=name, engine_id=name)
        store.put(job_key("F", "1", name), [b"[]"])
        write_known_job(store, "F", "1", KnownJob(engine, {}, job))
    there = Answers(dict.fromkeys(JOB.tasks, "running"), dict.fromkeys(JOB.tasks, "ended"))
    engines = {"gone": Answers(*[EngineUnavailable("Gone.")] * 50), "there": there}

    def opened(name: str, connection: Mapping[str, Any]) -> Answers:
        if name not in engines:
            raise MetaflowException("Install it.")
        return engines[name]

    monkeypatch.setattr(job_endings, "open_backend", opened)
    with pytest.raises(MetaflowException, match="Engine does not answer"):
        job_endings.end_jobs(store, "F", "1", lambda text: None, 5)
    assert there.cancelled == [("mf-3", list(JOB.tasks))]


def test_who_may_not_ask_an_engine_waits_for_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    write_known_job(store, "F", "1", KnownJob("engine", {}, JOB))
    results = iter([[], [("a", "1", 0)], [("a", "1", 0), ("a", "3", 0)]])
    monkeypatch.setattr(job_endings, "open_backend", lambda name, connection: pytest.fail("it was asked"))
    monkeypatch.setattr(job_endings, "list_attempts", lambda *names: next(results, [("a", "1", 0), ("a", "3", 0)]))
    ended = job_endings.await_ends(store, "F", "1", lambda text: None, 5)
    assert [(task.task, task.engine, task.is_over) for task in ended] == [
        ("a/1/0", "engine", True),
        ("a/2/0", "engine", False),
        ("a/3/0", "engine", True),
    ]
    assert job_endings.await_ends(store, "F", "2", lambda text: pytest.fail("nothing is waited for"), 5) == []


def test_found_jobs_are_ended_as_a_whole_unless_somebody_else_looks_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"run_id": "1", "step": "a", "user": "ada"}
    backend = Answers(
        jobs=[
            FoundJob("17", facts, "running"),
            FoundJob("18", facts, "running", foreign="Argo looks after it: use argo-workflows terminate."),
            FoundJob("19", {**facts, "task_id": "3", "attempt": "1"}, "pending"),
        ]
    )
    backend.refuses = {"19"}
    monkeypatch.setattr("metaflow.compute.engine_jobs.open_backend", lambda name, connection: backend)

    killed = kill_jobs(list_jobs("engine", [{"queue": "a"}, {"queue": "b"}], JobQuery("F")))

    assert [(each.listed.found.engine_id, each.problem) for each in killed] == [
        ("17", ""),
        ("18", "Argo looks after it: use argo-workflows terminate."),
        ("19", "It belongs to somebody else."),
    ]
    ((engine_id, tasks),) = backend.cancelled
    assert engine_id == "17" and tuple(tasks) == killed[0].listed.job.tasks, "all of the job's tasks are named"
