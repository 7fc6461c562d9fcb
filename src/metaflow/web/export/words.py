"""Times, states and names as an exported page has them. Pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from metaflow.client.times import span

if TYPE_CHECKING:
    from metaflow.cards.nodes import Node
    from metaflow.metadata_store.records import TaskRecord

RUN_STATES = {"done": "Finished", "failed": "Failed", "running": "Running", "stopped": "Stopped"}


def moment(seconds: float | None) -> str:
    """A point in time that says the same wherever the file is read; nothing for None."""
    if seconds is None:
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g} seconds since 1970"


def took(started_at: float, finished_at: float | None, now: float) -> str:
    """How long something took, or has taken so far."""
    if finished_at is None:
        return f"{span(max(0.0, now - started_at))} so far"
    return span(max(0.0, finished_at - started_at))


def task_name(task: TaskRecord) -> str:
    """A task as people call it within its run."""
    place = ", ".join(f"{variable}={value}"[:120] for variable, value, _, _ in task.foreach_stack)
    attempt = f", attempt {task.attempt}" if task.attempt else ""
    return f"{task.step}/{task.task_id}{attempt}" + (f" ({place})" if place else "")


def task_state(task: TaskRecord) -> str:
    """How a task is, in a word."""
    if task.status == "done" and not task.success:
        return "failure caught"
    return str(task.status)


def facts(values: dict[str, Any]) -> Node:
    """Labels and values, without those that are empty."""
    return {"type": "facts", "data": [{"label": label, "value": value} for label, value in values.items() if value]}


def section(title: str, contents: list[Node], subtitle: str = "") -> list[Node]:
    """A part of the page; nothing if there is nothing in it."""
    return [{"type": "section", "title": title, "subtitle": subtitle, "contents": contents}] if contents else []


def note(text: str) -> Node:
    """A line that says what is not there."""
    return {"type": "text", "text": text}
