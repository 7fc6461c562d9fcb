"""Deleting runs in two steps: first a plan that shows what would go, and then that plan, carried out."""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.client.upkeep.clean_up import CleanUp
from metaflow.client.upkeep.stores_of_runs import runs_by_store
from metaflow.exception import CannotDelete
from metaflow.metadata_store.store import TaskQuery
from metaflow.web.actions.tagging import protecting_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.client.provider import Provider
    from metaflow.client.upkeep.clean_up import Outcome, Plan
    from metaflow.datastore.store import ObjectStore
    from metaflow.metadata_store.records import RunRecord, TaskCursor
    from metaflow.web.actions.journal import RunName
    from metaflow.web.actions.operations import Operation

#: Seconds for which a preview can be carried out. What it shows is looked at again then, but people forget.
PREVIEW_SECONDS = 900.0
#: Previews that are kept; each holds what was read of the datastore.
_KEPT_PREVIEWS = 4
#: Runs that a preview lists one by one; the others are counted.
LISTED_RUNS = 200
#: Tasks of all runs that are counted.
MOST_TASKS = 100_000
_PER_PAGE = 1000


class PlannedDeletion(NamedTuple):
    """What somebody was shown, and what is needed to do just that.

    Attributes
    ----------
    plans : tuple of (ObjectStore, Plan)
    runs : tuple of (str, str)
        Flow and id of those that would go.
    made_at : float
        In seconds of a clock that only goes forward.
    """

    plans: tuple[tuple[ObjectStore, Plan], ...]
    runs: tuple[RunName, ...]
    made_at: float


class Deletions:
    """Previews that may be carried out.

    Parameters
    ----------
    provider : Provider
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._planned: dict[str, PlannedDeletion] = {}

    def preview(self, operation: Operation) -> str:
        """Work out what would go with the runs of an operation; what is found is in its result.

        Raises
        ------
        DataException, MetadataException
            A store cannot be read.
        """
        provider, tags = self._provider, protecting_tags()
        protected: list[dict[str, Any]] = []
        wanted: list[RunName] = []
        for name in operation.runs:
            run = provider.run(*name)
            reason = "it does not exist any more" if run is None else _pinned(run, tags)
            if reason is None:
                wanted.append(name)
            else:
                protected.append(_named(name, reason=reason))
        plans = []
        for store, names in runs_by_store(provider, wanted):
            plan = CleanUp(provider, store, operation.say).plan_for(names)
            # A run that is pinned while somebody reads the preview stays.
            plans.append((store, plan._replace(keep_tags=tags)))
            protected += [_named(tuple(pathspec.split("/", 1)), reason=reason) for pathspec, reason in plan.kept]
        going = tuple(name for _, plan in plans for name in (*(run.name for run in plan.runs), *plan.unfinished))
        token = self._keep(PlannedDeletion(tuple(plans), going, time.monotonic())) if going else None
        operation.result["preview"] = {
            "token": token,
            "expires_in": PREVIEW_SECONDS,
            "protected": protected[:LISTED_RUNS],
            "protected_count": len(protected),
            **_described(provider, [plan for _, plan in plans], going),
        }
        return (
            "Nothing of this can be deleted." if token is None else f"{len(going)} of {len(operation.runs)} would go."
        )

    def planned(self, token: str) -> PlannedDeletion | None:
        """What was shown under that token; None if it is unknown or too old."""
        with self._lock:
            found = self._planned.get(token)
            return found if found is not None and time.monotonic() - found.made_at < PREVIEW_SECONDS else None

    def carry_out(self, planned: PlannedDeletion, operation: Operation) -> str:
        """Delete what was shown, as far as that is still right; what went is in the operation's result.

        Raises
        ------
        CannotDelete
            Nothing, or not all, could be deleted.
        DataException, MetadataException
            A store failed. What was begun is finished by the next clean-up.
        """
        deleted: list[RunName] = []
        refused: list[tuple[RunName, str]] = []
        size = later = 0
        for store, plan in planned.plans:
            outcome: Outcome = CleanUp(self._provider, store, operation.say).carry_out(plan)
            deleted += outcome.deleted
            refused += outcome.refused
            size += outcome.size
            later += outcome.chunks.young_size
            operation.result["deletion"] = {
                "deleted": [_named(name) for name in deleted],
                "refused": [_named(name, reason=reason) for name, reason in refused],
                "bytes": size,
                "bytes_later": later,
            }
        operation.details |= {"bytes": size, "refused": ["/".join(name) for name, _ in refused][:LISTED_RUNS]}
        if refused:
            name, reason = refused[0]
            raise CannotDelete(
                f"{_counted(len(deleted))} deleted, {_counted(len(refused))} left alone. {'/'.join(name)}: {reason}."
            )
        return f"{_counted(len(deleted))} deleted."

    def _keep(self, planned: PlannedDeletion) -> str:
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._planned[token] = planned
            while len(self._planned) > _KEPT_PREVIEWS:
                del self._planned[next(iter(self._planned))]
        return token


def _described(provider: Provider, plans: Sequence[Plan], going: Sequence[RunName]) -> dict[str, Any]:
    """What would go, in numbers, and run by run."""
    runs = [planned for plan in plans for planned in plan.runs]
    resumed_by = _resumed_by(plans)
    task_count, is_counted = _count_tasks(provider, going)
    return {
        "runs": [
            {
                **_named(each.name),
                "status": each.run.status,
                "user": each.run.user,
                "started_at": each.run.started_at,
                "bytes": each.size + each.chunk_size,
                "resumed_by": resumed_by.get(each.name, []),
            }
            for each in runs[:LISTED_RUNS]
        ],
        "run_count": len(going),
        "task_count": task_count,
        "task_count_is_complete": is_counted,
        "files": sum(each.files for each in runs),
        "bytes": sum(plan.size for plan in plans),
        "bytes_later": sum(plan.chunks.young_size for plan in plans),
        "unreadable": [key for plan in plans for key, _ in plan.damaged][:LISTED_RUNS],
    }


def _resumed_by(plans: Sequence[Plan]) -> dict[RunName, list[str]]:
    """Ids of the runs that took over results of others; what they took stays."""
    found: dict[RunName, list[str]] = {}
    for plan in plans:
        for (flow, run_id), stored in plan.inventory.runs.items():
            if stored.record is not None and stored.record.origin_run_id is not None:
                found.setdefault((flow, stored.record.origin_run_id), []).append(run_id)
    return found


def _count_tasks(provider: Provider, names: Sequence[RunName]) -> tuple[int, bool]:
    """How many tasks runs have, and whether these are all."""
    count = 0
    for flow, run_id in names:
        after: TaskCursor | None = None
        while page := provider.tasks(TaskQuery(flow, run_id, limit=_PER_PAGE, after=after)):
            count += sum(not task.step.startswith("_") for task in page)
            if count >= MOST_TASKS:
                return count, False
            if len(page) < _PER_PAGE:
                break
            after = page[-1].cursor
    return count, True


def _pinned(run: RunRecord, tags: Sequence[str]) -> str | None:
    found = next((tag for tag in tags if tag in run.tags or tag in run.system_tags), None)
    return None if found is None else f"it has the tag {found}: remove the tag first"


def _named(name: Sequence[str], **further: Any) -> dict[str, Any]:
    return {"flow": name[0], "run_id": name[1], **further}


def _counted(number: int) -> str:
    return f"{number:,} run{'' if number == 1 else 's'}"
