"""``/api/v1``: flows, runs, steps and tasks.

What is asked for is named in the query or in the body, never in the path: a name may hold any character.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.exception import MetaflowTaggingError
from metaflow.metadata_store.events import TagsChanged
from metaflow.metadata_store.records import RunRecord
from metaflow.metadata_store.tags import change_tags
from metaflow.metadata_store.wire import record_to_plain
from metaflow.server import models
from metaflow.server.answers import json_answer
from metaflow.server.bodies import read_body
from metaflow.server.documented import answers, body_of
from metaflow.server.errors import Refusal
from metaflow.server.services import Services

_CLAIM: TypeAdapter[Any] = TypeAdapter(models.RunClaim)
_TAG_CHANGE: TypeAdapter[Any] = TypeAdapter(models.TagChange)

FlowName = Annotated[str, Query(description="name of the flow")]
RunId = Annotated[str, Query(description="id of the run")]


def record_routes(services: Services) -> APIRouter:
    """Routes of single records, and of short lists."""
    router = APIRouter(prefix="/api/v1", tags=["records"])
    _add_reading_routes(router, services)
    _add_writing_routes(router, services)
    return router


def _add_reading_routes(router: APIRouter, services: Services) -> None:
    metadata = services.metadata

    @router.get(
        "/flows",
        operation_id="listFlows",
        summary="Flows that have runs, the newest first",
        responses=answers(models.FlowList, "The flows."),
    )
    async def flows(flow: Annotated[str | None, Query(description="only this one")] = None) -> Response:
        found = await run_in_threadpool(metadata.flows, flow)
        return json_answer({"flows": [record_to_plain(record) for record in found]})

    @router.get(
        "/run",
        operation_id="getRun",
        summary="One run",
        responses=answers(models.RunWithOutcome, "The run.", 404),
    )
    async def run(flow: FlowName, run_id: RunId) -> Response:
        return json_answer(record_to_plain(await _existing(services, flow, run_id)))

    @router.get(
        "/steps",
        operation_id="listSteps",
        summary="Steps of a run that have tasks, the newest first",
        responses=answers(models.StepList, "The steps."),
    )
    async def steps(
        flow: FlowName, run_id: RunId, step: Annotated[str | None, Query(description="only this one")] = None
    ) -> Response:
        found = await run_in_threadpool(metadata.steps, flow, run_id, step)
        return json_answer({"steps": [record_to_plain(record) for record in found]})


def _add_writing_routes(router: APIRouter, services: Services) -> None:
    limit = services.settings.body_bytes

    @router.post(
        "/runs",
        operation_id="claimRun",
        summary="Create a run, unless its id is taken",
        status_code=201,
        responses={
            **answers(models.Claimed, "It is created.", 400, 403, 413, 415, status=201),
            409: {"model": models.Claimed, "description": "The id is taken."},
        },
        openapi_extra=body_of(models.RunClaim, "the run"),
    )
    async def claim(request: Request) -> Response:
        """Sent again by the same process it succeeds again: the answer to the first request may have been lost."""
        plain = await read_body(request, _CLAIM, "The run", limit)
        wanted = RunRecord.from_dict(plain["run"])
        claimed = await run_in_threadpool(_claim, services, wanted)
        services.live.wake()
        return json_answer({"claimed": claimed}, 201 if claimed else 409)

    @router.post(
        "/tags",
        operation_id="changeTags",
        summary="Add user tags to a run, and remove some",
        responses=answers(models.Tags, "The tags that it has now.", 400, 403, 404, 413, 415),
        openapi_extra=body_of(models.TagChange, "what to add and to remove; a tag in both is added"),
    )
    async def tags(request: Request) -> Response:
        plain = await read_body(request, _TAG_CHANGE, "The change of tags", limit)
        known = await _existing(services, plain["flow"], plain["run_id"])
        try:
            added, removed = change_tags(known.tags, known.system_tags, plain.get("add", ()), plain.get("remove", ()))
        except MetaflowTaggingError as error:
            raise Refusal(422, "invalid_tags", error.message) from error
        await services.writer.apply([TagsChanged(known.flow, known.run_id, added, removed)])
        changed = await _existing(services, known.flow, known.run_id)
        return json_answer({"tags": changed.tags, "system_tags": changed.system_tags})


async def _existing(services: Services, flow: str, run_id: str) -> RunRecord:
    found = await run_in_threadpool(services.metadata.run, flow, run_id)
    if found is None:
        raise Refusal(404, "not_found", f"There is no run {run_id[:200]!r} of {flow[:200]!r}.")
    return found


def _claim(services: Services, wanted: RunRecord) -> bool:
    if services.metadata.claim_run(wanted):
        return True
    known = services.metadata.run(wanted.flow, wanted.run_id)
    return known is not None and wanted.host is not None and _process(known) == _process(wanted)


def _process(run: RunRecord) -> tuple[Any, ...]:
    return run.host, run.pid, run.process_started, run.started_at, run.user
