"""``metaflow import-runs``: bring along what Netflix's Metaflow wrote."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import settings
from ..exception import CommandException, DataException
from ..imports.report import OUTCOMES
from .reading import datastore_root_option, output_options
from .table import print_json, print_lines, printable
from .times import Moment

if TYPE_CHECKING:
    from ..imports.importing import Progress
    from ..imports.report import ImportReport

#: So many things that were left out are listed for people; `--json` lists all.
_SHOWN_PROBLEMS = 20
_SHOWN_RUNS = 10


@click.command("import-runs", help="Bring runs that Netflix's Metaflow wrote into the datastore. DIR is only read.")
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--flow", "flows", multiple=True, metavar="NAME", help="Only runs of this flow. Can be repeated.")
@click.option("--since", type=Moment(), help="Only runs started since then: 2026-01-31, '7 days', yesterday.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@output_options
@datastore_root_option
def import_runs(
    directory: Path | None,
    flows: tuple[str, ...],
    since: float | None,
    dry_run: bool,
    as_json: bool,
    datastore_root: str | None,
) -> None:
    """``import-runs``: all runs of a folder, or what is new there since the last time."""
    from ..imports.importing import Wanted, import_runs as bring

    source = _source(directory)
    root = _root(datastore_root, create=not dry_run)
    terminal = sys.stderr.isatty()
    report = bring(source, root, Wanted(flows, since, dry_run), _show if terminal else None)
    if terminal:
        sys.stderr.write("\r\x1b[K")
    if as_json:
        print_json(report.to_dict())
    else:
        print_lines(map(printable, _lines(report)))
    if report.problems:
        raise SystemExit(1)


def _source(directory: Path | None) -> Path:
    """The folder to read: the one that is named, the ``.metaflow`` in it, or the nearest."""
    from ..datastore.root import ROOT_DIRECTORY, find_root

    if directory is None:
        found = find_root()
        if found is None:
            raise CommandException(
                f"There is no {ROOT_DIRECTORY} directory here or above. Name the one to import from."
            )
        return found
    directory = directory.expanduser().absolute()
    if not directory.is_dir():
        raise CommandException(f"There is no directory {directory}.")
    inner = directory / ROOT_DIRECTORY
    return inner if directory.name != ROOT_DIRECTORY and inner.is_dir() else directory


def _root(explicit: str | None, create: bool) -> Path:
    """The datastore to import into; if it may not be created, it need not exist."""
    from ..datastore.root import ROOT_DIRECTORY, resolve_root

    sysroot = settings.get("DATASTORE_SYSROOT_LOCAL")
    try:
        return resolve_root(explicit, sysroot, create)[0]
    except DataException:
        if create:
            raise
        return Path(explicit).absolute() if explicit else Path(sysroot or ".").absolute() / ROOT_DIRECTORY


def _show(progress: Progress) -> None:
    large = f"; {progress.large}: {progress.share:.0%}" if progress.large else ""
    sys.stderr.write(f"\r\x1b[K{progress.runs} of {progress.of_runs} runs{large}")
    sys.stderr.flush()


def _lines(report: ImportReport) -> list[str]:
    """What people are told."""
    verb = "Would be imported" if report.dry_run else "Imported"
    lines = [f"{verb} from {report.source} into {report.root}:"]
    lines += [f"    {line}" for line in _flow_lines(report)] or ["    no runs"]
    kept = [f"{run.flow}/{run.run_id}" for run in report.runs if run.outcome == "kept"]
    if kept:
        lines.append("Kept as they are, because runs of these ids were made here:")
        lines += _some([f"    {run}" for run in kept], _SHOWN_RUNS)
    if report.problems:
        lines.append("Left out, because it is damaged or missing there:")
        lines += _some([f"    {where}: {what}" for where, what in report.problems], _SHOWN_PROBLEMS)
    return lines


def _flow_lines(report: ImportReport) -> list[str]:
    lines = []
    for flow in dict.fromkeys(run.flow for run in report.runs):
        runs = [run for run in report.runs if run.flow == flow]
        counts = {outcome: sum(run.outcome == outcome for run in runs) for outcome in OUTCOMES}
        tasks = sum(run.tasks for run in runs)
        shown = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
        lines.append(f"{flow}: {shown}" + (f" ({tasks} tasks)" if tasks else ""))
    return lines


def _some(lines: list[str], most: int) -> list[str]:
    if len(lines) <= most:
        return lines
    return [*lines[:most], f"    and {len(lines) - most} more (--json lists all)"]
