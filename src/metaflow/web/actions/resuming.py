"""What can be resumed of a run, from here: its steps, where it failed, and the flow's file in the project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.client.run_commands import resume_command, started_with
from metaflow.exception import DataException, MetaflowDataMissing
from metaflow.metadata_store.store import TaskQuery
from metaflow.web.run.recorded import recorded_run

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import RunRecord
    from metaflow.web.actions.startable import ProjectFlows

#: Tasks in which it is looked where a run failed, the newest ones.
_LOOKED_AT = 1000


def resume_facts(provider: Provider, run: RunRecord, flows: ProjectFlows | None) -> dict[str, Any]:
    """What a person must know to resume a run.

    Parameters
    ----------
    provider : Provider
    run : RunRecord
    flows : ProjectFlows or None
        Flows of the project; None where nothing can be started.

    Raises
    ------
    MetadataException
        The records cannot be read.
    """
    files = [] if flows is None else [found.file for found in flows.find().flows if found.flow == run.flow]
    # The file that the run was started with, if there is one of that name, else the first.
    files.sort(key=lambda file: (file.rpartition("/")[2] != run.script, file))
    return {
        "flow": run.flow,
        "run_id": run.run_id,
        "status": run.status,
        "files": files,
        "script": run.script,
        "steps": _steps(provider, run),
        "failed_steps": _failed_steps(provider, run),
        "command": resume_command(run, started_with(run, recorded_run(provider, run).start)),
        "problem": _problem(run, flows, files),
    }


def _problem(run: RunRecord, flows: ProjectFlows | None, files: list[str]) -> str | None:
    """Why the run cannot be resumed from here; None if it can."""
    if run.status == "running":
        return "It still runs: wait for its end, or cancel it first."
    if flows is None:
        return "Runs are not resumed by this server: use the command where the flow's files are."
    if not files:
        return f"No file below {flows.directory} holds the flow {run.flow}: use the command where its file is."
    return None


def _steps(provider: Provider, run: RunRecord) -> list[str]:
    """Steps of the run's graph in the order of its source; those that have tasks, if the graph cannot be read."""
    try:
        graph = provider.graph(run.flow, run.run_id)
    except (DataException, MetaflowDataMissing):
        graph = {}  # which steps there were is known without it, only not those that never ran
    steps = graph.get("steps")
    if isinstance(steps, dict) and steps:
        return [str(name) for name in steps]
    known = provider.steps(run.flow, run.run_id)
    return [found.step for found in reversed(known) if not found.step.startswith("_")]


def _failed_steps(provider: Provider, run: RunRecord) -> list[str]:
    newest = provider.tasks(TaskQuery(run.flow, run.run_id, limit=_LOOKED_AT))
    failed = [task.step for task in reversed(newest) if task.status in ("failed", "killed") and not task.ok]
    return list(dict.fromkeys(failed))
