"""``/api/v1/run/code/...``: the code that a run was started with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.client.code import code_of_run
from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.server.errors import Refusal
from metaflow.server.record_routes import FlowName, RunId
from metaflow.web.run import models
from metaflow.web.run.changed_files import NO_FILES, changed_files
from metaflow.web.run.code_view import text_of_file
from metaflow.web.run.commit_changes import changes_since_commit
from metaflow.web.run.history import last_success
from metaflow.web.run.reading import existing_run, readable
from metaflow.web.run.recorded import recorded_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaflow.client.code import MetaflowCode
    from metaflow.metadata_store.records import RunRecord
    from metaflow.web.services import WebServices

_MOST_FILES = 5_000


def run_code_routes(web: WebServices) -> APIRouter:
    """Routes about the code of a run."""
    router = APIRouter(prefix="/api/v1/run/code", tags=["run"])

    async def answered(read: Callable[[], dict[str, Any]]) -> Response:
        return json_answer(await run_in_threadpool(readable, read))

    @router.get(
        "/files",
        operation_id="listRunCode",
        summary="The files of a run's code",
        responses=answers(models.CodeFiles, "The files.", 404),
    )
    async def files(flow: FlowName, run_id: RunId) -> Response:
        return await answered(lambda: _listed(_code(web, existing_run(web, flow, run_id))))

    @router.get(
        "/file",
        operation_id="getRunCodeFile",
        summary="One file of a run's code",
        responses=answers(models.CodeText, "The file.", 404),
    )
    async def file(
        flow: FlowName, run_id: RunId, path: Annotated[str, Query(description="as it is listed")]
    ) -> Response:
        return await answered(lambda: _file(_code(web, existing_run(web, flow, run_id)), path))

    @router.get(
        "/changes",
        operation_id="getRunCodeChanges",
        summary="In what a run's code differs from the commit that it stood on, or from that of another run",
        responses=answers(models.CodeChanges, "The differences.", 404),
    )
    async def changes(
        flow: FlowName,
        run_id: RunId,
        against: Annotated[
            str, Query(description="`commit`, `success` for the last success, or the id of a run of the flow")
        ] = "commit",
    ) -> Response:
        return await answered(lambda: _changes(web, existing_run(web, flow, run_id), against))

    @router.get(
        "/archive",
        operation_id="getRunCodeArchive",
        summary="The whole code of a run as a gzipped tar file",
        response_class=Response,
        responses={200: {"content": {"application/gzip": {}}, "description": "The archive."}},
    )
    async def archive(flow: FlowName, run_id: RunId) -> Response:
        def read() -> dict[str, Any]:
            return {"content": _code(web, existing_run(web, flow, run_id)).archive()}

        found = await run_in_threadpool(readable, read)
        headers = {"Content-Disposition": 'attachment; filename="code.tar.gz"'}
        return Response(found["content"], 200, headers, "application/gzip")

    return router


def _code(web: WebServices, run: RunRecord) -> MetaflowCode:
    found = code_of_run(web.provider, run.flow, run.run_id)
    if found is None:
        raise Refusal(404, "no_code", f"The code of {run.flow}/{run.run_id} was not recorded.")
    return found


def _listed(code: MetaflowCode) -> dict[str, Any]:
    files = sorted((path, len(content)) for path, content in code.files.items())
    return {
        "script": code.script_name,
        "files": [{"path": path, "size": size} for path, size in files[:_MOST_FILES]],
        "files_in_all": len(files),
        "left_out": dict(code.left_out),
    }


def _file(code: MetaflowCode, path: str) -> dict[str, Any]:
    content = code.files.get(path)
    if content is None:
        raise Refusal(404, "not_found", f"The code of the run has no file {path[:200]!r}.")
    return {"path": path, "size": len(content), **text_of_file(content)._asdict()}


def _changes(web: WebServices, run: RunRecord, against: str) -> dict[str, Any]:
    files = _code(web, run).files
    if against == "commit":
        return changes_since_commit(recorded_run(web.provider, run), web.project)
    other = last_success(web.server.metadata, run) if against == "success" else existing_run(web, run.flow, against)
    if other is None:
        return {"against": "the last success", "obstacle": "No run of the flow has succeeded before.", **NO_FILES}
    before = code_of_run(web.provider, other.flow, other.run_id)
    name = f"run {other.run_id}"
    if before is None:
        return {"against": name, "obstacle": "Its code was not recorded.", **NO_FILES}
    return {"against": name, "obstacle": None, **changed_files(before.files, files)}
