"""How many tasks may run at a time: on this machine, and of each step that runs elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ..flow.graph import FlowGraph


#: Part of a step's limit that has to be free on an engine before more of its tasks are started.
_SHARE_FREE = 0.1


class Room:
    """What may be started now, given what runs.

    Parameters
    ----------
    workers : int
        Tasks that run on this machine at a time.
    for_all : bool
        Whether `workers` limits the tasks elsewhere too.
    here : iterable of str
        Steps whose tasks run on this machine.
    elsewhere : dict of str to int
        The other steps, with the number of tasks that each may have at a time.
    """

    def __init__(self, workers: int, for_all: bool, here: Iterable[str], elsewhere: dict[str, int]) -> None:
        self._workers = workers
        self._for_all = for_all
        self._here = frozenset(here)
        self._elsewhere = elsewhere
        self._busy = 0
        self._counts = dict.fromkeys(elsewhere, 0)
        self._full: set[str] = set()

    @property
    def held(self) -> Collection[str] | None:
        """Steps of which no task may be started now; None if none of any step may be."""
        if not self.is_full_here:
            return self._full
        if self._for_all or not self._elsewhere:
            return None
        return self._here | self._full

    @property
    def is_full_here(self) -> bool:
        """Whether this machine runs as many tasks as it may."""
        return self._busy >= self._workers

    def entered(self, step: str, is_elsewhere: bool) -> None:
        """Note that a task is being started, on another machine or on this one."""
        if is_elsewhere:
            self._counts[step] += 1
            if self._counts[step] >= self._elsewhere[step]:
                self._full.add(step)
        if self._for_all or not is_elsewhere:
            self._busy += 1

    def left(self, step: str, is_elsewhere: bool) -> None:
        """Note that a task is over, or could not be started."""
        if is_elsewhere:
            self._counts[step] -= 1
            limit = self._elsewhere[step]
            # Not one by one: what is started together can be submitted together.
            if self._counts[step] <= limit - max(1, int(limit * _SHARE_FREE)):
                self._full.discard(step)
        if self._for_all or not is_elsewhere:
            self._busy -= 1

    def shrink(self) -> int:
        """Allow no more tasks on this machine than run now, but at least one; returns how many these are."""
        self._workers = max(self._busy, 1)
        return self._workers


def room_for(graph: FlowGraph, workers: int, for_all: bool) -> Room:
    """The room of a run.

    Parameters
    ----------
    graph : FlowGraph
        With decorators whose attributes were checked.
    workers : int
    for_all : bool
        As in :class:`Room`.
    """
    elsewhere = {}
    for node in graph:
        for decorator in node.decorators:
            if decorator.backend is None:
                continue
            limit = decorator.attributes.get("max_concurrent_tasks")
            elsewhere[node.name] = max(int(float(settings.get("MAX_REMOTE_TASKS") if limit is None else limit)), 1)
    return Room(workers, for_all, [node.name for node in graph if node.name not in elsewhere], elsewhere)
