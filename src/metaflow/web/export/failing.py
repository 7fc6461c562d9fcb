"""Why a run failed, on an exported page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.web.export.words import facts, moment, section
from metaflow.web.run.failure import MOST_FAILURES, failure_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.cards.nodes import Node
    from metaflow.web.export.subject import Subject

_CAUSES = {
    "user_code": "An error in the flow's code",
    "out_of_memory": "The memory ran out",
    "timeout": "The time ran out",
    "infrastructure": "What the run needed did not work",
    "lost": "Its process is gone",
    "stopped": "It was stopped",
}


def failure(subject: Subject) -> Iterator[Node]:
    """The first task that failed with all that is known of it, others like it, and how to go on."""
    if subject.run.status in ("done", "running") and not subject.failed:
        return
    found = failure_of(subject.provider, subject.tables, subject.run, subject.now)
    if found["cause"] is None and found["task"] is None:
        return
    contents: list[Node] = []
    if found["task"] is not None:
        contents += _task(found["task"], subject.wanted.logs)
    elif found["message"]:
        contents.append({"type": "error", "headline": "The run ended", "message": found["message"]})
    if len(found["groups"]) > 1:
        contents.append(_groups(found))
    if found["resume_command"]:
        contents += [
            {"type": "heading", "title": "Go on from here"},
            {"type": "log", "data": found["resume_command"], "label": "Command that resumes the run"},
        ]
    contents += [
        {"type": "error", "headline": "Not everything could be read", "message": each} for each in found["problems"]
    ]
    cause = _CAUSES.get(found["cause"] or "", "")
    yield from section("What failed", contents, cause)


def _task(task: dict[str, Any], with_log: bool) -> list[Node]:
    where = f"{task['step']}/{task['task_id']}"
    kind = task["error_type"] or "Failed without a message"
    nodes: list[Node] = [
        {
            "type": "error",
            "headline": kind,
            "message": task["error_message"] or "",
            "trace": task["traceback"] or "",
        },
        facts(
            {
                "Task": where,
                "Attempt": task["attempt"],
                "Failed": moment(task["finished_at"]),
                **{f"Foreach {each['variable']}": _place(each) for each in task["foreach"]},
            }
        ),
    ]
    source = task["source"]
    if source is not None and source["lines"]:
        is_exact = source["is_exact"]
        nodes.append(
            {
                "type": "pythonCode",
                "code": "\n".join(line["text"] for line in source["lines"]),
                "first_line": source["lines"][0]["number"],
                "marked": source["line"] if is_exact else None,
                "label": f"{source['path']}, {'failed at' if is_exact else 'the step begins at'} line {source['line']}",
            }
        )
    if with_log and task["log"]:
        lines = "\n".join(line["text"] for line in task["log"])
        nodes += [
            {"type": "heading", "title": "Last lines of its log"},
            {"type": "log", "data": lines, "at_end": True, "label": "Last lines of the log"},
        ]
    if task["artifacts"]:
        rows = [
            [each["name"], each["text"], "set by this task" if each["is_new"] else ""] for each in task["artifacts"]
        ]
        nodes.append(
            {"type": "table", "columns": ["name", "value", ""], "data": rows, "label": "Artifacts at that point"}
        )
    return nodes


def _place(each: dict[str, Any]) -> str:
    return f"{each['value']} ({each['index'] + 1:,} of {each['splits']:,})"


def _groups(found: dict[str, Any]) -> Node:
    rows = [[each["step"], each["count"], each["error"][:2000], ", ".join(each["tasks"])] for each in found["groups"]]
    of_many = "" if found["is_complete"] else f" (of the first {MOST_FAILURES:,} failures)"
    columns = ["step", "tasks", "error", "first tasks"]
    return {"type": "table", "columns": columns, "data": rows, "label": f"Failures by their errors{of_many}"}
