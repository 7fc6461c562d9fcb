"""Metadata of a task, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.client.task_metadata import fields_of_attempt

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.web.task.finding import FoundTask

#: Longest value, in characters, that is given.
_MOST_CHARACTERS = 10_000


def task_fields(provider: Provider, found: FoundTask) -> dict[str, Any]:
    """All that was recorded of the attempts of a task."""
    root = found.run.datastore or str(provider.root)
    fields = []
    for attempt in found.attempts:
        for name, value, at, kind in fields_of_attempt(found.run, attempt, root):
            text = str(value)
            fields.append(
                {
                    "name": name,
                    "value": text[:_MOST_CHARACTERS],
                    "is_cut": len(text) > _MOST_CHARACTERS,
                    "type": kind,
                    "at": at,
                    "attempt": attempt.attempt,
                }
            )
    return {"fields": fields}
