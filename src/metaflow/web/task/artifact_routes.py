"""``/api/v1/task/artifacts``: what a task has left, without loading any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.web.downloads import attachment
from metaflow.web.task import models as task_models
from metaflow.web.task.address import Address
from metaflow.web.task.artifacts import Wanted, describe_artifact, entry_of, list_artifacts
from metaflow.web.task.contents import image_bytes, stored_file, text_piece
from metaflow.web.task.finding import FoundTask, existing_reader
from metaflow.web.task.routes import read_task
from metaflow.web.task.same_values import same_values

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.datastore.manifest import ArtifactEntry
    from metaflow.datastore.store import ObjectStore
    from metaflow.web.services import WebServices

ArtifactName = Annotated[str, Query(min_length=1, max_length=1000, description="name of the artifact")]
_MOST_ROWS = 500
_MOST_TEXT = 256 * 1024
#: A picture that is opened by itself does nothing but being seen.
_PICTURE_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"


def task_artifact_routes(web: WebServices) -> APIRouter:
    """Routes of a task's artifacts."""
    router = APIRouter(prefix="/api/v1/task", tags=["task"])
    router.include_router(_description_routes(web.provider))
    router.include_router(_content_routes(web.provider))
    return router


def _description_routes(provider: Provider) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/artifacts",
        operation_id="listTaskArtifacts",
        summary="Artifacts of an attempt, those that it made first",
        responses=answers(task_models.ArtifactPage, "A page of artifacts.", 404),
    )
    async def artifacts(
        address: Address,
        private: Annotated[bool, Query(description="also those whose names begin with an underscore")] = False,
        search: Annotated[str, Query(max_length=200, description="words in names, types and previews")] = "",
        order: Annotated[
            Literal["state", "name", "type", "size"],
            Query(description="what the step made first, or by one of these; the largest first"),
        ] = "state",
        limit: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 200,
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> Response:
        wanted = Wanted(private, search, limit, offset, order)
        return json_answer(
            await read_task(provider, address, lambda found: list_artifacts(provider, found.record, wanted))
        )

    @router.get(
        "/artifact",
        operation_id="getTaskArtifact",
        summary="One artifact, with all that was noted of it when it was saved",
        responses=answers(task_models.ArtifactDetails, "The artifact.", 404),
    )
    async def artifact(address: Address, name: ArtifactName) -> Response:
        return json_answer(
            await read_task(provider, address, lambda found: describe_artifact(provider, found.record, name))
        )

    @router.get(
        "/artifact/same",
        operation_id="findSameValues",
        summary="Where else the same value stands",
        responses=answers(task_models.SameValues, "Tasks that have it.", 404),
    )
    async def same(address: Address, name: ArtifactName) -> Response:
        return json_answer(await read_task(provider, address, lambda found: same_values(provider, found.record, name)))

    return router


def _content_routes(provider: Provider) -> APIRouter:
    router = APIRouter()

    def entry(found: FoundTask, name: str) -> tuple[ObjectStore, ArtifactEntry]:
        store = provider.store_of(found.record.flow, found.record.run_id)
        return store, entry_of(existing_reader(provider, found.record), name)

    @router.get(
        "/artifact/text",
        operation_id="readArtifactText",
        summary="A piece of an artifact that is a text, or bytes",
        responses=answers(task_models.ArtifactText, "The piece.", 404),
    )
    async def text(
        address: Address,
        name: ArtifactName,
        offset: Annotated[int, Query(ge=0, description="in bytes")] = 0,
        limit: Annotated[int, Query(ge=16, le=_MOST_TEXT, description="most bytes")] = 16 * 1024,
    ) -> Response:
        return json_answer(
            await read_task(provider, address, lambda found: text_piece(*entry(found, name), offset, limit))
        )

    @router.get(
        "/artifact/image",
        operation_id="getArtifactImage",
        summary="An artifact that is a picture of pixels",
        response_class=Response,
        responses={
            **answers(task_models.ArtifactText, "", 404),
            200: {"description": "The picture.", "content": {"image/*": {"schema": {"type": "string"}}}},
        },
    )
    async def image(address: Address, name: ArtifactName) -> Response:
        content, kind = await read_task(provider, address, lambda found: image_bytes(*entry(found, name)))
        return Response(content, headers={"Content-Security-Policy": _PICTURE_POLICY}, media_type=kind)

    @router.get(
        "/artifact/raw",
        operation_id="downloadArtifact",
        summary="The stored bytes of an artifact, to be kept: texts and bytes as they are, anything else as a pickle",
        response_class=Response,
        responses={
            **answers(task_models.ArtifactText, "", 404),
            200: {"description": "The bytes.", "content": {"application/octet-stream": {"schema": {"type": "string"}}}},
        },
    )
    async def raw(address: Address, name: ArtifactName) -> Response:
        file = await read_task(provider, address, lambda found: stored_file(*entry(found, name)))
        headers = {"Content-Disposition": attachment(f"{name}.{file.ending}")}
        return StreamingResponse(file.pieces, headers=headers, media_type="application/octet-stream")

    return router
