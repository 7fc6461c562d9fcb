"""Why a run failed: the first task that failed, all that is known of it at that point, and what else failed."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.client.lineage import parents
from metaflow.client.run_commands import StartedWith, logs_command, resume_command, spin_command, started_with
from metaflow.client.run_values import value_of
from metaflow.exception import MetaflowException
from metaflow.metadata_store.task_listing import TaskListing
from metaflow.web.run.causes import cause_of_run, cause_of_task
from metaflow.web.run.code_view import excerpt
from metaflow.web.run.failure_groups import failure_groups
from metaflow.web.run.log_tail import last_lines, plain_line
from metaflow.web.run.reading import file_problem
from metaflow.web.run.recorded import recorded_run
from metaflow.web.run.tracebacks import failing_frame, frames_of, traceback_in_log, without_traceback
from metaflow.web.run.values import own_names, plain_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaflow.client.provider import Provider
    from metaflow.datastore.logs import LogLine
    from metaflow.datastore.tasks import TaskReader
    from metaflow.metadata_store.records import RunRecord, TaskRecord
    from metaflow.metadata_store.task_listing import TaskTables
    from metaflow.web.run.causes import Cause
    from metaflow.web.run.recorded import RecordedRun
    from metaflow.web.run.tracebacks import Frame

#: Failed tasks that are looked at, log lines and artifacts that are given.
MOST_FAILURES = 1_000
_LOG_LINES = 50
_MOST_ARTIFACTS = 40
_LONGEST_TRACEBACK = 40_000


class _Evidence(NamedTuple):
    """What one failed task has left."""

    reader: TaskReader | None
    lines: list[LogLine]
    traceback: str | None
    code: Mapping[str, bytes]
    problems: list[str]


def failure_of(provider: Provider, tables: TaskTables, run: RunRecord, now: float) -> dict[str, Any]:
    """Tell why a run failed.

    Parameters
    ----------
    provider : Provider
        Reads records and files.
    tables : TaskTables
        Finds the tasks that failed.
    run : RunRecord
    now : float
        The time, in seconds since the epoch.
    """
    failed = _failed(tables, run, now)
    recorded = recorded_run(provider, run)
    started = started_with(run, recorded.start)
    has_ended = run.status != "running"
    answer: dict[str, Any] = {
        "cause": _cause(run, failed),
        "message": run.message,
        "task": None,
        **failure_groups(failed),
        "failures": len(failed),
        "is_complete": len(failed) < MOST_FAILURES,
        "resume_command": resume_command(run, started) if has_ended else None,
        "directory": started.directory,
        "problems": list(recorded.problems),
    }
    if failed:
        answer["task"], problems = _described(provider, failed[0], recorded, started)
        answer["problems"] += [problem for problem in problems if problem not in answer["problems"]]
    return answer


def _cause(run: RunRecord, failed: Sequence[TaskRecord]) -> Cause | None:
    if failed and failed[0].status == "failed":
        return cause_of_task(failed[0])
    return cause_of_run(run) if run.status in ("failed", "stopped") else None


def _failed(tables: TaskTables, run: RunRecord, now: float) -> list[TaskRecord]:
    """Tasks whose last attempt failed, the first one first; if none did, those that were killed."""
    for status in ("failed", "killed"):
        listing = TaskListing(run.flow, run.run_id, now, (), (status,), order="finished_at", limit=MOST_FAILURES)
        found = [listed.task for listed in tables.listed_tasks(listing)]
        if found:
            return found
    return []


def _described(
    provider: Provider, task: TaskRecord, recorded: RecordedRun, started: StartedWith
) -> tuple[dict[str, Any], list[str]]:
    """All of a failed task, and what cannot be read of it."""
    evidence = _evidence(provider, task, recorded)
    frames = frames_of(evidence.traceback, list(evidence.code)) if evidence.traceback else []
    lines = without_traceback(evidence.lines) if evidence.traceback else evidence.lines
    kind, message = task.error or (None, None)
    described = {
        "step": task.step,
        "task_id": task.task_id,
        "attempt": task.attempt,
        "status": task.status,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
        "foreach": [
            {"variable": variable, "value": value, "index": index, "splits": splits}
            for variable, value, index, splits in task.foreach_stack
        ],
        "error_type": None if kind is None else kind.removeprefix("builtins."),
        "error_message": message,
        "traceback": evidence.traceback and evidence.traceback[-_LONGEST_TRACEBACK:],
        "frames": [frame._asdict() for frame in frames],
        "source": _source(task, failing_frame(frames), recorded, evidence.code),
        "log": [plain_line(line) for line in lines[-_LOG_LINES:]],
        "artifacts": _artifacts(provider, task, evidence.reader, recorded),
        "spin_command": spin_command(task, started),
        "logs_command": logs_command(task),
    }
    return described, evidence.problems


def _evidence(provider: Provider, task: TaskRecord, recorded: RecordedRun) -> _Evidence:
    problems: list[str] = []
    reader: TaskReader | None = None
    lines: list[LogLine] = []
    code: Mapping[str, bytes] = {}
    try:
        reader = provider.reader(task)
    except MetaflowException as error:
        problems.append(file_problem(error))
    try:
        lines = last_lines(provider, task)
    except MetaflowException as error:
        problems.append(file_problem(error))
    try:
        code = recorded.code.files if recorded.code is not None else {}
    except MetaflowException as error:
        problems.append(file_problem(error))
    traceback = None if reader is None else reader.manifest.record.get("traceback")
    if not isinstance(traceback, str):
        # Older versions did not keep it: it is among what the task printed.
        traceback = traceback_in_log(line.text.decode("utf-8", "replace") for line in lines if line.stream == "stderr")
    return _Evidence(reader, lines, traceback, code, problems)


def _source(
    task: TaskRecord, frame: Frame | None, recorded: RecordedRun, code: Mapping[str, bytes]
) -> dict[str, Any] | None:
    """The lines around the one that failed; if that is not known, the beginning of the step."""
    if frame is not None and frame.code_file is not None and frame.code_file in code:
        lines = excerpt(code[frame.code_file], frame.line)
        return {"path": frame.code_file, "line": frame.line, "is_exact": True, "lines": lines}
    step = recorded.graph.get("steps", {}).get(task.step, {})
    line, path = step.get("line"), step.get("source_file")
    if not isinstance(line, int) or not isinstance(path, str):
        return None
    found = max((name for name in code if path == name or path.endswith(f"/{name}")), key=len, default=None)
    if found is None:
        return None
    return {"path": found, "line": line, "is_exact": False, "lines": excerpt(code[found], line, 1, 14)}


def _artifacts(
    provider: Provider, task: TaskRecord, reader: TaskReader | None, recorded: RecordedRun
) -> list[dict[str, Any]]:
    """What the task had in hand: what it changed first, then what it came with; without the run's parameters."""
    before = _inputs(provider, task)
    given = set(recorded.reader or ())
    hashes = {entry.entry(name).sha for entry in before for name in entry}
    found: list[dict[str, Any]] = []
    if reader is not None:
        for name in own_names(reader, recorded.graph):
            if name not in given:
                is_new = reader.entry(name).sha not in hashes
                found.append({**plain_value(name, value_of(reader, name)), "is_new": is_new})
    elif len(before) == 1:
        names = (name for name in own_names(before[0], recorded.graph) if name not in given)
        found = [{**plain_value(name, value_of(before[0], name)), "is_new": False} for name in names]
    found.sort(key=lambda each: not each["is_new"])
    return found[:_MOST_ARTIFACTS]


def _inputs(provider: Provider, task: TaskRecord) -> list[TaskReader]:
    """The artifacts of the tasks that it read from, as far as they can be had; of a join, of a few."""
    found: list[TaskReader] = []
    for parent in islice(parents(provider, task), 3):
        try:
            reader = provider.reader(parent)
        except MetaflowException:
            continue  # what they left is told of where it is asked for; here it only says what is new
        if reader is not None:
            found.append(reader)
    return found
