"""Tasks that are ready, in order, of which those of some steps can be passed over."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from .plan_scope import ForeachCursor

if TYPE_CHECKING:
    from collections.abc import Container

    from .plan_task import PlannedTask


class ReadyTasks:
    """Ready tasks and foreaches, by step, with the order that they have over all steps.

    What :meth:`take` costs grows with the number of steps that it passes over, never with that of the tasks.
    """

    __slots__ = ("_after", "_before", "_heads", "_queues", "_size")

    def __init__(self) -> None:
        self._queues: dict[str, deque[tuple[int, PlannedTask | ForeachCursor]]] = {}
        #: Place of the first entry of each step with the step, as a heap; places that are no longer the first of
        #: their step are dropped when they come up.
        self._heads: list[tuple[int, str]] = []
        self._before = 0
        self._after = 0
        self._size = 0

    def __bool__(self) -> bool:
        return self._size > 0

    def add(self, step: str, entry: PlannedTask | ForeachCursor) -> None:
        """Put something at the end."""
        self._after += 1
        queue = self._queue(step)
        queue.append((self._after, entry))
        if len(queue) == 1:
            heappush(self._heads, (self._after, step))

    def add_first(self, step: str, task: PlannedTask) -> None:
        """Put a task before all others."""
        self._before -= 1
        self._queue(step).appendleft((self._before, task))
        heappush(self._heads, (self._before, step))

    def take(self, held: Container[str]) -> PlannedTask | None:
        """Hand out the first task of a step that is not in `held`; None if there is none."""
        heads = self._heads
        passed_over = []
        task = None
        while heads:
            place, step = heads[0]
            queue = self._queues[step]
            if not queue or queue[0][0] != place:
                heappop(heads)
            elif step in held:
                passed_over.append(heappop(heads))
            else:
                task = self._take_head(step)
                break
        for head in passed_over:
            heappush(heads, head)
        return task

    def _take_head(self, step: str) -> PlannedTask:
        """Hand out the first task of the step that is the first of the heap."""
        queue = self._queues[step]
        entry = queue[0][1]
        if isinstance(entry, ForeachCursor):
            task = entry.take()
            if not entry.exhausted:
                return task
        else:
            task = entry
        queue.popleft()
        self._size -= 1
        heappop(self._heads)
        if queue:
            heappush(self._heads, (queue[0][0], step))
        return task

    def _queue(self, step: str) -> deque[tuple[int, PlannedTask | ForeachCursor]]:
        self._size += 1
        return self._queues.setdefault(step, deque())
