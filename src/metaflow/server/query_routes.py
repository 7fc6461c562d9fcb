"""``/api/v1/runs`` and ``/api/v1/tasks``: searching, a page at a time."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.metadata_store.store import RunQuery, run_position
from metaflow.metadata_store.wire import record_to_plain, run_query_from_plain, task_query_from_plain
from metaflow.server import models
from metaflow.server.answers import json_answer
from metaflow.server.bodies import read_body
from metaflow.server.documented import answers, body_of
from metaflow.server.errors import Refusal, invalid
from metaflow.server.positions import check_run_position, from_cursor, to_cursor
from metaflow.server.services import Services

_RUN_QUERY: TypeAdapter[Any] = TypeAdapter(models.RunQuery)
_TASK_QUERY: TypeAdapter[Any] = TypeAdapter(models.TaskQuery)
_PAGE = 100

Cursor = Annotated[str | None, Query(description="`next` of the page before")]
PageLimit = Annotated[int, Query(ge=1, le=models.MOST_RECORDS, description="most records of the page")]


def query_routes(services: Services) -> APIRouter:
    """Routes that search."""
    router = APIRouter(prefix="/api/v1", tags=["queries"])
    _add_run_list(router, services)
    _add_run_query(router, services)
    _add_task_list(router, services)
    _add_task_query(router, services)
    return router


def _add_run_list(router: APIRouter, services: Services) -> None:
    @router.get(
        "/runs",
        operation_id="listRuns",
        summary="Runs, a page at a time, the newest first unless another order is asked for",
        responses=answers(models.RunPage, "A page of runs."),
    )
    async def list_runs(
        flow: Annotated[str | None, Query(description="only runs of this flow")] = None,
        tag: Annotated[list[str], Query(description="only runs with each of these tags, of users or the system")] = [],  # noqa: B006
        status: models.RunStatus | None = None,
        user: Annotated[str | None, Query(description="only runs that this user started")] = None,
        since: Annotated[float | None, Query(description="started at or after, in seconds since the epoch")] = None,
        until: Annotated[float | None, Query(description="started before, in seconds since the epoch")] = None,
        id_part: Annotated[str | None, Query(description="only runs whose id begins or ends so")] = None,
        successful: Annotated[bool, Query(description="only runs whose last step succeeded")] = False,
        order: Annotated[
            str | None,
            Query(
                description="started_at, finished_at, duration, flow, user, status, parameter:NAME or artifact:NAME; "
                "with a minus before it, the highest comes first"
            ),
        ] = None,
        with_values: Annotated[bool, Query(description="with values of parameters and artifacts")] = False,
        limit: PageLimit = _PAGE,
        cursor: Cursor = None,
    ) -> Response:
        """For conditions on parameters and artifacts, see queryRuns."""
        plain = {
            "flow": flow,
            "tags": tag,
            "status": status,
            "user": user,
            "since": since,
            "until": until,
            "id_part": id_part,
            "successful": successful,
            "with_values": with_values,
            "order": order_from_text(order),
            "limit": limit,
            "after": None if cursor is None else from_cursor(cursor),
        }
        return await _runs(services, _checked(_RUN_QUERY, plain, "The query"))


def _add_run_query(router: APIRouter, services: Services) -> None:
    @router.post(
        "/runs/query",
        operation_id="queryRuns",
        summary="Runs that meet any conditions, a page at a time",
        responses=answers(models.RunPage, "A page of runs.", 400, 413, 415),
        openapi_extra=body_of(models.RunQuery, "which runs, and in which order"),
    )
    async def query_runs(request: Request) -> Response:
        return await _runs(services, await read_body(request, _RUN_QUERY, "The query", services.settings.body_bytes))


def _add_task_list(router: APIRouter, services: Services) -> None:
    @router.get(
        "/tasks",
        operation_id="listTasks",
        summary="Tasks of a run, a page at a time, the newest first",
        responses=answers(models.TaskPage, "A page of tasks."),
    )
    async def list_tasks(
        flow: Annotated[str, Query(description="name of the flow")],
        run_id: Annotated[str, Query(description="id of the run")],
        step: Annotated[str | None, Query(description="only tasks of this step")] = None,
        task_id: Annotated[str | None, Query(description="only this task")] = None,
        attempt: Annotated[int | None, Query(description="this attempt of each instead of the latest")] = None,
        all_attempts: Annotated[bool, Query(description="every attempt of each instead of the latest")] = False,
        foreach_index: Annotated[int | None, Query(description="index in the innermost foreach")] = None,
        foreach_value: Annotated[str | None, Query(description="text of the innermost foreach's value")] = None,
        limit: PageLimit = _PAGE,
        cursor: Cursor = None,
    ) -> Response:
        plain = {
            "flow": flow,
            "run_id": run_id,
            "step": step,
            "task_id": task_id,
            "attempt": attempt,
            "all_attempts": all_attempts,
            "foreach_index": foreach_index,
            "foreach_value": foreach_value,
            "limit": limit,
            "after": None if cursor is None else from_cursor(cursor),
        }
        return await _tasks(services, _checked(_TASK_QUERY, plain, "The query"))


def _add_task_query(router: APIRouter, services: Services) -> None:
    @router.post(
        "/tasks/query",
        operation_id="queryTasks",
        summary="Tasks of a run that meet any conditions, a page at a time",
        responses=answers(models.TaskPage, "A page of tasks.", 400, 413, 415),
        openapi_extra=body_of(models.TaskQuery, "which tasks"),
    )
    async def query_tasks(request: Request) -> Response:
        return await _tasks(services, await read_body(request, _TASK_QUERY, "The query", services.settings.body_bytes))


async def _runs(services: Services, plain: dict[str, Any]) -> Response:
    query = run_query_from_plain(plain)
    check_run_query(query)
    limit = models.MOST_RECORDS if query.limit is None else query.limit
    metadata = services.metadata

    def read() -> Response:
        found = metadata.runs(query._replace(limit=limit + 1))
        page = found[:limit]
        if not page or len(found) <= limit:
            return _page("runs", page, None)
        last = page[-1]
        if query.order is not None and query.order.name is not None and not query.with_values:
            # What a list is sorted by is part of a position in it.
            last = metadata.runs(query._replace(limit=limit, with_values=True))[-1]
        return _page("runs", page, list(run_position(last, query.order)))

    return await run_in_threadpool(read)


async def _tasks(services: Services, plain: dict[str, Any]) -> Response:
    query = task_query_from_plain(plain)
    limit = models.MOST_RECORDS if query.limit is None else query.limit

    def read() -> Response:
        found = services.metadata.tasks(query._replace(limit=limit + 1))
        page = found[:limit]
        return _page("tasks", page, list(page[-1].cursor) if page and len(found) > limit else None)

    return await run_in_threadpool(read)


def _page(name: str, records: list[Any], after: list[Any] | None) -> Response:
    following = None if after is None else to_cursor(after)
    return json_answer({name: [record_to_plain(record) for record in records], "next": following, "after": after})


def _checked(model: TypeAdapter[Any], plain: dict[str, Any], what: str) -> dict[str, Any]:
    try:
        model.validate_python(plain)
    except ValidationError as error:
        raise invalid(what, error.errors(include_url=False, include_input=False)) from error
    return plain


def order_from_text(text: str | None) -> dict[str, Any] | None:
    """The order that a text such as ``-artifact:NAME`` asks for, as plain data."""
    if text is None:
        return None
    by, colon, name = text.removeprefix("-").partition(":")
    return {"by": by, "name": name if colon else None, "descending": text.startswith("-")}


def check_run_query(query: RunQuery) -> None:
    """See to what the model of queries does not say.

    Raises
    ------
    Refusal
        The query makes no sense.
    """
    order = query.order
    if order is not None and (order.by in ("parameter", "artifact")) != (order.name is not None):
        raise Refusal(
            422, "invalid", "Runs are sorted by parameter:NAME, by artifact:NAME, or by a field without a name."
        )
    for condition in query.values:
        if (condition.operator == "in") != isinstance(condition.operand, tuple):
            raise Refusal(422, "invalid", f"{condition.name}: `in`, and nothing else, is followed by a list of values.")
        if condition.operand is None and condition.operator not in ("=", "!="):
            raise Refusal(
                422, "invalid", f"{condition.name}: nothing is less or greater than null. Use = or != with it."
            )
    if query.after is not None:
        check_run_position(query.after, order is not None)
