"""``metaflow logs``: what the tasks of any run, step or task printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..client.run_summary import tasks_of
from ..metadata_store.store import TaskQuery
from .logs_command import follow_logs, print_logs, streams_of
from .pathspec_candidates import pathspecs
from .reading import reads_runs
from .run_names import Named, find_named, find_tasks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..client import Task
    from ..metadata_store.records import TaskRecord
    from .reading import Place


@click.command()
@click.argument("pathspec", shell_complete=pathspecs)
@click.option("--stdout", "which", flag_value="stdout", help="Only what went to stdout.")
@click.option("--stderr", "which", flag_value="stderr", help="Only what went to stderr.")
@click.option("--both", "which", flag_value="both", default="both", help="Both, stdout first.  [default]")
@click.option("--timestamps/--no-timestamps", default=False, show_default=True, help="Show when each line came.")
@click.option("--attempt", type=click.IntRange(min=0), help="Of this attempt instead of the latest.")
@click.option("--failed", is_flag=True, help="Only of tasks that failed or were killed.")
@click.option("--follow", "-f", is_flag=True, help="Go on, as lines come, until no more can.")
@reads_runs
def logs(
    place: Place,
    /,
    pathspec: str,
    which: str,
    timestamps: bool,
    attempt: int | None,
    failed: bool,
    follow: bool,
) -> None:
    """Show what the tasks of PATHSPEC printed, in the order in which they were started.

    PATHSPEC is RUN, RUN/STEP or RUN/STEP/TASK.
    """
    named = find_named(place, pathspec, most=4)
    if follow:
        if failed:
            raise click.UsageError("--failed and --follow exclude each other: a task that runs has not failed yet.")
        follow_logs(lambda: _tasks_so_far(place, named), streams_of(which), timestamps, attempt)
        return
    found: Iterable[TaskRecord] = find_tasks(place, named)
    if failed:
        found = (task for task in found if task.status in ("failed", "killed"))
    print_logs(_client_tasks(found), streams_of(which), timestamps, attempt)


def _client_tasks(records: Iterable[TaskRecord]) -> list[Task]:
    from ..client import Task

    return [Task(record.pathspec, _namespace_check=False) for record in records]


def _tasks_so_far(place: Place, named: Named) -> tuple[list[Task], bool]:
    """The tasks that `named` names, and whether further ones may start."""
    run = place.provider.run(named.run.flow, named.run.run_id) or named.run
    running = run.status == "running"
    step = named.rest[0] if named.rest else None
    if len(named.rest) == 2 or not running:
        return _client_tasks(find_tasks(place, named)), False
    records = list(tasks_of(place.provider, run, step))[::-1]
    may_come = step is None or step in place.provider.graph(run.flow, run.run_id).get("steps", {})
    if step is not None and not records and not may_come:
        find_tasks(place, named)  # which says that there is no such step
    return _client_tasks(records), not (step is not None and records and _is_over(place, named, step))


def _is_over(place: Place, named: Named, step: str) -> bool:
    """Once a step that follows has begun, no more tasks of this one start."""
    flow, run_id = named.run.flow, named.run.run_id
    following = place.provider.graph(flow, run_id).get("steps", {}).get(step, {}).get("next", ())
    return any(place.provider.tasks(TaskQuery(flow, run_id, other, limit=1)) for other in following if other != step)
