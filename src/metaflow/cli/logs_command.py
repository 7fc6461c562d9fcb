"""``logs``: what the tasks of a run printed, also while they are running."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from .candidates import past_tasks
from .messages import echo
from .past_tasks import find_tasks, tasks_so_far
from .scrub_command import scrub

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

    from ..client import Task
    from ..datastore.logs import LogLine, LogStream
    from .flow_command import FlowState

_POLL_SECONDS = 0.2


class _LogsGroup(click.Group):
    """``logs PATH`` means ``logs show PATH``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["show", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return [*super().shell_complete(ctx, incomplete), *past_tasks(ctx, None, incomplete)]


@click.group(cls=_LogsGroup, help="Show what tasks printed. `logs PATH` is short for `logs show PATH`.")
def logs() -> None:
    """Commands about logs."""


logs.add_command(scrub)


@logs.command(help="Show the output of RUN/STEP or RUN/STEP/TASK.")
@click.argument("path", metavar="RUN/STEP[/TASK]", shell_complete=past_tasks)
@click.option("--stdout", "which", flag_value="stdout", help="Only what went to stdout.")
@click.option("--stderr", "which", flag_value="stderr", help="Only what went to stderr.")
@click.option("--both", "which", flag_value="both", default="both", help="Both, stdout first.  [default]")
@click.option("--timestamps/--no-timestamps", default=False, show_default=True, help="Show when each line came.")
@click.option("--attempt", type=click.IntRange(min=0), help="Of this attempt instead of the latest.")
@click.option("--follow", "-f", is_flag=True, help="Go on, as lines come, until no more can.")
@click.pass_obj
def show(state: FlowState, path: str, which: str, timestamps: bool, attempt: int | None, follow: bool) -> None:
    """Show logs."""
    streams = streams_of(which)
    if follow:
        follow_logs(lambda: tasks_so_far(state, path), streams, timestamps, attempt)
    else:
        print_logs(find_tasks(state, path), streams, timestamps, attempt)


def streams_of(which: str) -> tuple[LogStream, ...]:
    """The streams that ``stdout``, ``stderr`` or ``both`` asks for."""
    if which == "both":
        return ("stdout", "stderr")
    return ("stdout",) if which == "stdout" else ("stderr",)


def print_logs(tasks: list[Task], streams: tuple[LogStream, ...], timestamps: bool, attempt: int | None) -> None:
    """Print what tasks printed, stream after stream; headings go to stderr."""
    for stream in streams:
        if len(streams) > 1:
            _head(f"Contents of {stream}:")
        for task in tasks:
            for number, line in enumerate(_at(task, attempt).log(stream)):
                if number == 0 and len(tasks) > 1:
                    _head(f"[{task.pathspec}]")
                _print(line, timestamps)
    sys.stdout.flush()


def _head(text: str) -> None:
    """A heading, in its place also where both streams go to one file."""
    sys.stdout.flush()
    echo(text)


def _at(task: Task, attempt: int | None) -> Task:
    """The task, or the one of its attempts that was asked for."""
    if attempt is None:
        return task
    from ..client import Task

    return Task(task.pathspec, attempt=attempt, _namespace_check=False)


def follow_logs(
    look: Callable[[], tuple[list[Task], bool]],
    streams: tuple[LogStream, ...],
    timestamps: bool,
    attempt: int | None,
) -> None:
    """Print the lines of tasks as they come, those of tasks that start later too, until no more can come.

    Parameters
    ----------
    look : callable
        Gives the tasks so far, and whether further ones may start.
    streams : tuple of str
    timestamps : bool
        Whether to print when each line came.
    attempt : int or None
        Which attempt of each task; None for the latest.
    """
    offsets: dict[str, int] = {}
    shown = ""
    while True:
        tasks, more_may_start = look()
        # Asked before reading, so that nothing printed last is missed.
        over = not more_may_start and all(task.status != "running" for task in tasks)
        for task in tasks:
            for line in _at(task, attempt).log(offset=offsets.get(task.pathspec, 0)):
                offsets[task.pathspec] = line.end_offset
                if line.stream not in streams:
                    continue
                if len(tasks) > 1 and shown != task.pathspec:
                    echo(f"[{task.pathspec}]")
                    shown = task.pathspec
                _print(line, timestamps)
        sys.stdout.flush()
        if over:
            return
        time.sleep(_POLL_SECONDS)


def _print(line: LogLine, timestamps: bool) -> None:
    stamp = ""
    if timestamps:
        seconds, rest = divmod(line.timestamp_microseconds, 1_000_000)
        stamp = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds))}.{rest // 1000:03d} "
    sys.stdout.write(f"{stamp}{line.text.decode('utf-8', 'replace')}\n")
