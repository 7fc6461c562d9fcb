"""``metaflow runs``: what ran, what became of it, and how runs differ."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from ..client.run_summary import duration_of
from ..client.times import span
from .lazy_group import LazyGroup, Where
from .messages import echo
from .pathspec_candidates import flow_names
from .plain_records import plain_run
from .reading import output_options, reads_runs
from .run_filter_options import run_filter_options
from .run_search import ORDERS, RunFilter, find_runs
from .run_values import parameters_of, results_of
from .table import Column, print_json, print_table
from .times import ago, clock

if TYPE_CHECKING:
    from ..client.provider import Provider
    from ..client.run_values import Value
    from ..metadata_store.records import RunRecord
    from .reading import Place


@click.group(
    cls=LazyGroup,
    where={
        "list": Where("runs_command", "list_runs", "List runs, the newest first."),
        "show": Where("run_report", "show", "Show a run: its steps, parameters, results, and what failed."),
        "compare": Where("runs_compare_command", "compare", "Show in what runs differ."),
        "export": Where("runs_export_command", "export", "Write a run as a single HTML file."),
        "cancel": Where("runs_cancel_command", "cancel", "End runs that go on, on any machine."),
        "delete": Where("runs_delete_command", "delete", "Delete runs with all that they left."),
    },
    help="List, show, compare, export, cancel and delete runs.",
)
def runs() -> None:
    """Commands about runs."""


@click.command("list")
@click.argument("flow", required=False, shell_complete=flow_names)
@run_filter_options
@click.option("--show", "shown", multiple=True, metavar="NAME", help="List this parameter or artifact too.")
@click.option(
    "--order",
    default="-started",
    show_default=True,
    metavar="[-]FIELD",
    help=f"Sort by {', '.join(ORDERS)}; with a dash, the largest first.",
)
@click.option(
    "--limit", "-n", type=click.IntRange(min=0), default=20, show_default=True, help="How many at most; 0 for all."
)
@output_options
@reads_runs
def list_runs(place: Place, /, as_json: bool, shown: tuple[str, ...], limit: int, **options: Any) -> None:
    """List runs, the newest first, of FLOW or of all flows."""
    if options["order"].removeprefix("-") not in ORDERS:
        raise click.BadParameter(f"'{options['order']}' is none of {', '.join(ORDERS)}.", param_hint="--order")
    if options["user"] is not None:
        place = place._replace(namespace=None)
    wanted = RunFilter(**options, limit=limit + 1 if limit else None)
    _check_flow(place, wanted.flow)
    found = find_runs(place, wanted)
    more = bool(limit) and len(found) > limit
    found = found[:limit] if limit else found
    names = list(dict.fromkeys([*(c.name for c in (*wanted.parameters, *wanted.artifacts)), *shown]))
    values = [_values(place.provider, run, names) for run in found]
    if as_json:
        print_json([_plain(run, names, given) for run, given in zip(found, values, strict=True)])
        return
    print_table(_columns(found, names, values))
    _say_what_is_missing(place, wanted, found, more)


def _check_flow(place: Place, flow: str | None) -> None:
    if flow is not None:
        from .run_names import check_flow

        check_flow(place, flow)


def _values(provider: Provider, run: RunRecord, names: list[str]) -> dict[str, Value]:
    return {**results_of(provider, run), **parameters_of(provider, run)} if names else {}


def _plain(run: RunRecord, names: list[str], values: dict[str, Value]) -> dict[str, Any]:
    plain = plain_run(run)
    if names:
        plain["values"] = {name: values[name].plain() if name in values else None for name in names}
    return plain


def _columns(found: list[RunRecord], names: list[str], values: list[dict[str, Value]]) -> list[Column]:
    now = time.time()
    for_people = sys.stdout.isatty()
    return [
        Column("run", [f"{run.flow}/{run.run_id}" for run in found]),
        Column("status", [run.status for run in found], is_status=True),
        Column("user", [run.user for run in found], may_be_cut=True),
        Column("started", [ago(run.started_at, now) if for_people else clock(run.started_at) for run in found]),
        Column("duration", [span(duration_of(run)) for run in found], numeric=True),
        *(Column(name, [value_text(given.get(name)) for given in values], may_be_cut=True) for name in names),
        Column("tags", [", ".join(run.tags) for run in found], may_be_cut=True),
    ]


def value_text(value: Value | None) -> str:
    """A parameter or artifact in a table; texts stand without quotes."""
    if value is None:
        return ""
    return value.scalar if isinstance(value.scalar, str) else value.text


def _say_what_is_missing(place: Place, wanted: RunFilter, found: list[RunRecord], more: bool) -> None:
    """On stderr: whether there are more runs than are listed, and why there are none."""
    if more:
        echo(f"There are more runs: --limit {len(found) * 10} lists more of them, --limit 0 all.")
    if found:
        return
    flow = f" of {wanted.flow}" if wanted.flow is not None else ""
    filtered = wanted._replace(flow=None, limit=None) != RunFilter()
    such = " like that" if filtered else ""
    elsewhere = place.namespace is not None and find_runs(place._replace(namespace=None), wanted._replace(limit=1))
    hint = " There are some in others: --all-users lists everybody's." if elsewhere else ""
    echo(f"There are no runs{flow}{such} in {place.described}.{hint}")
