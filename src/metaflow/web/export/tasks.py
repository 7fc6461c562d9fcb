"""Steps and tasks as tables, on an exported page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.client.run_summary import seconds_of
from metaflow.client.times import span
from metaflow.metadata_store.task_listing import STATUSES, TaskListing
from metaflow.web.export.words import moment, note, section, task_state
from metaflow.web.run.steps import status_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.cards.nodes import Node
    from metaflow.metadata_store.records import TaskRecord
    from metaflow.web.export.subject import Subject

#: Tasks that are listed, in the order in which they started; and of those that failed, in addition.
MOST_TASKS = 1_000
MOST_FAILURES = 5_000
_LONGEST_ERROR = 500
_COLUMNS = ["step", "task", "foreach", "state", "attempt", "started", "took", "error"]


def tasks(subject: Subject) -> Iterator[Node]:
    """All steps; the first tasks, and those that failed."""
    rows = [
        [
            count.step,
            status_of(count),
            count.tasks,
            *(count.counts.get(status, 0) for status in STATUSES),
            count.retried,
            span(count.median),
            span(count.longest),
        ]
        for count in subject.counts
    ]
    if not rows:
        return
    columns = ["step", "state", "tasks", *STATUSES, "retried", "half took at most", "longest"]
    yield from section("Steps", [{"type": "table", "columns": columns, "data": rows, "label": "How each step is"}])
    total = sum(count.tasks for count in subject.counts)
    bad = sum(count.counts.get("failed", 0) + count.counts.get("killed", 0) for count in subject.counts)
    contents: list[Node] = []
    if total > MOST_TASKS and bad:
        failed = _listed(subject, MOST_FAILURES, ("failed", "killed"))
        contents.append({**_table(failed, "Tasks that failed"), "left_out": max(0, bad - len(failed))})
    listed = _listed(subject, MOST_TASKS, ())
    contents.append({**_table(listed, "Tasks in the order of their start"), "left_out": total - len(listed)})
    if total > len(listed):
        contents.append(
            note(f"The first {len(listed):,} of {total:,} tasks are listed{', and those that failed' if bad else ''}.")
        )
    yield from section("Tasks", contents)


def _listed(subject: Subject, most: int, statuses: tuple[str, ...]) -> list[TaskRecord]:
    run = subject.run
    listing = TaskListing(run.flow, run.run_id, subject.now, (), statuses, limit=most)
    return [each.task for each in subject.tables.listed_tasks(listing)]


def _table(found: list[TaskRecord], label: str) -> dict[str, object]:
    return {"type": "table", "columns": _COLUMNS, "data": [_row(task) for task in found], "label": label}


def _row(task: TaskRecord) -> list[object]:
    error = "" if task.error is None else f"{task.error[0].removeprefix('builtins.')}: {task.error[1]}"
    place = ", ".join(f"{variable}={value}"[:200] for variable, value, _, _ in task.foreach_stack)
    return [
        task.step,
        task.task_id,
        place,
        task_state(task),
        task.attempt + 1,
        moment(task.started_at),
        span(seconds_of(task)),
        error[:_LONGEST_ERROR],
    ]
