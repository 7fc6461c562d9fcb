"""Routes for those who operate the service: is it alive, does it work, how much does it do."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.server import metrics as prometheus
from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.server.models import Health
from metaflow.server.services import Services


def operation_routes(services: Services) -> APIRouter:
    """Routes outside of the interface's versions."""
    router = APIRouter(tags=["operations"])

    @router.get(
        "/healthz",
        operation_id="isAlive",
        summary="Whether the process answers",
        responses=answers(Health, "It does."),
    )
    async def alive() -> Response:
        return json_answer({"status": "ok"})

    @router.get(
        "/readyz",
        operation_id="isReady",
        summary="Whether the service can use its database",
        responses=answers(Health, "It can."),
    )
    async def ready() -> Response:
        await run_in_threadpool(services.log.last_event_id)
        return json_answer({"status": "ok"})

    @router.get(
        "/metrics",
        operation_id="getMetrics",
        summary="What the process has counted, for Prometheus",
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> Response:
        return Response(services.metrics.text(), media_type=prometheus.CONTENT_TYPE)

    @router.get(
        "/ping",
        operation_id="ping",
        summary="What Metaflow's own client asks to learn the version of the service",
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def ping() -> Response:
        return Response("pong", media_type="text/plain")

    return router
