"""The attempts of all tasks of a run in the orders in which their logs are read, and which of them are wanted."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, cast

from metaflow.metadata_store.records import TaskRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from metaflow.metadata_store.attempt_states import AttemptState
    from metaflow.metadata_store.records import RunRecord, TaskStatus
    from metaflow.web.attempts.kept_tables import KeptTables

    #: Where an attempt is in the order of a search.
    SearchPlace = tuple[int, float, str, str, int]

_MOST_RUNS = 8


class AttemptList:
    """The attempts of a run at one moment.

    Parameters
    ----------
    newest_first : list of AttemptState
    is_cut : bool
        Whether the run has more.
    """

    def __init__(self, newest_first: list[AttemptState], is_cut: bool) -> None:
        self.newest_first = newest_first
        self.is_cut = is_cut

    def __len__(self) -> int:
        return len(self.newest_first)

    @cached_property
    def by_end(self) -> list[AttemptState]:
        """Those that still run, then the others; what ended last comes first."""
        return sorted(self.newest_first, key=end_of, reverse=True)

    @cached_property
    def by_start(self) -> list[AttemptState]:
        """What started first comes first."""
        return self.newest_first[::-1]

    @cached_property
    def in_search_order(self) -> list[AttemptState]:
        """What failed comes first, then what is newest."""
        return sorted(self.newest_first, key=search_place)

    @cached_property
    def latest(self) -> dict[tuple[str, str], int]:
        """The number of the latest attempt of each task."""
        found: dict[tuple[str, str], int] = {}
        for each in self.newest_first:
            name = (each.step, each.task_id)
            found[name] = max(each.attempt, found.get(name, 0))
        return found


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

    def among(self, listed: AttemptList) -> Callable[[AttemptState], bool]:
        """The test that those attempts of a list pass which are wanted."""

        def is_wanted(attempt: AttemptState) -> bool:
            if self.steps and attempt.step not in self.steps:
                return False
            if self.statuses and plain_status(attempt) not in self.statuses:
                return False
            return not self.latest or listed.latest[attempt.step, attempt.task_id] == attempt.attempt

        return is_wanted


class RunAttempts:
    """Attempts of the runs that were looked at lately.

    Parameters
    ----------
    tables : KeptTables
    """

    def __init__(self, tables: KeptTables) -> None:
        self._tables = tables
        self._lists: OrderedDict[tuple[str, str], AttemptList] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, run: RunRecord) -> AttemptList:
        """The attempts of a run; the same list as long as none of them has changed.

        Raises
        ------
        MetadataException
            They cannot be read.
        """
        table = self._tables.of_run(run)
        attempts, key = table.newest_first(), (run.flow, run.run_id)
        with self._lock:
            known = self._lists.get(key)
            if known is None or known.newest_first is not attempts:
                known = self._lists[key] = AttemptList(attempts, table.is_cut)
                if len(self._lists) > _MOST_RUNS:
                    self._lists.popitem(last=False)
            self._lists.move_to_end(key)
        return known


def end_of(attempt: AttemptState) -> float:
    """When an attempt ended; infinite as long as it may print."""
    return float("inf") if attempt.finished_at is None else attempt.finished_at


def search_place(attempt: AttemptState) -> SearchPlace:
    """Where an attempt is in the order of a search."""
    rank = {"failed": 0, "killed": 1}.get(attempt.status, 2)
    return (rank, -attempt.started_at, attempt.step, attempt.task_id, -attempt.attempt)


def plain_status(attempt: AttemptState) -> TaskStatus:
    """The status of an attempt as its record has it: a failure that was caught is none there."""
    return "done" if attempt.status == "caught" else cast("TaskStatus", attempt.status)


def as_record(flow: str, run_id: str, attempt: AttemptState) -> TaskRecord:
    """As much of the record of an attempt as finding its log needs."""
    step, task_id, number, _, started_at, finished_at, origin = attempt
    status = plain_status(attempt)
    return TaskRecord(
        flow, run_id, step, task_id, number, started_at, status=status, finished_at=finished_at, origin=origin
    )
