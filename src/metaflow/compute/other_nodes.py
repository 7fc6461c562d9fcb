"""What the first node of a gang does where its end is that of all: it waits until the others have ended as well."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from ..datastore.layout import AttemptKey
from ..datastore.live_tasks import list_live_tasks
from ..datastore.tasks import open_task
from ..exception import DataException, MetaflowDataMissing
from .backend import MAIN_NODE_ENDS_ALL_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..datastore.store import ObjectStore
    from .jobs import JobDescription

#: Seconds between two looks at the datastore, at first and later.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
#: Seconds after which the others are left to themselves.
_MOST_SECONDS = 600.0


def wait_for_other_nodes(
    store: ObjectStore,
    job: JobDescription,
    *,
    most_seconds: float = _MOST_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait, as node 0 of a gang, for the end of the others, if the engine would stop them when this one ends.

    Parameters
    ----------
    store : ObjectStore
        The run's datastore.
    job : JobDescription
    most_seconds : float
        How long at most.
    sleep : callable
        Waits a number of seconds.

    Returns
    -------
    bool
        Whether all of them have ended, or nobody would stop them.
    """
    if not os.environ.get(MAIN_NODE_ENDS_ALL_VARIABLE):
        return True
    left = [AttemptKey(job.run.flow, job.run.run_id, each.step, each.task_id, each.attempt) for each in job.tasks[1:]]
    deadline = time.monotonic() + most_seconds
    pause = _FIRST_PAUSE
    while left := _still_running(store, left):
        if time.monotonic() >= deadline:
            return False
        sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return True


def _still_running(store: ObjectStore, nodes: list[AttemptKey]) -> list[AttemptKey]:
    """Those that have not sent the mark of their end, which the run removes when it has seen it."""
    if not nodes:
        return []
    try:
        live = list_live_tasks(store, nodes[0].flow, nodes[0].run_id)
        running = []
        for node in nodes:
            found = live.get(f"{node.step}/{node.task_id}/{node.attempt}")
            if found.end is None if found is not None else not _has_result(store, node):
                running.append(node)
        return running
    except DataException:
        return nodes  # the datastore may answer the next time


def _has_result(store: ObjectStore, node: AttemptKey) -> bool:
    try:
        open_task(store, *node)
    except MetaflowDataMissing:
        return False
    return True
