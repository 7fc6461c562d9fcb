"""What the head of a task's page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.client.provider import Provider
from metaflow.client.run_commands import logs_command, resume_command, spin_command, started_with
from metaflow.exception import MetaflowException
from metaflow.metadata_store.store import TaskQuery
from metaflow.web.run.log_tail import last_lines
from metaflow.web.run.reading import file_problem
from metaflow.web.run.recorded import recorded_run
from metaflow.web.run.whole_records import whole_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.client.run_commands import StartedWith
    from metaflow.metadata_store.records import TaskRecord
    from metaflow.web.task.finding import FoundTask

#: The last lines on stderr that are shown with a failure, and the bytes of a log that are searched for them.
_LINES = 60
_TAIL_BYTES = 256 * 1024
_LONGEST_LINE = 2000
_MOST_TRACEBACK_LINES = 400
_STATE = (
    "step",
    "task_id",
    "attempt",
    "status",
    "ok",
    "success",
    "created_at",
    "started_at",
    "ready_at",
    "code_started_at",
    "code_ended_at",
    "finished_at",
    "iteration",
    "origin",
    "pid",
)
#: What the task's own process prints above the traceback of what its step raised.
_FAILED = " failed:"


def task_facts(provider: Provider, found: FoundTask) -> dict[str, Any]:
    """All that the head of the page shows."""
    record, run = found.record, found.run
    recorded = recorded_run(provider, run)
    return {
        "task": {name: getattr(record, name) for name in _STATE},
        "run": whole_run(run),
        "pathspec": record.pathspec,
        "attempts": [_attempt(each) for each in found.attempts],
        "foreach": _foreach(record),
        "siblings": _siblings(provider, record),
        "failure": _failure(provider, record),
        "commands": commands(found, started_with(run, recorded.start)),
        "step": _step(recorded.graph, record.step),
        "problems": list(recorded.problems),
    }


def _attempt(record: TaskRecord) -> dict[str, Any]:
    return {
        "attempt": record.attempt,
        "status": record.status,
        "success": record.success,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "error": None if record.error is None else {"kind": record.error[0], "message": record.error[1]},
    }


def _foreach(record: TaskRecord) -> list[dict[str, Any]]:
    """Each foreach that the task is in, outermost first."""
    return [
        {"step": step, "variable": variable, "value": value, "index": index, "count": count}
        for (step, _), (variable, value, index, count) in zip(record.index_path, record.foreach_stack, strict=False)
    ]


def _siblings(provider: Provider, record: TaskRecord) -> dict[str, Any]:
    """The tasks for the elements before and behind this one's in its innermost foreach."""
    around: dict[str, Any] = {"previous": None, "next": None}
    if not record.index_path:
        return around
    (step, index), count = record.index_path[-1], record.foreach_stack[-1][3] if record.foreach_stack else 0
    for name, other in (("previous", index - 1), ("next", index + 1)):
        if other < 0 or (count and other >= count):
            continue
        place = (*record.index_path[:-1], (step, other))
        tasks = provider.tasks(TaskQuery(record.flow, record.run_id, record.step, index_path=place, limit=1))
        if tasks:
            value = tasks[0].foreach_stack[-1][1] if tasks[0].foreach_stack else str(other)
            around[name] = {"step": tasks[0].step, "task_id": tasks[0].task_id, "value": value}
    return around


def _failure(provider: Provider, record: TaskRecord) -> dict[str, Any] | None:
    """What ended the attempt, with what it printed last on stderr."""
    if record.status not in ("failed", "killed") and record.error is None:
        return None
    kind, message = record.error or ("", "")
    if not message and record.status == "killed":
        message = "The attempt was ended before it was finished, together with its run."
    lines, problem = _traceback(provider, record), None
    if not lines:
        lines, problem = _last_words(provider, record)
    return {"kind": kind, "message": message, "lines": lines, "problem": problem, "handled": record.ok}


def _traceback(provider: Provider, record: TaskRecord) -> list[str]:
    """Where it was raised, as the attempt itself has noted; empty if it has not."""
    try:
        reader = provider.reader(record)
    except MetaflowException:
        return []  # the log may still be there
    text = reader.manifest.record.get("traceback") if reader is not None else None
    if not isinstance(text, str):
        return []
    return [line[:_LONGEST_LINE] for line in text.rstrip().split("\n")[-_MOST_TRACEBACK_LINES:]]


def _last_words(provider: Provider, record: TaskRecord) -> tuple[list[str], str | None]:
    try:
        lines = last_lines(provider, record, "stderr", _TAIL_BYTES)
    except MetaflowException as error:
        return [], f"What it printed cannot be read: {file_problem(error)}"
    texts = [line.text.decode("utf-8", "replace") for line in lines]
    starts = [index for index, line in enumerate(texts) if line.rstrip().endswith(_FAILED)]
    begin = starts[-1] + 1 if starts else 0
    return _without_margin([line[:_LONGEST_LINE] for line in texts[begin:][-_LINES:]]), None


def _without_margin(lines: list[str]) -> list[str]:
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    margins = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip()]
    margin = min(margins, default=0)
    return [line[margin:] for line in lines]


def _step(graph: Mapping[str, Any], step: str) -> dict[str, Any]:
    """The step as the graph has it: what a page says of it."""
    from metaflow.cards.report.resources import asked_for

    described = (graph.get("steps") or {}).get(step) or {}
    decorators = [each for each in described.get("decorators") or () if isinstance(each, dict)]
    return {
        "type": str(described.get("type") or ""),
        "doc": str(described.get("doc") or ""),
        "decorators": [str(each.get("name")) for each in decorators],
        "asked": asked_for(graph, step),
        "next": [str(name) for name in described.get("next") or ()],
    }


def commands(found: FoundTask, started: StartedWith) -> list[dict[str, str]]:
    """What to type to go on with this task elsewhere."""
    record = found.record
    latest = record.attempt == found.attempts[-1].attempt
    listed = [("Print its log", logs_command(record, of_attempt=not latest))]
    if (started.is_recorded or found.run.script is not None) and not record.step.startswith("_"):
        listed.append(("Run this task again, alone", spin_command(record, started)))
        if found.run.status != "running":
            listed.append(("Resume the run from this step", resume_command(found.run, started, [record.step])))
    argument = "" if latest else f", attempt={record.attempt}"
    listed.append(("In Python", f"from metaflow import Task\n\ntask = Task({record.pathspec!r}{argument})"))
    return [{"label": label, "command": command} for label, command in listed]
