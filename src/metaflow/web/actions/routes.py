"""``/api/v1/actions``: tag, pin, cancel and delete runs; what goes on; who did what."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.exception import MetaflowTaggingError
from metaflow.metadata_store.store import RunQuery
from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.server.errors import Refusal
from metaflow.web.actions import models, tagging
from metaflow.web.actions.acting import Actions, names_of
from metaflow.web.actions.cancelling import cancel_runs
from metaflow.web.actions.journal import KEPT_ENTRIES, Filter
from metaflow.web.actions.operations import Operation
from metaflow.web.actions.start_routes import start_routes

if TYPE_CHECKING:
    from typing import Any

    from metaflow.web.services import WebServices

_STARTED = "It goes on, or has ended already; getOperation says how far it is."
#: Runs whose tags are offered for completion.
_RUNS_WITH_TAGS = 1000


def action_routes(web: WebServices) -> APIRouter:
    """Routes that change something, and those that say what was changed."""
    actions = Actions(web)
    router = APIRouter(prefix="/api/v1", tags=["actions"])
    _add_tag_routes(router, actions)
    _add_long_routes(router, actions)
    _add_reading_routes(router, actions)
    router.include_router(start_routes(actions))
    return router


def _add_tag_routes(router: APIRouter, actions: Actions) -> None:
    async def change(
        request: Request, action: str, runs: list[models.ActedRun], add: list[str], remove: list[str]
    ) -> Response:
        names = names_of(runs)
        async with actions.deed(request, action, names, added=add, removed=remove) as deed:
            try:
                found = await run_in_threadpool(tagging.change_tags_of, actions.web, names, add, remove)
            except MetaflowTaggingError as error:
                raise Refusal(422, "invalid_tags", error.message) from error
        message = _what_became_of_tags(found)
        problems = sum(each["problem"] is not None for each in found)
        await actions.record(deed.entry, "failed" if problems else "done", message)
        actions.web.server.live.wake()
        return json_answer({"runs": found, "message": message})

    @router.post(
        "/actions/tags",
        operation_id="actTags",
        summary="Add tags to runs, and remove some",
        responses=answers(models.TagsChange, "What became of it, run by run.", 403),
    )
    async def tags(request: Request, wish: models.TagsWish) -> Response:
        """What fails for one run does not keep the others from being changed. A tag in both lists is added."""
        return await change(request, "tag", wish.runs, wish.add, wish.remove)

    @router.post(
        "/actions/pin",
        operation_id="actPin",
        summary="Pin runs, so that no clean-up takes them, or let them go",
        responses=answers(models.TagsChange, "What became of it, run by run.", 403),
    )
    async def pin(request: Request, wish: models.PinWish) -> Response:
        add, remove = ([tagging.PIN], []) if wish.pinned else ([], [tagging.PIN])
        return await change(request, "pin" if wish.pinned else "unpin", wish.runs, add, remove)


def _add_long_routes(router: APIRouter, actions: Actions) -> None:
    @router.post(
        "/actions/cancel",
        operation_id="actCancel",
        summary="End runs that go on, with all of their tasks",
        status_code=202,
        responses=answers(models.ActionOperation, _STARTED, 403, status=202),
    )
    async def cancel(request: Request, wish: models.RunsWish) -> Response:
        """A run that has ended is left as it is. What was finished stays: the runs can be resumed."""
        names = names_of(wish.runs)
        key = ("cancel", frozenset(names))
        known = actions.operations.running(key)
        if known is None:
            async with actions.deed(request, "cancel", names) as deed:
                known = actions.operations.start(
                    Operation("cancel", names),
                    lambda operation: cancel_runs(actions.web, deed.actor.name, operation),
                    deed.entry,
                    key,
                )
        return json_answer(await actions.shortly(known), 202)

    @router.post(
        "/actions/delete/preview",
        operation_id="previewDeletion",
        summary="Work out what would go with runs; nothing is changed",
        status_code=202,
        responses=answers(models.ActionOperation, _STARTED, 403, status=202),
    )
    async def preview(request: Request, wish: models.RunsWish) -> Response:
        actions.actor(request)
        operation = Operation("preview", names_of(wish.runs))
        actions.operations.start(operation, actions.deletions.preview)
        return json_answer(await actions.shortly(operation), 202)

    @router.post(
        "/actions/delete",
        operation_id="actDelete",
        summary="Delete what a preview has shown",
        status_code=202,
        responses=answers(models.ActionOperation, _STARTED, 403, 409, status=202),
    )
    async def delete(request: Request, wish: models.DeleteWish) -> Response:
        key = ("delete", wish.preview)
        known = actions.operations.running(key)
        if known is None:
            planned = actions.deletions.planned(wish.preview)
            runs = () if planned is None else planned.runs
            async with actions.deed(request, "delete", runs) as deed:
                if planned is None:
                    raise Refusal(
                        409,
                        "preview_too_old",
                        "What would go was shown too long ago, or before the app was started again. Look at it once "
                        "more.",
                    )
                work = partial(actions.deletions.carry_out, planned)
                known = actions.operations.start(Operation("delete", planned.runs), work, deed.entry, key, lasting=True)
        return json_answer(await actions.shortly(known), 202)


def _add_reading_routes(router: APIRouter, actions: Actions) -> None:
    @router.get(
        "/actions/operation",
        operation_id="getOperation",
        summary="How far something is that was asked for",
        responses=answers(models.ActionOperation, "How far it is.", 404),
    )
    async def operation(identifier: Annotated[str, Query(alias="id", max_length=100)]) -> Response:
        found = actions.operations.get(identifier)
        if found is None:
            raise Refusal(
                404,
                "not_found",
                "The app does not know of that any more: it ended long ago, or the app was started again. The record "
                "of who did what says what came of it.",
            )
        found.ask()
        if found.state != "going":
            actions.web.server.live.wake()
        return json_answer(found.plain())

    @router.get(
        "/actions/log",
        operation_id="listActions",
        summary="Who did what, newest first",
        responses=answers(models.ActionPage, "A page of the record."),
    )
    async def log(
        flow: Annotated[str | None, Query(description="only what was done to runs of this flow")] = None,
        run_id: Annotated[str | None, Query(description="only what was done to this run")] = None,
        who: Annotated[str | None, Query(description="only what they did")] = None,
        action: Annotated[models.Action | None, Query(description="only this")] = None,
        outcome: Annotated[str | None, Query(description="only what ended so")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(max_length=40, description="`next` of the page before")] = None,
    ) -> Response:
        """Entries name at most 100 runs, and are found by these only."""
        wanted = Filter(flow, run_id, who, action, outcome)
        page = await run_in_threadpool(actions.journal.page, limit, cursor, wanted)
        return json_answer({"entries": page.entries, "next": page.following, "kept": KEPT_ENTRIES})

    @router.get(
        "/actions/known-tags",
        operation_id="listKnownTags",
        summary="Tags that people gave to the latest runs, for completion",
        responses=answers(models.KnownTags, "The tags, those used most first."),
    )
    async def known_tags(flow: Annotated[str | None, Query(description="only of this flow")] = None) -> Response:
        def read() -> dict[str, Any]:
            counts: dict[str, int] = {}
            for run in actions.web.server.metadata.runs(RunQuery(flow, limit=_RUNS_WITH_TAGS)):
                for tag in run.tags:
                    counts[tag] = counts.get(tag, 0) + 1
            tags = sorted(counts, key=lambda tag: (-counts[tag], tag))[:200]
            return {"tags": tags, "pin": tagging.PIN, "protecting": list(tagging.protecting_tags())}

        return json_answer(await run_in_threadpool(read))


def _what_became_of_tags(found: list[dict[str, Any]]) -> str:
    problems = [each for each in found if each["problem"] is not None]
    changed = len(found) - len(problems)
    text = f"{changed} run{'' if changed == 1 else 's'} changed"
    if not problems:
        return f"{text}."
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{text}; {first['flow']}/{first['run_id']}: {first['problem']}{more}"
