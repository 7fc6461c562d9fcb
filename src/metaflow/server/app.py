"""The application: all routes over a database, behind the gate."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from anyio import from_thread
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from metaflow.exception import MetadataException
from metaflow.metadata_store.service_refusals import (
    API_VERSION,
    API_VERSION_HEADER,
    SERVICE_VERSION,
    SERVICE_VERSION_HEADER,
)
from metaflow.server import errors, models
from metaflow.server.documented import complete
from metaflow.server.event_routes import event_routes
from metaflow.server.gate import Gate, Paths
from metaflow.server.limits import ClientLimits
from metaflow.server.live import POLL_SECONDS, LiveEvents
from metaflow.server.metrics import Metrics
from metaflow.server.operation_routes import operation_routes
from metaflow.server.query_routes import query_routes
from metaflow.server.record_routes import record_routes
from metaflow.server.services import Services
from metaflow.server.writer import EventWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from fastapi import APIRouter

    from metaflow.metadata_store.store import DocumentStore, EventLog, MetadataStore
    from metaflow.server.configuration import ServerSettings

_log = logging.getLogger("metaflow.server")

_DESCRIPTION = """Records of flows, runs, steps and tasks, shared by a team.

Errors are answered as `{"error": {"kind", "message"}}`. Times are seconds since the epoch. A field of a record that
has its default is left out. Names are given in the query or in the body, so that they may hold any character."""
_DOCUMENT = "/api/v1/openapi.json"
_OPEN_PATHS = ("/healthz", "/readyz", "/ping", _DOCUMENT)
_READING_POSTS = ("/api/v1/runs/query", "/api/v1/tasks/query")
_ENDLESS_PATHS = ("/api/v1/events/stream",)
_BODIES: list[Any] = [models.EventBatch, models.RunClaim, models.TagChange, models.RunQuery, models.TaskQuery]
#: Seconds between two times at which old events are dropped from the log.
_TRIM_SECONDS = 3600.0
#: Answers of at least so many bytes are packed for clients that ask for it.
_PACKED_BYTES = 4096


class Further(NamedTuple):
    """What rooms above this one add to the application.

    Attributes
    ----------
    routes : callable
        Makes their routes. A router's lifespan is part of the application's.
    paths : Paths
        What is special about some of their paths.
    poll_seconds : float
        Seconds between two looks at a log of events that other processes write to.
    tells_reasons : bool
        Whether whoever asks is told what is wrong with the database; else only the log is.
    """

    routes: Callable[[Services], list[APIRouter]]
    paths: Paths = Paths()
    poll_seconds: float = POLL_SECONDS
    tells_reasons: bool = False


NOTHING_FURTHER = Further(lambda services: [])


def create_app(
    metadata: MetadataStore,
    log: EventLog,
    documents: DocumentStore | None,
    settings: ServerSettings,
    further: Further = NOTHING_FURTHER,
) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    metadata : MetadataStore
        Where records are.
    log : EventLog
        The log that `metadata` writes its events to.
    documents : DocumentStore or None
        Where what only Metaflow's own clients know of is kept; None if these are not served.
    settings : ServerSettings
        How the service is set up.
    further : Further
        What rooms above this one add, such as the web app.

    Returns
    -------
    FastAPI
        The application. ``app.state.live`` are its :class:`~metaflow.server.live.LiveEvents`, which whoever serves it
        must close before it waits for requests to end.
    """
    metrics = Metrics()
    live = LiveEvents(log, settings.most_listeners, further.poll_seconds)

    def written(count: int) -> None:
        metrics.count("metaflow_events_recorded_total", "Events that were recorded.", count)
        live.wake()

    services = Services(settings, metadata, log, EventWriter(metadata, log, written), live, metrics)
    _measure(services)
    app = FastAPI(
        title="Metaflow metadata service",
        version=str(API_VERSION),
        description=_DESCRIPTION,
        openapi_url=_DOCUMENT,
        docs_url=None,  # these pages load programs from elsewhere
        redoc_url=None,
        lifespan=_lifespan(services),
    )
    app.state.live = live
    for routes in (operation_routes, event_routes, record_routes, query_routes):
        app.include_router(routes(services))
    for router in further.routes(services):
        app.include_router(router)
    if documents is not None:
        from metaflow.server.metaflow_rest import router as metaflow_routes

        # These work in threads, where listeners and counts must not be touched.
        app.include_router(metaflow_routes(metadata, documents, lambda count: from_thread.run_sync(written, count)))
    errors.install(app, further.tells_reasons)
    _describe(app)
    _add_layers(app, services, further.paths)
    return app


def _lifespan(services: Services) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What begins before the first request, and ends after the last."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        trimming = asyncio.create_task(_trim_now_and_then(services.log, services.settings.event_days))
        yield
        trimming.cancel()
        services.live.close()
        await services.writer.finish()

    return lifespan


def _add_layers(app: FastAPI, services: Services, paths: Paths) -> None:
    """What every request and every answer passes; the last one is the outermost."""
    settings = services.settings
    app.add_middleware(GZipMiddleware, minimum_size=_PACKED_BYTES, compresslevel=1)
    app.add_middleware(
        Gate,
        settings=settings,
        limits=ClientLimits(settings.requests_per_second, settings.requests_at_once),
        metrics=services.metrics,
        version_headers={
            API_VERSION_HEADER.lower().encode(): str(API_VERSION).encode(),
            SERVICE_VERSION_HEADER.lower().encode(): SERVICE_VERSION.encode(),
        },
        paths=Paths(_OPEN_PATHS, _READING_POSTS, _ENDLESS_PATHS).with_more(paths),
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PATCH"],
            allow_headers=["Authorization", "x-api-key", "Content-Type", "Last-Event-ID"],
            expose_headers=["Retry-After", API_VERSION_HEADER, SERVICE_VERSION_HEADER],
        )


def _measure(services: Services) -> None:
    """Show how busy the service is, and the connections to its database, if that has several of them."""
    live, writer, metrics = services.live, services.writer, services.metrics
    metrics.gauge("metaflow_listeners", "Listeners to live events.", lambda: live.count)
    metrics.gauge("metaflow_listeners_dropped", "Listeners that read too slowly.", lambda: live.dropped)
    metrics.gauge("metaflow_events_waiting", "Events that wait to be recorded.", lambda: writer.waiting)
    statistics: Callable[[], dict[str, int]] | None = getattr(services.metadata, "pool_statistics", None)
    if statistics is None:
        return
    for name in statistics():
        metrics.gauge(
            f"metaflow_database_connections_{name}",
            f"Connections to the database: {name.replace('_', ' ')}.",
            lambda name=name: statistics()[name],  # type: ignore[misc]
        )


def _describe(app: FastAPI) -> None:
    make = app.openapi

    def openapi() -> dict[str, Any]:
        return make() if app.openapi_schema else complete(make(), _BODIES)

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way of extending the document


async def _trim_now_and_then(log: EventLog, days: float) -> None:
    while days:
        try:
            await run_in_threadpool(log.trim_log, time.time() - days * 86400)
        except MetadataException as error:
            _log.error("Old events cannot be dropped from the log: %s", error)
        await asyncio.sleep(_TRIM_SECONDS)
