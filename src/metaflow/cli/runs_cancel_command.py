"""``metaflow runs cancel``: ends runs that go on, here or on any other machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from ..exception import CannotCancel, MetaflowException
from .confirming import confirmed
from .messages import echo
from .pathspec_candidates import run_names
from .reading import output_options, reads_runs
from .run_names import find_run
from .table import Column, print_json, print_table

if TYPE_CHECKING:
    from ..client.cancellation import CancelledRun
    from ..metadata_store.records import RunRecord
    from .reading import Place


@click.command("cancel")
@click.argument("names", nargs=-1, required=True, metavar="FLOW/RUN...", shell_complete=run_names)
@click.option("--yes", "-y", is_flag=True, help="Do it without asking.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=None,
    metavar="SECONDS",
    help="How long to wait until a run has stopped.  [default: 120]",
)
@output_options
@reads_runs
def cancel(place: Place, /, names: tuple[str, ...], yes: bool, wait: float | None, as_json: bool) -> None:
    """End runs that go on, with all of their tasks.

    A run's process is asked to stop, on whatever machine it is; if it is gone, the tasks that it left on other machines
    are ended. What was finished stays: the run can be resumed. FLOW or `latest` stands for the latest run.
    """
    chosen = list({(run.flow, run.run_id): run for run in (find_run(place, name) for name in names)}.values())
    going_on = [run for run in chosen if run.status == "running" or _left_jobs(place, run)]
    if going_on and not confirmed(_question(going_on), yes):
        echo("Nothing was cancelled. Give --yes to do it.")
        raise SystemExit(1)
    done: list[CancelledRun | None] = []
    problem: MetaflowException | None = None
    for run in chosen:
        try:
            done.append(_cancel(place, run, wait, as_json))
        except MetaflowException as error:
            # The others are to be cancelled all the same.
            done.append(None)
            problem = problem or error
    if as_json:
        print_json([_plain(run, outcome) for run, outcome in zip(chosen, done, strict=True)])
    if problem is not None:
        raise problem
    if any(outcome is not None and _goes_on(outcome) for outcome in done):
        raise SystemExit(1)


def _left_jobs(place: Place, run: RunRecord) -> bool:
    """Whether a run whose process died sent tasks elsewhere, where they may go on."""
    from ..client.recovery import PROCESS_DIED
    from ..datastore.layout import job_key

    if run.message != PROCESS_DIED:
        return False
    return any(place.provider.store_of(run.flow, run.run_id).list(job_key(run.flow, run.run_id)))


def _question(runs: list[RunRecord]) -> str:
    if len(runs) == 1:
        return f"Cancel run {runs[0].flow}/{runs[0].run_id} of {runs[0].user}?"
    return f"Cancel {len(runs)} runs?"


def _cancel(place: Place, run: RunRecord, wait: float | None, quiet: bool) -> CancelledRun | None:
    """Cancel one run; None if it had ended already, which is as good."""
    from ..compute.cancelling import PATIENCE_SECONDS, cancel_run

    patience = PATIENCE_SECONDS if wait is None else wait
    try:
        outcome = cancel_run(place.provider, run.flow, run.run_id, echo if sys.stderr.isatty() else _silent, patience)
    except CannotCancel as error:
        echo(error.message)
        return None
    if not quiet:
        _print(outcome)
    return outcome


def _silent(text: str) -> None:
    pass


def _goes_on(outcome: CancelledRun) -> bool:
    return outcome.status == "running" or any(task.status == "running" for task in outcome.tasks)


def _print(outcome: CancelledRun) -> None:
    tasks = outcome.tasks
    if tasks:
        print_table(
            [
                Column("task", [task.task for task in tasks]),
                Column("attempt", [str(task.attempt) for task in tasks], numeric=True),
                Column("became", [task.status for task in tasks], is_status=True),
                Column("was on", [task.place for task in tasks]),
            ]
        )
    if outcome.status == "running":
        echo(
            f"Run {outcome.pathspec} was asked to stop, but has not yet. `metaflow runs show {outcome.pathspec}` tells "
            "how it is."
        )
        return
    why = f": {outcome.message}" if outcome.message else ""
    if outcome.status == "stopped":
        echo(f"Run {outcome.pathspec} was stopped{why}.")
    elif any(task.place for task in tasks):
        echo(f"Run {outcome.pathspec} had ended before ({outcome.status}{why}), but left tasks on other machines.")
    else:
        echo(f"Run {outcome.pathspec} ended by itself before it could be stopped ({outcome.status}{why}).")
    left = sum(task.status == "running" for task in tasks)
    if left:
        echo(f"{left} of its tasks were asked to end, but have not yet: cancel the run again to see.")


def _plain(run: RunRecord, outcome: CancelledRun | None) -> dict[str, Any]:
    if outcome is None:
        return {"run": f"{run.flow}/{run.run_id}", "status": run.status, "message": run.message, "tasks": []}
    return {
        "run": outcome.pathspec,
        "status": outcome.status,
        "message": outcome.message,
        "tasks": [task._asdict() for task in outcome.tasks],
    }
