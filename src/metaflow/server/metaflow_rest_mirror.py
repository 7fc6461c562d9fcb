"""What the fields that Netflix's Metaflow records say of a task, as events of ours. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from metaflow.metadata_store.events import TaskEnded, TaskStarted
from metaflow.metadata_store.records import TaskRecord

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from metaflow.metadata_store.records import IndexPath
    from metaflow.server.metaflow_rest_documents import TaskPath

# Fields that our records have as fields of their own.
_DERIVED = ("attempt", "attempt_ok", "attempt-done")
_NO_RUN = "None"
_ATTEMPT_TAG = "attempt_id:"
_MOST_DIGITS = 9

DEFAULT_END_STEP = "end"


def attempt_of(field: dict[str, Any]) -> int | None:
    """Which attempt a field is about; None if it is about the task."""
    for tag in field.get("tags") or ():
        number = _number(tag.removeprefix(_ATTEMPT_TAG)) if tag.startswith(_ATTEMPT_TAG) else None
        if number is not None:
            return number
    return None


def task_events(path: TaskPath, created_ms: int, fields: Iterable[dict[str, Any]]) -> list[TaskStarted | TaskEnded]:
    """Tell how the attempts of a task stand.

    Parameters
    ----------
    path : TaskPath
        The task.
    created_ms : int
        When it was made known, in milliseconds since the epoch.
    fields : iterable of dict
        All of its fields, oldest first.

    Returns
    -------
    list of TaskStarted and TaskEnded
        One for each attempt, in order.
    """
    of_attempts: dict[int, dict[str, tuple[str, float]]] = {0: {}}
    of_task: dict[str, tuple[str, float]] = {}
    for field in fields:
        attempt = attempt_of(field)
        known = of_task if attempt is None else of_attempts.setdefault(attempt, {})
        value = field["value"]
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        known[field["field_name"]] = (text, field["ts_epoch"] / 1000)
    return [
        _event(path, attempt, created_ms / 1000, {**of_task, **own}) for attempt, own in sorted(of_attempts.items())
    ]


def _event(
    path: TaskPath, attempt: int, created_at: float, fields: dict[str, tuple[str, float]]
) -> TaskStarted | TaskEnded:
    def text(name: str) -> str:
        return fields.get(name, ("", 0.0))[0]

    record = TaskRecord(
        flow=path.flow,
        run_id=path.run,
        step=path.step,
        task_id=path.task,
        attempt=attempt,
        started_at=fields["attempt"][1] if "attempt" in fields else created_at,
        created_at=created_at,
        index_path=_index_path(text("foreach-execution-path")),
        origin=_origin(path, text("origin-run-id"), text("origin-task-id")),
        metadata={name: value for name, (value, _) in fields.items() if name not in _DERIVED},
    )
    ends = [fields[name][1] for name in ("attempt_ok", "attempt-done") if name in fields]
    if not ends:
        return TaskStarted(record)
    # The parameters of a run, and tasks taken over from another one, are only said to be done.
    is_ok = text("attempt_ok") != "False"
    return TaskEnded(
        record._replace(status="done" if is_ok else "failed", ok=is_ok, success=is_ok, finished_at=max(ends))
    )


def _index_path(text: str) -> IndexPath:
    """``a:0,b:2`` as pairs; what has another form is left out, as it is for people only."""
    pairs = (part.rpartition(":") for part in text.split(",") if part)
    numbered = ((step, _number(index)) for step, _, index in pairs)
    return tuple((step, index) for step, index in numbered if index is not None)


def _number(text: str) -> int | None:
    """A number that every database has room for; None for other text, as nothing that is sent may be in the way."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None


def _origin(path: TaskPath, run: str, task: str) -> str | None:
    # Of names with slashes in them nobody could tell which task is meant.
    origin = f"{path.flow}/{run}/{path.step}/{task}"
    return origin if task and run not in ("", _NO_RUN) and origin.count("/") == 3 else None
