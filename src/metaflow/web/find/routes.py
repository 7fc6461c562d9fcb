"""``/api/v1/runs/find`` and what helps to find runs: names to choose from, and flows at a glance."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.metadata_store.wire import run_query_from_plain
from metaflow.server import models as records
from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.server.errors import Refusal, invalid
from metaflow.server.positions import from_cursor, to_cursor
from metaflow.server.query_routes import check_run_query, order_from_text
from metaflow.web.find import models
from metaflow.web.find.facets import FacetIndex, facets
from metaflow.web.find.flow_summaries import flow_summaries
from metaflow.web.find.run_rows import Columns, count_runs, find_runs

if TYPE_CHECKING:
    from metaflow.web.services import WebServices

_RUN_QUERY: TypeAdapter[Any] = TypeAdapter(records.RunQuery)
_PAGE = 50
_MOST_FLOWS = 100
_MOST_STRIP = 50
_MOST_FACETS = 500

Texts = Annotated[list[str], Query(max_length=100)]
Columned = Annotated[
    list[str],
    Query(max_length=30, description="values to give with each run: parameter:NAME, or artifact:NAME of its last step"),
]
Conditions = Annotated[
    list[str],
    Query(
        max_length=50,
        description="what a value of the run must be: parameter:NAME:OPERATOR:VALUE or artifact:NAME:OPERATOR:VALUE, "
        "with one of = != < <= > >= and the value as JSON",
    ),
]


def find_routes(web: WebServices) -> APIRouter:
    """Routes that find runs."""
    router = APIRouter(prefix="/api/v1", tags=["find"])
    _add_find(router, web)
    _add_names(router, web)
    return router


def _add_find(router: APIRouter, web: WebServices) -> None:
    @router.get(
        "/runs/find",
        operation_id="findRuns",
        summary="Runs as lists show them, a page at a time; of one kind of condition any, of all kinds each must hold",
        responses=answers(models.RunRows, "A page of runs."),
    )
    async def find(
        flow: Texts = [],  # noqa: B006
        user: Texts = [],  # noqa: B006
        status: Annotated[list[records.RunStatus], Query(max_length=4)] = [],  # noqa: B006
        project: Texts = [],  # noqa: B006
        branch: Texts = [],  # noqa: B006
        tag: Annotated[list[str], Query(max_length=100, description="all of these")] = [],  # noqa: B006
        without_tag: Annotated[list[str], Query(max_length=100, description="none of these")] = [],  # noqa: B006
        without_flow: Annotated[list[str], Query(max_length=100, description="of other flows than these")] = [],  # noqa: B006
        text: Annotated[
            str | None,
            Query(max_length=1000, description="words that must occur in flow, id, user, tags, message or parameters"),
        ] = None,
        since: Annotated[float | None, Query(description="started at or after, in seconds since the epoch")] = None,
        until: Annotated[float | None, Query(description="started before, in seconds since the epoch")] = None,
        where: Conditions = [],  # noqa: B006
        run: Annotated[list[str], Query(max_length=100, description="only these: FLOW/RUN")] = [],  # noqa: B006
        order: Annotated[
            str | None,
            Query(
                description="started_at, finished_at, duration, flow, user, status, parameter:NAME or artifact:NAME; "
                "with a minus before it, the highest comes first. The newest come first if nothing is asked for."
            ),
        ] = None,
        column: Columned = [],  # noqa: B006
        count: Annotated[
            bool, Query(description=f"whether to count what matches, up to {models.MOST_COUNTED:,}")
        ] = False,
        limit: Annotated[int, Query(ge=1, le=models.MOST_ROWS)] = _PAGE,
        cursor: Annotated[str | None, Query(description="`next` of the page before")] = None,
    ) -> Response:
        plain = {
            "flows": flow,
            "users": user,
            "statuses": status,
            "any_tags": _groups(project=project, project_branch=branch),
            "tags": tag,
            "without_tags": without_tag,
            "without_flows": without_flow,
            "text": text,
            "since": since,
            "until": until,
            "values": [_condition(each) for each in where],
            "keys": [_key(each) for each in run] if run else None,
            "order": order_from_text(order),
            "limit": limit,
            "after": None if cursor is None else from_cursor(cursor),
        }
        return await run_in_threadpool(_found, web, _checked(plain), _columns(column), count)


def _add_names(router: APIRouter, web: WebServices) -> None:
    index = FacetIndex(web.database)

    @router.get(
        "/runs/facets",
        operation_id="listFacets",
        summary="Names by which runs can be found, the most frequent first",
        responses=answers(models.Facets, "The names."),
    )
    async def list_facets(
        text: Annotated[str, Query(max_length=500, description="only names that have this in them")] = "",
        limit: Annotated[int, Query(ge=1, le=_MOST_FACETS, description="most names of each kind")] = 50,
    ) -> Response:
        return json_answer(await run_in_threadpool(lambda: facets(index.names(), text, limit)))

    @router.get(
        "/flows/summary",
        operation_id="summarizeFlows",
        summary="Flows at a glance; the one with the newest run first",
        responses=answers(models.FlowSummaries, "The flows."),
    )
    async def summarize_flows(
        text: Annotated[str, Query(max_length=500, description="only flows whose name has this in it")] = "",
        limit: Annotated[int, Query(ge=1, le=_MOST_FLOWS)] = 30,
        offset: Annotated[int, Query(ge=0)] = 0,
        last: Annotated[int, Query(ge=1, le=_MOST_STRIP, description="how many of the last runs of each")] = 20,
    ) -> Response:
        return json_answer(await run_in_threadpool(flow_summaries, web.database, text, limit, offset, last))


def _found(web: WebServices, plain: dict[str, Any], columns: Columns, count: bool) -> Response:
    query = run_query_from_plain(plain)
    check_run_query(query)
    found = find_runs(web, query, columns)
    total, is_exact = count_runs(web.database, query) if count else (None, True)
    return json_answer(
        {
            "runs": found.rows,
            "next": None if found.after is None else to_cursor(found.after),
            "total": total,
            "total_is_exact": is_exact,
        }
    )


def _checked(plain: dict[str, Any]) -> dict[str, Any]:
    try:
        _RUN_QUERY.validate_python(plain)
    except ValidationError as error:
        raise invalid("The query", error.errors(include_url=False, include_input=False)) from error
    return plain


def _groups(**names: list[str]) -> list[list[str]]:
    """For each kind of system tag that is asked for, the tags of which a run must have one."""
    return [[f"{kind}:{name}" for name in wanted] for kind, wanted in names.items() if wanted]


def _condition(text: str) -> dict[str, Any]:
    parts = text.split(":", 3)
    try:
        kind, name, operator, operand = parts
        return {"kind": kind, "name": name, "operator": operator, "operand": json.loads(operand)}
    except (ValueError, RecursionError) as error:
        raise Refusal(
            422, "invalid", f"The condition {text[:100]!r} is not parameter:NAME:OPERATOR:VALUE with the value as JSON."
        ) from error


def _key(text: str) -> tuple[str, str]:
    flow, slash, run_id = text.partition("/")
    if not (flow and slash and run_id):
        raise Refusal(422, "invalid", f"{text[:100]!r} names no run: give FLOW/RUN.")
    return flow, run_id


def _columns(wanted: list[str]) -> Columns:
    names: dict[str, list[str]] = {"parameter": [], "artifact": []}
    for text in wanted:
        kind, _, name = text.partition(":")
        if kind not in names or not name:
            raise Refusal(422, "invalid", f"The column {text[:100]!r} is neither parameter:NAME nor artifact:NAME.")
        names[kind].append(name)
    return Columns(tuple(names["parameter"]), tuple(names["artifact"]))
