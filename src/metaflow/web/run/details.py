"""All that the head of a run's page and its overview show, in one answer."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from metaflow.client.run_commands import repeat_command, resume_command, started_with
from metaflow.client.trigger import METADATA_FIELD
from metaflow.exception import MetaflowException
from metaflow.web.run import history
from metaflow.web.run.reading import file_problem, refuse_deleted
from metaflow.web.run.recorded import recorded_run
from metaflow.web.run.values import configs, constants, parameters
from metaflow.web.run.whole_records import whole_run
from metaflow.web.settled_tasks import settled_run
from metaflow.web.silence import silence_of

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.store import MetadataStore
    from metaflow.web.run.recorded import RecordedRun

_ADDRESS = re.compile(r"(?:ssh://)?git@(?P<host>[\w.-]+)[:/](?P<path>[\w./~-]+)")
_MOST_EVENTS = 20


def details_of(provider: Provider, metadata: MetadataStore, run: RunRecord) -> dict[str, Any]:
    """Read what is known of a run as a whole.

    Parameters
    ----------
    provider : Provider
        Reads records and files.
    metadata : MetadataStore
        Finds other runs.
    run : RunRecord

    Raises
    ------
    Refusal
        Its files show that it was deleted elsewhere.
    """
    recorded = recorded_run(provider, run)
    refuse_deleted(provider, run.flow, run.run_id)
    problems = list(recorded.problems)
    started = started_with(run, recorded.start)
    code = _code(recorded, problems)
    previous, following = history.previous_run(metadata, run), history.next_run(metadata, run)
    success = history.last_success(metadata, run)
    tags = _named_tags(run)
    return {
        "run": whole_run(run),
        "silence": silence_of(provider, run),
        "description": str(recorded.graph.get("doc") or ""),
        "project": tags.get("project"),
        "branch": tags.get("project_branch"),
        "python_version": tags.get("python_version"),
        "metaflow_version": tags.get("metaflow_version"),
        "host": (run.host or "").partition("/")[0] or None,
        "datastore": run.datastore or provider.description,
        "command": repeat_command(run, started),
        "command_is_recorded": started.is_recorded,
        "directory": started.directory,
        "resume_command": resume_command(run, started),
        "triggers": _triggers(recorded, problems),
        "resumed_by": [history.brief(settled_run(provider, each)) for each in history.resumed_by(metadata, run)],
        "last_success": None if success is None else success.run_id,
        "previous": None if previous is None else previous.run_id,
        "next": None if following is None else following.run_id,
        "recent": [history.brief(settled_run(provider, each)) for each in history.recent_runs(metadata, run)],
        "parameters": parameters(recorded),
        "configs": configs(recorded),
        "constants": constants(recorded),
        "steps": _declared_steps(recorded),
        "code": code,
        "problems": problems,
        "has_files": recorded.reader is not None,
    }


def _named_tags(run: RunRecord) -> dict[str, str]:
    """System tags as names and values."""
    return {name: value for name, colon, value in (tag.partition(":") for tag in run.system_tags) if colon}


def _code(recorded: RecordedRun, problems: list[str]) -> dict[str, Any] | None:
    if recorded.code is None:
        return None
    try:
        info = recorded.code.info
        files, script = recorded.code.files, recorded.code.script_name
        digest = recorded.code.sha
    except MetaflowException as error:
        problems.append(file_problem(error))
        return None
    commit, repository = _text(info.get("commit_sha")), _text(info.get("repo_url"))
    return {
        "hash": digest,
        "script": script,
        "files": len(files),
        "size": sum(map(len, files.values())),
        "commit": commit,
        "branch": _text(info.get("branch_name")),
        "repository": repository,
        "repository_link": _link(repository),
        "platform": _text(info.get("platform")),
        "python_version": _text(info.get("python_version_code")),
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _link(repository: str | None) -> str | None:
    """Where a person sees the repository in a browser, if its address tells that."""
    if repository is None:
        return None
    if repository.startswith(("https://", "http://")):
        return repository.removesuffix(".git")
    known = _ADDRESS.fullmatch(repository)
    return None if known is None else f"https://{known['host']}/{known['path'].removesuffix('.git')}"


def _triggers(recorded: RecordedRun, problems: list[str]) -> list[dict[str, Any]]:
    """What started the run, newest first: events, or ends of other runs."""
    text = None if recorded.given is None else recorded.given.metadata.get(METADATA_FIELD)
    if text is None:
        return []
    try:
        events = json.loads(text)
        return [_trigger(event) for event in events[:_MOST_EVENTS]]
    except (ValueError, TypeError, KeyError) as error:
        problems.append(f"What started the run was recorded in a way that cannot be read: {error!r}.")
        return []


def _trigger(event: dict[str, Any]) -> dict[str, Any]:
    parts = str(event["id"]).split("/")
    of_run = event.get("type") == "run" and len(parts) >= 2
    return {
        "name": str(event["name"]),
        "at": float(event["timestamp"]),
        "flow": parts[0] if of_run else None,
        "run_id": parts[1] if of_run else None,
    }


def _declared_steps(recorded: RecordedRun) -> list[dict[str, Any]]:
    """Steps as the flow declares them, in their order, whether they have begun or not."""
    steps = recorded.graph.get("steps")
    if not isinstance(steps, dict):
        return []
    return [
        {
            "step": name,
            "type": str(step.get("type") or "linear"),
            "description": str(step.get("doc") or ""),
            "next": [str(each) for each in step.get("next") or ()],
        }
        for name, step in steps.items()
        if isinstance(step, dict)
    ]
