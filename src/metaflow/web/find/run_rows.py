"""Runs as lists show them: what their records say, and no more of their values than is asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.client.trigger import METADATA_FIELD
from metaflow.metadata_store.store import run_position
from metaflow.web.find.models import MOST_COUNTED
from metaflow.web.settled_tasks import settled_run
from metaflow.web.silence import silence_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from metaflow.metadata_store.overviews import RunOverviews
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.store import RunQuery
    from metaflow.web.services import WebServices

    Key = tuple[str, str]

_PROJECT, _BRANCH = "project:", "project_branch:"


class Columns(NamedTuple):
    """Which values are shown with each run: names of parameters, and of artifacts of its last step."""

    parameters: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()


class Found(NamedTuple):
    """A page of runs as plain data, and the position where the next one begins; None if this is the last one."""

    rows: list[dict[str, Any]]
    after: list[Any] | None


def find_runs(web: WebServices, query: RunQuery, columns: Columns) -> Found:
    """Read a page of runs.

    Parameters
    ----------
    web : WebServices
    query : RunQuery
        Which runs; with a limit.
    columns : Columns
        Which values are shown.
    """
    assert query.limit is not None
    by_value = query.order is not None and query.order.name is not None
    asked = query._replace(limit=query.limit + 1, with_values=by_value or any(columns))
    found = web.server.metadata.runs(asked)
    recorded = found[: query.limit]
    after = list(run_position(recorded[-1], query.order)) if recorded and len(found) > query.limit else None
    # What runs are filtered and sorted by is what is recorded; what is shown is the truth.
    settled = [settled_run(web.provider, run) for run in recorded]
    page = [run for run in settled if (run.flow, run.run_id) not in web.provider.deleted]
    keys = [(run.flow, run.run_id) for run in page]
    progress = web.database.progress([(run.flow, run.run_id) for run in page if run.status == "running"])
    triggers = _triggers(web.database, page)
    return Found(
        [
            {
                **_row(run, columns, triggers.get(key, [])),
                "tasks": progress[key]._asdict() if key in progress else None,
                "silence": silence_of(web.provider, run),
            }
            for run, key in zip(page, keys)
        ],
        after,
    )


def count_runs(overviews: RunOverviews, query: RunQuery) -> tuple[int, bool]:
    """How many runs match, and whether these are all; more than a bound are not counted."""
    counted = overviews.number_of_runs(query._replace(limit=MOST_COUNTED + 1))
    return min(counted, MOST_COUNTED), counted <= MOST_COUNTED


def _row(run: RunRecord, columns: Columns, triggers: list[str]) -> dict[str, Any]:
    outcome = run.outcome
    parameters = (outcome.parameters if outcome is not None else None) or {}
    artifacts = (outcome.artifacts if outcome is not None else None) or {}
    return {
        "flow": run.flow,
        "run_id": run.run_id,
        "user": run.user,
        "status": run.status,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "message": run.message,
        "tags": list(run.tags),
        "project": _behind(run.system_tags, _PROJECT),
        "branch": _behind(run.system_tags, _BRANCH),
        "origin_run_id": run.origin_run_id,
        "triggers": triggers,
        "parameters": {name: parameters[name] for name in columns.parameters if name in parameters},
        "artifacts": {name: artifacts[name] for name in columns.artifacts if name in artifacts},
    }


def _behind(tags: Iterable[str], prefix: str) -> str | None:
    return next((tag[len(prefix) :] for tag in tags if tag.startswith(prefix)), None)


def _triggers(overviews: RunOverviews, runs: Sequence[RunRecord]) -> dict[Key, list[str]]:
    """What started each run, for those that something else than a person started."""
    keys_of_step: dict[str, list[Key]] = {}
    for run in runs:
        keys_of_step.setdefault(run.start_step or "start", []).append((run.flow, run.run_id))
    found: dict[Key, list[str]] = {}
    for step, keys in keys_of_step.items():
        for key, text in overviews.task_metadata(keys, step, METADATA_FIELD).items():
            found[key] = _names_of_triggers(text)
    return found


def _names_of_triggers(text: str) -> list[str]:
    """Names of the events in a field that anybody may have written."""
    try:
        events = json.loads(text)
    except ValueError:
        return ["?"]
    named = [event.get("name") for event in events if isinstance(event, dict)] if isinstance(events, list) else []
    return [name for name in named if isinstance(name, str)] or ["?"]
