"""A metadata store in plain dictionaries: the shortest statement of what a store does."""

from __future__ import annotations

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
from metaflow.metadata_store.records import FlowRecord, StepRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    from metaflow.metadata_store.events import Event
    from metaflow.metadata_store.records import RunRecord, TaskRecord
    from metaflow.metadata_store.store import RunQuery, TaskQuery

    R = TypeVar("R", "RunRecord", "TaskRecord")

    TaskKey = tuple[str, str, str, str]


class MemoryMetadata:
    """A metadata store that lives and dies with its object. Not for several threads at once."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], RunRecord] = {}
        self._attempts: dict[TaskKey, dict[int, TaskRecord]] = {}

    def apply(self, events: Iterable[Event]) -> None:
        """Record `events` in order."""
        for event in events:
            if isinstance(event, (TaskStarted, TaskEnded)):
                self._record_attempt(event.task)
            elif isinstance(event, RunStarted):
                run = event.run._replace(graph=None, tags=tuple(sorted(event.run.tags)))
                self._runs.setdefault((run.flow, run.run_id), run)
            elif isinstance(event, RunForgotten):
                self._runs.pop((event.flow, event.run_id), None)
                for key in [key for key in self._attempts if key[:2] == (event.flow, event.run_id)]:
                    del self._attempts[key]
            elif (event.flow, event.run_id) in self._runs:
                self._runs[event.flow, event.run_id] = _changed(self._runs[event.flow, event.run_id], event)

    def _record_attempt(self, task: TaskRecord) -> None:
        attempts = self._attempts.setdefault((task.flow, task.run_id, task.step, task.task_id), {})
        known = attempts.get(task.attempt)
        if known is None or _weight(task) >= _weight(known):
            attempts[task.attempt] = task

    def flows(self, flow: str | None = None) -> list[FlowRecord]:
        """Flows that have runs, or only the one named, the newest first."""
        first: dict[str, float] = {}
        for run in self._runs.values():
            if flow is None or run.flow == flow:
                first[run.flow] = min(run.started_at, first.get(run.flow, run.started_at))
        return [FlowRecord(*pair) for pair in sorted(first.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)]

    def runs(self, query: RunQuery) -> list[RunRecord]:
        """Runs that match `query`, newest first, without their graphs."""
        found = [
            run
            for run in self._runs.values()
            if (query.flow is None or run.flow == query.flow)
            and {*query.tags} <= {*run.tags, *run.system_tags}
            and (query.status is None or run.status == query.status)
            and (query.user is None or run.user == query.user)
            and (query.since is None or run.started_at >= query.since)
            and (query.until is None or run.started_at < query.until)
            and (query.after is None or run.cursor < query.after)
            and (query.id_part is None or run.run_id.startswith(query.id_part) or run.run_id.endswith(query.id_part))
        ]
        return sorted(found, key=lambda run: run.cursor, reverse=True)[: query.limit]

    def run(self, flow: str, run_id: str) -> RunRecord | None:
        """One run, or None if it is not known."""
        return self._runs.get((flow, run_id))

    def steps(self, flow: str, run_id: str, step: str | None = None) -> list[StepRecord]:
        """Steps of a run that have tasks, or only the one named, newest first."""
        first: dict[str, float] = {}
        for key, attempts in self._attempts.items():
            if key[:2] == (flow, run_id) and step in (None, key[2]):
                created_at = _created_at(attempts)
                first[key[2]] = min(created_at, first.get(key[2], created_at))
        steps = [StepRecord(flow, run_id, name, created_at) for name, created_at in first.items()]
        return sorted(steps, key=lambda record: (record.created_at, record.step), reverse=True)

    def tasks(self, query: TaskQuery) -> list[TaskRecord]:
        """Tasks that match `query`, newest first."""
        found = []
        for key, attempts in self._attempts.items():
            if key[:2] != (query.flow, query.run_id):
                continue
            chosen = attempts if query.all_attempts or query.attempt is not None else [max(attempts)]
            created_at = _created_at(attempts)
            found += [attempts[number]._replace(created_at=created_at) for number in chosen]
        found = [task for task in found if _matches(task, query)]
        return sorted(found, key=_place, reverse=True)[: query.limit]

    def close(self) -> None:
        """Keep everything: there is nothing to let go of."""


def _changed(run: RunRecord, event: Heartbeat | RunEnded | TagsChanged) -> RunRecord:
    if isinstance(event, Heartbeat):
        beats = [at for at in (run.heartbeat_at, event.at) if at is not None]
        return run._replace(heartbeat_at=max(beats))
    if isinstance(event, TagsChanged):
        return run._replace(tags=tuple(sorted(({*run.tags} - {*event.removed}) | {*event.added})))
    if run.finished_at is not None and run.finished_at > event.finished_at:
        return run
    return run._replace(status=event.status, finished_at=event.finished_at, message=event.message)


def _weight(task: TaskRecord) -> tuple[int, float]:
    return STATUS_WEIGHT[task.status], task.finished_at or 0.0


def _created_at(attempts: dict[int, TaskRecord]) -> float:
    return min(task.started_at for task in attempts.values())


def _place(task: TaskRecord) -> tuple[float, str, int, str, int]:
    created_at, step, task_id, attempt = task.cursor
    return created_at, step, len(task_id), task_id, attempt


def _matches(task: TaskRecord, query: TaskQuery) -> bool:
    if query.after is not None:
        created_at, step, task_id, attempt = query.after
        if _place(task) >= (created_at, step, len(task_id), task_id, attempt):
            return False
    path = query.index_path
    return (
        query.step in (None, task.step)
        and query.task_id in (None, task.task_id)
        and query.attempt in (None, task.attempt)
        and (path is None or (task.index_path[: len(path)] if query.nested else task.index_path) == path)
        and (query.foreach_index is None or [place[1] for place in task.index_path[-1:]] == [query.foreach_index])
        and (query.foreach_value is None or [frame[1] for frame in task.foreach_stack[-1:]] == [query.foreach_value])
    )
