"""All routes of the web app. Each family has a module of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.web.access.routes import app_routes
from metaflow.web.actions.routes import action_routes
from metaflow.web.comparison.routes import compare_routes
from metaflow.web.export.routes import export_routes
from metaflow.web.find.routes import find_routes
from metaflow.web.find.view_routes import view_routes
from metaflow.web.graph.routes import graph_routes
from metaflow.web.logs.routes import log_routes
from metaflow.web.run.code_routes import run_code_routes
from metaflow.web.run.routes import run_routes
from metaflow.web.task.artifact_routes import task_artifact_routes
from metaflow.web.task.routes import task_routes
from metaflow.web.timeline.routes import timeline_routes

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import APIRouter

    from metaflow.web.services import WebServices

#: What makes the routes of each family. Paths begin with ``/api/v1/``; whatever they name is in the query or the body.
FAMILIES: tuple[Callable[[WebServices], APIRouter], ...] = (
    app_routes,
    find_routes,
    view_routes,
    run_routes,
    run_code_routes,
    export_routes,
    timeline_routes,
    graph_routes,
    compare_routes,
    task_routes,
    task_artifact_routes,
    log_routes,
    action_routes,
)
