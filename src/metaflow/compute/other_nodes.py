"""What the first node of a gang does where its end is that of all: it waits until the others have ended as well."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from ..datastore.layout import AttemptKey
from ..datastore.live_tasks import list_live_tasks
from ..datastore.tasks import open_task
from ..exception import DataException, MetaflowDataMissing
from .backend import MAIN_NODE_ENDS_ALL_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..datastore.store import ObjectStore
    from .jobs import JobDescription

#: Seconds between two looks at the datastore, at first and later.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
#: Seconds without a sign of life of any of the others after which they are left to themselves.
_MOST_SILENCE = 600.0


def wait_for_other_nodes(
    store: ObjectStore,
    job: JobDescription,
    *,
    most_silence: float = _MOST_SILENCE,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait, as node 0 of a gang, for the end of the others, if the engine would stop them when this one ends.

    As long as one of them lives; if they are silent, it is written to stderr that they are waited for no longer.

    Parameters
    ----------
    store : ObjectStore
        The run's datastore.
    job : JobDescription
    most_silence : float
        How many seconds without a sign of life at most.
    sleep : callable
        Waits a number of seconds.

    Returns
    -------
    bool
        Whether all of them have ended, or nobody would stop them.
    """
    if not os.environ.get(MAIN_NODE_ENDS_ALL_VARIABLE):
        return True
    # When each of them last gave a sign of life, by the clock of the store.
    left: dict[AttemptKey, float | None] = {
        AttemptKey(job.run.flow, job.run.run_id, each.step, each.task_id, each.attempt): None for each in job.tasks[1:]
    }
    deadline = time.monotonic() + most_silence
    pause = _FIRST_PAUSE
    while found := _still_running(store, left):
        if any(at != left[node] for node, at in found.items()):
            deadline = time.monotonic() + most_silence
        left = found
        if time.monotonic() >= deadline:
            _tell_of_silence(left, most_silence)
            return False
        sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return True


def _tell_of_silence(nodes: Iterable[AttemptKey], seconds: float) -> None:
    names = ", ".join(f"{node.step}/{node.task_id}" for node in nodes)
    sys.stderr.write(
        f"Node 0 ends, which stops other nodes that may still run: {names}. There has been no sign of life of them in "
        f"the datastore for {seconds / 60:g} minutes. See their logs, and whether all nodes reach the datastore.\n"
    )


def _still_running(store: ObjectStore, nodes: dict[AttemptKey, float | None]) -> dict[AttemptKey, float | None]:
    """Those that have not sent the mark of their end, which the run removes when it has seen it, and last signs."""
    if not nodes:
        return nodes
    first = next(iter(nodes))
    running: dict[AttemptKey, float | None] = {}
    try:
        live = list_live_tasks(store, first.flow, first.run_id)
        for node in nodes:
            found = live.get(f"{node.step}/{node.task_id}/{node.attempt}")
            if found.end is None if found is not None else not _has_result(store, node):
                running[node] = None if found is None else found.state_at
        return running
    except DataException:
        return nodes  # the datastore may answer the next time


def _has_result(store: ObjectStore, node: AttemptKey) -> bool:
    try:
        open_task(store, *node)
    except MetaflowDataMissing:
        return False
    return True
