"""``metaflow runs delete``: runs that are named, or found, go with all that they left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..client.upkeep.stores_of_runs import runs_by_store
from ..exception import CannotDelete
from .clean_up_report import plain, print_outcome, print_plan, totals
from .confirming import Progress, confirmed
from .messages import echo
from .pathspec_candidates import run_names
from .reading import output_options, reads_runs
from .run_filter_options import run_filter_options
from .run_names import check_flow, find_run, names_a_flow
from .run_search import RunFilter, find_runs
from .table import print_json

if TYPE_CHECKING:
    from ..client.upkeep.clean_up import Outcome, Plan
    from ..client.upkeep.inventory import RunName
    from ..datastore.store import ObjectStore
    from .reading import Place


@click.command("delete")
@click.argument("names", nargs=-1, metavar="[FLOW/RUN | FLOW]...", shell_complete=run_names)
@run_filter_options
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.option("--yes", "-y", is_flag=True, help="Do it without asking.")
@output_options
@reads_runs
def delete(place: Place, /, names: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool, **filters: Any) -> None:
    """Delete runs with all that they left: records, artifacts, logs, cards. There is no way back.

    Name runs (FLOW/RUN, or the beginning or end of an id), or choose them by options, of FLOW or of all flows.
    What other runs need stays, also if it was one of these runs that made it.
    """
    if filters["user"] is not None:
        place = place._replace(namespace=None)
    chosen = _chosen(place, names, RunFilter(**filters))
    if not chosen:
        echo(f"There are no runs like that in {place.described}.")
        return
    done = [
        _delete(place, store, runs, RunFilter(**filters) == RunFilter(), dry_run, yes, as_json)
        for store, runs in runs_by_store(place.provider, chosen)
    ]
    if as_json:
        print_json(_merged([plain(plan, outcome) for plan, outcome in done]))
    if not dry_run and any(outcome is None or outcome.refused for _, outcome in done):
        raise SystemExit(1)


def _delete(
    place: Place, store: ObjectStore, runs: list[RunName], are_named: bool, dry_run: bool, yes: bool, quiet: bool
) -> tuple[Plan, Outcome | None]:
    """Delete runs of one datastore, if that is wanted; what would go, and what went."""
    from ..client.upkeep.clean_up import CleanUp

    progress = Progress()
    clean_up = CleanUp(place.provider, store, progress)
    plan = clean_up.plan_for(runs)
    progress.clear()
    if plan.kept and are_named:
        raise CannotDelete(f"Run {plan.kept[0][0]} cannot be deleted: {plan.kept[0][1]}.")
    if not quiet:
        print_plan(plan)
        echo(f"This would go: {totals(plan)}.")
    if dry_run:
        return plan, None
    if not confirmed("Delete it for good?", yes):
        echo("Nothing was deleted. Give --yes to do it.")
        return plan, None
    outcome = clean_up.carry_out(plan)
    progress.clear()
    if not quiet:
        print_outcome(plan, outcome)
    return plan, outcome


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """What was done in several datastores, as if it were one."""
    first, *others = parts
    for other in others:
        for key, value in other.items():
            first[key] = value if isinstance(value, bool) else first[key] + value
    return first


def _chosen(place: Place, names: tuple[str, ...], wanted: RunFilter) -> list[RunName]:
    """Flow and id of the runs that are meant."""
    flows = [name for name in names if names_a_flow(name)]
    named = [name for name in names if name not in flows]
    filtered = wanted != RunFilter()
    if not names and not filtered:
        raise click.UsageError("Name the runs to delete, or choose them with options such as --status or --until.")
    if named and filtered:
        raise click.UsageError("Options choose among the runs of a flow. Leave them out where runs are named.")
    if flows and not filtered:
        raise click.UsageError(
            f"Say which runs of {flows[0]} to delete: {flows[0]}/RUN, or options such as --status or --until."
        )
    found = [find_run(place, name) for name in named]
    if filtered:
        for flow in flows:
            check_flow(place, flow)
        for each in flows or (None,):
            found += find_runs(place, wanted._replace(flow=each))
    return list(dict.fromkeys((run.flow, run.run_id) for run in found))
