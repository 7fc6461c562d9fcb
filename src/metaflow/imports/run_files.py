"""One run: from the folder of Metaflow's to the files of our store."""

from __future__ import annotations

import json
import time
from typing import NamedTuple

from metaflow.client.recovery import stored_run
from metaflow.datastore.layout import run_key
from metaflow.exception import CorruptedDataException, DataException, MetadataException
from metaflow.imports.attempts import TaskReading
from metaflow.imports.documents import parse_created
from metaflow.imports.lineage import Lineage
from metaflow.imports.processes import map_in_processes
from metaflow.imports.records import run_facts, steps_of
from metaflow.imports.report import Problem, RunReport
from metaflow.imports.source import PARAMETERS_STEP
from metaflow.imports.state import ImportState, read_state, write_state
from metaflow.imports.task_files import TaskWriting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from metaflow.datastore.store import ObjectStore
    from metaflow.imports.attempts import SourceTask
    from metaflow.imports.documents import Created
    from metaflow.imports.report import RunOutcome
    from metaflow.imports.source import CardFile, SourceFolder, TaskPlace
    from metaflow.metadata_store.records import RunRecord

#: Tasks that are worked on at a time.
_LOT = 250
#: Seconds after which what was done so far is kept, for the case that the import is interrupted.
_KEEP_INTERVAL = 2.0
#: A task that was modified less than so many seconds ago is read again by the next import: clocks of disks are coarse.
_SETTLED = 10.0


class Brought(NamedTuple):
    """What became of a run's files.

    Attributes
    ----------
    report : RunReport
    state : ImportState or None
        How far it is imported once the index knows of it; None if there is nothing more to do.
    former_tags : tuple of str or None
        User tags that it had there when it was imported before; None if it was not.
    """

    report: RunReport
    state: ImportState | None = None
    former_tags: tuple[str, ...] | None = None


class _Found(NamedTuple):
    """A run as it is in the folder now."""

    created: Created
    places: list[TaskPlace]
    cards: list[CardFile]

    def is_as(self, before: ImportState) -> bool:
        """Whether nothing changed since an import."""
        return (
            before.complete
            and {_name(place): place.stamp for place in self.places} == before.tasks
            and self.card_stamps() == before.cards
            and self.created.tags == before.tags
        )

    def card_stamps(self) -> dict[str, str]:
        return {f"{_name(card)}/{card.name}": card.stamp for card in self.cards}


class _Written(NamedTuple):
    """What became of a lot of tasks: those that changed something, those that are done with, what was left out."""

    changed: int
    done: dict[str, str]
    problems: list[Problem]


class RunBringing:
    """Brings runs of one folder into one store: their files, not what the index says of them.

    Parameters
    ----------
    source : SourceFolder
        Where from.
    store : ObjectStore
        Where to.
    dry : bool
        Write nothing, but say what would be done.
    since : float, optional
        Only runs that started at that time or later, in seconds since the epoch.
    """

    def __init__(self, source: SourceFolder, store: ObjectStore, dry: bool = False, since: float | None = None) -> None:
        self._source = source
        self._store = store
        self._dry = dry
        self._since = since

    def bring(self, flow: str, run_id: str, progress: Callable[[int], None] | None = None) -> Brought | None:
        """Write the files of a run, or what is new of it.

        Parameters
        ----------
        flow, run_id : str
            The run.
        progress : callable, optional
            Have several processes work on its tasks, and call this with the number of those that were read or written
            since the last call.

        Returns
        -------
        Brought or None
            What became of it; None if it is older than was asked for.

        Raises
        ------
        DataException
            If our store fails.
        """
        where = f"{flow}/{run_id}"
        try:
            key = run_key(flow, run_id)
            created = parse_created(self._source.run_document(flow, run_id), f"{where}/_meta/_self.json")
            if self._since is not None and created.at < self._since:
                return None
            found = _Found(created, list(self._source.tasks(flow, run_id)), list(self._source.cards(flow, run_id)))
        except DataException as error:
            return Brought(RunReport(flow, run_id, "failed", 0, (Problem(where, error.message),)))
        exists = self._store.stat(key) is not None
        before = read_state(self._store, flow, run_id)
        if before is None and exists:
            return Brought(RunReport(flow, run_id, "kept"))
        if before is not None and exists and found.is_as(before):
            return Brought(RunReport(flow, run_id, "unchanged"))
        return self._write(flow, run_id, found, before, self._stored(flow, run_id) if exists else None, progress)

    def _write(
        self,
        flow: str,
        run_id: str,
        found: _Found,
        before: ImportState | None,
        stored: RunRecord | None,
        progress: Callable[[int], None] | None,
    ) -> Brought:
        reading = TaskReading(self._source, flow)
        tasks: dict[TaskPlace, SourceTask] = {}
        for lot in _in_lots(lambda lot: [reading.read(run_id, place) for place in lot], found.places, progress):
            tasks.update(zip(found.places[len(tasks) :], lot))
        problems = [problem for task in tasks.values() for problem in task.problems]
        info = _graph_info(reading, tasks.values(), problems)
        run = run_facts(flow, run_id, found.created, list(tasks.values()), info)
        if stored is not None:
            # What the run began with stays, whatever happened to its tags since.
            run = run._replace(record=run.record._replace(started_at=stored.started_at, tags=stored.tags))
        state = before or ImportState(self._source.root)
        cards, with_new_cards = _cards(found, state)
        todo = [p for p in tasks if state.tasks.get(_name(p)) != p.stamp or _name(p) in with_new_cards]
        outcome: RunOutcome = "new" if stored is None else "updated"
        if self._dry:
            return Brought(RunReport(flow, run_id, outcome, len(todo), tuple(problems)))
        lineage = Lineage(tasks.values(), steps_of(run.record.graph), run.start_step)
        writing = TaskWriting(self._source, self._store, run, lineage, again=before is not None)
        done = {_name(place): place.stamp for place in tasks.keys() - set(todo)}
        state = state._replace(source=self._source.root, complete=False)
        if todo:
            # Before anything is saved: a clean-up leaves alone what results may refer to that are on their way.
            write_state(self._store, flow, run_id, state._replace(tasks=done))
        count, kept_at = 0, time.monotonic()
        for written in _in_lots(lambda lot: _write_lot(writing, tasks, cards, lot), todo, progress):
            count += written.changed
            done |= written.done
            problems += written.problems
            if time.monotonic() > kept_at + _KEEP_INTERVAL:
                write_state(self._store, flow, run_id, state._replace(tasks=done))
                kept_at = time.monotonic()
        if stored != run.record:
            self._store.put(run_key(flow, run_id), [json.dumps(run.record.to_dict(), separators=(",", ":")).encode()])
        elif not count:
            outcome = "unchanged"
        state = ImportState(self._source.root, True, found.created.tags, done, found.card_stamps())
        report = RunReport(flow, run_id, outcome, count, tuple(dict.fromkeys(problems)))
        return Brought(report, state, before.tags if before is not None and stored is not None else None)

    def _stored(self, flow: str, run_id: str) -> RunRecord | None:
        """The run as an earlier import left it; None if its file is damaged and has to be made anew."""
        try:
            return stored_run(self._store, flow, run_id)
        except MetadataException:
            return None


def _in_lots(
    work: Callable[[Sequence[TaskPlace]], Any], places: Sequence[TaskPlace], progress: Callable[[int], None] | None
) -> Iterator[Any]:
    """Do the work lot by lot; in several processes if somebody wants to hear of it."""
    lots = [places[start : start + _LOT] for start in range(0, len(places), _LOT)]
    for lot, result in zip(lots, map(work, lots) if progress is None else map_in_processes(work, lots)):
        yield result
        if progress is not None:
            progress(len(lot))


def _write_lot(
    writing: TaskWriting,
    tasks: dict[TaskPlace, SourceTask],
    cards: dict[str, list[CardFile]],
    lot: Sequence[TaskPlace],
) -> _Written:
    written = _Written(0, {}, [])
    changed = 0
    for place in lot:
        task = tasks[place]
        so_far = len(written.problems)
        changed += writing.write(task, cards.get(_name(place), ()), written.problems)
        is_whole = len(written.problems) == so_far and not task.problems
        if is_whole and place.modified_at < time.time() - _SETTLED:
            written.done[_name(place)] = place.stamp
    return written._replace(changed=changed)


def _name(each: TaskPlace | CardFile) -> str:
    return f"{each.step}/{each.task_id}"


def _cards(found: _Found, state: ImportState) -> tuple[dict[str, list[CardFile]], set[str]]:
    """Cards by task, and the tasks of which any is new or was changed."""
    cards: dict[str, list[CardFile]] = {}
    changed = set()
    for card in found.cards:
        cards.setdefault(_name(card), []).append(card)
        if state.cards.get(f"{_name(card)}/{card.name}") != card.stamp:
            changed.add(_name(card))
    return cards, changed


def _graph_info(reading: TaskReading, tasks: Iterable[SourceTask], problems: list[Problem]) -> Any:
    """Plain value of the artifact ``_graph_info`` of a run; None if it has none."""
    for task in tasks:
        artifact = task.attempts[-1].artifacts.get("_graph_info") if task.attempts else None
        if task.step == PARAMETERS_STEP and artifact is not None:
            try:
                return reading.plain(artifact)
            except CorruptedDataException as error:
                problems.append(Problem(f"{task.step}/{task.task_id}/_graph_info", error.message))
    return None
