"""Cleaning up a datastore: first a plan that says what would go, then the same done."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from metaflow.client.recovery import stored_run
from metaflow.client.tag_log import read_tag_log
from metaflow.client.upkeep.collection import Collected, check_clock, collect, horizon, look_again
from metaflow.client.upkeep.deletion import delete_runs, refusal
from metaflow.client.upkeep.inventory import survey
from metaflow.client.upkeep.many_objects import delete_each
from metaflow.client.upkeep.retention import Candidate, choose
from metaflow.client.upkeep.run_life import life_of, tasks_elsewhere
from metaflow.client.upkeep.temporary_files import abandoned, temporary_files
from metaflow.datastore.layout import deletion_key, run_key, runs_prefix
from metaflow.exception import DataException, MetadataException

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from metaflow.client.provider import Provider
    from metaflow.client.upkeep.inventory import Inventory, RunName, StoredRun
    from metaflow.client.upkeep.retention import Rules
    from metaflow.datastore.store import ObjectStore, StoredObject

GONE = "it is gone already: somebody else deleted it"
#: A folder with nothing of a run in it goes when nothing was written to it for so many seconds.
_LEFTOVER_SECONDS = 86400.0


class PlannedRun(NamedTuple):
    """A run that would go.

    Attributes
    ----------
    run : Candidate
    files, size : int
        Its own objects, and their bytes.
    chunk_size : int
        Bytes of the chunks that only it refers to.
    """

    run: Candidate
    files: int
    size: int
    chunk_size: int

    @property
    def name(self) -> RunName:
        """Flow and id."""
        return self.run.flow, self.run.run_id


class Plan(NamedTuple):
    """What would go.

    Attributes
    ----------
    runs : tuple of PlannedRun
        Newest first.
    kept : tuple of (str, str)
        Runs that would go if it were not for a reason to keep them, and the reason.
    unfinished : tuple of (str, str)
        Runs whose deletion was begun and must be finished, and folders of runs in which there is no run.
    chunks : Collected
        Chunks that nobody would refer to any more.
    temporary : tuple of StoredObject
        Files that killed writers left.
    damaged : tuple of (str, str)
        Manifests that cannot be read, and why. As long as there are any, no chunks go, because one of these may need
        them.
    keep_tags : tuple of str
        Tags that keep a run also if it gets them after the plan was made.
    only : set of bytes or None
        Hashes of the chunks that the plan is about; None for all.
    inventory : Inventory
        What there was when the plan was made.
    """

    runs: tuple[PlannedRun, ...]
    kept: tuple[tuple[str, str], ...]
    unfinished: tuple[RunName, ...]
    chunks: Collected
    temporary: tuple[StoredObject, ...]
    damaged: tuple[tuple[str, str], ...]
    keep_tags: tuple[str, ...]
    only: set[bytes] | None
    inventory: Inventory

    @property
    def size(self) -> int:
        """Bytes that would be free."""
        own = sum(planned.size for planned in self.runs) + sum(found.size for found in self.temporary)
        rest = sum(self.inventory.runs[name].size for name in self.unfinished)
        return own + rest + (0 if self.damaged else self.chunks.size)

    @property
    def is_empty(self) -> bool:
        """Whether nothing would go."""
        return not (self.runs or self.unfinished or self.temporary or (self.chunks.chunks and not self.damaged))


class Outline(NamedTuple):
    """What would go with certain runs, as far as that can be told without looking at all others.

    Attributes
    ----------
    runs : tuple of PlannedRun
        Without the chunks that only they refer to.
    kept : tuple of (str, str)
        Runs that cannot be deleted now, and why.
    unfinished : tuple of (str, str)
        Runs whose deletion was begun and must be finished.
    size : int
        Bytes of the runs' own objects.
    has_chunks : bool
        Whether they refer to chunks at all.
    """

    runs: tuple[PlannedRun, ...]
    kept: tuple[tuple[str, str], ...]
    unfinished: tuple[RunName, ...]
    size: int
    has_chunks: bool


class Outcome(NamedTuple):
    """What went.

    Attributes
    ----------
    deleted : tuple of (str, str)
        Flow and id of runs that were deleted.
    refused : tuple of ((str, str), str)
        Runs that were left alone, and why.
    gone : tuple of (str, str)
        Runs that somebody else had deleted by then.
    size : int
        Bytes that were freed.
    chunks : Collected
    """

    deleted: tuple[RunName, ...]
    refused: tuple[tuple[RunName, str], ...]
    gone: tuple[RunName, ...]
    size: int
    chunks: Collected


class CleanUp:
    """Plans what goes from a datastore, and does it.

    Parameters
    ----------
    provider : Provider
        Whose index knows of its runs.
    store : ObjectStore
        The datastore.
    progress : callable, optional
        Told now and then what is being done, in words.
    grace : float, optional
        How many seconds a chunk is left alone, instead of what is right for the store.
    """

    def __init__(
        self,
        provider: Provider,
        store: ObjectStore,
        progress: Callable[[str], None] | None = None,
        grace: float | None = None,
    ) -> None:
        self._provider = provider
        self._store = store
        self._say = progress or (lambda _: None)
        self._grace = grace

    def plan(self, rules: Rules) -> Plan:
        """What would go by rules, with all that nobody needs.

        Raises
        ------
        DataException, MetadataException
            If a store fails.
        """
        inventory = self._survey()
        now = time.time()
        unfinished = [name for name, run in inventory.runs.items() if run.is_being_deleted or _is_leftover(run, now)]
        # What is on its way out is not counted among the newest runs any more.
        stay = [run for run in inventory.runs.values() if run.record is not None and not run.is_being_deleted]
        candidates = [self._with_tags(self._candidate(run), run) for run in stay] if rules.choose_any else []
        going, kept = choose(candidates, rules)
        temporary = abandoned(temporary_files(self._store))
        return self._measured(inventory, going, unfinished, None)._replace(
            kept=tuple((f"{run.flow}/{run.run_id}", reason) for run, reason in kept),
            temporary=tuple(temporary),
            keep_tags=rules.keep_tags,
        )

    def plan_for(self, names: Iterable[RunName]) -> Plan:
        """What would go with certain runs, and nothing else.

        Raises
        ------
        DataException, MetadataException
            If a store fails.
        """
        inventory = self._survey()
        found, kept = self._chosen(inventory, names)
        going = [self._candidate(run) for run in found if run.record is not None]
        unfinished = [run.name for run in found if run.record is None]
        only = {each for run in found for each in run.hashes()}
        return self._measured(inventory, going, unfinished, only)._replace(kept=kept)

    def outline_for(self, names: Sequence[RunName]) -> Outline:
        """What can be told at once of what would go with certain runs: all but which chunks only they refer to.

        Raises
        ------
        DataException, MetadataException
            If a store fails.
        """
        found, kept = self._chosen(survey(_original(self._store), names), names)
        runs = [PlannedRun(self._candidate(run), run.files, run.size, 0) for run in found if run.record is not None]
        unfinished = [run for run in found if run.record is None]
        size = sum(run.size for run in found)
        has_chunks = any(True for run in found for _ in run.hashes())
        return Outline(tuple(runs), kept, tuple(run.name for run in unfinished), size, has_chunks)

    def _chosen(
        self, inventory: Inventory, names: Iterable[RunName]
    ) -> tuple[list[StoredRun], tuple[tuple[str, str], ...]]:
        """Those among runs that can be deleted now, and why others cannot."""
        found = []
        kept = []
        for name in names:
            reason = refusal(self._provider, self._store, name)
            if reason is not None:
                kept.append(("/".join(name), reason))
            elif name in inventory.runs:
                found.append(inventory.runs[name])
            elif (known := self._provider.index.run(*name)) is None or self._provider.deleted.look(known):
                kept.append(("/".join(name), GONE))
            else:
                reason = "it has no files any more; `metaflow verify --repair` has the index forget it"
                kept.append(("/".join(name), reason))
        return found, tuple(kept)

    def carry_out(self, plan: Plan) -> Outcome:
        """Do what a plan says, as far as it is still right.

        Raises
        ------
        DataException, MetadataException
            If a store fails. What was begun is finished by the next clean-up.
        """
        check_clock(self._store)
        # Before the second look: a run that ends during it may not have been seen whole.
        before = horizon(self._store, plan.inventory, self._provider.index, self._grace)
        kept = {each.name: reason for each in plan.runs if (reason := self._to_keep(each.name, plan.keep_tags))}
        names = [each.name for each in plan.runs if each.name not in kept]
        done = delete_runs(
            self._provider,
            self._store,
            [*filter(self._is_unfinished, plan.unfinished), *names],
            lambda count: self._say(f"{count} runs deleted"),
        )
        refused = (*done.refused, *kept.items())
        delete_each(self._store, [found.key for found in plan.temporary])
        inventory = look_again(_original(self._store), plan.inventory, (*done.deleted, *done.gone))
        chunks = Collected()
        if not inventory.damaged:
            self._say("removing chunks that nobody needs")
            before = min(before, horizon(self._store, inventory, self._provider.index, self._grace))
            chunks = collect(self._store, inventory.live(), before, plan.only)
        size = done.size + chunks.size + sum(found.size for found in plan.temporary)
        asked = {each.name for each in plan.runs} | set(plan.unfinished)
        deleted = tuple(name for name in done.deleted if name in asked)
        return Outcome(deleted, refused, tuple(name for name in done.gone if name in names), size, chunks)

    def _survey(self) -> Inventory:
        def tell(count: int) -> None:
            if count % 100 == 0:
                self._say(f"{count} runs read")

        return survey(_original(self._store), progress=tell)

    def _measured(
        self, inventory: Inventory, going: Sequence[Candidate], unfinished: Collection[RunName], only: set[bytes] | None
    ) -> Plan:
        """A plan with the sizes of what would go."""
        self._say("looking for what nobody would need")
        names = [(run.flow, run.run_id) for run in going]
        live = inventory.live([*names, *unfinished])
        owners: dict[bytes, RunName | None] = {}
        for name in names:
            for digest in inventory.runs[name].hashes():
                if digest not in live:
                    owners[digest] = None if digest in owners else name
        sizes = dict.fromkeys(names, 0)

        def count(digest: bytes, size: int) -> None:
            owner = owners.get(digest)
            if owner is not None:
                sizes[owner] += size

        before = horizon(self._store, inventory, self._provider.index, self._grace)
        chunks = collect(self._store, live, before, only, dry=True, told=count)
        planned = []
        for run, name in zip(going, names, strict=True):
            stored = inventory.runs[name]
            planned.append(PlannedRun(run, stored.files, stored.size, sizes[name]))
        damaged = [(key, problem) for key, problem in inventory.damaged if not key.startswith(_folders_of(names))]
        return Plan(tuple(planned), (), tuple(unfinished), chunks, (), tuple(damaged), (), only, inventory)

    def _candidate(self, stored: StoredRun) -> Candidate:
        record = stored.record
        assert record is not None
        life = life_of(record, stored.newest, self._provider.index)
        if stored.has_live_tasks and tasks_elsewhere(self._store, record):
            life = "running"
        status = record.status if life == "over" else "failed" if life == "dead" else "running"
        ended_at = record.finished_at if record.finished_at is not None else max(stored.newest, record.started_at)
        tags = frozenset((*record.tags, *record.system_tags))
        return Candidate(record.flow, record.run_id, record.user, status, record.started_at, ended_at, tags)

    def _with_tags(self, run: Candidate, stored: StoredRun) -> Candidate:
        """With the tags that it has now, which differ from those that it began with only if there are changes."""
        if not stored.has_tag_changes or stored.record is None:
            return run
        log = read_tag_log(self._store, stored.record)
        tags = log.tags | frozenset(stored.record.system_tags)
        return run._replace(tags=tags, has_unreadable_tags=bool(log.damaged))

    def _is_unfinished(self, name: RunName) -> bool:
        """Whether a deletion is still to be finished: whoever began it may have stepped back, and the run stays."""
        return self._store.stat(run_key(*name)) is None or self._store.stat(deletion_key(*name)) is not None

    def _to_keep(self, name: RunName, keep_tags: tuple[str, ...]) -> str | None:
        """Why a run is to be kept by the tags that it got since the plan was made."""
        if not keep_tags:
            return None
        try:
            record = stored_run(self._store, *name)
        except (DataException, MetadataException) as error:
            return f"nobody can tell whether it has a tag that keeps it ({error.message.rstrip('.')})"
        if record is None:
            return None
        log = read_tag_log(self._store, record)
        if log.damaged:
            return "a change of its tags cannot be read, so it may have a tag that keeps it"
        found = sorted(log.tags.intersection(keep_tags))
        return f"it has the tag {found[0]} by now" if found else None


def _original(store: ObjectStore) -> ObjectStore:
    """Without the copies that a store may keep on this machine: an old one could hide what a run needs."""
    original: ObjectStore = getattr(store, "remote", store)
    return original


def _is_leftover(run: StoredRun, now: float) -> bool:
    """Whether there is nothing in a run's folder that anybody could want."""
    empty = run.record is None and not run.damaged and not run.has_results
    return empty and now - run.newest > _LEFTOVER_SECONDS


def _folders_of(names: Iterable[RunName]) -> tuple[str, ...]:
    return tuple(runs_prefix(*name) for name in names)
