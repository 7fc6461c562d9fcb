"""``/api/v1/run/graph``: the graph of a run, and how its steps are doing."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.cards.page.graph_layout import nearest
from metaflow.exception import MetaflowException
from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.server.record_routes import FlowName, RunId
from metaflow.web.graph import models
from metaflow.web.graph.drawing import draw
from metaflow.web.graph.recorded import RecordedGraph, Step, read_graph
from metaflow.web.graph.states import graph_state
from metaflow.web.graph.ways import graph_of_tasks
from metaflow.web.run.reading import existing_run
from metaflow.web.run.steps import CountedSteps

if TYPE_CHECKING:
    from metaflow.metadata_store.records import RunRecord
    from metaflow.web.services import WebServices

#: Of a larger graph, so many steps around its first are drawn.
MOST_STEPS = 1000
_REMEMBERED = 256


def graph_routes(web: WebServices) -> APIRouter:
    """Routes of a run's graph."""
    router = APIRouter(prefix="/api/v1", tags=["graph"])
    # The database of a service counts tasks too, whatever kind it is.
    counted = CountedSteps(web.database)

    @lru_cache(_REMEMBERED)  # a run's graph never changes, and may be far away
    def recorded(flow: str, run_id: str) -> RecordedGraph:
        return read_graph(web.provider.graph(flow, run_id))

    def graph_of(run: RunRecord) -> tuple[RecordedGraph, str | None]:
        try:
            graph = recorded(run.flow, run.run_id)
        except MetaflowException as error:
            reason = f"The run's own record cannot be read: {error.message}"
        else:
            if graph.steps:
                return graph, None
            reason = "The run's record has no graph."
        targets = graph_of_tasks(web.server.metadata, run.flow, run.run_id)
        steps = {name: Step(name, "linear", nexts, {}) for name, nexts in targets.items()}
        return RecordedGraph(steps), f"{reason} What is drawn is told from what its tasks have read."

    @router.get(
        "/run/graph",
        operation_id="getRunGraph",
        summary="The graph of a run, laid out",
        responses=answers(models.RunGraph, "The graph.", 404),
    )
    async def graph(
        flow: FlowName,
        run_id: RunId,
        across: Annotated[bool, Query(description="from left to right instead of from top to bottom")] = False,
    ) -> Response:
        def read() -> dict[str, Any]:
            found, reason = graph_of(existing_run(web, flow, run_id))
            shown = nearest({name: step.targets for name, step in found.steps.items()}, found.start, MOST_STEPS)
            drawn = found._replace(steps={name: found.steps[name] for name in shown})
            return {
                "flow": flow,
                "run_id": run_id,
                "doc": found.doc,
                **draw(drawn, across),
                "incomplete": reason,
                "left_out": len(found.steps) - len(shown),
            }

        return json_answer(await run_in_threadpool(read))

    @router.get(
        "/run/graph/state",
        operation_id="getRunGraphState",
        summary="How the steps of a run are doing, and which ways its tasks took",
        responses=answers(models.RunGraphState, "Steps that have tasks, and all edges.", 404),
    )
    async def state(flow: FlowName, run_id: RunId) -> Response:
        def read() -> dict[str, Any]:
            run = existing_run(web, flow, run_id)
            return graph_state(web.server.metadata, run, graph_of(run)[0], counted.of_run(run, time.time()))

        return json_answer(await run_in_threadpool(read))

    return router
