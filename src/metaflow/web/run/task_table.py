"""The table of a run's tasks: pages of it, and the positions that lead from one to the next."""

from __future__ import annotations

import time
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

from metaflow.client.run_summary import seconds_of, status_of
from metaflow.metadata_store.task_listing import TaskListing
from metaflow.server.errors import Refusal
from metaflow.server.positions import from_cursor, to_cursor
from metaflow.web.run.whole_records import whole_task

if TYPE_CHECKING:
    from metaflow.metadata_store.records import TaskRecord
    from metaflow.metadata_store.task_listing import TaskTables

TaskOrder = Literal["started_at", "finished_at", "duration", "step", "status"]


def listing_of(
    flow: str,
    run_id: str,
    steps: tuple[str, ...],
    statuses: tuple[str, ...],
    text: str,
    order: TaskOrder,
    descending: bool,
    limit: int,
    cursor: str | None,
) -> TaskListing:
    """The listing that a request asks for.

    Raises
    ------
    Refusal
        Its cursor is none of such a list.
    """
    now, after = time.time(), None
    if cursor is not None:
        now, after = _position(cursor, order)
    return TaskListing(flow, run_id, now, steps, statuses, text, order, descending, limit, after)


def page_of(tables: TaskTables, listing: TaskListing) -> dict[str, Any]:
    """A page for an answer.

    Parameters
    ----------
    tables : TaskTables
        What lists tasks.
    listing : TaskListing
    """
    found = tables.listed_tasks(listing._replace(limit=listing.limit + 1))
    page = found[: listing.limit]
    is_last = len(found) <= listing.limit
    total = None
    if listing.after is None:
        total = len(page) if is_last else tables.count_tasks(listing)
    return {
        "tasks": [_plain(each.task, listing.now) for each in page],
        # The time goes along, so that those that still run keep their places in a list by duration.
        "next": None if is_last else to_cursor([listing.now, *page[-1].position]),
        "total": total,
    }


def _plain(task: TaskRecord, now: float) -> dict[str, Any]:
    seconds = max(0.0, now - task.started_at) if task.status == "running" else seconds_of(task)
    return {"task": whole_task(task), "status": status_of(task), "seconds": seconds}


def _position(cursor: str, order: TaskOrder) -> tuple[float, tuple[Any, ...]]:
    position = from_cursor(cursor)
    if len(position) == 4:
        now, key, step, task_id = position
        is_place = isinstance(step, str) and isinstance(task_id, str)
        key_fits = isinstance(key, str) if order == "step" else _is_number(key)
        if is_place and key_fits and _is_number(now):
            return float(now), (key, step, task_id)
    raise Refusal(422, "invalid", "The cursor is none that the service gave for a list in this order. Leave it out.")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value) and abs(value) < 1e15
