"""``/api/v1/run/logs``: what all tasks of a run printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.exception import MetadataException
from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.server.errors import Refusal
from metaflow.server.positions import from_cursor, to_cursor
from metaflow.web.logs import models
from metaflow.web.logs.live_answers import GoingOn, message
from metaflow.web.logs.requests import Case, Flow, IsPattern, Level, RunId, Streams, Text, as_view, make_matcher
from metaflow.web.logs.run_attempts import RunAttempts, Wanted
from metaflow.web.logs.run_lines import MOST_LINES, Position, RunLines
from metaflow.web.logs.run_search import RunSearch
from metaflow.web.logs.run_tail import RunTail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from metaflow.web.logs.log_files import LogFiles
    from metaflow.web.logs.run_attempts import Attempt, AttemptList
    from metaflow.web.services import WebServices

_PAGE = 200
_STREAM = """A stream of what comes behind a line that is known. Kinds of events: `lines` (`{"lines", "skipped"}`: lines
as in RunLogPage, and how many before them were left out because there were too many at once; the id is the cursor of
the last one), `problem` (`{"message"}`), `end` (the run is over, and nothing more comes: `{"status"}`), and `closing`
(the service ends: connect again)."""

Steps = Annotated[list[str], Query(alias="step", description="only tasks of these steps")]
Statuses = Annotated[
    list[Literal["running", "done", "failed", "killed"]],
    Query(alias="status", description="only attempts with one of these states"),
]
Latest = Annotated[bool, Query(description="only the latest attempt of each task")]
Cursor = Annotated[str | None, Query()]


def run_log_routes(web: WebServices, files: LogFiles) -> APIRouter:
    """Routes of the logs of runs."""
    attempts = RunAttempts(web.database)
    router = APIRouter()
    router.include_router(_search_routes(web, files, attempts))
    router.include_router(_line_routes(web, files, attempts))
    return router


def _search_routes(web: WebServices, files: LogFiles, attempts: RunAttempts) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/run/logs/search",
        operation_id="searchRunLogs",
        summary="Lines of all tasks of a run that match, as many as are quickly found",
        responses=answers(models.RunLogSearch, "The lines by task, failed tasks first, and where to go on.", 404),
    )
    async def search(
        flow: Flow,
        run_id: RunId,
        q: Text = "",
        is_pattern: IsPattern = False,
        case: Case = False,
        level: Level = None,
        stream: Streams = "both",
        step: Steps = [],  # noqa: B006
        status: Statuses = [],  # noqa: B006
        latest: Latest = False,
        cursor: Cursor = None,
    ) -> Response:
        """Ask again with `cursor`, until `next` is null. Of each task the first matches are given."""

        def found() -> dict[str, Any]:
            listed = _attempts(web, attempts, flow, run_id)
            chosen = sorted(Wanted(step, status, latest).among(listed.attempts), key=_search_order)
            begin = _place(chosen, cursor)
            matcher = make_matcher(q, is_pattern, case, level)
            try:
                view = as_view(stream)
                runner = RunSearch(files, flow, run_id, matcher, None if view == "both" else view)
                progress = runner.go_on(chosen, begin)
            finally:
                matcher.close()
            following = progress.next_attempt
            return {
                "groups": progress.groups,
                "unreadable": progress.unreadable,
                "searched": len(chosen) if following is None else following,
                "total": len(chosen),
                "is_cut": listed.is_cut,
                "next": None if following is None else to_cursor(list(_search_order(chosen[following]))),
                "is_too_slow": progress.is_too_slow,
            }

        return json_answer(await run_in_threadpool(found))

    return router


def _line_routes(web: WebServices, files: LogFiles, attempts: RunAttempts) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/run/logs",
        operation_id="readRunLogs",
        summary="Lines of all tasks of a run in the order in which they came, the last ones unless asked otherwise",
        responses=answers(models.RunLogPage, "The lines.", 404),
    )
    async def read(
        flow: Flow,
        run_id: RunId,
        stream: Streams = "both",
        step: Steps = [],  # noqa: B006
        status: Statuses = [],  # noqa: B006
        latest: Latest = False,
        before: Annotated[str | None, Query(description="`earlier` of a page: what came before it")] = None,
        after: Annotated[str | None, Query(description="`later` of a page: what came after it")] = None,
        beginning: Annotated[bool, Query(description="the first lines of all")] = False,
        limit: Annotated[int, Query(ge=1, le=MOST_LINES)] = _PAGE,
    ) -> Response:
        """Tasks that were taken over from another run have printed nothing in this one."""

        def page() -> dict[str, Any]:
            listed = _attempts(web, attempts, flow, run_id)
            chosen = Wanted(step, status, latest).among(listed.attempts)
            lines = RunLines(files, flow, run_id, as_view(stream))
            forwards = beginning or after is not None
            if forwards:
                found = lines.after(chosen, _position(after), limit)
            else:
                found = lines.before(chosen, _position(before), limit)
            has_earlier = after is not None if forwards else found.has_more
            return {
                "lines": found.lines,
                "earlier": _cursor(found.first) if has_earlier else None,
                "later": _cursor(found.last) if found.last is not None else after,
                "has_later": found.has_more if forwards else before is not None,
                "unreadable": found.unreadable,
                "is_cut": listed.is_cut,
                "is_partial": found.is_partial,
            }

        return json_answer(await run_in_threadpool(page))

    @router.get(
        "/run/logs/stream",
        operation_id="streamRunLogs",
        summary="What the tasks of a run print, as server-sent events",
        response_class=Response,
        responses={
            **answers(models.RunLogPage, "", 404),
            200: {"description": _STREAM, "content": {"text/event-stream": {"schema": {"type": "string"}}}},
        },
    )
    async def stream_lines(
        flow: Flow,
        run_id: RunId,
        stream: Streams = "both",
        step: Steps = [],  # noqa: B006
        status: Statuses = [],  # noqa: B006
        latest: Latest = False,
        after: Annotated[str | None, Query(description="`later` of the last page that is known")] = None,
        last_event_id: Annotated[str | None, Header(description="the same, as browsers send it again")] = None,
    ) -> Response:
        """Ends when the run is over and all its tasks have printed was sent."""
        if web.server.live.is_full:
            raise Refusal(503, "overloaded", "There are as many listeners as are allowed.", {"Retry-After": "5"})
        await run_in_threadpool(_attempts, web, attempts, flow, run_id)
        position = _position(last_event_id or after)
        wanted = Wanted(step, status, latest)

        def tail() -> RunTail:
            return RunTail(files, attempts, flow, run_id, as_view(stream), wanted, position)

        return GoingOn(web.server.live, lambda: _news(web, tail(), flow, run_id))

    return router


async def _news(web: WebServices, tail: RunTail, flow: str, run_id: str) -> AsyncIterator[bytes]:
    """Messages about what the tasks of a run print, until nothing more can come."""
    while True:
        try:
            # Asked before reading, so that nothing printed last is missed.
            run = await run_in_threadpool(web.server.metadata.run, flow, run_id)
            found = await run_in_threadpool(tail.look)
        except MetadataException as error:
            yield message("problem", {"message": error.message})
            yield b""
            continue
        if found.lines or found.skipped:
            yield message("lines", {"lines": found.lines, "skipped": found.skipped}, _cursor(found.last) or "")
        if run is None or (run.status != "running" and found.is_over):
            yield message("end", {"status": "deleted" if run is None else run.status})
            return
        yield b""


def _attempts(web: WebServices, attempts: RunAttempts, flow: str, run_id: str) -> AttemptList:
    listed = attempts.of(flow, run_id)
    if not listed.attempts and web.server.metadata.run(flow, run_id) is None:
        raise Refusal(404, "not_found", f"There is no run {flow}/{run_id}. It was never started, or it was deleted.")
    return listed


def _search_order(attempt: Attempt) -> tuple[int, float, str, str, int]:
    """What failed comes first, then what is newest."""
    rank = {"failed": 0, "killed": 1}.get(attempt.status, 2)
    return (rank, -attempt.started_at, attempt.step, attempt.task_id, -attempt.attempt)


def _place(attempts: list[Attempt], cursor: str | None) -> int:
    """Where among attempts in the order of a search the one is that a cursor names."""
    if cursor is None:
        return 0
    found = from_cursor(cursor)
    if not _has_types(found, (int, (int, float), str, str, int)):
        raise Refusal(422, "invalid", "`cursor` is none that an answer gave. Leave it out.")
    place = tuple(found)
    return sum(_search_order(each) < place for each in attempts)


def _position(cursor: str | None) -> Position | None:
    if cursor is None:
        return None
    found = from_cursor(cursor)
    if not _has_types(found, (int, str, int)):
        raise Refusal(422, "invalid", "This position is none that an answer gave. Leave it out.")
    return Position(*found)


def _has_types(values: Any, types: tuple[Any, ...]) -> bool:
    return isinstance(values, list) and len(values) == len(types) and all(map(isinstance, values, types))


def _cursor(position: Position | None) -> str | None:
    return None if position is None else to_cursor(list(position))
