"""``/api/v1/run/timeline`` and ``/api/v1/run/critical-path``: what took how long in a run."""

from __future__ import annotations

import time
from math import isfinite, nan
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.exception import DataException, MetadataException
from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.server.errors import Refusal
from metaflow.web.run.reading import existing_run
from metaflow.web.timeline import models
from metaflow.web.timeline.critical_path import critical_path
from metaflow.web.timeline.summary import summaries
from metaflow.web.timeline.table import MOST_ATTEMPTS, STATES, each_attempt, read_table, steps_in_order

if TYPE_CHECKING:
    from metaflow.metadata_store.records import RunRecord
    from metaflow.web.services import WebServices
    from metaflow.web.timeline.critical_path import PathPoint

#: Most attempts of a critical path that are given; only a step that repeats itself has as many.
_MOST_POINTS = 2_000
#: What happened so many seconds before a cursor is given again: records arrive a little after what they tell of.
_OVERLAP_SECONDS = 3.0

_Flow = Annotated[str, Query(description="name of the flow")]
_RunId = Annotated[str, Query(description="id of the run")]


def timeline_routes(web: WebServices) -> APIRouter:
    """Routes about when what ran."""
    router = APIRouter(prefix="/api/v1/run", tags=["timeline"])

    @router.get(
        "/timeline",
        operation_id="getTimeline",
        summary="All attempts of a run, as columns, or those that changed since an earlier answer",
        responses=answers(models.Timeline, "The attempts.", 404),
    )
    async def timeline(
        flow: _Flow,
        run_id: _RunId,
        since: Annotated[str | None, Query(description="`cursor` of an earlier answer", max_length=40)] = None,
    ) -> Response:
        """An answer about changes may repeat attempts that are known, and may miss some whose records came late.

        If what the page has then does not agree with `counts`, it should ask for everything.
        """
        return await run_in_threadpool(_timeline, web, flow, run_id, None if since is None else _time_of(since))

    @router.get(
        "/critical-path",
        operation_id="getCriticalPath",
        summary="The chain of attempts that decided when a run ended, and what its time went to",
        responses=answers(models.CriticalPath, "The path.", 404),
    )
    async def path(flow: _Flow, run_id: _RunId) -> Response:
        return await run_in_threadpool(_critical_path, web, flow, run_id)

    return router


def _timeline(web: WebServices, flow: str, run_id: str, since: float | None) -> Response:
    run = existing_run(web, flow, run_id)
    graph, notes = _graph(web, run)
    now = time.time()
    counts = web.tasks.count_attempts(flow, run_id)
    changed_since = None if since is None else since - _OVERLAP_SECONDS
    rows = each_attempt(web.tasks, flow, run_id, changed_since)
    table = read_table(rows, steps_in_order(graph), run.started_at)
    return json_answer(
        {
            "status": run.status,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "now": now,
            "cursor": repr(now),
            "changes_only": since is not None,
            "states": STATES,
            "steps": summaries(table, graph),
            "attempts": table.columns._asdict(),
            "counts": counts._asdict(),
            "most": MOST_ATTEMPTS,
            "cut": table.cut,
            "notes": notes,
        }
    )


def _critical_path(web: WebServices, flow: str, run_id: str) -> Response:
    run = existing_run(web, flow, run_id)
    rows = each_attempt(web.tasks, flow, run_id, with_inputs=True)
    points = critical_path(rows, run.started_at, time.time())
    return json_answer(
        {
            "attempts": [_plain(point, run.started_at) for point in points[-_MOST_POINTS:]],
            **{part: round(1000 * sum(getattr(point, part) for point in points)) for part in _PARTS},
            "most": _MOST_POINTS,
            "cut": len(points) > _MOST_POINTS,
        }
    )


_PARTS = ("waiting", "startup", "code", "saving")


def _plain(point: PathPoint, zero: float) -> dict[str, Any]:
    return {
        "step": point.step,
        "task": point.task_id,
        "attempt": point.attempt,
        "started": round(1000 * (point.started_at - zero)),
        "finished": round(1000 * (point.finished_at - zero)),
        **{part: round(1000 * getattr(point, part)) for part in _PARTS},
    }


def _graph(web: WebServices, run: RunRecord) -> tuple[dict[str, Any], list[str]]:
    """The run's graph, and what to say if it cannot be read: attempts are drawn all the same."""
    try:
        return web.provider.graph(run.flow, run.run_id), []
    except (DataException, MetadataException) as error:
        problem = f"The graph of the run cannot be read, so its steps are in no particular order. {web.reason(error)}"
        return {}, [problem]


def _time_of(cursor: str) -> float:
    try:
        time_of_answer = float(cursor)
    except ValueError:
        time_of_answer = nan
    if not isfinite(time_of_answer):
        raise Refusal(422, "invalid", "`since` is not the cursor of an earlier answer. Ask without it.")
    return time_of_answer
