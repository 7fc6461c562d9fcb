"""``metaflow tasks``: the tasks of a run, and all that matters of one."""

from __future__ import annotations

import sys
import time
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from ..client.run_summary import error_text, foreach_text, seconds_of, status_of, tasks_of
from ..client.times import span
from ..exception import CommandException
from ..metadata_store.store import TaskQuery
from .messages import echo
from .pathspec_candidates import pathspecs
from .plain_records import plain_task
from .reading import output_options, reads_runs
from .run_names import Named, find_named, find_tasks
from .run_report import fact_lines, value_lines
from .run_values import artifacts_of
from .table import Column, print_json, print_lines, print_table, printable
from .times import ago, clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..metadata_store.records import TaskRecord
    from .reading import Place

_RELATIVES_SHOWN = 5
_TASKS_PER_PAGE = 2000
_STATUSES = ("running", "done", "caught", "failed", "killed")


@click.group(help="List and show the tasks of a run.")
def tasks() -> None:
    """Commands about tasks."""


@tasks.command("list")
@click.argument("pathspec", shell_complete=pathspecs)
@click.option("--status", type=click.Choice(_STATUSES), help="Only tasks of this status.")
@click.option(
    "--limit", "-n", type=click.IntRange(min=0), default=100, show_default=True, help="How many at most; 0 for all."
)
@output_options
@reads_runs
def list_tasks(place: Place, /, pathspec: str, status: str | None, limit: int, as_json: bool) -> None:
    """List the tasks of PATHSPEC, a run or a step of one, the newest first."""
    named = find_named(place, pathspec, most=3)
    found = list(islice(_tasks(place, named, status, limit), limit + 1 if limit else None))
    more = bool(limit) and len(found) > limit
    found = found[:limit] if limit else found
    if as_json:
        print_json([plain_task(task) for task in found])
        return
    now = time.time()
    for_people = sys.stdout.isatty()
    print_table(
        [
            Column("task", [f"{task.step}/{task.task_id}" for task in found]),
            Column("status", [status_of(task) for task in found], is_status=True),
            Column("foreach", [foreach_text(task) for task in found], may_be_cut=True),
            Column("started", [ago(task.started_at, now) if for_people else clock(task.started_at) for task in found]),
            Column("duration", [span(seconds_of(task)) for task in found], numeric=True),
            Column("attempts", [str(task.attempt + 1) for task in found], numeric=True),
            Column("error", [error_text(task) for task in found], may_be_cut=True),
        ]
    )
    if more:
        echo(f"There are more tasks: --limit {limit * 10} lists more of them, --limit 0 all.")
    if not found:
        echo(f"{named.pathspec} has no tasks{f' that are {status}' if status else ''}.")


def _tasks(place: Place, named: Named, status: str | None, limit: int) -> Iterator[TaskRecord]:
    step = named.rest[0] if named.rest else None
    page_size = limit + 2 if limit and status is None else _TASKS_PER_PAGE
    of_run = tasks_of(place.provider, named.run, step, page_size)
    found = (task for task in of_run if status in (None, status_of(task)))
    first = next(found, None)
    if first is None:
        if step is not None:
            find_tasks(place, named)  # which says what is wrong, if there is no such step
        return
    yield first
    yield from found


@tasks.command("show")
@click.argument("pathspec", shell_complete=pathspecs)
@output_options
@reads_runs
def show(place: Place, /, pathspec: str, as_json: bool) -> None:
    """Show the task of PATHSPEC: its attempts, its place in foreaches, its artifacts, and what went wrong.

    PATHSPEC is RUN/STEP/TASK, or RUN/STEP of a step with one task.
    """
    task = find_one_task(place, pathspec)
    query = TaskQuery(task.flow, task.run_id, task.step, task.task_id, all_attempts=True)
    attempts = place.provider.tasks(query)[::-1]
    if as_json:
        print_json(_plain(place, task, attempts))
    else:
        _print(place, task, attempts)


def find_one_task(place: Place, pathspec: str, most: int = 4) -> TaskRecord:
    """The task that a pathspec names.

    Raises
    ------
    CommandException
        There is none, or the pathspec names several.
    """
    named = find_named(place, pathspec, most)
    if not named.rest:
        steps = Counter(task.step for task in find_tasks(place, named))
        raise CommandException(
            f"{named.pathspec} is a run. Name one of its steps or tasks too: "
            f"{', '.join(f'{named.pathspec}/{step}' for step in list(steps)[:5]) or 'it has none yet'}."
        )
    found = find_tasks(place, named._replace(rest=named.rest[:2]))
    if len(found) > 1:
        raise CommandException(
            f"Step {named.pathspec} has {len(found)} tasks. Name one of them, such as {found[0].pathspec}; "
            f"`metaflow tasks list {named.pathspec}` lists them."
        )
    return found[0]


def _relatives(task: TaskRecord) -> dict[str, list[str]]:
    from ..client import Task

    client_task = Task(task.pathspec, _namespace_check=False)
    return {"parents": list(client_task.parent_task_pathspecs), "children": list(client_task.child_task_pathspecs)}


def _traceback(task: TaskRecord) -> str | None:
    """Where it went wrong, as the task recorded it."""
    if task.error is None:
        return None
    from ..client import Task

    exception = Task(task.pathspec, _namespace_check=False).exception
    return None if exception is None else exception.stacktrace


def _plain(place: Place, task: TaskRecord, attempts: list[TaskRecord]) -> dict[str, Any]:
    artifacts = artifacts_of(place.provider, task)
    return {
        **plain_task(task),
        "attempts": [plain_task(attempt) for attempt in attempts],
        "traceback": _traceback(task),
        **_relatives(task),
        "artifacts": {
            name: {"value": value.plain(), "type": value.type, "size": value.size, "sha": value.sha}
            for name, value in artifacts.items()
        },
    }


def _print(place: Place, task: TaskRecord, attempts: list[TaskRecord]) -> None:
    print_table([Column("task", [task.pathspec]), Column("status", [status_of(task)], is_status=True)])
    relatives = {name: _few(found) for name, found in _relatives(task).items()}
    facts = {
        "started": f"{clock(task.started_at)} ({ago(task.started_at, time.time())})",
        "duration": span(seconds_of(task)),
        "foreach": foreach_text(task),
        "cloned from": task.origin or "",
        **relatives,
    }
    print_lines(["", *fact_lines({name: text for name, text in facts.items() if text})])
    if len(attempts) > 1:
        print_lines(["", "Attempts"])
        print_table(_attempt_columns(attempts), indent="  ")
    artifacts = artifacts_of(place.provider, task)
    if artifacts:
        print_lines(["", "Artifacts", *(f"  {line}" for line in value_lines(artifacts))])
    trace = _traceback(task)
    if trace is not None:
        print_lines(["", *(printable(line) for line in trace.rstrip().splitlines())])
    elif task.error is not None:
        print_lines(["", printable(error_text(task))])
    print_lines(["", f"What it printed: metaflow logs {task.pathspec}"])


def _few(found: list[str]) -> str:
    rest = len(found) - _RELATIVES_SHOWN
    return ", ".join(found[:_RELATIVES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _attempt_columns(attempts: list[TaskRecord]) -> list[Column]:
    return [
        Column("attempt", [str(task.attempt) for task in attempts], numeric=True),
        Column("status", [status_of(task) for task in attempts], is_status=True),
        Column("started", [clock(task.started_at) for task in attempts]),
        Column("duration", [span(seconds_of(task)) for task in attempts], numeric=True),
        Column("error", [error_text(task) for task in attempts], may_be_cut=True),
    ]
