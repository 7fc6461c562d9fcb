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

if TYPE_CHECKING:
    from metaflow.metadata_store.records import RunRecord
    from metaflow.web.services import WebServices

#: Of a larger graph, so many steps around its first are drawn.
MOST_STEPS = 1000
_REMEMBERED = 256


def graph_routes(web: WebServices) -> APIRouter:
    """Routes of a run's graph."""
    router = APIRouter(prefix="/api/v1", tags=["graph"])

    graphs = _Graphs(web)

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
            found, reason = graphs.of(existing_run(web, flow, run_id))
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
            return graph_state(web.server.metadata, run, graphs.of(run)[0], web.steps.of_run(run, time.time()))

        return json_answer(await run_in_threadpool(read))

    return router


class _Graphs:
    """Graphs of runs. One never changes, and may be far away: so those that were asked for lately are kept."""

    def __init__(self, web: WebServices) -> None:
        self._web = web
        self._recorded = lru_cache(_REMEMBERED)(self._read)

    def of(self, run: RunRecord) -> tuple[RecordedGraph, str | None]:
        """The graph of a run, and why it may lack something."""
        try:
            graph = self._recorded(run.flow, run.run_id)
        except MetaflowException as error:
            reason = f"The run's own record cannot be read: {self._web.reason(error)}"
        else:
            if graph.steps:
                return graph, None
            reason = "The run's record has no graph."
        targets = graph_of_tasks(self._web.server.metadata, run.flow, run.run_id)
        steps = {name: Step(name, "linear", nexts, {}) for name, nexts in targets.items()}
        return RecordedGraph(steps), f"{reason} What is drawn is told from what its tasks have read."

    def _read(self, flow: str, run_id: str) -> RecordedGraph:
        return read_graph(self._web.provider.graph(flow, run_id))
