"""Checking that the index of runs says what the files say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from metaflow.client.recovery import adopt_run, recover_run
from metaflow.client.upkeep.findings import Finding
from metaflow.datastore.layout import run_key
from metaflow.datastore.location import kind_of
from metaflow.metadata_store.events import RunForgotten
from metaflow.metadata_store.store import RunQuery, TaskQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.client.home import Home
    from metaflow.client.upkeep.inventory import RunName
    from metaflow.client.upkeep.run_check import RunCheck
    from metaflow.datastore.store import ObjectStore
    from metaflow.metadata_store.store import MetadataStore

_ADVICE = "`metaflow verify --repair` sets the index right"
_RUNS_PER_PAGE = 1000
_SHOWN = 5


def check_index(store: ObjectStore, index: MetadataStore, check: RunCheck, repair: bool) -> Iterator[Finding]:
    """Give what the index says wrongly of a run whose files were read.

    Parameters
    ----------
    store : ObjectStore
    index : MetadataStore
    check : RunCheck
        The run. Nothing is expected of the index as long as it goes on.
    repair : bool
        Have the index say what the files say.
    """
    if check.record is None or check.life in ("running", "unknown"):
        return
    flow, run_id = check.name
    finished = {
        (task.step, task.task_id, task.attempt)
        for task in index.tasks(TaskQuery(flow, run_id, all_attempts=True))
        if task.status in ("done", "failed")
    }
    for step, task_id, attempt in sorted(finished - check.attempts.keys() - check.damaged_attempts):
        yield Finding(
            "lost",
            f"{check.pathspec}/{step}/{task_id}",
            f"left a result in attempt {attempt}, as the index knows, but its manifest is gone",
            (f"{check.pathspec}/{step}/{task_id}",),
            check.again((step, task_id, attempt)),
        )
    problem = _problem(index, check, check.attempts.keys() - finished)
    if problem is None:
        return
    if repair:
        run = adopt_run(store, index, flow, run_id)
        if run is not None and check.life == "dead":
            recover_run(store, index, run)
    yield Finding("wrong", "index of runs", problem, (check.pathspec,), _ADVICE, repair)


def forgotten_runs(
    store: ObjectStore, home: Home, index: MetadataStore, known: set[RunName], repair: bool
) -> Iterator[Finding]:
    """Give the runs that the index says are in this datastore, and are not.

    Parameters
    ----------
    store : ObjectStore
    home : Home
        Where the datastore and the index are.
    index : MetadataStore
    known : set of (str, str)
        Runs that have files.
    repair : bool
        Have the index forget them.
    """
    location = home.recorded_datastore
    # To machines that share a service, directories of the same name are not the same directory.
    ours = os.uname().nodename if home.service and kind_of(location) == "local" else None
    after = None
    while page := index.runs(RunQuery(limit=_RUNS_PER_PAGE, after=after)):
        after = page[-1].cursor
        for run in page:
            name = (run.flow, run.run_id)
            if run.datastore != location or name in known or store.stat(run_key(*name)) is not None:
                continue
            if ours is not None and (run.host or "").partition("/")[0] != ours:
                continue
            if repair:
                index.apply([RunForgotten(*name)])
            problem = (
                f"knows the run {run.flow}/{run.run_id}, which has no files: it was deleted, or its files are lost"
            )
            yield Finding("wrong", "index of runs", problem, (f"{run.flow}/{run.run_id}",), _ADVICE, repair)


def _problem(index: MetadataStore, check: RunCheck, missing: set[tuple[str, str, int]]) -> str | None:
    known = index.run(*check.name)
    assert check.record is not None
    if known is None:
        return f"does not know the run {check.pathspec}"
    if check.life == "over" and known.status != check.record.status:
        return f"says that the run {check.pathspec} is {known.status}, but it is {check.record.status}"
    if check.life == "dead" and known.status == "running":
        return f"says that the run {check.pathspec} is running, but its process died"
    if missing:
        shown = ", ".join("/".join(map(str, attempt[:2])) for attempt in sorted(missing)[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        return f"lacks results of {len(missing)} tasks of the run {check.pathspec}: {shown}{more}"
    return None
