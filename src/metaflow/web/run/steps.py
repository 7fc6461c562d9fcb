"""The steps of a run: how far each is. A run that has ended is counted once; one that runs is followed."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.metadata_store.store import TaskQuery
from metaflow.metadata_store.task_listing import STATUSES

if TYPE_CHECKING:
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.store import MetadataStore
    from metaflow.metadata_store.task_listing import StepCount, TaskTables
    from metaflow.web.attempts.kept_tables import KeptTables

_MOST_KEPT = 64
# A run of too many tasks to be kept in memory is counted anew: the longer that takes, the more rarely.
_FRESH_FACTOR = 10.0


class _Counted(NamedTuple):
    steps: list[StepCount]
    fresh_until: float


class CountedSteps:
    """Counts the tasks of runs by step. May be used by several threads.

    Parameters
    ----------
    tables : TaskTables
        What counts.
    attempts : KeptTables
        What knows of runs that go on, without counting again.
    """

    def __init__(self, tables: TaskTables, attempts: KeptTables) -> None:
        self._tables = tables
        self._attempts = attempts
        self._kept: OrderedDict[tuple[str, str, float | None], _Counted] = OrderedDict()
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
        if not is_settled:
            table = self._attempts.of_run(run)
            if not table.is_cut:
                return table.step_counts()
        key = (run.flow, run.run_id, run.finished_at if is_settled else None)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and time.monotonic() < kept.fresh_until:
                self._kept.move_to_end(key)
                return kept.steps
        return self._count(key, is_settled)

    def _count(self, key: tuple[str, str, float | None], is_settled: bool) -> list[StepCount]:
        begun = time.monotonic()
        steps = self._tables.step_counts(*key[:2])
        ended = time.monotonic()
        fresh_until = float("inf") if is_settled else ended + _FRESH_FACTOR * (ended - begun)
        with self._lock:
            self._kept[key] = _Counted(steps, fresh_until)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return steps


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
