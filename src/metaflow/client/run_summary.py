"""A run at a glance: its steps with counts and times, and what failed in it."""

from __future__ import annotations

import time
from typing import NamedTuple

from metaflow.metadata_store.store import TaskQuery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import RunRecord, TaskRecord

_TASKS_PER_PAGE = 2000


class StepSummary(NamedTuple):
    """A step of a run.

    Attributes
    ----------
    step : str
    tasks : int
        How many there are.
    counts : dict of str to int
        How many of them have each status.
    cloned : int
        How many were taken over from an earlier run.
    retried : int
        How many needed more than one attempt.
    started_at : float
        When the first of them started, in seconds since the epoch.
    finished_at : float or None
        When the last of them ended; None while any has not.
    """

    step: str
    tasks: int
    counts: dict[str, int]
    cloned: int
    retried: int
    started_at: float
    finished_at: float | None

    @property
    def duration(self) -> float | None:
        """From the first start to the last end, in seconds."""
        return None if self.finished_at is None else self.finished_at - self.started_at


def tasks_of(
    provider: Provider, run: RunRecord, step: str | None = None, page_size: int = _TASKS_PER_PAGE
) -> Iterator[TaskRecord]:
    """Latest attempts of a run's tasks, newest first, a page at a time; without its parameters."""
    query = TaskQuery(run.flow, run.run_id, step, limit=page_size)
    while page := provider.tasks(query):
        yield from (task for task in page if not task.step.startswith("_"))
        query = query._replace(after=page[-1].cursor)


def status_of(task: TaskRecord) -> str:
    """Status of a task in one word: that of its record, or ``caught`` if it failed and @catch let the run go on."""
    if task.status == "done" and not task.success:
        return "caught"
    return task.status


def summarise(tasks: Iterable[TaskRecord]) -> list[StepSummary]:
    """The steps that tasks belong to, in the order in which they began."""
    steps: dict[str, StepSummary] = {}
    for task in tasks:
        began = task.started_at if task.created_at is None else task.created_at
        known = steps.get(task.step)
        if known is None:
            known = StepSummary(task.step, 0, {}, 0, 0, began, task.finished_at)
        status = status_of(task)
        known.counts[status] = known.counts.get(status, 0) + 1
        ends = (known.finished_at, task.finished_at)
        steps[task.step] = known._replace(
            tasks=known.tasks + 1,
            cloned=known.cloned + (task.origin is not None),
            retried=known.retried + (task.attempt > 0),
            started_at=min(known.started_at, began),
            finished_at=None if None in ends else max(end for end in ends if end is not None),
        )
    return sorted(steps.values(), key=lambda step: (step.started_at, step.step))


def duration_of(run: RunRecord) -> float | None:
    """How long a run took, or has taken so far, in seconds; None if nobody knows when it ended."""
    if run.finished_at is not None:
        return run.finished_at - run.started_at
    return time.time() - run.started_at if run.status == "running" else None


def seconds_of(task: TaskRecord) -> float | None:
    """How long an attempt took; None if it runs or nobody knows."""
    return None if task.finished_at is None else task.finished_at - task.started_at


def foreach_text(task: TaskRecord) -> str:
    """Where a task is in the enclosing foreaches, outermost first: the values, or their indices."""
    return " / ".join(value or f"#{index}" for _, value, index, _ in task.foreach_stack)


def error_text(task: TaskRecord) -> str:
    """The first line of what ended a task; empty if nothing went wrong."""
    return task.error_line
