"""``/api/v1/events``: record what happened, read it again, follow it live."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.metadata_store.wire import event_from_plain
from metaflow.server.answers import json_answer
from metaflow.server.bodies import read_body
from metaflow.server.documented import answers, body_of
from metaflow.server.errors import Refusal
from metaflow.server.live import Interest
from metaflow.server.models import EventBatch, EventPage, Recorded
from metaflow.server.services import Services
from metaflow.server.stream import EventStream

_BATCHES: TypeAdapter[Any] = TypeAdapter(EventBatch)
_MOST = 1000
_LARGEST_ID = 2**63 - 1
_MOST_RECENT = 60

_STREAM = """A stream. Each event has its kind as `event`, its id as `id`, and itself as `data`. Further kinds:
`ready` (all that was missed has been sent), `reset` (what was missed is no longer known: read everything
again, then go on), `slow` (the listener reads too slowly) and `closing` (the service ends). After the
last two, connect again. `{"last_id": …}` is the data of `ready` and `reset`."""

FlowFilter = Annotated[str | None, Query(description="only events of this flow")]
RunFilter = Annotated[str | None, Query(description="only events of this run; needs `flow`")]


def event_routes(services: Services) -> APIRouter:
    """Routes of events."""
    router = APIRouter(prefix="/api/v1/events", tags=["events"])
    _add_log_routes(router, services)
    _add_stream(router, services)
    return router


def _add_log_routes(router: APIRouter, services: Services) -> None:
    @router.post(
        "",
        operation_id="recordEvents",
        summary="Record events, all or none, in order",
        responses=answers(Recorded, "They are recorded.", 400, 403, 413, 415),
        openapi_extra=body_of(EventBatch, "the events; packed by gzip, if the header Content-Encoding says so"),
    )
    async def record(request: Request) -> Response:
        """Events may be sent again: to record one twice changes nothing."""
        plain = await read_body(request, _BATCHES, "The batch of events", services.settings.body_bytes)
        events = await run_in_threadpool(lambda: [event_from_plain(event) for event in plain["events"]])
        return json_answer({"recorded": len(events), "last_id": await services.writer.apply(events)})

    @router.get(
        "",
        operation_id="listEvents",
        summary="Events behind one that is known, oldest first",
        responses=answers(EventPage, "The events."),
    )
    async def read(
        after: Annotated[int, Query(ge=0, le=_LARGEST_ID, description="id of the last event that is known")] = 0,
        limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
        flow: FlowFilter = None,
        run_id: RunFilter = None,
    ) -> Response:
        """Events are kept for some days only: if `oldest_id` is more than `after` + 1, some are missing between."""
        interest = _interest(flow, run_id)
        log = services.log
        page = await run_in_threadpool(log.events_after, after, limit, interest.flow, interest.run_id)
        oldest, last = await services.live.bounds()
        events = [{"id": event_id, "event": plain} for event_id, plain in page]
        return json_answer({"events": events, "last_id": last, "oldest_id": oldest})


def _add_stream(router: APIRouter, services: Services) -> None:
    @router.get(
        "/stream",
        operation_id="streamEvents",
        summary="Events as they happen, as server-sent events",
        response_class=Response,
        responses={
            **answers(EventPage, ""),
            200: {
                "description": _STREAM,
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
        },
    )
    async def stream(
        after: Annotated[int | None, Query(ge=0, le=_LARGEST_ID, description="id of the last event known")] = None,
        last_event_id: Annotated[str | None, Header(description="the same, as browsers send it")] = None,
        recent: Annotated[
            float | None, Query(ge=0, le=_MOST_RECENT, description="begin with events of the last so many seconds")
        ] = None,
        flow: FlowFilter = None,
        run_id: RunFilter = None,
    ) -> Response:
        """Begins behind `after`, or with what was `recent`, for who has just read the records, or with what is next."""
        interest = _interest(flow, run_id)
        if services.live.is_full:
            raise Refusal(503, "overloaded", "There are as many listeners as are allowed.", {"Retry-After": "5"})
        await services.live.bounds()  # so that a database that does not work is told by a status
        known = _known(last_event_id, after)
        if known is None and recent is not None:
            known = await services.live.position_before(recent)
        return EventStream(services.live, interest, known)


def _interest(flow: str | None, run_id: str | None) -> Interest:
    if run_id is not None and flow is None:
        raise Refusal(422, "invalid", "A run is named by its flow and its run_id; there is only the latter.")
    return Interest(flow, run_id)


def _known(header: str | None, after: int | None) -> int | None:
    if header is None:
        return after
    if not header.isdecimal() or len(header) > len(str(_LARGEST_ID)) or int(header) > _LARGEST_ID:
        raise Refusal(422, "invalid", "Last-Event-ID is no id that the service gave. Leave it out.")
    return int(header)
