"""``/api/v1/run/logs``: what all tasks of a run printed."""

from __future__ import annotations

import time
from bisect import bisect_left
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.exception import MetadataException
from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.server.errors import Refusal
from metaflow.server.positions import from_cursor, to_cursor
from metaflow.web.logs import models
from metaflow.web.logs.foreach_labels import add_labels
from metaflow.web.logs.live_answers import NO_PROBLEM, GoingOn, message
from metaflow.web.logs.requests import OneView, Run, RunAddress, Sought, SoughtFor, WantedAttempts, make_matcher
from metaflow.web.logs.run_attempts import RunAttempts, Wanted, search_place
from metaflow.web.logs.run_lines import MOST_LINES, Position, RunLines
from metaflow.web.logs.run_search import RunSearch
from metaflow.web.logs.run_tail import RunTail
from metaflow.web.run.reading import existing_run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from metaflow.metadata_store.attempt_states import AttemptState
    from metaflow.metadata_store.records import RunRecord
    from metaflow.web.logs.log_files import LogFiles
    from metaflow.web.logs.log_index import View
    from metaflow.web.logs.run_attempts import AttemptList
    from metaflow.web.logs.run_lines import RunPage
    from metaflow.web.logs.run_tail import NewLines
    from metaflow.web.services import WebServices

_PAGE = 200
_STREAM = """A stream of what comes behind a line that is known. Kinds of events: `lines` (`{"lines", "skipped"}`: lines
as in RunLogPage, and how many before them were left out because there were too many at once; the id is the cursor of
the last one), `problem` (`{"message"}`), `end` (the run is over, and nothing more comes: `{"status"}`), and `closing`
(the service ends: connect again)."""

# A run that has printed nothing so far is followed from so many seconds before it was looked through.
_SILENT_SECONDS = 60.0

Cursor = Annotated[str | None, Query()]


def run_log_routes(web: WebServices, files: LogFiles) -> APIRouter:
    """Routes of the logs of runs."""
    logs = _RunLogs(web, files)
    router = APIRouter()
    router.include_router(_search_route(logs))
    router.include_router(_page_route(logs))
    router.include_router(_live_route(web, logs))
    return router


def _search_route(logs: _RunLogs) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/run/logs/search",
        operation_id="searchRunLogs",
        summary="Lines of all tasks of a run that match, as many as are quickly found",
        responses=answers(models.RunLogSearch, "The lines by task, failed tasks first, and where to go on.", 404),
    )
    async def search(
        run: Run, view: OneView, wanted: WantedAttempts, sought: SoughtFor, cursor: Cursor = None
    ) -> Response:
        """Ask again with `cursor`, until `next` is null. Of each task the first matches are given."""
        return json_answer(await run_in_threadpool(logs.search, run, view, wanted, sought, cursor))

    return router


def _page_route(logs: _RunLogs) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/run/logs",
        operation_id="readRunLogs",
        summary="Lines of all tasks of a run in the order in which they came, the last ones unless asked otherwise",
        responses=answers(models.RunLogPage, "The lines.", 404),
    )
    async def read(
        run: Run,
        view: OneView,
        wanted: WantedAttempts,
        before: Annotated[str | None, Query(description="`earlier` of a page: what came before it")] = None,
        after: Annotated[str | None, Query(description="`later` of a page: what came after it")] = None,
        beginning: Annotated[bool, Query(description="the first lines of all")] = False,
        limit: Annotated[int, Query(ge=1, le=MOST_LINES)] = _PAGE,
    ) -> Response:
        """Tasks that were taken over from another run have printed nothing in this one.

        A page that is partial may have fewer lines than there are, or none: go on with `earlier` or `later`.
        """
        if beginning or after is not None:
            return json_answer(await run_in_threadpool(logs.later, run, view, wanted, after, limit))
        return json_answer(await run_in_threadpool(logs.earlier, run, view, wanted, before, limit))

    return router


def _live_route(web: WebServices, logs: _RunLogs) -> APIRouter:
    router = APIRouter()

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
        address: Run,
        view: OneView,
        wanted: WantedAttempts,
        after: Annotated[str | None, Query(description="`later` of the last page that is known")] = None,
        last_event_id: Annotated[str | None, Header(description="the same, as browsers send it again")] = None,
    ) -> Response:
        """Ends when the run is over and all its tasks have printed was sent."""
        if web.server.live.is_full:
            raise Refusal(503, "overloaded", "There are as many listeners as are allowed.", {"Retry-After": "5"})
        run = await run_in_threadpool(existing_run, web, *address)
        position = _position(last_event_id or after)
        return GoingOn(web.server.live, lambda: _news(web, logs.tail(run, view, wanted, position), run))

    return router


class _RunLogs:
    """Answers about the logs of runs."""

    def __init__(self, web: WebServices, files: LogFiles) -> None:
        self._web = web
        self._files = files
        self._attempts = RunAttempts(web.attempts)

    def search(
        self, address: RunAddress, view: View, wanted: Wanted, sought: Sought, cursor: str | None
    ) -> dict[str, Any]:
        """Lines that match, of as many attempts as are quickly searched."""
        listed = self._attempts.of(existing_run(self._web, *address))
        chosen = list(filter(wanted.among(listed), listed.in_search_order))
        begin = _place(chosen, cursor)
        matcher = make_matcher(sought)
        try:
            runner = RunSearch(self._files, *address, matcher, None if view == "both" else view)
            progress = runner.go_on(chosen, begin)
        finally:
            matcher.close()
        add_labels(self._web.database, *address, [*progress.groups, *progress.unreadable])
        following = progress.next_attempt
        return {
            "groups": progress.groups,
            "unreadable": progress.unreadable,
            "searched": len(chosen) if following is None else following,
            "total": len(chosen),
            "is_cut": listed.is_cut,
            "next": None if following is None else to_cursor(list(search_place(chosen[following]))),
            "is_too_slow": progress.is_too_slow,
        }

    def earlier(
        self, address: RunAddress, view: View, wanted: Wanted, before: str | None, limit: int
    ) -> dict[str, Any]:
        """The last lines before a position, or of all."""
        began = time.time()
        listed = self._attempts.of(existing_run(self._web, *address))
        page = RunLines(self._files, *address, view).before(listed, wanted, _position(before), limit)
        last = page.last
        if last is None:
            last = _position(before) or Position(int((began - _SILENT_SECONDS) * 1e6), "", 0)
        return {
            **self._plain(address, page, listed),
            "earlier": _cursor(page.following),
            "later": _cursor(last),
            "has_later": before is not None,
        }

    def later(self, address: RunAddress, view: View, wanted: Wanted, after: str | None, limit: int) -> dict[str, Any]:
        """The first lines behind a position, or of all."""
        listed = self._attempts.of(existing_run(self._web, *address))
        page = RunLines(self._files, *address, view).after(listed, wanted, _position(after), limit)
        last = page.following or page.last
        return {
            **self._plain(address, page, listed),
            "earlier": None if after is None else _cursor(page.first),
            "later": after if last is None else _cursor(last),
            "has_later": page.following is not None,
        }

    def tail(self, run: RunRecord, view: View, wanted: Wanted, position: Position | None) -> RunTail:
        """What follows the lines that come behind a position."""
        return RunTail(self._files, self._attempts, run, view, wanted, position)

    def _plain(self, address: RunAddress, page: RunPage, listed: AttemptList) -> dict[str, Any]:
        add_labels(self._web.database, *address, [*page.lines, *page.unreadable])
        return {
            "lines": page.lines,
            "unreadable": page.unreadable,
            "is_cut": listed.is_cut,
            "is_partial": page.is_partial,
            "looked_at": page.looked_at,
            "total": len(listed),
        }


async def _news(web: WebServices, tail: RunTail, run: RunRecord) -> AsyncIterator[bytes]:
    """Messages about what the tasks of a run print, until nothing more can come."""

    def look() -> tuple[RunRecord | None, NewLines]:
        # Asked before reading, so that nothing printed last is missed.
        now = web.server.metadata.run(run.flow, run.run_id)
        found = tail.look(now or run)
        add_labels(web.database, run.flow, run.run_id, found.lines)
        return now, found

    problem = ""
    while True:
        try:
            now, found = await run_in_threadpool(look)
        except MetadataException as error:
            if error.message != problem:
                problem = error.message
                yield message("problem", {"message": web.reason(error)})
            yield b""
            continue
        if problem:
            problem = ""
            yield NO_PROBLEM
        if found.lines or found.skipped:
            yield message("lines", {"lines": found.lines, "skipped": found.skipped}, _cursor(found.last) or "")
        if now is None or (now.status != "running" and found.is_over):
            yield message("end", {"status": "deleted" if now is None else now.status})
            return
        yield b""


def _place(attempts: list[AttemptState], cursor: str | None) -> int:
    """Where among attempts in the order of a search the one is that a cursor names."""
    if cursor is None:
        return 0
    found = from_cursor(cursor)
    if not _has_types(found, (int, (int, float), str, str, int)):
        raise Refusal(422, "invalid", "`cursor` is none that an answer gave. Leave it out.")
    return bisect_left(attempts, tuple(found), key=search_place)


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
