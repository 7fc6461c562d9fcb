"""The head of an exported page: what ran, for whom, with what, and what came of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from metaflow.web.export.words import RUN_STATES, facts, moment, section, took
from metaflow.web.run.details import details_of
from metaflow.web.run.results import results_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.cards.nodes import Node
    from metaflow.web.export.subject import Subject

_MOST_METRICS = 12
_LONGEST_TREE = 20_000
_SHORT_HASH = 10


def overview(subject: Subject) -> Iterator[Node]:
    """Who, when, how long, with which code, and how to do it again."""
    run, details = subject.run, details_of(subject.provider, subject.provider.index, subject.run)
    code = details["code"] or {}
    known = facts(
        {
            "Run": f"{run.flow}/{run.run_id}",
            "Status": RUN_STATES.get(run.status, run.status),
            "Because": run.message,
            "Started by": run.user,
            "Started": moment(run.started_at),
            "Finished": moment(run.finished_at),
            "Duration": took(run.started_at, run.finished_at, subject.now),
            "Tasks": f"{sum(count.tasks for count in subject.counts):,}",
            "Tags": ", ".join(run.tags),
            "Project": details["project"],
            "Branch of the project": details["branch"],
            "Resumes run": run.origin_run_id,
            "Resumed by": ", ".join(each["run_id"] for each in details["resumed_by"]),
            "Started by event": ", ".join(each["name"] for each in details["triggers"]),
            "Commit": _commit(code),
            "Repository": code.get("repository"),
        }
    )
    title = "Command to repeat it" if details["command_is_recorded"] else "What usually starts such a run"
    where = f"In {details['directory']}" if details["directory"] else ""
    contents: list[Node] = [known, {"type": "heading", "title": title, "subtitle": where}]
    contents.append({"type": "log", "data": details["command"], "label": title})
    contents += [
        {"type": "error", "headline": "Not everything could be read", "message": each} for each in details["problems"]
    ]
    yield from section("Run", contents, details["description"])
    yield from _given(details)
    yield from _metrics(subject)


def environment(subject: Subject) -> Iterator[Node]:
    """What the run needed around it."""
    details = details_of(subject.provider, subject.provider.index, subject.run)
    code = details["code"] or {}
    known = {
        "Python": details["python_version"] or code.get("python_version"),
        "Metaflow": details["metaflow_version"],
        "Platform": code.get("platform"),
        "Host": details["host"],
        "Datastore": details["datastore"],
        "Script": code.get("script") or subject.run.script,
        "Files of code": f"{code['files']:,}" if code else "",
        "Hash of the code": code.get("hash"),
        "System tags": ", ".join(subject.run.system_tags),
    }
    yield from section("Environment", [facts(known)])


def _commit(code: dict[str, Any]) -> str:
    commit, branch = code.get("commit"), code.get("branch")
    return f"{commit[:_SHORT_HASH]}{f' on {branch}' if branch else ''}" if commit else ""


def _given(details: dict[str, Any]) -> Iterator[Node]:
    """Parameters, configs and constants."""
    rows = [[each["name"], _value(each), each["type"], _origin(each)] for each in details["parameters"]]
    contents: list[Node] = []
    if rows:
        columns = ["name", "value", "type", "default"]
        contents.append({"type": "table", "columns": columns, "data": rows, "label": "Given to the run"})
    for config in details["configs"]:
        source = f" from {config['path']}" if config["path"] else ""
        title = f"Config {config['name']}{source}"
        if config["has_tree"] and len(json.dumps(config["tree"], default=str)) <= _LONGEST_TREE:
            contents.append({"type": "jsonViewer", "data": config["tree"], "title": title})
        else:
            contents.append(facts({title: config["text"]}))
    rows = [[each["name"], _value(each), each["type"]] for each in details["constants"]]
    if rows:
        table: Node = {"type": "table", "columns": ["name", "value", "type"], "data": rows, "label": "Constants"}
        contents.append({"type": "fold", "title": f"Constants ({len(rows):,})", "contents": [table]})
    yield from section("Parameters and configs", contents)


def _value(each: dict[str, Any]) -> str:
    return str(each["scalar"]) if each["is_scalar"] else str(each["text"])


def _origin(each: dict[str, Any]) -> str:
    if each["is_default"]:
        return "is the default"
    default = each["default"]
    if each["default_is_computed"]:
        return "computed"
    return "" if default is None else str(default)


def _metrics(subject: Subject) -> Iterator[Node]:
    """Numbers that the last step left."""
    boxes: list[Node] = []
    for each in results_of(subject.provider, subject.run)["artifacts"]:
        value = each["scalar"]
        if each["is_scalar"] and isinstance(value, (int, float)) and not isinstance(value, bool):
            boxes.append({"type": "valueBox", "title": each["name"], "value": value})
    if boxes:
        yield {
            "type": "section",
            "title": "Metrics",
            "subtitle": "Numbers that the last step left",
            "columns": 4,
            "contents": boxes[:_MOST_METRICS],
        }
