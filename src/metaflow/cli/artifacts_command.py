"""``metaflow artifacts``: what a task left, without loading any of it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from ..client.artifact import facts_in_words
from ..client.run_values import value_of
from ..exception import CommandException
from .pathspec_candidates import pathspecs
from .reading import output_options, reads_runs
from .run_names import find_named, find_tasks
from .run_report import fact_lines
from .run_values import artifacts_of
from .runs_command import value_text
from .table import Column, print_json, print_lines, print_table
from .tasks_command import find_one_task

if TYPE_CHECKING:
    from ..client.run_values import Value
    from ..metadata_store.records import TaskRecord
    from .reading import Place


@click.command()
@click.argument("pathspec", shell_complete=pathspecs)
@click.option("--load", is_flag=True, help="Load the one artifact that is named, and print it in full.")
@output_options
@reads_runs
def artifacts(place: Place, /, pathspec: str, load: bool, as_json: bool) -> None:
    """List the artifacts of PATHSPEC, or show one.

    PATHSPEC is RUN for its last step, RUN/STEP for a step with one task, RUN/STEP/TASK, or RUN/STEP/TASK/ARTIFACT.
    Values are shown as they were described when they were saved: nothing is loaded, unless --load asks for it.
    """
    named = find_named(place, pathspec)
    task = find_one_task(place, pathspec, most=5) if named.rest else _last_task(place, pathspec)
    name = named.rest[2] if len(named.rest) == 3 else None
    if load and name is None:
        raise click.UsageError("--load loads one artifact: name it, as in RUN/STEP/TASK/ARTIFACT.")
    if name is None:
        found = artifacts_of(place.provider, task)
        _print_list(found, as_json)
        return
    value = _one(place, task, name)
    if load:
        _print_loaded(task, name)
    elif as_json:
        print_json(_plain(name, value))
    else:
        facts = {"artifact": f"{task.pathspec}/{name}", "type": value.type, "bytes": str(value.size), "hash": value.sha}
        print_lines(fact_lines({**facts, "value": value_text(value), **facts_in_words(value.facts)}))


def _last_task(place: Place, pathspec: str) -> TaskRecord:
    named = find_named(place, pathspec)
    end = named.run.end_step or "end"
    return find_tasks(place, named._replace(rest=(end,)))[-1]


def _one(place: Place, task: TaskRecord, name: str) -> Value:
    reader = place.provider.reader(task)
    if reader is not None and name in reader:
        return value_of(reader, name, loads=True)
    names = [] if reader is None else [each for each in reader if not each.startswith("_")]
    close = get_close_matches(name, names, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    there = f" Its artifacts are: {', '.join(sorted(names))}." if names else f" It has none: it is {task.status}."
    raise CommandException(f"Task {task.pathspec} has no artifact {name}.{hint}{there}")


def _print_list(found: dict[str, Value], as_json: bool) -> None:
    if as_json:
        print_json([_plain(name, value) for name, value in found.items()])
        return
    print_table(
        [
            Column("artifact", list(found)),
            Column("type", [value.type for value in found.values()], may_be_cut=True),
            Column("bytes", [str(value.size) for value in found.values()], numeric=True),
            Column("value", [value_text(value) for value in found.values()], may_be_cut=True),
        ]
    )


def _plain(name: str, value: Value) -> dict[str, Any]:
    plain = {"name": name, "type": value.type, "size": value.size, "sha": value.sha, "value": value.plain()}
    return {**plain, "facts": value.facts} if value.facts else plain


def _print_loaded(task: TaskRecord, name: str) -> None:
    from ..client import Task

    value = Task(task.pathspec, _namespace_check=False)[name].data
    print_lines([value if isinstance(value, str) else repr(value)])
