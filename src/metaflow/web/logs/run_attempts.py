"""The attempts of all tasks of a run, as far as their logs are concerned: a few bytes for each."""

from __future__ import annotations

import heapq
import json
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from metaflow.metadata_store.attempt_rows import AttemptQuery
from metaflow.metadata_store.records import TaskRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from metaflow.metadata_store.attempt_rows import AttemptReader, AttemptRow
    from metaflow.metadata_store.records import TaskStatus

#: Most attempts of a run whose logs are looked at, the newest.
MOST_ATTEMPTS = 120_000
_PAGE = 5000
_MOST_RUNS = 8
# A run that goes on is read again after this many seconds; or later, if reading it takes long.
_FRESH_SECONDS = 0.8
_FRESH_FACTOR = 15.0


class Attempt(NamedTuple):
    """What is to be known of an attempt to find its log, and to show lines of it.

    Attributes
    ----------
    step, task_id, attempt : str, str, int
    status : str
    started_at : float
    finished_at : float or None
    foreach : str
        For people, the values of the foreaches that it is in; empty outside of them.
    origin : str or None
        The task that it is a clone of.
    """

    step: str
    task_id: str
    attempt: int
    status: TaskStatus
    started_at: float
    finished_at: float | None
    foreach: str
    origin: str | None

    @property
    def key(self) -> str:
        """``step/task/attempt``."""
        return f"{self.step}/{self.task_id}/{self.attempt}"

    def record(self, flow: str, run_id: str) -> TaskRecord:
        """As much of its record as finding its log needs."""
        return TaskRecord(
            flow,
            run_id,
            self.step,
            self.task_id,
            self.attempt,
            self.started_at,
            status=self.status,
            finished_at=self.finished_at,
            origin=self.origin,
        )


class AttemptList(NamedTuple):
    """The attempts of a run.

    Attributes
    ----------
    attempts : list of Attempt
        The newest tasks first.
    is_cut : bool
        Whether the run has more.
    """

    attempts: list[Attempt]
    is_cut: bool


class Wanted(NamedTuple):
    """Which attempts are wanted; all, where nothing is said.

    Attributes
    ----------
    steps, statuses : collection of str
    latest : bool
        Only the latest of each task.
    """

    steps: Collection[str] = ()
    statuses: Collection[str] = ()
    latest: bool = False

    def among(self, attempts: list[Attempt]) -> list[Attempt]:
        """Those that are wanted, in the same order."""
        if self.latest:
            newest: dict[tuple[str, str], int] = {}
            for each in attempts:
                name = (each.step, each.task_id)
                newest[name] = max(each.attempt, newest.get(name, 0))
            attempts = [each for each in attempts if newest[each.step, each.task_id] == each.attempt]
        return [
            each
            for each in attempts
            if (not self.steps or each.step in self.steps) and (not self.statuses or each.status in self.statuses)
        ]


class RunAttempts:
    """Attempts of the runs that were looked at lately.

    Parameters
    ----------
    reader : AttemptReader
    """

    def __init__(self, reader: AttemptReader) -> None:
        self._reader = reader
        self._lists: OrderedDict[tuple[str, str], tuple[AttemptList, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    def of(self, flow: str, run_id: str) -> AttemptList:
        """The attempts of a run, as they were about a second ago at most, unless it has very many.

        Raises
        ------
        MetadataException
            They cannot be read.
        """
        known = self._known(flow, run_id)
        if known is None:
            with self._reading:  # others who ask for the same wait for it
                known = self._known(flow, run_id)
                if known is None:
                    begun = time.monotonic()
                    known = self._read(flow, run_id)
                    took = time.monotonic() - begun
                    with self._lock:
                        until = time.monotonic() + max(_FRESH_SECONDS, _FRESH_FACTOR * took)
                        self._lists[flow, run_id] = (known, until)
                        while len(self._lists) > _MOST_RUNS:
                            self._lists.popitem(last=False)
        return known

    def _known(self, flow: str, run_id: str) -> AttemptList | None:
        with self._lock:
            found, until = self._lists.get((flow, run_id), (None, 0.0))
            return found if time.monotonic() < until else None

    def _read(self, flow: str, run_id: str) -> AttemptList:
        newest = heapq.nlargest(MOST_ATTEMPTS + 1, self._each(flow, run_id), key=_age)
        return AttemptList(newest[:MOST_ATTEMPTS], len(newest) > MOST_ATTEMPTS)

    def _each(self, flow: str, run_id: str) -> Iterator[Attempt]:
        query = AttemptQuery(flow, run_id, _PAGE, with_origins=True)
        while True:
            rows = self._reader.attempts(query)
            for row in rows:
                if row.step != "_parameters":
                    yield _attempt(row)
            if len(rows) < _PAGE:
                return
            query = query._replace(after=rows[-1][:3])


def _age(attempt: Attempt) -> tuple[Any, ...]:
    return attempt.started_at, attempt.step, len(attempt.task_id), attempt.task_id, attempt.attempt


def _label(foreach_stack: str | None) -> str:
    """The values of the foreaches that a task is in, for people."""
    stack = json.loads(foreach_stack or "[]")
    return ", ".join(f"{variable}={value}"[:200] for variable, value, _, _ in stack)


def _attempt(row: AttemptRow) -> Attempt:
    return Attempt(
        row.step,
        row.task_id,
        row.attempt,
        cast("TaskStatus", row.status),
        row.started_at,
        row.finished_at or None,
        _label(row.foreach_stack),
        row.origin,
    )
