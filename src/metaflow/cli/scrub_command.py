"""``logs scrub``: take back what tasks should not have printed."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from ..datastore.logs import format_lines, read_log
from .candidates import past_tasks
from .messages import echo
from .past_tasks import find_tasks

if TYPE_CHECKING:
    from ..client import Task
    from ..datastore.logs import LogStream
    from .flow_command import FlowState


@click.command(help="Overwrite the output of RUN/STEP or RUN/STEP/TASK. What was printed cannot be had back.")
@click.argument("path", metavar="RUN/STEP[/TASK]", shell_complete=past_tasks)
@click.option("--stdout", "which", flag_value="stdout", help="Only what went to stdout.")
@click.option("--stderr", "which", flag_value="stderr", help="Only what went to stderr.")
@click.option("--both", "which", flag_value="both", default="both", help="Both.  [default]")
@click.option("--attempt", type=click.IntRange(min=0), help="Of this attempt instead of the latest.")
@click.option("--latest/--all", default=True, show_default=True, help="Of the latest attempt, or of all.")
@click.option("--include-not-done", is_flag=True, help="Also of tasks that are running or were killed.")
@click.pass_obj
def scrub(state: FlowState, path: str, which: str, attempt: int | None, latest: bool, include_not_done: bool) -> None:
    """Scrub logs."""
    from .logs_command import streams_of

    for task in find_tasks(state, path):
        if task.status not in ("done", "failed") and not include_not_done:
            echo(f"{task.pathspec} is {task.status}, so its log stays; --include-not-done scrubs it too.")
            continue
        if task.origin_pathspec is not None:
            echo(f"{task.pathspec} is a clone, whose log is that of {task.origin_pathspec}: scrub it there.")
            continue
        for each in _attempts(task, attempt, latest):
            _scrub(each, streams_of(which))
            sys.stdout.write(f"Scrubbed the log of {task.pathspec}, attempt {each.current_attempt}.\n")


def _attempts(task: Task, attempt: int | None, latest: bool) -> list[Task]:
    from ..client import Task

    if attempt is not None:
        numbers = [attempt]
    elif latest:
        return [task]
    else:
        numbers = list(range(task.current_attempt + 1))
    return [Task(task.pathspec, attempt=number, _namespace_check=False) for number in numbers]


def _scrub(task: Task, streams: tuple[LogStream, ...]) -> None:
    """Write the log anew, with one line in the place of each of these streams."""
    record = task._current()
    lines = list(read_log(task._provider.log(record) or b""))
    if not lines:
        return  # it printed nothing
    content = b"".join(
        [
            format_lines(line.stream, [line.text], line.timestamp_microseconds)
            for line in lines
            if line.stream not in streams
        ]
    )
    now = time.time_ns() // 1000
    for stream in streams:
        if any(line.stream == stream for line in lines):
            content += format_lines(stream, [f"[REDACTED task {stream}]".encode()], now)
    task._provider.replace_log(record, content)
