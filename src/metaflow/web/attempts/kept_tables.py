"""Tables of the attempts of those runs that were looked at lately, within a bound."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from metaflow.web.attempts.changes import changes_since
from metaflow.web.attempts.run_table import RunTable

if TYPE_CHECKING:
    from metaflow.metadata_store.attempt_rows import AttemptReader
    from metaflow.metadata_store.attempt_states import AttemptState
    from metaflow.metadata_store.records import RunRecord
    from metaflow.server.database import Database

#: Most attempts of a run that are looked at, the newest.
MOST_ATTEMPTS = 120_000
#: Attempts of all runs together that are kept: of those above, the runs go that were not asked for for longest.
_MOST_KEPT = 250_000
_MOST_RUNS = 16
# Of more tasks than this, reading all of the run anew is faster than reading each.
_MOST_CHANGES = 10_000
_TASKS_AT_ONCE = 200
# Without a log that tells what has changed, a run is read again: the longer that takes, the more rarely.
_QUICK_SECONDS = 0.05
_FRESH_FACTOR = 10.0
# Records of tasks may arrive so many seconds after the end of their run.
_LATE_SECONDS = 60.0


class _Kept:
    """The table of a run, and up to where it is known to be right."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.table: RunTable | None = None
        self.position = 0
        self.fresh_until = 0.0
        self.is_final = False


class KeptTables:
    """Tables of attempts of runs. May be used by several threads.

    Parameters
    ----------
    database : Database
        Has the log of events.
    attempts : AttemptReader
        Reads the attempts.
    """

    def __init__(self, database: Database, attempts: AttemptReader) -> None:
        self._database = database
        self._attempts = attempts
        self._runs: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def of_run(self, run: RunRecord) -> RunTable:
        """The attempts of a run as they are now; without a log of events, as they were a little while ago.

        Parameters
        ----------
        run : RunRecord
            As it is now.

        Raises
        ------
        MetadataException
            They cannot be read.
        """
        key = (run.flow, run.run_id)
        with self._lock:
            kept = self._runs.setdefault(key, _Kept())
            self._runs.move_to_end(key)
        with kept.lock:  # others who ask for the same wait for it
            table = self._renewed(kept, run)
        self._make_room()
        return table

    def _renewed(self, kept: _Kept, run: RunRecord) -> RunTable:
        table = kept.table
        if table is None:
            return self._read(kept, run)
        changes = changes_since(self._database, run.flow, run.run_id, kept.position, _MOST_CHANGES)
        if changes is None:
            is_fresh = time.monotonic() < kept.fresh_until or (kept.is_final and _is_settled(run))
            return table if is_fresh else self._read(kept, run)
        tasks = sorted(changes.tasks)
        for begin in range(0, len(tasks), _TASKS_AT_ONCE):
            self._read_tasks(table, run, tasks[begin : begin + _TASKS_AT_ONCE])
        kept.position = changes.position
        # A table that is cut has only the newest attempts: too many of them are as wrong as too few.
        return table if len(table) <= MOST_ATTEMPTS * 1.1 else self._read(kept, run)

    def _read(self, kept: _Kept, run: RunRecord) -> RunTable:
        begun = time.monotonic()
        # The position first: what is recorded while the rows are read is looked at again.
        position = self._database.last_event_id()
        states = self._attempts.attempt_states(run.flow, run.run_id, MOST_ATTEMPTS + 1)
        table = RunTable(states[:MOST_ATTEMPTS], len(states) > MOST_ATTEMPTS)
        ended = time.monotonic()
        took = ended - begun
        kept.table, kept.position, kept.is_final = table, position, _is_settled(run)
        kept.fresh_until = ended + _FRESH_FACTOR * took if took > _QUICK_SECONDS else 0.0
        return table

    def _read_tasks(self, table: RunTable, run: RunRecord, tasks: list[tuple[str, str]]) -> None:
        found: dict[tuple[str, str], list[AttemptState]] = {task: [] for task in tasks}
        for state in self._attempts.attempt_states(run.flow, run.run_id, MOST_ATTEMPTS, tasks):
            found.setdefault((state.step, state.task_id), []).append(state)
        for (step, task_id), states in found.items():
            table.replace(step, task_id, states)

    def _make_room(self) -> None:
        with self._lock:
            size = sum(len(kept.table) for kept in self._runs.values() if kept.table is not None)
            for key in list(self._runs)[:-1]:
                if size <= _MOST_KEPT and len(self._runs) <= _MOST_RUNS:
                    return
                table = self._runs.pop(key).table
                size -= 0 if table is None else len(table)


def _is_settled(run: RunRecord) -> bool:
    """Whether nothing more is to come of a run that has ended."""
    return run.status != "running" and run.finished_at is not None and time.time() - run.finished_at > _LATE_SECONDS
