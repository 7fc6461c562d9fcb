"""The fields that ``Task.metadata`` lists, made from the records of a run and its task attempts."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from metaflow.datastore.location import kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaflow.client.task import Task
    from metaflow.metadata_store.records import RunRecord, TaskRecord


class Metadata(NamedTuple):
    """A field of a task.

    Attributes
    ----------
    name : str
    value : object
    created_at : int
        When it was recorded, in milliseconds since the epoch.
    type : str
    task : Task
    """

    name: str
    value: Any
    created_at: int
    type: str
    task: Task


#: In an attempt's record, a JSON list of what is to be known of its cards; to people, a field for each, of this type.
CARD_INFO = "card-info"

_STACK_CHARACTERS = 256
# System tags that are also shown as fields, by what stands before their colon.
_FIELDS_FROM_TAGS = ("runtime", "python_version", "user", "production", "metaflow_version")
_GRAPH_FIELD = "graph_structure"


def fields_of(run: RunRecord, attempts: Iterable[TaskRecord], root: str, task: Task) -> list[Metadata]:
    """List all fields of a task, in the order in which they came about.

    Parameters
    ----------
    run : RunRecord
        The run.
    attempts : iterable of TaskRecord
        The attempts whose fields are wanted.
    root : str
        Location of the datastore.
    task : Task
        What the fields say they are about.

    Returns
    -------
    list of Metadata
        The fields.
    """
    fields = []
    # What was recorded in one millisecond stays in the order of the attempts.
    for attempt in sorted(attempts, key=lambda each: each.attempt):
        for name, value, seconds, kind in fields_of_attempt(run, attempt, root):
            fields.append(Metadata(name, value, int(seconds * 1000), kind, task))
    return sorted(fields, key=lambda each: each.created_at)


def fields_of_attempt(run: RunRecord, attempt: TaskRecord, root: str) -> Iterator[tuple[str, Any, float, str]]:
    """Name, value, time in seconds and type of each field of an attempt."""
    for name, value in _fields_at_start(run, attempt, root):
        yield name, value, attempt.started_at, name
    if attempt.step == "_parameters":
        for name, value in (("start_step", run.start_step), ("end_step", run.end_step)):
            if value is not None:
                yield name, value, attempt.started_at, _GRAPH_FIELD
    for card in json.loads(attempt.metadata.get(CARD_INFO, "[]")):
        yield card["card_uuid"], json.dumps(card), attempt.started_at, CARD_INFO
    if attempt.finished_at is not None:
        yield "attempt_ok", str(attempt.ok), attempt.finished_at, "internal_attempt_status"
        if attempt.status != "killed":
            yield "attempt-done", str(attempt.attempt), attempt.finished_at, "attempt-done"


def _fields_at_start(run: RunRecord, attempt: TaskRecord, root: str) -> Iterator[tuple[str, Any]]:
    yield "attempt", str(attempt.attempt)
    origin_run_id, origin_task_id = run.origin_run_id, None
    if attempt.origin is not None:
        _, origin_run_id, _, origin_task_id = attempt.origin.split("/")
    # An ordinary run has the text "None" here in Metaflow, and programs look for it.
    derived = {"origin-run-id": str(origin_run_id), "ds-type": kind_of(root), "ds-root": root}
    if origin_task_id is not None:
        derived["origin-task-id"] = origin_task_id
    for tag in run.system_tags:
        name, _, value = tag.partition(":")
        if name in _FIELDS_FROM_TAGS:
            derived[name] = value
    if run.script is not None:
        derived["script-name"] = run.script
    if attempt.foreach_stack:
        derived["foreach-stack"] = _stack_text(attempt)
        derived["foreach-execution-path"] = ",".join(f"{step}:{index}" for step, index in attempt.index_path)
    for name, value in {**derived, **attempt.metadata}.items():
        if name != CARD_INFO:
            yield name, value


def _stack_text(attempt: TaskRecord) -> str:
    """JSON list of ``variable=value``, the values cut so that they have 256 characters in all."""
    left, shown = _STACK_CHARACTERS, []
    for variable, value, _, _ in attempt.foreach_stack:
        text = f"{variable}={value}"[:left]
        left -= len(text)
        shown.append(text)
    return json.dumps(shown, ensure_ascii=False)
