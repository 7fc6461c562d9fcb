"""Where else the same value stands: the same hash in other tasks of the run, and in the latest runs of the flow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from metaflow.datastore.tasks import open_tasks
from metaflow.exception import MetaflowException
from metaflow.metadata_store.store import RunQuery, TaskQuery
from metaflow.web.task.artifacts import entry_of, made_by
from metaflow.web.task.finding import existing_reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import RunRecord, TaskRecord

#: Tasks of the run that are looked at, runs of the flow, and tasks of the same step in each of these.
_TASKS, _RUNS, _TASKS_OF_RUN = 400, 20, 20
#: Over a network each manifest is a request.
_SHARE_OVER_NETWORK = 4
#: What is listed at most, and how long it is looked for, in seconds.
_MOST_FOUND = 50
_SECONDS = 3.0


def same_values(provider: Provider, record: TaskRecord, name: str) -> dict[str, Any]:
    """Where the value of an artifact was made, and where else it stands.

    Raises
    ------
    Refusal
        There is no such artifact.
    """
    sha = entry_of(existing_reader(provider, record), name).sha
    deadline = time.monotonic() + _SECONDS
    share = _SHARE_OVER_NETWORK if provider.store_of(record.flow, record.run_id).is_remote else 1
    most = _TASKS // share
    own = [each for each in provider.tasks(TaskQuery(record.flow, record.run_id, limit=most)) if _counts(each, record)]
    in_run = _holders(provider, own, sha)
    in_runs: list[dict[str, Any]] = []
    looked_at = 0
    runs = [run for run in provider.runs(RunQuery(record.flow, limit=_RUNS + 1)) if run.run_id != record.run_id]
    for run in runs[:_RUNS]:
        if time.monotonic() > deadline:
            break
        in_runs += _in_run(provider, run, record.step, sha, _TASKS_OF_RUN // share)
        looked_at += 1
    maker = made_by(provider, record, name, sha)
    return {
        "name": name,
        "hash": sha,
        "made_by": None if maker is None else {"step": maker[0], "task_id": maker[1], "attempt": maker[2]},
        "in_run": in_run[:_MOST_FOUND],
        "in_run_found": len(in_run),
        "tasks_looked_at": len(own),
        "all_tasks": len(own) + 1 < most,
        "in_runs": in_runs[:_MOST_FOUND],
        "in_runs_found": len(in_runs),
        "runs_looked_at": looked_at,
        "all_runs": looked_at == len(runs[:_RUNS]) and len(runs) <= _RUNS,
    }


def _counts(task: TaskRecord, record: TaskRecord) -> bool:
    return task.status in ("done", "failed") and (task.step, task.task_id) != (record.step, record.task_id)


def _in_run(provider: Provider, run: RunRecord, step: str, sha: str, most: int) -> list[dict[str, Any]]:
    tasks = provider.tasks(TaskQuery(run.flow, run.run_id, step, limit=most))
    found = _holders(provider, [task for task in tasks if task.status in ("done", "failed")], sha)
    return [{**each, "run_id": run.run_id, "started_at": run.started_at} for each in found]


def _holders(provider: Provider, tasks: Sequence[TaskRecord], sha: str) -> list[dict[str, Any]]:
    """Tasks that have an artifact with the hash, and its name there; oldest first."""
    if not tasks:
        return []
    flow, run_id = tasks[0].flow, tasks[0].run_id
    keys = [(task.step, task.task_id, task.attempt) for task in tasks]
    try:
        opened = open_tasks(provider.store_of(flow, run_id), flow, run_id, keys)
    except MetaflowException:
        return []  # the datastore of that run is out of reach; the answer says how much was looked at
    found = []
    for task, reader in zip(tasks, opened, strict=True):
        if isinstance(reader, MetaflowException):
            continue
        names = [name for name in reader if reader.entry(name).sha == sha]
        if names:
            found.append({"step": task.step, "task_id": task.task_id, "attempt": task.attempt, "names": names[:5]})
    return found[::-1]
