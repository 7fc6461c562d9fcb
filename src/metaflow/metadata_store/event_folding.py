"""What a batch of events comes to, worked out without a database."""

from __future__ import annotations

from typing import NamedTuple

from metaflow.metadata_store.events import (
    STATUS_WEIGHT,
    Heartbeat,
    RunEnded,
    RunForgotten,
    RunStarted,
    TagsChanged,
    TaskEnded,
    TaskStarted,
)
from metaflow.metadata_store.records import encodable
from metaflow.metadata_store.service_tables import run_key_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    from metaflow.metadata_store.events import Event
    from metaflow.metadata_store.records import RunRecord, TaskRecord

    #: Flow and id of a run, and step, id and attempt of a task of it; as a database has them.
    RunKey: TypeAlias = tuple[str, str]
    TaskKey: TypeAlias = tuple[str, str, int]


class Changes(NamedTuple):
    """What a batch of events comes to.

    Attributes
    ----------
    runs : dict
        Runs that there are then, by their keys, as far as the batch is about them.
    new : set
        Those among them that are to be inserted.
    forgotten : set
        Runs whose rows, and those of their tasks, go before anything is written.
    tasks : dict
        Of each run, the attempts that the batch leaves.
    steps : dict
        Of each run, the steps whose tasks changed; None stands for all of them.
    """

    runs: dict[RunKey, RunRecord]
    new: set[RunKey]
    forgotten: set[RunKey]
    tasks: dict[RunKey, dict[TaskKey, TaskRecord]]
    steps: dict[RunKey, set[str | None]]


def fold(events: Iterable[Event], known: Mapping[RunKey, RunRecord]) -> Changes:
    """Work out what events, in order, make of the runs that are known."""
    changes = Changes(dict(known), set(), set(), {}, {})
    for event in events:
        key = run_key(event)
        if isinstance(event, (TaskStarted, TaskEnded)):
            _fold_task(changes, key, event.task)
        elif isinstance(event, RunStarted):
            if key not in changes.runs:
                changes.runs[key] = event.run._replace(outcome=None, tags=tuple(sorted(event.run.tags)))
                changes.new.add(key)
            changes.steps.setdefault(key, set()).add(None)
        elif isinstance(event, RunForgotten):
            changes.runs.pop(key, None)
            changes.new.discard(key)
            changes.forgotten.add(key)
            changes.tasks.pop(key, None)
            changes.steps.pop(key, None)
        elif key in changes.runs:
            changes.runs[key] = _changed(changes.runs[key], event)
    return changes


def _fold_task(changes: Changes, key: RunKey, task: TaskRecord) -> None:
    place = (encodable(task.step), encodable(task.task_id), task.attempt)
    attempts = changes.tasks.setdefault(key, {})
    before = attempts.get(place)
    if before is None or _weight(task) >= _weight(before):
        attempts[place] = task
    changes.steps.setdefault(key, set()).add(place[0])


def _changed(run: RunRecord, event: Heartbeat | RunEnded | TagsChanged) -> RunRecord:
    if isinstance(event, Heartbeat):
        is_newer = run.heartbeat_at is None or run.heartbeat_at < event.at
        return run._replace(heartbeat_at=event.at) if is_newer else run
    if isinstance(event, TagsChanged):
        return run._replace(tags=tuple(sorted((set(run.tags) - set(event.removed)) | set(event.added))))
    if run.finished_at is not None and run.finished_at > event.finished_at:
        return run
    return run._replace(status=event.status, finished_at=event.finished_at, message=event.message)


def _weight(task: TaskRecord) -> tuple[int, float]:
    return STATUS_WEIGHT[task.status], task.finished_at or 0.0


def run_key(event: Event) -> RunKey:
    """Key of the run that an event is about, as the database has it."""
    flow, run_id = run_key_of(event)
    return encodable(flow), encodable(run_id)
