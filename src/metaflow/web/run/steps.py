"""The steps of a run: how far each is. What a run that has ended comes to is counted once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from metaflow.metadata_store.store import TaskQuery
from metaflow.metadata_store.task_listing import STATUSES

if TYPE_CHECKING:
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.store import MetadataStore
    from metaflow.metadata_store.task_listing import StepCount, TaskTables

_MOST_KEPT = 64


class CountedSteps:
    """Counts the tasks of runs by step. May be used by several threads.

    Parameters
    ----------
    tables : TaskTables
        What counts.
    """

    def __init__(self, tables: TaskTables) -> None:
        self._tables = tables
        self._kept: OrderedDict[tuple[str, str, float], list[StepCount]] = OrderedDict()
        self._lock = threading.Lock()

    def of_run(self, run: RunRecord, now: float) -> list[StepCount]:
        """What the tasks of each step come to, in the order in which steps began.

        Parameters
        ----------
        run : RunRecord
        now : float
            The time: shortly after a run's end, records of its tasks may still arrive.
        """
        is_settled = run.status != "running" and run.finished_at is not None and now - run.finished_at > 60
        if not is_settled or run.finished_at is None:
            return self._tables.step_counts(run.flow, run.run_id)
        key = (run.flow, run.run_id, run.finished_at)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
        counted = self._tables.step_counts(run.flow, run.run_id)
        with self._lock:
            self._kept[key] = counted
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return counted


def plain_steps(metadata: MetadataStore, run: RunRecord, steps: list[StepCount]) -> list[dict[str, Any]]:
    """Steps for a page.

    Parameters
    ----------
    metadata : MetadataStore
        Says how many tasks a step that goes on will have.
    run : RunRecord
    steps : list of StepCount
    """
    return [
        {
            "step": step.step,
            "status": status_of(step),
            "tasks": step.tasks,
            "expected_tasks": _expected_tasks(metadata, run, step),
            "counts": {status: step.counts.get(status, 0) for status in STATUSES},
            "cloned": step.cloned,
            "retried": step.retried,
            "attempts": step.attempts,
            "started_at": step.started_at,
            "finished_at": step.finished_at,
            "median_seconds": step.median,
            "p95_seconds": step.p95,
            "longest_seconds": step.longest,
        }
        for step in steps
    ]


def _expected_tasks(metadata: MetadataStore, run: RunRecord, step: StepCount) -> int | None:
    """How many tasks a step will have in all; None unless it is in one foreach only, whose width is recorded."""
    if not step.counts.get("running"):
        return None
    newest = metadata.tasks(TaskQuery(run.flow, run.run_id, step.step, limit=1))
    stack = newest[0].foreach_stack if newest else ()
    return stack[0][3] if len(stack) == 1 else None


def status_of(step: StepCount) -> str:
    """A step in one word: what matters most of its tasks."""
    if step.counts.get("running"):
        return "running"
    return next((status for status in STATUSES if step.counts.get(status)), "done")
