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
    from collections.abc import Callable, Sequence

    from metaflow.client.provider import Provider
    from metaflow.client.upkeep.clean_up import Outcome, Outline, Plan, PlannedRun
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
    stores : tuple of (ObjectStore, tuple of (str, str))
        Flow and id of the runs that would go from each datastore.
    plans : tuple of Plan or None
        What would go from each; None as long as the other runs are still looked through.
    made_at : float
        In seconds of a clock that only goes forward.
    looking : Operation
        What looks through the other runs.
    """

    stores: tuple[tuple[ObjectStore, tuple[RunName, ...]], ...]
    plans: tuple[Plan, ...] | None
    made_at: float
    looking: Operation

    @property
    def runs(self) -> tuple[RunName, ...]:
        """Flow and id of all runs that would go."""
        return tuple(name for _, names in self.stores for name in names)


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

        What the runs themselves have is told at once, and may be deleted from then on. Which chunks only they refer to
        is known when all other runs have been looked through, as far as somebody still wants to know.

        Raises
        ------
        DataException, MetadataException
            A store cannot be read.
        """
        wanted, protected = self._not_protected(operation.runs)
        stores = runs_by_store(self._provider, wanted)
        outlines = [CleanUp(self._provider, store).outline_for(names) for store, names in stores]
        protected += [_named(_run_name(each), reason=reason) for outline in outlines for each, reason in outline.kept]
        going = tuple(
            (store, (*(run.name for run in outline.runs), *outline.unfinished))
            for (store, _), outline in zip(stores, outlines, strict=True)
        )
        planned = PlannedDeletion(going, None, time.monotonic(), operation)
        token = self._keep(planned) if planned.runs else None
        known = {"token": token, "expires_in": PREVIEW_SECONDS, **_tasks_of(self._provider, planned.runs)}
        operation.tell(preview={**known, **_staying(protected), **_outlined(outlines)})
        if token is None:
            return "Nothing of this can be deleted."
        try:
            plans = self._plans(planned, _while_wanted(operation))
        except _NobodyWaits:
            return "Nobody waited until all other runs were looked through."
        self._keep(planned._replace(plans=plans), token)
        protected += [_named(_run_name(each), reason=reason) for plan in plans for each, reason in plan.kept]
        shown = {**known, **_staying(protected), **_described(plans)}
        operation.tell(preview=shown)
        return f"{shown['run_count']} of {len(operation.runs)} would go."

    def _not_protected(self, names: Sequence[RunName]) -> tuple[list[RunName], list[dict[str, Any]]]:
        """Runs that may go as far as their tags tell, and the others with the reason."""
        tags = protecting_tags()
        wanted: list[RunName] = []
        protected: list[dict[str, Any]] = []
        for name in names:
            run = self._provider.run(*name)
            reason = "it does not exist any more" if run is None else _pinned(run, tags)
            if reason is None:
                wanted.append(name)
            else:
                protected.append(_named(name, reason=reason))
        return wanted, protected

    def _plans(self, planned: PlannedDeletion, say: Callable[[str], None]) -> tuple[Plan, ...]:
        """What would go from each datastore; a run that is pinned while somebody reads the preview stays."""
        plans = (CleanUp(self._provider, store, say).plan_for(names) for store, names in planned.stores)
        return tuple(plan._replace(keep_tags=protecting_tags()) for plan in plans)

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
        size = later = gone = 0
        if planned.plans is None:
            planned.looking.give_up()
        for (store, _), plan in zip(planned.stores, planned.plans or self._plans(planned, operation.say), strict=True):
            outcome: Outcome = CleanUp(self._provider, store, operation.say).carry_out(plan)
            # What was still right when it was shown.
            refused += [(_run_name(pathspec), reason) for pathspec, reason in plan.kept if planned.plans is None]
            deleted += outcome.deleted
            refused += outcome.refused
            gone += len(outcome.gone)
            size += outcome.size
            later += outcome.chunks.young_size
            operation.result["deletion"] = {
                "deleted": [_named(name) for name in deleted],
                "refused": [_named(name, reason=reason) for name, reason in refused],
                "bytes": size,
                "bytes_later": later,
            }
        operation.details |= {"bytes": size, "refused": ["/".join(name) for name, _ in refused][:LISTED_RUNS]}
        others = f" Somebody else had deleted {_counted(gone)} by then." if gone else ""
        if refused:
            name, reason = refused[0]
            raise CannotDelete(
                f"{_counted(len(deleted))} deleted, {_counted(len(refused))} left alone. {'/'.join(name)}: {reason}."
                f"{others}"
            )
        return f"{_counted(len(deleted))} deleted.{others}"

    def _keep(self, planned: PlannedDeletion, token: str | None = None) -> str:
        """Keep what was shown under a token, a new one if none is given."""
        with self._lock:
            if token is None:
                token = secrets.token_urlsafe(16)
            elif token not in self._planned:
                return token  # there were too many since
            self._planned[token] = planned
            while len(self._planned) > _KEPT_PREVIEWS:
                del self._planned[next(iter(self._planned))]
        return token


class _NobodyWaits(Exception):
    """What is being looked for is not wanted any more."""


def _while_wanted(operation: Operation) -> Callable[[str], None]:
    """Tells what is being done, and ends it when nobody waits for it any more."""

    def say(text: str) -> None:
        if not operation.is_wanted:
            raise _NobodyWaits
        operation.say(text)

    return say


def _outlined(outlines: Sequence[Outline]) -> dict[str, Any]:
    """What is known at once of what would go."""
    return {
        **_going([run for outline in outlines for run in outline.runs], {}),
        "run_count": sum(len(outline.runs) + len(outline.unfinished) for outline in outlines),
        "bytes": sum(outline.size for outline in outlines),
        "bytes_later": 0,
        "is_counted": not any(outline.has_chunks for outline in outlines),
        "unreadable": [],
    }


def _described(plans: Sequence[Plan]) -> dict[str, Any]:
    """What would go, in numbers, and run by run."""
    return {
        **_going([planned for plan in plans for planned in plan.runs], _resumed_by(plans)),
        "run_count": sum(len(plan.runs) + len(plan.unfinished) for plan in plans),
        "bytes": sum(plan.size for plan in plans),
        "bytes_later": sum(plan.chunks.young_size for plan in plans),
        "is_counted": True,
        "unreadable": [key for plan in plans for key, _ in plan.damaged][:LISTED_RUNS],
    }


def _staying(protected: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"protected": protected[:LISTED_RUNS], "protected_count": len(protected)}


def _going(runs: Sequence[PlannedRun], resumed_by: dict[RunName, list[str]]) -> dict[str, Any]:
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
        "files": sum(each.files for each in runs),
    }


def _resumed_by(plans: Sequence[Plan]) -> dict[RunName, list[str]]:
    """Ids of the runs that took over results of others; what they took stays."""
    found: dict[RunName, list[str]] = {}
    for plan in plans:
        for (flow, run_id), stored in plan.inventory.runs.items():
            if stored.record is not None and stored.record.origin_run_id is not None:
                found.setdefault((flow, stored.record.origin_run_id), []).append(run_id)
    return found


def _tasks_of(provider: Provider, names: Sequence[RunName]) -> dict[str, Any]:
    count, is_complete = _count_tasks(provider, names)
    return {"task_count": count, "task_count_is_complete": is_complete}


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


def _run_name(pathspec: str) -> RunName:
    flow, _, run_id = pathspec.partition("/")
    return flow, run_id


def _named(name: Sequence[str], **further: Any) -> dict[str, Any]:
    return {"flow": name[0], "run_id": name[1], **further}


def _counted(number: int) -> str:
    return f"{number:,} run{'' if number == 1 else 's'}"
