"""The attempts of all tasks of a run: a few hundred bytes for each, changed task by task."""

from __future__ import annotations

import threading
from operator import attrgetter
from typing import TYPE_CHECKING

from metaflow.web.attempts.step_tally import StepTally

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from metaflow.metadata_store.attempt_states import AttemptState
    from metaflow.metadata_store.task_listing import StepCount

_started_at = attrgetter("started_at")


class RunTable:
    """The attempts of a run's own steps. May be used by several threads.

    Parameters
    ----------
    states : iterable of AttemptState
        All that are known.
    is_cut : bool
        Whether the run has more, older ones.
    """

    def __init__(self, states: Iterable[AttemptState], is_cut: bool = False) -> None:
        self.is_cut = is_cut
        self._lock = threading.Lock()
        self._tasks: dict[tuple[str, str], tuple[AttemptState, ...]] = {}
        self._steps: dict[str, str] = {}
        self._size = 0
        # Both are made when somebody asks.
        self._tallies: dict[str, StepTally] | None = None
        self._newest_first: list[AttemptState] | None = None
        for state in states:
            key = self._key(state[0], state[1])
            known = self._tasks.get(key)
            self._tasks[key] = (state,) if known is None else _in_order((*known, state))
            self._size += 1

    def __len__(self) -> int:
        return self._size

    def replace(self, step: str, task_id: str, states: Sequence[AttemptState]) -> None:
        """Say what attempts a task has now.

        Parameters
        ----------
        step, task_id : str
            The task.
        states : sequence of AttemptState
            All of its attempts, in any order; none if there is no such task.
        """
        with self._lock:
            key = self._key(step, task_id)
            before, now = self._tasks.get(key, ()), _in_order(states)
            if before == now:
                return
            if now:
                self._tasks[key] = now
            else:
                del self._tasks[key]
            self._size += len(now) - len(before)
            self._newest_first = None
            if self._tallies is not None:
                tally = self._tallies.setdefault(step, StepTally(step))
                if before:
                    tally.take_away(before)
                if now:
                    tally.add(now)

    def newest_first(self) -> list[AttemptState]:
        """All attempts. The same list is given until one of them changes, and it is not to be changed."""
        with self._lock:
            if self._newest_first is None:
                found = [state for states in self._tasks.values() for state in states]
                found.sort(key=_started_at, reverse=True)
                self._newest_first = found
            return self._newest_first

    def step_counts(self) -> list[StepCount]:
        """What the tasks of each step come to, in the order in which steps began."""
        with self._lock:
            if self._tallies is None:
                self._tallies = self._tallied()
            found = [count for tally in self._tallies.values() if (count := tally.count()) is not None]
        return sorted(found, key=lambda each: (each.started_at, each.step))

    def _tallied(self) -> dict[str, StepTally]:
        tasks: dict[str, list[tuple[AttemptState, ...]]] = {}
        for (step, _), states in self._tasks.items():
            tasks.setdefault(step, []).append(states)
        return {step: StepTally(step, own) for step, own in tasks.items()}

    def _key(self, step: str, task_id: str) -> tuple[str, str]:
        # One text for each step, instead of one for each of its tasks.
        return self._steps.setdefault(step, step), task_id


def _in_order(states: Sequence[AttemptState]) -> tuple[AttemptState, ...]:
    return tuple(states) if len(states) < 2 else tuple(sorted(states, key=attrgetter("attempt")))
