"""What the tasks of one step come to, kept up to date task by task instead of being counted again."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from typing import TYPE_CHECKING

from metaflow.metadata_store.task_listing import StepCount, percentiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from metaflow.metadata_store.attempt_states import AttemptState

_ENDED_BY_ITSELF = ("done", "caught", "failed")


class StepTally:
    """Counts the tasks of a step. What is taken away must be what was added.

    Parameters
    ----------
    step : str
    tasks : iterable of sequence of AttemptState, optional
        Tasks to begin with; of many, this is much faster than adding each.
    """

    def __init__(self, step: str, tasks: Iterable[Sequence[AttemptState]] = ()) -> None:
        self._step = step
        self._counts: Counter[str] = Counter()
        self._cloned = 0
        self._retried = 0
        self._attempts = 0
        # In order, so that the first, the last and any in between are told whatever was added or taken away.
        self._starts: list[float] = []
        self._ends: list[float] = []
        self._seconds: list[float] = []
        for attempts in tasks:
            self._change(attempts, 1)
            start, end, seconds = _times(attempts)
            self._starts.append(start)
            self._ends.append(end)
            if seconds is not None:
                self._seconds.append(seconds)
        for ordered in (self._starts, self._ends, self._seconds):
            ordered.sort()

    def add(self, attempts: Sequence[AttemptState]) -> None:
        """Count a task.

        Parameters
        ----------
        attempts : sequence of AttemptState
            All of its attempts, in their order.
        """
        self._change(attempts, 1)
        start, end, seconds = _times(attempts)
        insort(self._starts, start)
        insort(self._ends, end)
        if seconds is not None:
            insort(self._seconds, seconds)

    def take_away(self, attempts: Sequence[AttemptState]) -> None:
        """Count a task no more, given its attempts as they were when it was added."""
        self._change(attempts, -1)
        start, end, seconds = _times(attempts)
        _remove(self._starts, start)
        _remove(self._ends, end)
        if seconds is not None:
            _remove(self._seconds, seconds)

    def count(self) -> StepCount | None:
        """What the tasks come to; None if there is none."""
        if not self._starts:
            return None
        counts = {status: number for status, number in self._counts.items() if number}
        is_over = not counts.get("running")
        return StepCount(
            self._step,
            counts,
            self._cloned,
            self._retried,
            self._attempts,
            self._starts[0],
            (self._ends[-1] or None) if is_over else None,
            *percentiles(self._seconds),
        )

    def _change(self, attempts: Sequence[AttemptState], by: int) -> None:
        latest = attempts[-1]
        self._counts[latest.status] += by
        self._cloned += by * (latest.origin is not None)
        self._retried += by * (latest.attempt > 0)
        self._attempts += by * (latest.attempt + 1)


def _times(attempts: Sequence[AttemptState]) -> tuple[float, float, float | None]:
    """When a task started and ended, and how many seconds it took, if it ended by itself and was not taken over."""
    latest = attempts[-1]
    end = latest.finished_at or 0.0
    took = max(0.0, end - latest.started_at)
    is_measured = latest.status in _ENDED_BY_ITSELF and latest.origin is None
    begin = latest.started_at if len(attempts) == 1 else min(each.started_at for each in attempts)
    return begin, end, took if is_measured else None


def _remove(ordered: list[float], value: float) -> None:
    del ordered[bisect_left(ordered, value)]
