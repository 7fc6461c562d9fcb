"""What Metaflow's REST interface does, whatever carries it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from metaflow.datastore.location import WRITTEN_BY_METAFLOW
from metaflow.metadata_store.events import Heartbeat, RunEnded, TagsChanged, TaskEnded, TaskStarted
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.store import RunQuery, TaskQuery
from metaflow.metadata_store.tags import change_tags
from metaflow.server.metaflow_rest_documents import MetaflowDocuments, TaskPath
from metaflow.server.metaflow_rest_mirror import DEFAULT_END_STEP, task_events
from metaflow.server.metaflow_rest_pattern import read_pattern
from metaflow.server.metaflow_rest_views import (
    artifacts_view,
    fields_view,
    flow_view,
    merged,
    milliseconds,
    noted_view,
    number_or_text,
    run_view,
    step_view,
    task_view,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from metaflow.metadata_store.events import Event
    from metaflow.metadata_store.store import DocumentStore, MetadataStore

_PARAMETERS = "_parameters"
_END_STEP_FIELD = "end_step"
_RUNS_PER_PAGE = 1000


class NotThere(Exception):
    """What is asked for, or what it should be part of, does not exist."""


class TakenAlready(Exception):
    """What should be created exists."""


class MetaflowService:
    """Creates and reads what programs of Metaflow ask for.

    Parameters
    ----------
    metadata : MetadataStore
        Where records of runs and tasks are.
    documents : DocumentStore
        Where what only Metaflow knows of is kept.
    on_written : callable
        Called with the number of events that were recorded.
    """

    def __init__(self, metadata: MetadataStore, documents: DocumentStore, on_written: Callable[[int], None]) -> None:
        self._metadata = metadata
        self._on_written = on_written
        self._documents = MetaflowDocuments(documents)
        self._tagging = threading.Lock()

    def flows(self) -> list[dict[str, Any]]:
        """All flows."""
        return merged(self._documents.flows(), [flow_view(flow) for flow in self._metadata.flows()], "flow_id")

    def flow(self, flow: str) -> dict[str, Any] | None:
        """One flow, or None."""
        noted = self._documents.flow(flow)
        if noted is None:
            known = self._metadata.flows(flow)
            return flow_view(known[0]) if known else None
        return noted

    def create_flow(self, flow: str, content: dict[str, Any]) -> dict[str, Any]:
        """Note a flow before it has runs."""
        noted = {**_created(content), "flow_id": flow}
        if self.flow(flow) is not None or not self._documents.add_flow(flow, noted):
            raise TakenAlready(f"The flow {flow} exists.")
        return noted

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """Runs of a flow, newest first."""
        found: list[dict[str, Any]] = []
        after = None
        while True:
            page = self._metadata.runs(RunQuery(flow, limit=_RUNS_PER_PAGE, after=after))
            found += map(run_view, page)
            if len(page) < _RUNS_PER_PAGE:
                return found
            after = page[-1].cursor

    def run(self, flow: str, run: str) -> dict[str, Any] | None:
        """One run, or None."""
        record = self._metadata.run(flow, run)
        return None if record is None else run_view(record)

    def create_run(self, flow: str, content: dict[str, Any]) -> dict[str, Any]:
        """Start a run, under the id that the program chose or the next number."""
        noted = _created(content)
        chosen = content.get("run_number")
        while True:
            run_id = self._documents.next_run_number(flow) if chosen is None else str(chosen)
            record = RunRecord(
                flow=flow,
                run_id=run_id,
                user=noted["user_name"] or "",
                started_at=noted["ts_epoch"] / 1000,
                tags=tuple(sorted(noted["tags"])),
                system_tags=tuple(sorted(noted["system_tags"])),
                heartbeat_at=time.time(),
                end_step=DEFAULT_END_STEP,
                datastore=WRITTEN_BY_METAFLOW,
            )
            if self._metadata.claim_run(record):
                self._on_written(1)
                return run_view(record)
            if chosen is not None:
                raise TakenAlready(f"The run {flow}/{run_id} exists.")

    def beat(self, flow: str, run: str) -> None:
        """A run is alive."""
        self._apply([Heartbeat(flow, run, time.time())])

    def change_tags(self, flow: str, run: str, add: list[str], remove: list[str]) -> list[str]:
        """Change the user tags of a run; returns those that it has then.

        Raises
        ------
        MetaflowTaggingError
            The change breaks a rule.
        """
        with self._tagging:
            record = self._run(flow, run)
            added, removed = change_tags(record.tags, record.system_tags, add, remove)
            self._apply([TagsChanged(flow, run, added, removed)])
            return sorted(self._run(flow, run).tags)

    def steps(self, flow: str, run: str) -> list[dict[str, Any]]:
        """Steps of a run, newest first."""
        record = self._run(flow, run)
        known = [step_view(step, record) for step in self._metadata.steps(flow, run)]
        noted = [noted_view(step, record) for step in self._documents.steps(flow, run)]
        return merged(noted, known, "step_name")

    def step(self, flow: str, run: str, step: str) -> dict[str, Any] | None:
        """One step, or None."""
        return next((view for view in self.steps(flow, run) if view["step_name"] == step), None)

    def create_step(self, flow: str, run: str, step: str, content: dict[str, Any]) -> dict[str, Any]:
        """Note a step before it has tasks."""
        record = self._run(flow, run)
        noted = {**_created(content), "flow_id": flow, "run_number": number_or_text(run), "step_name": step}
        if not self._documents.add_step(flow, run, step, noted):
            raise TakenAlready(f"The step {flow}/{run}/{step} exists.")
        return noted_view(noted, record)

    def tasks(self, flow: str, run: str, step: str) -> list[dict[str, Any]]:
        """Tasks of a step, newest first."""
        record = self._run(flow, run)
        known = [task_view(task, record) for task in self._metadata.tasks(TaskQuery(flow, run, step))]
        noted = [noted_view(task, record) for task in self._documents.tasks(flow, run, step)]
        return merged(noted, known, "task_id")

    def task(self, flow: str, run: str, step: str, task: str) -> dict[str, Any] | None:
        """One task, or None."""
        record = self._run(flow, run)
        noted = self._documents.task(TaskPath(flow, run, step, task))
        if noted is not None:
            return noted_view(noted, record)
        known = self._metadata.tasks(TaskQuery(flow, run, step, task))
        return task_view(known[0], record) if known else None

    def create_task(self, flow: str, run: str, step: str, content: dict[str, Any]) -> dict[str, Any]:
        """Start a task, under the id that the program chose or the next number."""
        record = self._run(flow, run)
        chosen = content.get("task_id")
        while True:
            task_id = self._documents.next_task_number(flow, run) if chosen is None else str(chosen)
            path = TaskPath(flow, run, step, task_id)
            noted = {**_created(content), **_place(path)}
            if self._documents.add_task(path, noted):
                break
            if chosen is not None:
                raise TakenAlready(f"The task {path.pathspec} exists.")
        self._apply([TaskStarted(event.task) for event in task_events(path, noted["ts_epoch"], ())])
        return noted_view(noted, record)

    def add_fields(self, flow: str, run: str, step: str, task: str, fields: list[dict[str, Any]]) -> None:
        """Note fields of a task, and what they say of how it, and its run, stands."""
        path = TaskPath(flow, run, step, task)
        noted = self._noted_task(path)
        self._documents.add_fields(path, [{**_completed(field), **_place(path)} for field in fields])
        events: list[Event] = [*task_events(path, noted["ts_epoch"], self._documents.fields(path))]
        last = events[-1]
        if isinstance(last, TaskEnded) and last.task.ok and step == self._end_step(flow, run):
            # Nothing tells of a run's end but that of its last task.
            events.append(RunEnded(flow, run, "done", last.task.finished_at or last.task.started_at))
        self._apply(events)

    def add_artifacts(self, flow: str, run: str, step: str, task: str, artifacts: list[dict[str, Any]]) -> None:
        """Note records of a task's artifacts."""
        path = TaskPath(flow, run, step, task)
        self._noted_task(path)
        self._documents.add_artifacts(path, [{**_completed(artifact), **_place(path)} for artifact in artifacts])

    def fields(self, flow: str, run: str, step: str, task: str) -> list[dict[str, Any]]:
        """Fields of a task, of all attempts."""
        record = self._run(flow, run)
        noted = self._documents.fields(TaskPath(flow, run, step, task))
        if noted:
            return noted
        return fields_view(record, self._metadata.tasks(TaskQuery(flow, run, step, task, all_attempts=True)))

    def artifacts(self, flow: str, run: str, step: str, task: str, attempt: int | None = None) -> list[dict[str, Any]]:
        """Artifacts of an attempt of a task, or of the latest one that has any."""
        record = self._run(flow, run)
        noted = self._documents.artifacts(TaskPath(flow, run, step, task), attempt)
        if noted or record.datastore == WRITTEN_BY_METAFLOW:
            return noted
        found: list[TaskRecord] = self._metadata.tasks(TaskQuery(flow, run, step, task, attempt))
        return artifacts_view(record, found[0]) if found else []

    def artifact(
        self, flow: str, run: str, step: str, task: str, name: str, attempt: int | None = None
    ) -> dict[str, Any] | None:
        """One artifact, or None."""
        found = self.artifacts(flow, run, step, task, attempt)
        return next((artifact for artifact in found if artifact["name"] == name), None)

    def matching_tasks(self, flow: str, run: str, step: str, name: str, pattern: str) -> list[str]:
        """Pathspecs of the tasks of a step that have a field of that name that matches; all without a name.

        Raises
        ------
        PatternError
            The pattern is of a kind that is not supported.
        """
        record = self._run(flow, run)
        wanted = read_pattern(pattern)
        if not name:
            return [f"{flow}/{run}/{step}/{task['task_id']}" for task in self.tasks(flow, run, step)]
        fields = list(self._documents.fields_of_step(flow, run, step))
        if record.datastore != WRITTEN_BY_METAFLOW:
            fields = fields_view(record, self._metadata.tasks(TaskQuery(flow, run, step)))
        found = {
            f"{flow}/{run}/{step}/{field['task_id']}": None
            for field in fields
            if field["field_name"] == name and wanted.matches(str(field["value"]))
        }
        return list(found)

    def _apply(self, events: list[Event]) -> None:
        self._metadata.apply(events)
        self._on_written(len(events))

    def _run(self, flow: str, run: str) -> RunRecord:
        record = self._metadata.run(flow, run)
        if record is None:
            raise NotThere(f"There is no run {flow}/{run}.")
        return record

    def _noted_task(self, path: TaskPath) -> dict[str, Any]:
        noted = self._documents.task(path)
        if noted is None:
            raise NotThere(f"There is no task {path.pathspec}.")
        return noted

    def _end_step(self, flow: str, run: str) -> str:
        for field in self._documents.fields_of_step(flow, run, _PARAMETERS):
            if field["field_name"] == _END_STEP_FIELD:
                return str(field["value"])
        return DEFAULT_END_STEP


def _created(content: dict[str, Any]) -> dict[str, Any]:
    """What every record has, from what a program sent."""
    return {
        "user_name": content.get("user_name"),
        "tags": content.get("tags") or [],
        "system_tags": content.get("system_tags") or [],
        "ts_epoch": content.get("ts_epoch") or milliseconds(time.time()),
    }


def _place(path: TaskPath) -> dict[str, Any]:
    """What the records of a task and of all that belongs to it say of where it is."""
    return {
        "flow_id": path.flow,
        "run_number": number_or_text(path.run),
        "step_name": path.step,
        "task_id": number_or_text(path.task),
    }


def _completed(content: dict[str, Any]) -> dict[str, Any]:
    """A field or an artifact with the time at which it came, if it does not say when it was made."""
    return {**content, "ts_epoch": content.get("ts_epoch") or milliseconds(time.time())}
