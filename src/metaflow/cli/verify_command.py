"""``metaflow verify``: whether all that runs left is there, and as they left it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..client.upkeep.findings import SEVERITIES
from ..datastore.sizes import size_text
from .clean_up_report import counted
from .confirming import Progress
from .messages import echo
from .pathspec_candidates import run_names
from .reading import datastore_root_option, open_place, output_options
from .run_names import check_flow, find_run, names_a_flow
from .table import print_json, print_lines, printable

if TYPE_CHECKING:
    from ..client.upkeep.findings import Finding, Report
    from .reading import Place

_SHOWN_AFFECTED = 3
_TITLES = {"lost": "LOST", "wrong": "wrong", "litter": "litter"}


@click.command("verify")
@click.argument("path", metavar="[FLOW[/RUN]]", required=False, shell_complete=run_names)
@click.option("--hashes", is_flag=True, help="Read all chunks, and compare them with their hashes.")
@click.option("--repair", is_flag=True, help="Set right what can be without losing anything.")
@output_options
@datastore_root_option
def verify(datastore_root: str | None, path: str | None, hashes: bool, repair: bool, as_json: bool) -> None:
    """Check that all is there that runs left, and that it is as they left it; of FLOW, of a run, or of all.

    Ends with exit code 1 if something is lost.
    """
    from ..client.upkeep.verification import Scope, verify as check

    place = open_place(datastore_root, "")
    flow, run_id = _scope(place, path)
    store = place.provider.store if run_id is None else place.provider.store_of(flow or "", run_id)
    progress = Progress()
    report = check(place.provider, store, Scope(flow, run_id, hashes, repair), progress)
    progress.clear()
    if as_json:
        print_json(_plain(report))
    else:
        _print(report)
    if report.is_lost:
        raise SystemExit(1)


def _scope(place: Place, path: str | None) -> tuple[str | None, str | None]:
    """Flow and run that are meant. Also a run that only its files know of."""
    if path is None:
        return None, None
    flow, separator, run_id = path.strip("/").partition("/")
    if separator:
        from ..datastore.layout import runs_prefix

        if "/" not in run_id and any(place.provider.store.list(runs_prefix(flow, run_id))):
            return flow, run_id
    elif names_a_flow(path):
        check_flow(place, flow)
        return flow, None
    run = find_run(place, path)
    return run.flow, run.run_id


def _print(report: Report) -> None:
    for finding in report.findings:
        print_lines(_lines(finding))
    counts = {severity: [f for f in report.findings if f.severity == severity] for severity in SEVERITIES}
    looked = (
        f"{counted(report.runs, 'run')} with {counted(report.tasks, 'result')} of tasks and "
        f"{counted(report.chunks, 'chunk')} of {size_text(report.size)} ({report.hashed:,} of them read)"
    )
    if not report.findings:
        echo(f"All is well: {looked}.")
        return
    found = ", ".join(f"{len(counts[severity])} {severity}" for severity in SEVERITIES if counts[severity])
    echo(f"Looked at {looked}: {found}.")


def _lines(finding: Finding) -> list[str]:
    title = "repaired" if finding.repaired else _TITLES[finding.severity]
    lines = [printable(f"{title}: {finding.what}: {finding.problem.rstrip('.')}.")]
    if finding.affected:
        shown = ", ".join(finding.affected[:_SHOWN_AFFECTED])
        more = len(finding.affected) - _SHOWN_AFFECTED
        lines.append(printable(f"    affects {shown}{f' and {more} more' if more > 0 else ''}"))
    if finding.advice and not finding.repaired:
        lines.append(printable(f"    {finding.advice}"))
    return lines


def _plain(report: Report) -> dict[str, Any]:
    return {
        "is_lost": report.is_lost,
        "runs": report.runs,
        "tasks": report.tasks,
        "chunks": report.chunks,
        "bytes": report.size,
        "hashed": report.hashed,
        "findings": [{**finding._asdict(), "affected": list(finding.affected)} for finding in report.findings],
    }
