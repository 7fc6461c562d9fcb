"""Serving the web app: over a project's own store, or as a part of a team's service."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from metaflow.metadata_store.served_index import ServedIndex
from metaflow.server.app import Further, create_app
from metaflow.server.gate import Paths
from metaflow.server.live import POLL_SECONDS
from metaflow.web.access.routes import SESSION_PATH
from metaflow.web.arrivals import Arrivals
from metaflow.web.attempts.kept_tables import KeptTables
from metaflow.web.comparison.routes import READING_POSTS
from metaflow.web.healing import Healer
from metaflow.web.local_events import LocalEvents
from metaflow.web.pages import OPEN_PATHS, Pages, page_routes
from metaflow.web.routes import FAMILIES
from metaflow.web.run.steps import CountedSteps
from metaflow.web.services import WebServices
from metaflow.web.settled_tasks import SettledTasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from pathlib import Path

    from fastapi import FastAPI

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.store import DocumentStore
    from metaflow.server.configuration import ServerSettings
    from metaflow.server.database import Database
    from metaflow.server.services import Services
    from metaflow.web.access.sign_in import OneTimeCodes

# A look into a project's own index takes a tenth of a millisecond.
_LOCAL_POLL_SECONDS = 0.1


def create_web_app(
    database: Database,
    provider: Provider,
    settings: ServerSettings,
    project: Path | None = None,
    documents: DocumentStore | None = None,
    codes: OneTimeCodes | None = None,
) -> FastAPI:
    """Make the application: the service's routes, those of the web app, and its pages.

    Parameters
    ----------
    database : Database
        Where records and events are.
    provider : Provider
        Reads the same records, and datastores.
    settings : ServerSettings
        How the service is set up.
    project : Path, optional
        Directory whose flows may be started from a page. Without one, the app is a team's: it also serves Metaflow's
        own clients, and keeps to itself what is wrong with its database.
    documents : DocumentStore, optional
        Where the app keeps what is its own; the database by default.
    codes : OneTimeCodes, optional
        Codes that let somebody in once.
    """

    def routes(services: Services) -> list[APIRouter]:
        tasks = SettledTasks(provider)
        attempts = KeptTables(database, tasks)
        steps = CountedSteps(tasks, attempts)
        web = WebServices(services, provider, database, attempts, steps, project, codes, documents)
        if isinstance(database, ServedIndex) and provider.home.datastore and not settings.read_only:
            web = web._replace(arrivals=Arrivals(provider, database, services.live))
        return [*(family(web) for family in FAMILIES), page_routes(Pages()), _background(web, database)]

    is_local = isinstance(database, ServedIndex)
    further = Further(
        routes,
        Paths(open=OPEN_PATHS, reading_posts=READING_POSTS, sign_in=(SESSION_PATH,)),
        _LOCAL_POLL_SECONDS if is_local else POLL_SECONDS,
        tells_reasons=project is not None,
    )
    return create_app(database, database, database if project is None else None, settings, further)


def _background(web: WebServices, database: Database) -> APIRouter:
    """What goes on beside the answers, as the lifespan of a router without routes."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        work: list[Coroutine[Any, Any, None]] = []
        if not web.server.settings.read_only:
            work.append(Healer(web.provider).run())
        if web.arrivals is not None:
            work.append(web.arrivals.run())
        if isinstance(database, ServedIndex):
            work.append(LocalEvents(database, web.server.live).run())
        tasks = [asyncio.create_task(each) for each in work]
        yield
        if web.arrivals is not None:
            web.arrivals.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    return APIRouter(lifespan=lifespan)


def create_team_app(database: Database, settings: ServerSettings) -> FastAPI:
    """Make the application of a team's service, with the web app.

    Parameters
    ----------
    database : Database
        Of the service.
    settings : ServerSettings
        How the service is set up.

    Raises
    ------
    CommandException
        The setting of what may be read has what is no place.
    """
    from metaflow.web.service_reading import TeamProvider, configured_places

    provider = TeamProvider(database, configured_places(), may_write=not settings.read_only)
    return create_web_app(database, provider, settings)
