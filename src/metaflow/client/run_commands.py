"""What to type to repeat a run, to go on with it, or to look into it. Pure."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.datastore.layout import START_FIELD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from metaflow.datastore.manifest import Manifest
    from metaflow.metadata_store.records import RunRecord, TaskRecord

_RUNNING = ("run", "resume")
#: Options by which a program that drives runs is told of them; they name files of that program.
_OF_RUNNERS = ("--runner-attribute-file", "--run-id-file")


class StartedWith(NamedTuple):
    """The command line of a run, taken apart.

    Attributes
    ----------
    program : tuple of str
        What starts the flow's file, such as ``python flow.py``.
    settings : tuple of str
        Options before the command.
    command : str
        ``run`` or ``resume``.
    options : tuple of str
        What follows the command.
    directory : str or None
        Where it was typed.
    is_recorded : bool
        False if it is only what such a run is usually started with: the run's own was not recorded.
    """

    program: tuple[str, ...]
    settings: tuple[str, ...]
    command: str
    options: tuple[str, ...]
    directory: str | None
    is_recorded: bool


def start_in(given: Manifest) -> Mapping[str, Any]:
    """How a run was started, as the task that holds its parameters tells it; empty for a run of an older version."""
    start = given.record.get(START_FIELD)
    return start if isinstance(start, dict) else {}


def started_with(run: RunRecord, start: Mapping[str, Any]) -> StartedWith:
    """Take apart how a run was started.

    Parameters
    ----------
    run : RunRecord
    start : mapping
        As `metaflow.runtime.start_record` described it; empty if it did not.
    """
    arguments, count = start.get("arguments"), start.get("program")
    directory = start.get("directory")
    if isinstance(arguments, list) and _are_texts(arguments) and isinstance(count, int) and 0 < count <= len(arguments):
        program, rest = _plain_program(arguments[:count]), arguments[count:]
        for index, word in enumerate(rest):
            if word in _RUNNING:
                options = _without(rest[index + 1 :], _OF_RUNNERS)
                return StartedWith(program, tuple(rest[:index]), word, options, directory, True)
    command = "resume" if run.origin_run_id else "run"
    return StartedWith(("python", run.script or "FLOW.py"), (), command, (), directory, False)


def repeat_command(run: RunRecord, started: StartedWith) -> str:
    """The line that starts such a run again."""
    options = list(started.options)
    if started.command == "resume" and run.origin_run_id and not _has(options, "--origin-run-id"):
        # Left out, it means the latest run, which is another one by now.
        options += ["--origin-run-id", run.origin_run_id]
    return _line(started, started.command, *options)


def resume_command(run: RunRecord, started: StartedWith, steps: Sequence[str] = ()) -> str:
    """The line that goes on with a run: from these steps on, or from where it did not finish."""
    return _line(started, "resume", *steps, "--origin-run-id", run.run_id, *_added_decorators(started.options))


def spin_command(task: TaskRecord, started: StartedWith) -> str:
    """The line that runs one task again, alone."""
    return _line(started, "spin", f"{task.run_id}/{task.step}/{task.task_id}")


def logs_command(task: TaskRecord, of_attempt: bool = False) -> str:
    """The line that shows what a task printed: in its latest attempt, or in this one."""
    attempt = ["--attempt", str(task.attempt)] if of_attempt else []
    return shlex.join(["metaflow", "logs", task.pathspec, *attempt])


def _line(started: StartedWith, command: str, *options: str) -> str:
    return shlex.join([*started.program, *started.settings, command, *options])


def _plain_program(arguments: Sequence[str]) -> tuple[str, ...]:
    """The program as a person types it: an interpreter that has a path of its own is kept as it is."""
    interpreter, *rest = arguments
    name = os.path.basename(interpreter)
    # A shell finds this one; how it was found then says nothing.
    return (name if interpreter in (f"/usr/bin/{name}", f"/usr/local/bin/{name}") else interpreter, *rest)


def _without(arguments: Sequence[str], options: Sequence[str]) -> tuple[str, ...]:
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in options:
            skip = True
        elif not argument.startswith(tuple(f"{option}=" for option in options)):
            kept.append(argument)
    return tuple(kept)


def _added_decorators(arguments: Sequence[str]) -> Iterator[str]:
    """The options, of a command, by which every step gets a decorator: resuming knows only those that it is given."""
    for argument, before in zip(arguments, ("", *arguments), strict=False):
        if argument == "--with" or argument.startswith("--with=") or before == "--with":
            yield argument


def _has(arguments: Sequence[str], option: str) -> bool:
    return any(argument == option or argument.startswith(f"{option}=") for argument in arguments)


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(each, str) for each in values)
