"""``metaflow runs show``: all that matters of one run."""

from __future__ import annotations

import heapq
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..client.deleted_runs import deleted_text
from ..client.run_commands import resume_command, started_with
from ..client.run_summary import StepSummary, duration_of, error_text, foreach_text, summarise, tasks_of
from ..client.times import span
from ..exception import CommandException
from .pathspec_candidates import run_names
from .plain_records import plain_run, plain_step, plain_task
from .reading import output_options, reads_runs
from .run_names import find_run
from .run_values import reading
from .runs_command import value_text
from .table import Column, cut, print_json, print_lines, print_table, printable, terminal_width
from .times import ago, clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..client.run_commands import StartedWith
    from ..client.run_values import Value
    from ..metadata_store.records import RunRecord, TaskRecord
    from .reading import Place

_FAILURES_SHOWN = 5


class RunReport(NamedTuple):
    """What is shown of a run.

    Attributes
    ----------
    run : RunRecord
    parameters, results : dict of str to Value
        What it was given, and what its last step left.
    steps : list of StepSummary
    failures : list of TaskRecord
        Those that started first of the tasks that failed or were killed.
    failed : int
        How many failed or were killed.
    code : dict or None
        What is known of its code.
    elsewhere : int
        How many tasks go on on other machines although the run's process died.
    started : StartedWith
        The command that started it.
    """

    run: RunRecord
    parameters: dict[str, Value]
    results: dict[str, Value]
    steps: list[StepSummary]
    failures: list[TaskRecord]
    failed: int
    code: dict[str, Any] | None
    elsewhere: int
    started: StartedWith


@click.command("show")
@click.argument("run", shell_complete=run_names)
@output_options
@reads_runs
def show(place: Place, /, run: str, as_json: bool) -> None:
    """Show RUN: its steps, parameters, results, and what failed.

    RUN is FLOW/ID, an id, the beginning or the end of one, `latest` or `latest~1`, or FLOW for its latest run.
    """
    report = report_on(place, find_run(place, run))
    if as_json:
        print_json(_plain(report))
    else:
        _print(report)


def report_on(place: Place, run: RunRecord) -> RunReport:
    """Read what there is to say about a run.

    Raises
    ------
    CommandException
        It was deleted.
    """
    provider = place.provider
    code: Any = client_run(run).code
    # Where its code is, there is a run: no other look is needed, which would have to wait for a store out of reach too.
    if code is None and provider.deleted.look(run):
        raise CommandException(deleted_text(run.flow, run.run_id))
    values = reading(provider)
    failures: list[tuple[float, str, TaskRecord]] = []
    failed = 0

    def noting_failures(tasks: Iterable[TaskRecord]) -> Iterator[TaskRecord]:
        nonlocal failed
        for task in tasks:
            if task.status in ("failed", "killed"):
                failed += 1
                heapq.heappush(failures, (-task.started_at, task.pathspec, task))
                if len(failures) > _FAILURES_SHOWN:
                    heapq.heappop(failures)
            yield task

    steps = summarise(noting_failures(tasks_of(provider, run)))
    first = [task for _, _, task in sorted(failures, key=lambda failure: failure[:2], reverse=True)]
    return RunReport(
        run,
        values.parameters_of(run),
        values.results_of(run),
        steps,
        first,
        failed,
        None if code is None else {"files": sorted(code.files), **code.info},
        _tasks_elsewhere(place, run),
        started_with(run, values.start_of(run)),
    )


def _tasks_elsewhere(place: Place, run: RunRecord) -> int:
    from ..client.recovery import PROCESS_DIED
    from ..client.upkeep.run_life import tasks_elsewhere

    if run.message != PROCESS_DIED:
        return 0
    return tasks_elsewhere(place.provider.store_of(run.flow, run.run_id), run)


def client_run(run: RunRecord) -> Any:
    """The run as the client shows it."""
    from ..client import Run

    return Run(f"{run.flow}/{run.run_id}", _namespace_check=False)


def _plain(report: RunReport) -> dict[str, Any]:
    return {
        **plain_run(report.run),
        "parameters": {name: value.plain() for name, value in report.parameters.items()},
        "artifacts": {name: value.plain() for name, value in report.results.items()},
        "steps": [plain_step(step) for step in report.steps],
        "failed_tasks": report.failed,
        "failures": [plain_task(task) for task in report.failures],
        "tasks_elsewhere": report.elsewhere,
        "resume_command": resume_command(report.run, report.started) if _may_be_resumed(report.run) else None,
        "directory": report.started.directory,
        "code": report.code,
    }


def _may_be_resumed(run: RunRecord) -> bool:
    return run.status in ("failed", "stopped")


def _print(report: RunReport) -> None:
    run = report.run
    print_table([Column("run", [f"{run.flow}/{run.run_id}"]), Column("status", [run.status], is_status=True)])
    print_lines(["", *fact_lines(_facts(run))])
    for title, values in (("Parameters", report.parameters), ("Artifacts of the last step", report.results)):
        if values:
            print_lines(["", title, *(f"  {line}" for line in value_lines(values))])
    print_lines(["", "Steps"])
    if report.steps:
        print_table(_step_columns(report.steps), indent="  ")
    else:
        print_lines(["  none has begun"])
    print_lines(_failure_lines(report))


def _facts(run: RunRecord) -> dict[str, str]:
    facts = {
        "user": run.user,
        "started": f"{clock(run.started_at)} ({ago(run.started_at, time.time())})",
        "duration": span(duration_of(run)),
        "tags": ", ".join(run.tags),
        "system tags": ", ".join(run.system_tags),
        "script": run.script or "",
        "resumes": f"{run.flow}/{run.origin_run_id}" if run.origin_run_id else "",
        "ended with": run.message or "",
    }
    return {name: text for name, text in facts.items() if text}


def fact_lines(facts: dict[str, str]) -> list[str]:
    """Names and what they stand for, side by side."""
    room = max(map(len, facts), default=0)
    return [f"{name:{room}}  {printable(text)}" for name, text in facts.items()]


def value_lines(values: dict[str, Value]) -> list[str]:
    """Parameters or artifacts, one on each line, cut at the terminal's edge."""
    width = terminal_width()
    lines = fact_lines({name: value_text(value) for name, value in values.items()})
    return lines if width is None else [cut(line, width - 2) for line in lines]


def _step_columns(steps: list[StepSummary]) -> list[Column]:
    return [
        Column("step", [step.step for step in steps]),
        Column("tasks", [str(step.tasks) for step in steps], numeric=True),
        Column("status", [_status_text(step) for step in steps], is_status=True),
        Column("cloned", [str(step.cloned or "") for step in steps], numeric=True),
        Column("retried", [str(step.retried or "") for step in steps], numeric=True),
        Column("duration", [span(step.duration) for step in steps], numeric=True),
    ]


def _status_text(step: StepSummary) -> str:
    if len(step.counts) == 1:
        return next(iter(step.counts))
    return ", ".join(f"{count} {status}" for status, count in sorted(step.counts.items()))


def _failure_lines(report: RunReport) -> list[str]:
    lines = []
    for task in report.failures:
        where = foreach_text(task)
        attempts = f", attempt {task.attempt}" if task.attempt else ""
        lines += ["", f"{task.pathspec} {task.status}{attempts}{f', at {printable(where)}' if where else ''}"]
        if task.error is not None:
            lines.append(f"  {printable(error_text(task))}")
        lines.append(f"  metaflow tasks show {task.pathspec}")
    if report.failed > len(report.failures):
        rest = report.failed - len(report.failures)
        lines += ["", f"{rest} more: metaflow tasks list {report.run.flow}/{report.run.run_id} --status failed"]
    if report.elsewhere:
        what = "1 task still runs" if report.elsewhere == 1 else f"{report.elsewhere:,} tasks still run"
        pathspec = f"{report.run.flow}/{report.run.run_id}"
        lines += ["", f"{what} on other machines. To end what is there:", f"  metaflow runs cancel {pathspec}"]
        lines += _resume_lines("To take it over, and go on", report)
    elif _may_be_resumed(report.run):
        lines += _resume_lines("To go on from where it stopped", report)
    return lines


def _resume_lines(purpose: str, report: RunReport) -> list[str]:
    directory = report.started.directory
    where = "" if directory is None or _is_here(directory) else f", in {printable(directory)}"
    return ["", f"{purpose}{where}:", f"  {printable(resume_command(report.run, report.started))}"]


def _is_here(directory: str) -> bool:
    try:
        return os.path.samefile(directory, ".")
    except OSError:  # it is on another machine, or was removed
        return False
