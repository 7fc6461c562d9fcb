"""``/api/v1/views``: views of the list of runs that people saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.web.access.visitor import visitor_of
from metaflow.web.find import view_models as models
from metaflow.web.find.saved_views import delete_view, save_view, saved_views

if TYPE_CHECKING:
    from metaflow.web.services import WebServices


def view_routes(web: WebServices) -> APIRouter:
    """Routes of saved views."""
    router = APIRouter(prefix="/api/v1", tags=["find"])

    @router.get(
        "/views",
        operation_id="listViews",
        summary="Views of the list of runs that people saved",
        responses=answers(models.SavedViews, "The views."),
    )
    async def list_views() -> Response:
        return json_answer({"views": await run_in_threadpool(saved_views, web.documents)})

    @router.post(
        "/views",
        operation_id="saveView",
        summary="Save a view under a name",
        responses=answers(models.SavedView, "The view.", 409),
    )
    async def save(request: Request, view: models.NewView) -> Response:
        user = visitor_of(request, web).user
        saved = await run_in_threadpool(save_view, web.documents, view.name, view.search, user, view.replace)
        return json_answer(saved)

    @router.delete(
        "/views",
        operation_id="deleteView",
        summary="Delete a saved view",
        responses=answers(models.ViewDeleted, "It is gone."),
    )
    async def delete(name: Annotated[str, Query(min_length=1, max_length=100)]) -> Response:
        await run_in_threadpool(delete_view, web.documents, name)
        return json_answer({"name": name})

    return router
