"""``/api/v1/task/log`` and ``/api/v1/run/logs``: what tasks printed, also while they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from metaflow.exception import DataException
from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.server.errors import Refusal
from metaflow.web.logs import models
from metaflow.web.logs.download import file_name, log_as_text
from metaflow.web.logs.line_text import decoded
from metaflow.web.logs.live_answers import GoingOn
from metaflow.web.logs.live_log import LiveLog
from metaflow.web.logs.log_files import LogFiles
from metaflow.web.logs.log_pages import MOST_ROWS, Looking
from metaflow.web.logs.log_search import MOST_MATCHES, search
from metaflow.web.logs.requests import LookingAt, OneView, Sought, SoughtFor, find_task, make_matcher, unreadable
from metaflow.web.logs.run_routes import run_log_routes
from metaflow.web.logs.task_logs import TaskLog, open_task_log
from metaflow.web.task.address import Address, TaskAddress

if TYPE_CHECKING:
    from metaflow.web.services import WebServices

_PAGE = 200
# Bytes of a part of a line that is asked for alone.
_LINE_BYTES = 1_000_000
_STREAM = """A stream, from behind the lines that are known. Kinds of events: `rows` (what is new, see LogGrowth; its id
is the version and the number of lines, which browsers give back when they connect again), `reset` (what was known is no
longer there: read the log again), `attempt` (a later attempt has begun: `{"attempt"}`), `problem` (the log cannot be
read now: `{"message"}`; it is tried again), `end` (the attempt is over, and nothing more comes: `{"status"}`), and
`closing` (the service ends: connect again)."""


def log_routes(web: WebServices) -> APIRouter:
    """Routes of logs."""
    files = LogFiles(web.provider)
    router = APIRouter(prefix="/api/v1", tags=["logs"])
    for family in (_page_route, _search_route, _live_route, _line_route, _download_route, run_log_routes):
        router.include_router(family(web, files))
    return router


def _page_route(web: WebServices, files: LogFiles) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/task/log",
        operation_id="readTaskLog",
        summary="A page of what an attempt of a task printed",
        responses=answers(models.LogPage, "The page.", 404),
    )
    async def read(
        address: Address,
        looking: LookingAt,
        first_row: Annotated[int, Query(alias="from", ge=0, description="the first row of the page, from 0")] = 0,
        line: Annotated[int | None, Query(ge=1, description="instead: the page around the row of this line")] = None,
        tail: Annotated[bool, Query(description="instead: the last page")] = False,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = _PAGE,
    ) -> Response:
        """Rows are lines, without those that a terminal would no longer show, unless `redraws` is set."""

        def page() -> dict[str, Any]:
            log = _open(web, files, address, looking)
            try:
                if tail:
                    return log.tail(limit)
                return log.page(first_row, limit) if line is None else log.around(line, limit)
            except DataException as error:
                raise unreadable(error) from error

        return json_answer(await run_in_threadpool(page))

    return router


def _search_route(web: WebServices, files: LogFiles) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/task/log/search",
        operation_id="searchTaskLog",
        summary="Lines of a log that match, as many as are quickly found",
        responses=answers(models.LogMatches, "The lines, and where to go on.", 404),
    )
    async def search_log(
        address: Address,
        looking: LookingAt,
        sought: SoughtFor,
        from_line: Annotated[int, Query(ge=1, description="the line to begin with: `next` of the answer before")] = 1,
        limit: Annotated[int, Query(ge=1, le=MOST_MATCHES)] = MOST_MATCHES,
    ) -> Response:
        """A regular expression that takes too long is stopped, and the answer says so."""

        def found() -> dict[str, Any]:
            return _matches(_open(web, files, address, looking), sought, from_line, limit)

        return json_answer(await run_in_threadpool(found))

    return router


def _matches(log: TaskLog, sought: Sought, from_line: int, limit: int) -> dict[str, Any]:
    matcher = make_matcher(sought)
    try:
        result = search(log.log, log.looking, matcher, from_line - 1, limit)
    except DataException as error:
        raise unreadable(error) from error
    finally:
        matcher.close()
    return {
        "version": log.log.version,
        "matches": result.matches,
        "searched_lines": result.searched_lines,
        "total_lines": log.log.index.lines,
        "next": None if result.is_over else result.searched_lines + 1,
        "is_too_slow": result.is_too_slow,
    }


def _live_route(web: WebServices, files: LogFiles) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/task/log/stream",
        operation_id="streamTaskLog",
        summary="What comes to a log, as server-sent events",
        response_class=Response,
        responses={
            **answers(models.LogGrowth, "", 404),
            200: {"description": _STREAM, "content": {"text/event-stream": {"schema": {"type": "string"}}}},
        },
    )
    async def stream_log(
        address: Address,
        looking: LookingAt,
        known: Annotated[int, Query(ge=0, description="how many lines of the log are known")] = 0,
        version: Annotated[int | None, Query(description="the version of the log in which they are")] = None,
        last_event_id: Annotated[str | None, Header(description="both, as browsers send them again")] = None,
    ) -> Response:
        """Ends when the attempt is over and all it has printed was sent."""
        if web.server.live.is_full:
            raise Refusal(503, "overloaded", "There are as many listeners as are allowed.", {"Retry-After": "5"})
        metadata = web.server.metadata
        await run_in_threadpool(find_task, metadata, address)  # so that it is told by a status
        if last_event_id:
            version, known = _known(last_event_id)
        log = LiveLog(web, files, address, looking, version, known)
        return GoingOn(web.server.live, log.messages)

    return router


def _line_route(web: WebServices, files: LogFiles) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/task/log/line",
        operation_id="readTaskLogLine",
        summary="One line of a log, however long it is",
        responses=answers(models.LogLine, "The line, or a part of it.", 404),
    )
    async def read_line(
        address: Address,
        line: Annotated[int, Query(ge=1, description="number of the line")],
        begin: Annotated[int, Query(alias="from", ge=0, description="where to begin, in bytes")] = 0,
    ) -> Response:
        """A line of very many bytes is given part by part."""

        def read() -> dict[str, Any]:
            log = _open(web, files, address, Looking()).log
            try:
                with log.reading() as file:
                    found = next(log.index.read(file, "both", line - 1, line), None)
            except DataException as error:
                raise unreadable(error) from error
            if found is None:
                raise Refusal(404, "not_found", f"The log has {log.index.lines} lines; there is no line {line}.")
            part = found.text[begin : begin + _LINE_BYTES]
            end = begin + len(part)
            return {
                "text": decoded(part),
                "bytes": len(found.text),
                "next": end if end < len(found.text) else None,
            }

        return json_answer(await run_in_threadpool(read))

    return router


def _download_route(web: WebServices, files: LogFiles) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/task/log/download",
        operation_id="downloadTaskLog",
        summary="A whole log, as a file of text",
        response_class=StreamingResponse,
        responses={
            **answers(models.LogPage, "", 404),
            200: {"description": "The log.", "content": {"text/plain": {"schema": {"type": "string"}}}},
        },
    )
    async def download(
        address: Address,
        view: OneView,
        times: Annotated[bool, Query(description="begin each line with when it came, in UTC")] = False,
        colours: Annotated[bool, Query(description="keep the escape sequences of terminals")] = False,
    ) -> Response:
        """The lines as they were printed."""
        log = await run_in_threadpool(_open, web, files, address, Looking(view))
        return StreamingResponse(
            log_as_text(log.log, view, times, colours),
            media_type="text/plain; charset=utf-8",
            headers={"Content-Disposition": file_name(log.task, view)},
        )

    return router


def _open(web: WebServices, files: LogFiles, address: TaskAddress, looking: Looking) -> TaskLog:
    """The log of an attempt.

    Raises
    ------
    Refusal
        There is no such attempt, or its log cannot be read.
    """
    task, latest = find_task(web.server.metadata, address)
    try:
        return open_task_log(files, task, latest, looking)
    except DataException as error:
        raise unreadable(error) from error


def _known(event_id: str) -> tuple[int | None, int]:
    version, _, lines = event_id.partition(".")
    if version.isdecimal() and lines.isdecimal() and len(event_id) < 40:
        return int(version), int(lines)
    return None, 0
