"""``metaflow runs compare``: in what runs differ."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ..client.compared_run import compared_run
from ..client.run_comparison import Compared, Row, compare as side_by_side
from ..client.run_summary import summarise, tasks_of
from ..client.run_values import ValueReader
from .messages import echo
from .pathspec_candidates import run_names
from .plain_records import plain_run
from .reading import output_options, reads_runs
from .run_names import find_run
from .table import Column, print_json, print_lines, print_table
from .times import ago, clock

if TYPE_CHECKING:
    from ..metadata_store.records import RunRecord
    from .reading import Place

_TITLES = {
    "run": "Run",
    "parameters": "Parameters",
    "artifacts": "Artifacts of the last step",
    "code": "Code",
    "durations": "Durations",
}


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, shell_complete=run_names)
@click.option("--all", "everything", is_flag=True, help="Show also in what they agree.")
@output_options
@reads_runs
def compare(place: Place, /, runs: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Show in what RUNS differ: parameters, simple artifacts of the last step, code, tags and durations.

    A run is FLOW/ID, an id, the beginning or the end of one, `latest` or `latest~1`, or FLOW for its latest run.
    """
    if len(runs) < 2:
        raise click.UsageError("Name two runs or more, such as latest~1 and latest.")
    found = [find_run(place, text) for text in runs]
    sections = side_by_side([_read(place, run) for run in found])
    if not everything:
        sections = {name: [row for row in rows if row.differs] for name, rows in sections.items()}
    if as_json:
        print_json({"runs": [plain_run(run) for run in found], **_plain(sections)})
    else:
        _print(found, sections)


def _read(place: Place, run: RunRecord) -> Compared:
    provider = place.provider
    values = ValueReader(provider, echo, loads=True)
    return compared_run(provider, run, values, summarise(tasks_of(provider, run)))


def _plain(sections: dict[str, list[Row]]) -> dict[str, Any]:
    return {
        section: [{"name": row.name, "values": row.values, "differs": row.differs} for row in rows]
        for section, rows in sections.items()
    }


def _print(found: list[RunRecord], sections: dict[str, list[Row]]) -> None:
    labels = [f"({number})" for number in range(1, len(found) + 1)]
    print_table(
        [
            Column("", labels),
            Column("run", [f"{run.flow}/{run.run_id}" for run in found]),
            Column("status", [run.status for run in found], is_status=True),
            Column("started", [f"{clock(run.started_at)} ({ago(run.started_at, time.time())})" for run in found]),
        ]
    )
    for section, rows in sections.items():
        if not rows:
            continue
        columns = [Column(_TITLES[section], [row.name for row in rows])]
        for index, label in enumerate(labels):
            columns.append(Column(label, [row.texts[index] for row in rows], may_be_cut=True))
        print_lines([""])
        print_table(columns)
    if not any(sections.values()):
        echo("The runs do not differ.")
    elif sections["code"] and all(row.name != "code" for row in sections["code"]):
        print_lines(
            ["", f"What changed in the code: metaflow code diff-runs {_pathspec(found[0])} {_pathspec(found[-1])}"]
        )


def _pathspec(run: RunRecord) -> str:
    return f"{run.flow}/{run.run_id}"
