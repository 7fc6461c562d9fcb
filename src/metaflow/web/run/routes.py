"""``/api/v1/run/...``: one run, as its page shows it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.server.query_routes import Cursor, PageLimit
from metaflow.server.record_routes import FlowName, RunId
from metaflow.web.run import models
from metaflow.web.run.changes import changes_between
from metaflow.web.run.details import details_of
from metaflow.web.run.failure import failure_of
from metaflow.web.run.history import last_success
from metaflow.web.run.reading import existing_run, readable
from metaflow.web.run.results import results_of
from metaflow.web.run.steps import plain_steps
from metaflow.web.run.task_table import TaskOrder, listing_of, page_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaflow.web.services import WebServices

Base = Annotated[str | None, Query(description="id of the run of this flow to compare with; else the last success")]


def run_routes(web: WebServices) -> APIRouter:
    """Routes about one run."""
    router = APIRouter(prefix="/api/v1/run", tags=["run"])
    for family in (_overview_routes, _change_routes, _progress_routes):
        router.include_router(family(web))
    return router


async def _answered(read: Callable[[], dict[str, Any]]) -> Response:
    return json_answer(await run_in_threadpool(readable, read))


def _overview_routes(web: WebServices) -> APIRouter:
    router = APIRouter()
    provider, tables = web.provider, web.tasks

    @router.get(
        "/details",
        operation_id="getRunDetails",
        summary="What the head of a run's page and its overview show",
        responses=answers(models.RunDetails, "The run.", 404),
    )
    async def details(flow: FlowName, run_id: RunId) -> Response:
        return await _answered(lambda: details_of(provider, web.server.metadata, existing_run(web, flow, run_id)))

    @router.get(
        "/failure",
        operation_id="getRunFailure",
        summary="Why a run failed: its first failed task, and what is known of it at that point",
        responses=answers(models.RunFailure, "The failure; without a cause if nothing has failed.", 404),
    )
    async def failure(flow: FlowName, run_id: RunId) -> Response:
        return await _answered(lambda: failure_of(provider, tables, existing_run(web, flow, run_id), time.time()))

    @router.get(
        "/results",
        operation_id="getRunResults",
        summary="What a run has brought: artifacts of its last step, and cards",
        responses=answers(models.RunResults, "The results.", 404),
    )
    async def results(flow: FlowName, run_id: RunId) -> Response:
        return await _answered(lambda: results_of(provider, existing_run(web, flow, run_id)))

    return router


def _change_routes(web: WebServices) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/changes",
        operation_id="getRunChanges",
        summary="What changed since the last success of the flow, or another of its runs",
        responses=answers(models.RunChanges, "What changed.", 404),
    )
    async def changes(flow: FlowName, run_id: RunId, base: Base = None) -> Response:
        def read() -> dict[str, Any]:
            run = existing_run(web, flow, run_id)
            other = last_success(web.server.metadata, run) if base is None else existing_run(web, flow, base)
            found = None if other is None else changes_between(web.provider, web.tasks, other, run, time.time())
            return {"changes": found}

        return await _answered(read)

    return router


def _progress_routes(web: WebServices) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/steps",
        operation_id="getRunSteps",
        summary="How far each step of a run is",
        responses=answers(models.RunSteps, "The steps that have tasks.", 404),
    )
    async def steps(flow: FlowName, run_id: RunId) -> Response:
        def read() -> dict[str, Any]:
            run = existing_run(web, flow, run_id)
            return {"steps": plain_steps(web.server.metadata, run, web.steps.of_run(run, time.time()))}

        return await _answered(read)

    @router.get(
        "/tasks",
        operation_id="listRunTasks",
        summary="Tasks of a run, filtered and in any order, a page at a time",
        responses=answers(models.RunTaskPage, "A page of tasks.", 404),
    )
    async def tasks(
        flow: FlowName,
        run_id: RunId,
        step: Annotated[list[str], Query(max_length=100, description="only tasks of these steps")] = [],  # noqa: B006
        status: Annotated[list[models.ShownStatus], Query(max_length=5, description="only tasks of these")] = [],  # noqa: B006
        text: Annotated[
            str, Query(max_length=1000, description="only tasks with this in a foreach value or error, or of this id")
        ] = "",
        order: Annotated[TaskOrder, Query(description="what they are sorted by")] = "started_at",
        descending: bool = False,
        limit: PageLimit = 200,
        cursor: Cursor = None,
    ) -> Response:
        listing = listing_of(flow, run_id, tuple(step), tuple(status), text, order, descending, limit, cursor)

        def read() -> dict[str, Any]:
            existing_run(web, flow, run_id)
            return page_of(web.tasks, listing)

        return await _answered(read)

    return router
