"""Other runs of the same flow: the ones around a run, those that resume it, and the last success before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.metadata_store.store import RunOrder, RunQuery

if TYPE_CHECKING:
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.store import MetadataStore

#: Runs that are shown beside each other, and those that are looked through for what resumes a run.
MOST_RECENT = 24
_MOST_LATER = 1_000
_PLACE_TAGS = ("project:", "project_branch:")


def brief(run: RunRecord) -> dict[str, Any]:
    """A run in a strip of runs."""
    return {
        "run_id": run.run_id,
        "status": run.status,
        "user": run.user,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "message": run.message,
    }


def recent_runs(metadata: MetadataStore, run: RunRecord) -> list[RunRecord]:
    """The last runs of the flow, newest first; with this one, also if it is older than these."""
    found = metadata.runs(RunQuery(run.flow, limit=MOST_RECENT))
    if any(each.run_id == run.run_id for each in found):
        return found
    later = metadata.runs(_after(run, MOST_RECENT // 2))
    earlier = metadata.runs(RunQuery(run.flow, limit=MOST_RECENT // 2, after=run.cursor))
    return [*reversed(later), run, *earlier]


def next_run(metadata: MetadataStore, run: RunRecord) -> RunRecord | None:
    """The run of the flow that was started next."""
    return next(iter(metadata.runs(_after(run, 1))), None)


def previous_run(metadata: MetadataStore, run: RunRecord) -> RunRecord | None:
    """The run of the flow that was started before."""
    return next(iter(metadata.runs(RunQuery(run.flow, limit=1, after=run.cursor))), None)


def _after(run: RunRecord, limit: int) -> RunQuery:
    order = RunOrder("started_at")
    return RunQuery(run.flow, limit=limit, order=order, after=(run.started_at, *run.cursor), since=run.started_at)


def resumed_by(metadata: MetadataStore, run: RunRecord) -> list[RunRecord]:
    """Runs that resume a run, newest first, among the thousand that were started last."""
    later = metadata.runs(RunQuery(run.flow, since=run.started_at, limit=_MOST_LATER))
    return [each for each in later if each.origin_run_id == run.run_id]


def last_success(metadata: MetadataStore, run: RunRecord) -> RunRecord | None:
    """The newest run before this one that succeeded: of its project and branch and its user, if there is one.

    Parameters
    ----------
    metadata : MetadataStore
    run : RunRecord
    """
    place = tuple(tag for tag in run.system_tags if tag.startswith(_PLACE_TAGS))
    everywhere = RunQuery(run.flow, limit=1, successful=True, after=run.cursor)
    for query in (
        everywhere._replace(tags=place, user=run.user),
        everywhere._replace(tags=place),
        everywhere,
    ):
        found = metadata.runs(query)
        if found:
            return found[0]
    return None
