"""``/api/v1/run/export``: one run as a single HTML file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.server.record_routes import FlowName, RunId
from metaflow.web.downloads import attachment
from metaflow.web.export.page import run_page
from metaflow.web.export.subject import Wanted
from metaflow.web.run.reading import existing_run, readable

if TYPE_CHECKING:
    from metaflow.web.services import WebServices

#: Pages that are made at the same time: each may have tens of megabytes.
_AT_A_TIME = 2
_HEADERS = {"Content-Security-Policy": "sandbox allow-scripts", "Cache-Control": "no-store"}


def export_routes(web: WebServices) -> APIRouter:
    """The route that gives a run away."""
    router = APIRouter(prefix="/api/v1/run", tags=["run"])
    places = asyncio.Semaphore(_AT_A_TIME)

    @router.get(
        "/export",
        operation_id="exportRun",
        summary="A run as a single HTML file that asks nobody for anything",
        response_class=Response,
        responses={200: {"content": {"text/html": {}}, "description": "The file."}},
    )
    async def export(
        flow: FlowName,
        run_id: RunId,
        logs: Annotated[bool, Query(description="whether the ends of logs come along")] = True,
        cards: Annotated[bool, Query(description="whether cards come along")] = True,
    ) -> Response:
        def read() -> dict[str, Any]:
            existing_run(web, flow, run_id)
            return {"content": run_page(web.provider, flow, run_id, Wanted(logs, cards, web.project))}

        async with places:
            found = await run_in_threadpool(readable, read)
        headers = {**_HEADERS, "Content-Disposition": attachment(f"{flow}-{run_id}.html")}
        return Response(found["content"], 200, headers, "text/html")

    return router
