"""Facts about a task: when, who, which attempt, what for, and with which code."""

from __future__ import annotations

import time

from metaflow.cards.nodes import Node
from metaflow.cards.report.graph import decorators_of
from metaflow.client.times import span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.cards.report.subject import Subject

_MOST_PARENTS = 5
_STATUS = {"running": "Running", "done": "Finished", "failed": "Failed", "killed": "Killed"}


def status_word(subject: Subject) -> str:
    """How the task is doing, in a word."""
    record = subject.record
    if record.status == "done" and not record.success:
        return "Failure caught"
    return _STATUS.get(record.status, str(record.status))


def facts_node(subject: Subject) -> Node:
    """What is known of the task, as labels and values."""
    return {
        "type": "facts",
        "data": [{"label": label, "value": value} for label, value in _facts(subject) if value],
    }


def _facts(subject: Subject) -> Iterator[tuple[str, str]]:
    record, run = subject.record, subject.run
    yield "Started", moment_text(record.started_at)
    if record.created_at is not None and record.attempt and record.created_at < record.started_at:
        yield "First attempt started", moment_text(record.created_at)
    ended_at = record.ended_at
    if ended_at is not None:
        yield "Finished", moment_text(ended_at)
        yield "Duration", span(max(0.0, ended_at - record.started_at))
    elif record.status == "running":
        yield "Running for", span(max(0.0, time.time() - record.started_at))
    yield "Attempt", _attempt(subject)
    for variable, value, index, splits in record.foreach_stack:
        yield (
            f"Foreach {variable}",
            f"{value} ({index + 1:,} of {splits:,})" if value else f"{index + 1:,} of {splits:,}",
        )
    if record.iteration is not None:
        yield "Repetition", str(record.iteration + 1)
    yield "Reads from", _parents(record.inputs)
    yield "User", run.user
    yield "Tags", ", ".join(run.tags)
    yield "Copied from", record.origin or ""
    yield "Resumes run", run.origin_run_id or ""
    yield "Host", _host(subject)
    yield from _versions(subject)


def _attempt(subject: Subject) -> str:
    """The number of the attempt, counted from 1; nothing if there is only one anyway."""
    retries = decorators_of(subject.graph, subject.step).get("retry", {}).get("times")
    try:
        most = int(retries) + 1 if retries is not None else 1
    except (TypeError, ValueError):
        most = 1
    number = subject.record.attempt + 1
    if number == most == 1:
        return ""
    return f"{number} of {most}" if number <= most else str(number)


def _parents(inputs: tuple[str, ...]) -> str:
    names = [name.rpartition("/")[0] for name in inputs if not name.startswith("_parameters/")]
    shown = ", ".join(names[:_MOST_PARENTS])
    return f"{shown} and {len(names) - _MOST_PARENTS:,} more" if len(names) > _MOST_PARENTS else shown


def _host(subject: Subject) -> str:
    if subject.flow is None:
        return ""
    import os

    return os.uname().nodename


def _versions(subject: Subject) -> Iterator[tuple[str, str]]:
    versions = dict(tag.partition(":")[::2] for tag in subject.run.system_tags)
    info = subject.code.info if subject.code is not None else {}
    commit = info.get("commit_sha")
    if commit:
        branch = f" on {info['branch_name']}" if info.get("branch_name") else ""
        changed = ", with uncommitted changes" if info.get("has_uncommitted_changes") else ""
        yield "Code", f"{str(commit)[:10]}{branch}{changed}"
    names = [("Python", "python_version"), ("Metaflow", "metaflow_version")]
    yield "Versions", ", ".join(f"{label} {versions[name]}" for label, name in names if versions.get(name))


def moment_text(seconds: float) -> str:
    """A point in time as people read it, with its time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds)).strip()
