"""``dump``: the artifacts of a step or a task of a past run."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..exception import CommandException
from .candidates import past_tasks
from .messages import echo
from .past_tasks import find_tasks

if TYPE_CHECKING:
    from ..client import Task
    from .flow_command import FlowState


@click.command(help="Show the artifacts of RUN/STEP or RUN/STEP/TASK.")
@click.argument("path", metavar="RUN/STEP[/TASK]", shell_complete=past_tasks)
@click.option("--private/--no-private", default=False, show_default=True, help="Show internal artifacts too.")
@click.option(
    "--max-value-size",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="Show values of up to so many bytes; 0 for names only.",
)
@click.option("--include", default="", help="Show only these artifacts, separated by commas.")
@click.option("--file", "file", type=click.Path(path_type=Path), help="Write the values to this file, pickled.")
@click.pass_obj
def dump(state: FlowState, path: str, private: bool, max_value_size: int, include: str, file: Path | None) -> None:
    """Show, or write to a file, what tasks left."""
    wanted = {name.strip() for name in include.split(",") if name.strip()}
    collected: dict[str, dict[str, Any]] = {}
    tasks = find_tasks(state, path)
    if not state.quiet:
        echo(f"Dumping output of {'task' if path.count('/') == 2 else 'step'} *{path}*")
    for task in tasks:
        names = [
            name
            for name in task.artifact_names(private=True)
            if (not wanted or name in wanted) and (private or name in wanted or not name.startswith("_"))
        ]
        if file is not None:
            collected[task.pathspec] = {name: task[name].data for name in names}
            continue
        if len(tasks) > 1:
            echo(f"[{task.pathspec}]")
        if not names and task.status in ("running", "killed"):
            why = "it is still running" if task.status == "running" else "it was stopped"
            echo(f"Task {task.pathspec} has left no artifacts: {why}.")
        for name in names:
            sys.stdout.write(_line(task, name, max_value_size) + "\n")
    missing = wanted - {name for task in tasks for name in task.artifact_names(private=True)}
    if missing:
        raise CommandException(f"No task of {path} has an artifact called {', '.join(sorted(missing))}.")
    if file is not None:
        try:
            file.write_bytes(pickle.dumps(collected, protocol=4))
        except OSError as error:
            raise CommandException(f"The file {file} cannot be written: {error.strerror}.") from error
        echo(f"Artifacts written to *{file}*")


def _line(task: Task, name: str, max_value_size: int) -> str:
    artifact = task[name]
    head = f"{name} [size: {artifact.size} type: {artifact.type}]"
    if not max_value_size:
        return head
    if artifact.size > max_value_size:
        return f"{head} = < artifact too large >"
    return f"{head} = {artifact.data!r}"
