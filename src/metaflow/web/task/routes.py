"""``/api/v1/task``: one task, its lineage, its metadata, its cards, and what it used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.web.downloads import attachment
from metaflow.web.task import models as task_models
from metaflow.web.task.address import Address, TaskAddress
from metaflow.web.task.cards import CARD_POLICY, card_data, card_page, encode_data, file_name, list_cards
from metaflow.web.task.facts import task_facts
from metaflow.web.task.fields import task_fields
from metaflow.web.task.finding import FoundTask, find_task, told_plainly
from metaflow.web.task.lineage import MOST_LEVELS, lineage
from metaflow.web.task.resources import task_resources

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.web.services import WebServices


CardHash = Annotated[str, Query(min_length=5, max_length=200, description="hash of the card, or how it begins")]


async def read_task(provider: Provider, address: TaskAddress, read: Callable[[FoundTask], Any]) -> Any:
    """Find a task and read something of it, in a thread.

    Raises
    ------
    Refusal
        There is no such task, or it cannot be read.
    """

    def work() -> Any:
        with told_plainly():
            return read(find_task(provider, address))

    return await run_in_threadpool(work)


def task_routes(web: WebServices) -> APIRouter:
    """Routes of one task but for its artifacts."""
    router = APIRouter(prefix="/api/v1", tags=["task"])
    router.include_router(_fact_routes(web.provider))
    router.include_router(_card_routes(web.provider))
    return router


def _fact_routes(provider: Provider) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/task",
        operation_id="getTask",
        summary="One task: its attempts, what ended it, and where it stands",
        responses=answers(task_models.TaskFacts, "The task.", 404),
    )
    async def task(address: Address) -> Response:
        return json_answer(await read_task(provider, address, lambda found: task_facts(provider, found)))

    @router.get(
        "/task/lineage",
        operation_id="getTaskLineage",
        summary="The tasks that it read from, and those that read from it",
        responses=answers(task_models.Lineage, "The tasks, level by level.", 404),
    )
    async def task_lineage(
        address: Address,
        up: Annotated[int, Query(ge=0, le=MOST_LEVELS, description="levels before it")] = 2,
        down: Annotated[int, Query(ge=0, le=MOST_LEVELS, description="levels behind it")] = 2,
    ) -> Response:
        return json_answer(await read_task(provider, address, lambda found: lineage(provider, found.record, up, down)))

    @router.get(
        "/task/metadata",
        operation_id="getTaskMetadata",
        summary="All that was recorded of its attempts",
        responses=answers(task_models.TaskFields, "The fields.", 404),
    )
    async def metadata(address: Address) -> Response:
        return json_answer(await read_task(provider, address, lambda found: task_fields(provider, found)))

    @router.get(
        "/task/resources",
        operation_id="getTaskResources",
        summary="What an attempt used of its machine over time",
        responses=answers(task_models.TaskResources, "The figures.", 404),
    )
    async def resources(address: Address) -> Response:
        return json_answer(await read_task(provider, address, lambda found: task_resources(provider, found.record)))

    return router


def _card_routes(provider: Provider) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/task/cards",
        operation_id="listTaskCards",
        summary="Its cards",
        responses=answers(task_models.TaskCards, "The cards.", 404),
    )
    async def cards(address: Address) -> Response:
        return json_answer(await read_task(provider, address, lambda found: list_cards(provider, found.record)))

    @router.get(
        "/task/card",
        operation_id="getTaskCard",
        summary="The page of a card, which is a stranger to whatever shows it",
        response_class=Response,
        responses={
            **answers(task_models.TaskCards, "", 404),
            200: {"description": "HTML.", "content": {"text/html": {"schema": {"type": "string"}}}},
        },
    )
    async def card(
        address: Address,
        card: CardHash,
        download: Annotated[bool, Query(description="as a file to be kept")] = False,
    ) -> Response:
        page, stored = await read_task(provider, address, lambda found: card_page(provider, found.record, card))
        headers = {"Content-Security-Policy": CARD_POLICY, "X-Frame-Options": "SAMEORIGIN"}
        if download:
            headers["Content-Disposition"] = attachment(file_name(stored))
        return Response(page, headers=headers, media_type="text/html; charset=utf-8")

    @router.get(
        "/task/card/data",
        operation_id="getTaskCardData",
        summary="What has changed on a card since its page was stored",
        responses=answers(task_models.CardData, "What the page is to be told.", 404),
    )
    async def data(address: Address, card: CardHash) -> Response:
        document = await read_task(provider, address, lambda found: card_data(provider, found.record, card))
        return Response(await run_in_threadpool(encode_data, document), media_type="application/json")

    return router
