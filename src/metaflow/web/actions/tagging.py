"""Tags of one or of many runs, and the pin, which is a tag that clean-ups respect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow import settings
from metaflow.exception import DataException, MetaflowException, MetaflowNotFound, MetaflowTaggingError
from metaflow.metadata_store.events import TagsChanged
from metaflow.metadata_store.tags import change_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.metadata_store.records import RunRecord
    from metaflow.web.actions.journal import RunName
    from metaflow.web.services import WebServices

#: What a run is tagged with that somebody pins; one of the tags that ``metaflow gc`` keeps unless it is told otherwise.
PIN = "pinned"


def protecting_tags() -> tuple[str, ...]:
    """Tags that keep a run from being deleted here: those that ``metaflow gc`` respects, and the pin."""
    return tuple(dict.fromkeys([PIN, *map(str, settings.get("GC_KEEP_TAGS"))]))


def change_tags_of(
    web: WebServices, names: Sequence[RunName], add: Sequence[str], remove: Sequence[str]
) -> list[dict[str, Any]]:
    """Change the user tags of runs.

    Parameters
    ----------
    web : WebServices
    names : sequence of (str, str)
    add, remove : sequence of str
        A tag in both is added.

    Returns
    -------
    list of dict
        For each run the tags that it has now, and what was changed, so that it can be undone; or why it was not.

    Raises
    ------
    MetaflowTaggingError
        No run can have these tags.
    """
    change_tags((), (), add, remove)
    return [_change(web, name, add, remove) for name in names]


def _change(web: WebServices, name: RunName, add: Sequence[str], remove: Sequence[str]) -> dict[str, Any]:
    flow, run_id = name
    outcome: dict[str, Any] = {"flow": flow, "run_id": run_id, "tags": [], "added": [], "removed": [], "problem": None}
    try:
        before = web.provider.run(flow, run_id)
        if before is None:
            raise MetaflowNotFound(f"There is no run {flow}/{run_id} any more.")
        after, note = _apply(web, before, list(add), list(remove))
    except MetaflowException as error:
        return {**outcome, "problem": web.reason(error)}
    return {
        **outcome,
        "tags": list(after.tags),
        "added": sorted(set(after.tags) - set(before.tags)),
        "removed": sorted(set(before.tags) - set(after.tags)),
        "note": note,
    }


def _apply(web: WebServices, run: RunRecord, add: list[str], remove: list[str]) -> tuple[RunRecord, str | None]:
    """Change the tags in the run's files and then in the index, or in the records alone if a team's server must."""
    try:
        return web.provider.change_tags(run, add, remove), None
    except MetaflowTaggingError:
        raise
    except (DataException, MetaflowNotFound) as error:
        if web.project is not None:
            raise
        added, removed = change_tags(run.tags, run.system_tags, add, remove)
        web.server.metadata.apply([TagsChanged(run.flow, run.run_id, added, removed)])
        now = web.server.metadata.run(run.flow, run.run_id)
        if now is None:
            raise MetaflowNotFound(f"There is no run {run.flow}/{run.run_id} any more.") from error
        return now, f"Recorded by the service only, because the run's files cannot be reached: {error.message}"
