"""An engine that answers what a test tells it to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from metaflow.compute.backend import Job, SubmittedJob, TaskState


class Scripted:
    """A backend that answers what it was told to."""

    title = "Scripted"
    largest_job = 10
    shortest_poll = 0.001
    longest_poll = 0.01

    def __init__(self) -> None:
        self.submissions: list[Any] = []
        self.polls: list[Any] = []
        self.cancels: list[Any] = []
        self.calls: list[tuple[str, Any]] = []

    def submit(self, job: Job) -> SubmittedJob:
        self.calls.append(("submit", job.name))
        answer = self.submissions.pop(0) if self.submissions else None
        if isinstance(answer, Exception):
            raise answer
        return SubmittedJob(job.name, "e-" + job.name, job.tasks)

    def poll(self, jobs: Sequence[SubmittedJob], wait: float) -> Sequence[TaskState]:
        self.calls.append(("poll", [job.name for job in jobs]))
        answer = self.polls.pop(0) if self.polls else []
        if isinstance(answer, Exception):
            raise answer
        return answer

    def cancel(self, job: SubmittedJob, tasks: Sequence[str]) -> None:
        self.calls.append(("cancel", (job.name, tuple(tasks))))
        answer = self.cancels.pop(0) if self.cancels else None
        if isinstance(answer, Exception):
            raise answer

    def close(self) -> None:
        self.calls.append(("close", None))


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)
