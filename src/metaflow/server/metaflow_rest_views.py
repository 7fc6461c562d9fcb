"""Our records in the form in which Metaflow's client reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.client.task_metadata import fields_of_attempt
from metaflow.datastore.location import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from metaflow.metadata_store.records import FlowRecord, RunRecord, StepRecord, TaskRecord

# What has more digits is not of the numbers that are assigned, and no program keeps them all.
_MOST_DIGITS = 18


def number_or_text(identity: str) -> int | str:
    """An id as Metaflow's service gives it: the numbers that it assigned as numbers, all else as text."""
    is_number = identity.isascii() and identity.isdecimal() and len(identity) <= _MOST_DIGITS
    return int(identity) if is_number and str(int(identity)) == identity else identity


def milliseconds(seconds: float) -> int:
    """A moment as Metaflow gives it."""
    return int(seconds * 1000)


def flow_view(flow: FlowRecord) -> dict[str, Any]:
    """A flow."""
    return {"flow_id": flow.flow, "user_name": None, "ts_epoch": milliseconds(flow.created_at), **_tags(None)}


def run_view(run: RunRecord) -> dict[str, Any]:
    """A run."""
    beat = run.heartbeat_at
    return {
        "flow_id": run.flow,
        "run_number": number_or_text(run.run_id),
        "run_id": None,
        "user_name": run.user,
        "ts_epoch": milliseconds(run.started_at),
        "last_heartbeat_ts": None if beat is None else int(beat),
        **_tags(run),
    }


def step_view(step: StepRecord, run: RunRecord) -> dict[str, Any]:
    """A step of a run of ours."""
    return {
        "flow_id": step.flow,
        "run_number": number_or_text(step.run_id),
        "step_name": step.step,
        "user_name": run.user,
        "ts_epoch": milliseconds(step.created_at),
        **_tags(run),
    }


def task_view(task: TaskRecord, run: RunRecord) -> dict[str, Any]:
    """A task of a run of ours."""
    return {
        "flow_id": task.flow,
        "run_number": number_or_text(task.run_id),
        "step_name": task.step,
        "task_id": number_or_text(task.task_id),
        "user_name": run.user,
        "ts_epoch": milliseconds(task.started_at if task.created_at is None else task.created_at),
        **_tags(run),
    }


def noted_view(noted: dict[str, Any], run: RunRecord) -> dict[str, Any]:
    """A step or a task that Metaflow made known, with the tags that its run has now."""
    return {**noted, **_tags(run)}


def fields_view(run: RunRecord, attempts: Iterable[TaskRecord]) -> list[dict[str, Any]]:
    """The fields of a task of a run of ours."""
    return [
        {
            "id": None,
            "flow_id": task.flow,
            "run_number": number_or_text(task.run_id),
            "step_name": task.step,
            "task_id": number_or_text(task.task_id),
            "field_name": name,
            "type": kind,
            "value": value,
            "tags": [f"attempt_id:{task.attempt}"],
            "user_name": run.user,
            "ts_epoch": milliseconds(seconds),
        }
        for task in sorted(attempts, key=lambda each: each.attempt)
        for name, value, seconds, kind in fields_of_attempt(run, task, run.datastore)
    ]


def artifacts_view(run: RunRecord, task: TaskRecord) -> list[dict[str, Any]]:
    """Artifacts of an attempt of a run of ours, as far as the service knows of them: by name and type only.

    Their bytes are where only our own client finds them, so there is no hash that Metaflow could use.
    """
    values = {**task.values}
    if task.finished_at is not None and task.status != "killed":
        values |= {"_task_ok": task.ok, "_success": task.success}
    return [
        {
            "flow_id": task.flow,
            "run_number": number_or_text(task.run_id),
            "step_name": task.step,
            "task_id": number_or_text(task.task_id),
            "attempt_id": task.attempt,
            "name": name,
            "content_type": f"<class '{type(value).__name__}'>",
            "type": "metaflow.artifact",
            "sha": "",
            "ds_type": kind_of(run.datastore),
            "location": run.datastore,
            "user_name": run.user,
            "ts_epoch": milliseconds(task.finished_at or task.started_at),
            **_tags(run),
        }
        for name, value in values.items()
    ]


def _tags(run: RunRecord | None) -> dict[str, Any]:
    return {
        "tags": [] if run is None else list(run.tags),
        "system_tags": [] if run is None else list(run.system_tags),
    }


def merged(views: Iterator[dict[str, Any]] | list[dict[str, Any]], more: list[dict[str, Any]], key: str) -> list[Any]:
    """Two lists as one, newest first; where both have something, it is as the first has it."""
    found = {str(view[key]): view for view in more} | {str(view[key]): view for view in views}
    return sorted(found.values(), key=lambda view: view["ts_epoch"], reverse=True)
