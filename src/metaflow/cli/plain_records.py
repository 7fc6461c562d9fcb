"""Runs, steps and tasks for programs, as every command writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..client.run_summary import duration_of, seconds_of, status_of
from .times import iso

if TYPE_CHECKING:
    from ..client.run_summary import StepSummary
    from ..metadata_store.records import RunRecord, TaskRecord


def plain_step(step: StepSummary) -> dict[str, Any]:
    """A step for programs."""
    return {
        "step": step.step,
        "tasks": step.tasks,
        "statuses": step.counts,
        "cloned": step.cloned,
        "retried": step.retried,
        "started_at": iso(step.started_at),
        "finished_at": iso(step.finished_at),
        "duration_seconds": step.duration,
    }


def plain_run(run: RunRecord) -> dict[str, Any]:
    """A run for programs, as every command writes it."""
    return {
        "pathspec": f"{run.flow}/{run.run_id}",
        "flow": run.flow,
        "id": run.run_id,
        "status": run.status,
        "user": run.user,
        "started_at": iso(run.started_at),
        "finished_at": iso(run.finished_at),
        "duration_seconds": duration_of(run),
        "tags": list(run.tags),
        "system_tags": list(run.system_tags),
        "message": run.message,
        "script": run.script,
        "origin_run_id": run.origin_run_id,
    }


def plain_task(task: TaskRecord) -> dict[str, Any]:
    """A task for programs, as every command writes it."""
    return {
        "pathspec": task.pathspec,
        "step": task.step,
        "id": task.task_id,
        "status": status_of(task),
        "attempt": task.attempt,
        "started_at": iso(task.started_at),
        "finished_at": iso(task.finished_at),
        "duration_seconds": seconds_of(task),
        "foreach": [
            {"variable": variable, "value": value, "index": index, "splits": splits}
            for variable, value, index, splits in task.foreach_stack
        ],
        "error": None if task.error is None else {"type": task.error[0], "message": task.error[1]},
        "origin": task.origin,
    }
