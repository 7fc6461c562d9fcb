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
from metaflow.metadata_store.records import FlowRecord, RunOutcome, StepRecord, encodable
from metaflow.metadata_store.run_text import run_text, words_of
from metaflow.metadata_store.store import TaskQuery, run_position, sort_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeVar

    from metaflow.metadata_store.events import Event
    from metaflow.metadata_store.records import RunRecord, Scalar, TaskRecord
    from metaflow.metadata_store.store import RunOrder, RunQuery, ValueCondition

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
                run = event.run._replace(graph=None, outcome=None, tags=tuple(sorted(event.run.tags)))
                self._runs.setdefault((run.flow, run.run_id), run)
            elif isinstance(event, RunForgotten):
                self._runs.pop((event.flow, event.run_id), None)
                for key in [key for key in self._attempts if key[:2] == (event.flow, event.run_id)]:
                    del self._attempts[key]
            elif (event.flow, event.run_id) in self._runs:
                self._runs[event.flow, event.run_id] = _changed(self._runs[event.flow, event.run_id], event)

    def claim_run(self, run: RunRecord) -> bool:
        """Record that a run exists, unless its id is taken."""
        if (run.flow, run.run_id) in self._runs:
            return False
        self.apply([RunStarted(run)])
        return True

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
        """Runs that match `query`, in its order, without their graphs."""
        found = [
            run
            for run in map(self._with_outcome, self._runs.values())
            if (query.flow is None or run.flow == query.flow)
            and {*query.tags} <= {*run.tags, *run.system_tags}
            and (query.user is None or run.user == query.user)
            and (query.since is None or run.started_at >= query.since)
            and (query.until is None or run.started_at < query.until)
            and not (query.successful and not (run.outcome and run.outcome.success))
            and all(_meets(run, condition) for condition in query.values)
            and (not query.flows or run.flow in query.flows)
            and run.flow not in query.without_flows
            and query.accepts_status(run.status)
            and (not query.users or run.user in query.users)
            and all({*group} & {*run.tags, *run.system_tags} for group in query.any_tags)
            and not {*query.without_tags} & {*run.tags, *run.system_tags}
            and all(word in run_text(run) for word in words_of(query.text or ""))
            and (query.keys is None or (run.flow, run.run_id) in query.keys)
            and (query.id_part is None or run.run_id.startswith(query.id_part) or run.run_id.endswith(query.id_part))
        ]
        found.sort(key=lambda run: run.cursor, reverse=True)
        if query.order is not None:
            found = _sorted(found, query.order)
        if query.after is not None:
            found = _behind(found, query.order, query.after)
        return [_shown(run, query.with_values) for run in found[: query.limit]]

    def _with_outcome(self, run: RunRecord) -> RunRecord:
        def latest(step: str) -> TaskRecord | None:
            return next(iter(self.tasks(TaskQuery(run.flow, run.run_id, step, limit=1))), None)

        end, parameters = latest(run.end_step or "end"), latest("_parameters")
        known = RunOutcome() if end is None else RunOutcome(end.ok, end.success, end.ended_at)
        artifacts = None if end is None else _values(end)
        return run._replace(outcome=known._replace(parameters=_values(parameters), artifacts=artifacts))

    def number_of_runs(self, query: RunQuery) -> int:
        """How many runs match, in whatever order and behind whatever position; none are counted beyond its limit."""
        return len(self.runs(query._replace(order=None, after=None)))

    def run(self, flow: str, run_id: str) -> RunRecord | None:
        """One run, or None if it is not known."""
        run = self._runs.get((flow, run_id))
        return None if run is None else _shown(self._with_outcome(run), with_values=False)

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


def _values(task: TaskRecord | None) -> dict[str, Scalar]:
    return {} if task is None else task.own_values


def _shown(run: RunRecord, with_values: bool) -> RunRecord:
    """A run with as much of its outcome as is given; without an end task, that is nothing but values."""
    outcome = run.outcome
    assert outcome is not None
    if with_values:
        return run._replace(outcome=outcome._replace(artifacts=outcome.artifacts or {}))
    if outcome.artifacts is None:
        return run._replace(outcome=None)
    return run._replace(outcome=outcome._replace(parameters=None, artifacts=None))


def _meets(run: RunRecord, condition: ValueCondition) -> bool:
    assert run.outcome is not None
    values = (run.outcome.parameters if condition.kind == "parameter" else run.outcome.artifacts) or {}
    if condition.name not in values:
        return False
    value, operand = _place_of(values[condition.name]), condition.operand
    if isinstance(operand, tuple):
        return value in map(_place_of, operand)
    other = _place_of(operand)
    if condition.operator in ("=", "!="):
        return (value == other) is (condition.operator == "=")
    same_kind = value[0] == other[0] != 0
    signs = {"<": value < other, "<=": value <= other, ">": value > other, ">=": value >= other}
    return same_kind and signs[condition.operator]


def _place_of(value: Any) -> tuple[int, Any]:
    """Where a value stands among all values: nothing, then numbers, then texts."""
    if value is None:
        return 0, 0
    return (2, encodable(value)) if isinstance(value, str) else (1, value)


def _sorted(runs: list[RunRecord], order: RunOrder) -> list[RunRecord]:
    """Sort runs that are newest first, and stay so among equals."""
    present = [run for run in runs if sort_value(run, order) is not None]
    absent = [run for run in runs if sort_value(run, order) is None]
    present.sort(key=lambda run: _place_of(sort_value(run, order)), reverse=order.descending)
    return present + absent


def _behind(runs: list[RunRecord], order: RunOrder | None, after: tuple[Any, ...]) -> list[RunRecord]:
    """What follows a position, which need not be that of a run any more."""
    if order is None:
        return [run for run in runs if run.cursor < after]

    def follows(run: RunRecord) -> bool:
        value, *cursor = run_position(run, order)
        place, last = _place_of(value), _place_of(after[0])
        if place == last:
            return tuple(cursor) < after[1:]
        if 0 in (place[0], last[0]):
            return place[0] == 0
        return (place < last) is order.descending

    return [run for run in runs if follows(run)]


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
