"""The REST interface that Netflix's Metaflow speaks, so that its runs can be recorded here, and its client read ours.

What it creates becomes records of ours as well: its runs are in our lists and in the live stream, with their status.
Runs of ours are readable through it, but for the bytes of their artifacts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from metaflow.exception import MetaflowTaggingError
from metaflow.metadata_store.store import DocumentStore, MetadataStore
from metaflow.server.answers import AnyTextResponse
from metaflow.server.metaflow_rest_pattern import PatternError
from metaflow.server.metaflow_rest_service import MetaflowService, NotThere, TakenAlready

_HEARTBEAT_SECONDS = 10
_TAGS = ["Metaflow's interface"]

_Name = Annotated[str, Path(max_length=500)]
_Id = Annotated[int, Field(ge=0, lt=10**18)] | Annotated[str, Field(min_length=1, max_length=500)]
_Attempt = Annotated[int, Path(ge=0, le=100_000)]
_OPERATIONS: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such thing."}}
_CREATION: dict[int | str, dict[str, Any]] = {409: {"description": "It exists already."}, **_OPERATIONS}


class _Open(BaseModel):
    """Programs of Metaflow send more than we name; all of it is kept."""

    model_config = ConfigDict(extra="allow")

    user_name: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    ts_epoch: int | None = Field(None, ge=0, lt=10**16, description="milliseconds since the epoch")


class MetaflowNewThing(_Open):
    """A flow, run, step or task to create."""

    run_number: _Id | None = None
    task_id: _Id | None = None


class MetaflowNewField(_Open):
    """A field of a task."""

    field_name: str
    type: str | None = None
    value: Any = None


class MetaflowNewArtifact(_Open):
    """A record of an artifact."""

    name: str
    attempt_id: int = Field(0, ge=0, lt=10**6)


class MetaflowTagChange(BaseModel):
    """Tags to add to a run and to remove from it."""

    tags_to_add: list[str] = []
    tags_to_remove: list[str] = []


def router(metadata: MetadataStore, documents: DocumentStore, on_written: Callable[[int], None]) -> APIRouter:
    """Make the routes.

    Parameters
    ----------
    metadata : MetadataStore
        Where records of runs and tasks are.
    documents : DocumentStore
        Where what only Metaflow knows of is kept.
    on_written : callable
        Called, in any thread, with the number of events that were recorded.

    Returns
    -------
    APIRouter
        To be included without a prefix, behind whatever checks who is asking.
    """
    service = MetaflowService(metadata, documents, on_written)
    routes = APIRouter(tags=list(_TAGS), default_response_class=AnyTextResponse)
    _add_flows_and_runs(routes, service)
    _add_steps(routes, service)
    _add_tasks(routes, service)
    _add_contents(routes, service)
    return routes


def _found(what: Any) -> Any:
    if what is None:
        raise HTTPException(404, "There is no such thing.")
    return what


class _refusals:  # noqa: N801 - reads as what it is: with _refusals():
    """Turns what the service refuses into the statuses that Metaflow's client understands."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, NotThere):
            raise HTTPException(404, str(error)) from error
        if isinstance(error, TakenAlready):
            raise HTTPException(409, str(error)) from error
        if isinstance(error, (MetaflowTaggingError, PatternError)):
            raise HTTPException(422, str(error)) from error


def _add_flows_and_runs(routes: APIRouter, service: MetaflowService) -> None:
    @routes.get("/flows", operation_id="metaflow_flows", summary="All flows")
    def flows() -> list[dict[str, Any]]:
        return service.flows()

    @routes.get("/flows/{flow}", operation_id="metaflow_flow", summary="A flow", responses=_OPERATIONS)
    def flow(flow: _Name) -> dict[str, Any]:
        return _found(service.flow(flow))  # type: ignore[no-any-return]

    @routes.post("/flows/{flow}", operation_id="metaflow_create_flow", summary="Create a flow", responses=_CREATION)
    def create_flow(flow: _Name, content: MetaflowNewThing) -> dict[str, Any]:
        with _refusals():
            return service.create_flow(flow, content.model_dump())

    @routes.get("/flows/{flow}/runs", operation_id="metaflow_runs", summary="Runs of a flow, newest first")
    def runs(flow: _Name) -> list[dict[str, Any]]:
        return service.runs(flow)

    @routes.get("/flows/{flow}/runs/{run}", operation_id="metaflow_run", summary="A run", responses=_OPERATIONS)
    def run(flow: _Name, run: _Name) -> dict[str, Any]:
        return _found(service.run(flow, run))  # type: ignore[no-any-return]

    @routes.post("/flows/{flow}/run", operation_id="metaflow_create_run", summary="Create a run", responses=_CREATION)
    def create_run(flow: _Name, content: MetaflowNewThing) -> dict[str, Any]:
        with _refusals():
            return service.create_run(flow, content.model_dump())

    @routes.post("/flows/{flow}/runs/{run}/heartbeat", operation_id="metaflow_run_heartbeat", summary="A run is alive")
    def run_heartbeat(flow: _Name, run: _Name) -> dict[str, int]:
        service.beat(flow, run)
        return {"wait_time_in_seconds": _HEARTBEAT_SECONDS}

    @routes.patch(
        "/flows/{flow}/runs/{run}/tag/mutate",
        operation_id="metaflow_change_tags",
        summary="Change the user tags of a run",
        responses=_OPERATIONS,
    )
    def change_tags(flow: _Name, run: _Name, change: MetaflowTagChange) -> dict[str, list[str]]:
        with _refusals():
            return {"tags": service.change_tags(flow, run, change.tags_to_add, change.tags_to_remove)}


def _add_steps(routes: APIRouter, service: MetaflowService) -> None:
    steps_of_run = "/flows/{flow}/runs/{run}/steps"

    @routes.get(steps_of_run, operation_id="metaflow_steps", summary="Steps of a run", responses=_OPERATIONS)
    def steps(flow: _Name, run: _Name) -> list[dict[str, Any]]:
        with _refusals():
            return service.steps(flow, run)

    @routes.get(steps_of_run + "/{step}", operation_id="metaflow_step", summary="A step", responses=_OPERATIONS)
    def step(flow: _Name, run: _Name, step: _Name) -> dict[str, Any]:
        with _refusals():
            return _found(service.step(flow, run, step))  # type: ignore[no-any-return]

    @routes.post(
        steps_of_run + "/{step}/step",
        operation_id="metaflow_create_step",
        summary="Create a step",
        responses=_CREATION,
    )
    def create_step(flow: _Name, run: _Name, step: _Name, content: MetaflowNewThing) -> dict[str, Any]:
        with _refusals():
            return service.create_step(flow, run, step, content.model_dump())

    @routes.get(
        steps_of_run + "/{step}/filtered_tasks",
        operation_id="metaflow_filtered_tasks",
        summary="Tasks of a step with a field that matches",
        responses=_OPERATIONS,
    )
    def filtered_tasks(
        flow: _Name,
        run: _Name,
        step: _Name,
        metadata_field_name: Annotated[str, Query(max_length=500)] = "",
        pattern: Annotated[str, Query(max_length=2000)] = "",
    ) -> list[str]:
        with _refusals():
            return service.matching_tasks(flow, run, step, metadata_field_name, pattern)


def _add_tasks(routes: APIRouter, service: MetaflowService) -> None:
    tasks_of_step = "/flows/{flow}/runs/{run}/steps/{step}/tasks"

    @routes.get(tasks_of_step, operation_id="metaflow_tasks", summary="Tasks of a step", responses=_OPERATIONS)
    def tasks(flow: _Name, run: _Name, step: _Name) -> list[dict[str, Any]]:
        with _refusals():
            return service.tasks(flow, run, step)

    @routes.get(tasks_of_step + "/{task}", operation_id="metaflow_task", summary="A task", responses=_OPERATIONS)
    def task(flow: _Name, run: _Name, step: _Name, task: _Name) -> dict[str, Any]:
        with _refusals():
            return _found(service.task(flow, run, step, task))  # type: ignore[no-any-return]

    @routes.post(
        "/flows/{flow}/runs/{run}/steps/{step}/task",
        operation_id="metaflow_create_task",
        summary="Create a task",
        responses=_CREATION,
    )
    def create_task(flow: _Name, run: _Name, step: _Name, content: MetaflowNewThing) -> dict[str, Any]:
        with _refusals():
            return service.create_task(flow, run, step, content.model_dump())

    @routes.post(tasks_of_step + "/{task}/heartbeat", operation_id="metaflow_task_heartbeat", summary="A task is alive")
    def task_heartbeat(flow: _Name, run: _Name, step: _Name, task: _Name) -> dict[str, int]:
        service.beat(flow, run)  # its run lives as well
        return {"wait_time_in_seconds": _HEARTBEAT_SECONDS}


def _add_contents(routes: APIRouter, service: MetaflowService) -> None:
    task_path = "/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}"

    @routes.get(task_path + "/metadata", operation_id="metaflow_fields", summary="Fields of a task")
    def fields(flow: _Name, run: _Name, step: _Name, task: _Name) -> list[dict[str, Any]]:
        with _refusals():
            return service.fields(flow, run, step, task)

    @routes.post(task_path + "/metadata", operation_id="metaflow_add_fields", summary="Add fields to a task")
    def add_fields(
        flow: _Name, run: _Name, step: _Name, task: _Name, content: Annotated[list[MetaflowNewField], Body()]
    ) -> dict[str, int]:
        with _refusals():
            service.add_fields(flow, run, step, task, [field.model_dump() for field in content])
        return {"metadata_created": len(content)}

    @routes.post(task_path + "/artifact", operation_id="metaflow_add_artifacts", summary="Add records of artifacts")
    def add_artifacts(
        flow: _Name, run: _Name, step: _Name, task: _Name, content: Annotated[list[MetaflowNewArtifact], Body()]
    ) -> dict[str, int]:
        with _refusals():
            service.add_artifacts(flow, run, step, task, [artifact.model_dump() for artifact in content])
        return {"artifacts_created": len(content)}

    @routes.get(task_path + "/artifacts", operation_id="metaflow_artifacts", summary="Artifacts of the latest attempt")
    def artifacts(flow: _Name, run: _Name, step: _Name, task: _Name) -> list[dict[str, Any]]:
        with _refusals():
            return service.artifacts(flow, run, step, task)

    @routes.get(
        task_path + "/attempt/{attempt}/artifacts",
        operation_id="metaflow_artifacts_of_attempt",
        summary="Artifacts of an attempt",
    )
    def artifacts_of_attempt(
        flow: _Name, run: _Name, step: _Name, task: _Name, attempt: _Attempt
    ) -> list[dict[str, Any]]:
        with _refusals():
            return service.artifacts(flow, run, step, task, attempt)

    @routes.get(task_path + "/artifacts/{name}", operation_id="metaflow_artifact", summary="An artifact")
    def artifact(flow: _Name, run: _Name, step: _Name, task: _Name, name: _Name) -> dict[str, Any]:
        with _refusals():
            return _found(service.artifact(flow, run, step, task, name))  # type: ignore[no-any-return]

    @routes.get(
        task_path + "/artifacts/{name}/attempt/{attempt}",
        operation_id="metaflow_artifact_of_attempt",
        summary="An artifact of an attempt",
    )
    def artifact_of_attempt(
        flow: _Name, run: _Name, step: _Name, task: _Name, name: _Name, attempt: _Attempt
    ) -> dict[str, Any]:
        with _refusals():
            return _found(service.artifact(flow, run, step, task, name, attempt))  # type: ignore[no-any-return]
