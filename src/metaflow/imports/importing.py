"""An import from beginning to end: all runs of a folder, those that are asked for, or what is new of them."""

from __future__ import annotations

from typing import NamedTuple

from metaflow.client.home import Home
from metaflow.client.provider_choice import provider_at
from metaflow.client.recovery import adopt_run, stored_run
from metaflow.client.tag_log import change_run_tags
from metaflow.datastore.local import LocalStore
from metaflow.exception import CommandException, CorruptedDataException, MetaflowTaggingError
from metaflow.imports.processes import map_in_processes
from metaflow.imports.report import ImportReport, Problem
from metaflow.imports.run_files import RunBringing
from metaflow.imports.source import SourceFolder
from metaflow.imports.state import write_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from metaflow.imports.report import RunReport
    from metaflow.imports.run_files import Brought
    from metaflow.metadata_store.store import MetadataStore

#: Runs with more tasks than this are taken one after the other, each by all processes.
_LARGE_RUN = 1000


class Wanted(NamedTuple):
    """What to import.

    Attributes
    ----------
    flows : tuple of str
        Only these; all if empty.
    since : float or None
        Only runs that started then or later, in seconds since the epoch.
    dry_run : bool
        Write nothing, but say what would be done.
    """

    flows: tuple[str, ...] = ()
    since: float | None = None
    dry_run: bool = False


class Progress(NamedTuple):
    """How far an import is.

    Attributes
    ----------
    runs, of_runs : int
        Runs that are dealt with, and all that are looked at.
    large : str or None
        The large run, as ``Flow/run``, that is being dealt with.
    share : float
        How much of it is done, from 0 to 1.
    """

    runs: int
    of_runs: int
    large: str | None = None
    share: float = 0.0


def import_runs(
    source_root: Path, root: Path, wanted: Wanted, progress: Callable[[Progress], None] | None = None
) -> ImportReport:
    """Bring runs that Metaflow wrote into a datastore. The folder is only read.

    Parameters
    ----------
    source_root : Path
        The folder.
    root : Path
        The datastore's directory, which exists; it may be the same.
    wanted : Wanted
        What to import.
    progress : callable, optional
        Told now and then how far it is.

    Returns
    -------
    ImportReport
        What was done, and what was damaged and left out.

    Raises
    ------
    CommandException
        If the folder has nothing of Metaflow's, or of the flows that are asked for.
    DataException, MetadataException
        If the datastore fails.
    """
    source = SourceFolder(str(source_root))
    runs = [(flow, run_id) for flow in _flows(source, wanted.flows) for run_id in source.runs(flow)]
    store = LocalStore(root)
    bringing = RunBringing(source, store, wanted.dry_run, wanted.since)
    index = None if wanted.dry_run else provider_at(Home(str(root))).index
    say = progress or (lambda _: None)
    reports: list[RunReport] = []
    for number, brought in enumerate(_brought(source, bringing, runs, say)):
        if brought is not None:
            reports.append(brought.report if index is None else _finished(store, index, brought))
        say(Progress(number + 1, len(runs)))
    return ImportReport(source.root, str(root), wanted.dry_run, tuple(sorted(reports)))


def _flows(source: SourceFolder, wanted: Collection[str]) -> list[str]:
    try:
        flows = source.flows()
    except CorruptedDataException as error:
        raise CommandException(error.message) from error
    if not flows:
        raise CommandException(
            f"There are no runs of Netflix's Metaflow in {source.root}. Name the .metaflow directory, or the directory "
            "that has it, in which they were made."
        )
    unknown = sorted(set(wanted) - set(flows))
    if unknown:
        raise CommandException(
            f"{source.root} has no runs of {', '.join(unknown)}. The flows there are: {', '.join(flows)}."
        )
    return [flow for flow in flows if flow in wanted or not wanted]


def _brought(
    source: SourceFolder, bringing: RunBringing, runs: list[tuple[str, str]], say: Callable[[Progress], None]
) -> Iterator[Brought | None]:
    """Bring all runs: many small ones at the same time, then each large one by all processes."""
    sizes = {run: source.count_tasks(*run) for run in runs}
    small = [run for run in runs if sizes[run] <= _LARGE_RUN]
    yield from map_in_processes(lambda run: bringing.bring(*run), small)
    for number, run in enumerate([run for run in runs if sizes[run] > _LARGE_RUN], start=len(small)):
        steps = 0

        def count(tasks: int, number: int = number, run: tuple[str, str] = run) -> None:
            nonlocal steps
            steps += tasks
            # Each task is read, then written.
            say(Progress(number, len(runs), "/".join(run), min(1.0, steps / (2 * sizes[run]))))

        yield bringing.bring(*run, count)


def _finished(store: LocalStore, index: MetadataStore, brought: Brought) -> RunReport:
    """Let the index know of a run, take over changes of its tags, and note how far it is imported."""
    report, state, former_tags = brought
    if state is None:
        return report
    flow, run_id = report.flow, report.run_id
    adopt_run(store, index, flow, run_id)
    stored = stored_run(store, flow, run_id)
    if former_tags is not None and stored is not None and former_tags != state.tags:
        added, removed = set(state.tags) - set(former_tags), set(former_tags) - set(state.tags)
        try:
            change_run_tags(store, index, stored, added, removed)
        except MetaflowTaggingError as error:
            problem = Problem(f"{flow}/{run_id}, tags", error.message)
            report = report._replace(problems=(*report.problems, problem))
            state = state._replace(tags=former_tags)
        report = report._replace(outcome="updated")
    write_state(store, flow, run_id, state)
    return report
