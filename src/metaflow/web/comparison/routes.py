"""``/api/v1/compare`` and ``/api/v1/flow/history``: runs side by side, and one after the other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.client.code import code_of_run
from metaflow.client.run_summary import duration_of
from metaflow.exception import MetaflowDataMissing, MetaflowException
from metaflow.metadata_store.store import RunQuery, TaskQuery
from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.server.errors import Refusal
from metaflow.web.comparison import models
from metaflow.web.comparison.history import DURATION, Field, history
from metaflow.web.comparison.reading import RunFacts, read_run
from metaflow.web.comparison.rows import lay_side_by_side, with_metrics
from metaflow.web.comparison.texts import Content, content_of, text_patch
from metaflow.web.run.changed_files import NO_FILES, changed_files
from metaflow.web.run.reading import existing_run
from metaflow.web.settled_tasks import settled_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import RunRecord
    from metaflow.web.services import WebServices

#: What is asked by POST because it is long, but only reads.
READING_POSTS = ("/api/v1/compare", "/api/v1/compare/code", "/api/v1/compare/value")


def compare_routes(web: WebServices) -> APIRouter:
    """Routes that compare runs. All of them only read."""
    router = APIRouter(prefix="/api/v1", tags=["compare"])

    @router.post(
        "/compare",
        operation_id="compareRuns",
        summary="Runs side by side: what they were given, what they ran on, what they found, how long they took",
        responses=answers(models.Comparison, "All rows, also those in which the runs agree."),
    )
    async def compare(question: Annotated[models.CompareQuestion, Body()]) -> Response:
        names = list(dict.fromkeys((each.flow, each.run_id) for each in question.runs))
        return json_answer(await run_in_threadpool(_compared, web, names))

    @router.post(
        "/compare/code",
        operation_id="compareCode",
        summary="How the code of two runs differs, file by file",
        responses=answers(models.CodeDifference, "Patches, and what they left out.", 404),
    )
    async def code(question: Annotated[models.TwoRuns, Body()]) -> Response:
        return json_answer(await run_in_threadpool(_code, web, question))

    @router.post(
        "/compare/value",
        operation_id="compareValue",
        summary="A value of two runs as texts, and how these differ",
        responses=answers(models.ValueDifference, "The texts and a patch.", 404),
    )
    async def value(question: Annotated[models.ValueQuestion, Body()]) -> Response:
        return json_answer(await run_in_threadpool(_value, web, question))

    @router.get(
        "/flow/history",
        operation_id="getFlowHistory",
        summary="Numbers of a flow over its last runs",
        responses=answers(models.FlowHistory, "Runs, what there is to choose from, and the chosen fields.", 404),
    )
    async def flow_history(
        flow: Annotated[str, Query(description="name of the flow", min_length=1)],
        limit: Annotated[int, Query(ge=1, le=models.MOST_HISTORY, description="how many runs, the newest")] = 50,
        field: Annotated[
            list[str],
            Query(
                description="duration, parameter:NAME or artifact:NAME; some that vary if none is given",
                max_length=models.MOST_FIELDS,
            ),
        ] = [],  # noqa: B006
    ) -> Response:
        return json_answer(await run_in_threadpool(_history, web, flow, limit, list(map(_field, field))))

    return router


def _compared(web: WebServices, names: list[tuple[str, str]]) -> dict[str, Any]:
    recorded = [web.server.metadata.run(flow, run_id) for flow, run_id in names]
    found = [None if run is None else settled_run(web.provider, run) for run in recorded]
    now = time.time()
    facts = [None if run is None else read_run(web.provider, run, web.steps.of_run(run, now)) for run in found]
    sections = [each.sections if each is not None else {} for each in facts]
    with_metrics(sections)
    return {
        "runs": [_described(*name, each) for name, each in zip(names, facts, strict=True)],
        "sections": lay_side_by_side(sections),
    }


def _described(flow: str, run_id: str, facts: RunFacts | None) -> dict[str, Any]:
    if facts is None:
        problem = f"There is no run {flow}/{run_id}: it was deleted, or never started here."
        absent = dict.fromkeys(("status", "started_at", "finished_at", "duration"))
        return {"flow": flow, "run_id": run_id, "found": False, "user": "", "tags": [], "problems": [problem], **absent}
    run = facts.run
    return {
        "flow": flow,
        "run_id": run_id,
        "found": True,
        "status": run.status,
        "user": run.user,
        "tags": list(run.tags),
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "duration": duration_of(run),
        "problems": facts.problems,
    }


def _code(web: WebServices, question: models.TwoRuns) -> dict[str, Any]:
    versions: list[Mapping[str, bytes]] = []
    for name in (question.before, question.after):
        run = existing_run(web, name.flow, name.run_id)
        try:
            code = code_of_run(web.provider, run.flow, run.run_id)
            if code is None:
                return _no_code(f"The code of {run.flow}/{run.run_id} was not recorded.")
            versions.append(code.files)
        except MetaflowException as error:
            return _no_code(f"The code of {run.flow}/{run.run_id} cannot be read: {web.reason(error)}")
    return {**changed_files(*versions), "note": None}


def _no_code(note: str) -> dict[str, Any]:
    return {**NO_FILES, "note": note}


def _value(web: WebServices, question: models.ValueQuestion) -> dict[str, Any]:
    contents: list[Content | None] = []
    notes: list[str] = []
    for name in (question.before, question.after):
        run = existing_run(web, name.flow, name.run_id)
        where = f"{run.flow}/{run.run_id}"
        try:
            content = _content(web.provider, run, question)
        except MetaflowException as error:
            content = None
            notes.append(f"{where}: {web.reason(error)}")
        else:
            if content is None:
                notes.append(f"{where} has no {question.name}.")
            elif content.note:
                notes.append(f"{where}: {content.note}")
        contents.append(content)
    before, after = (None if content is None else content.text for content in contents)
    return {"before": before, "after": after, "patch": text_patch(before or "", after or ""), "notes": notes}


def _content(provider: Provider, run: RunRecord, question: models.ValueQuestion) -> Content | None:
    step = "_parameters" if question.section == "parameters" else run.end_step or "end"
    tasks = provider.tasks(TaskQuery(run.flow, run.run_id, step, limit=1))
    reader = provider.reader(tasks[0]) if tasks else None
    if reader is None:
        return None
    try:
        return content_of(provider, reader, question.name)
    except MetaflowDataMissing:
        if question.name in reader:
            raise
        return None


def _history(web: WebServices, flow: str, limit: int, wanted: list[Field]) -> dict[str, Any]:
    found = web.server.metadata.runs(RunQuery(flow, limit=limit + 1, with_values=True))
    if not found:
        raise Refusal(404, "not_found", f"There is no run of {flow} here: it was never run, or its runs were deleted.")
    return {
        "flow": flow,
        **history([settled_run(web.provider, run) for run in found[:limit][::-1]], wanted),
        "more": len(found) > limit,
    }


def _field(text: str) -> Field:
    kind, _, name = text.partition(":")
    if text == "duration":
        return DURATION
    if kind not in ("parameter", "artifact") or not name:
        raise Refusal(422, "invalid", f"A field is duration, parameter:NAME or artifact:NAME, but not {text!r}.")
    return kind, name
