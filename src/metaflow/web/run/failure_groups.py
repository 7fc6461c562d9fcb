"""Failed tasks by what went wrong. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from metaflow.client.run_summary import error_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.metadata_store.records import TaskRecord

_MOST_GROUPS = 20
_TASKS_OF_GROUP = 5
_LONGEST_SEARCH = 80
#: What differs in the errors of a foreach's tasks although the same went wrong: numbers and addresses in memory.
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?")


def failure_groups(failed: Sequence[TaskRecord]) -> dict[str, Any]:
    """Failures of the same step whose errors differ in numbers only, the most frequent first.

    Parameters
    ----------
    failed : sequence of TaskRecord
        The first one first.
    """
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for task in failed:
        text = error_text(task)
        group = groups.setdefault(
            (task.step, _VARYING.sub("0", text)),
            {"step": task.step, "status": task.status, "error": text, "is_alike": True, "count": 0, "tasks": []}
            | {"first_at": task.finished_at, "search": _telling_part(task)},
        )
        group["count"] += 1
        group["is_alike"] = group["is_alike"] and text == group["error"]
        if len(group["tasks"]) < _TASKS_OF_GROUP:
            group["tasks"].append(task.task_id)
    ordered = sorted(groups.values(), key=lambda each: -int(each["count"]))
    return {"groups": ordered[:_MOST_GROUPS], "groups_left_out": max(0, len(ordered) - _MOST_GROUPS)}


def _telling_part(task: TaskRecord) -> str:
    """The longest part of an error's first line that all of its group share: what a list of tasks is searched for."""
    first = "" if task.error is None else task.error[1].strip().partition("\n")[0]
    return max(_VARYING.split(first), key=len)[:_LONGEST_SEARCH].strip()
