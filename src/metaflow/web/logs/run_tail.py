"""What the tasks of a run print, as it comes."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.exception import DataException
from metaflow.web.logs.run_attempts import as_record, end_of
from metaflow.web.logs.run_lines import SLACK_SECONDS, Position, run_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.metadata_store.attempt_states import AttemptState
    from metaflow.metadata_store.records import RunRecord
    from metaflow.web.logs.log_files import LogFiles
    from metaflow.web.logs.log_index import View
    from metaflow.web.logs.run_attempts import AttemptList, RunAttempts, Wanted

#: Most lines that are given at a time; of more, the last.
MOST_LINES = 1000


class NewLines(NamedTuple):
    """What is new.

    Attributes
    ----------
    lines : list of dict
    last : Position or None
        Of the last of them.
    skipped : int
        How many lines before them were left out, as there were too many at once.
    is_over : bool
        Whether every task that was looked at is over.
    """

    lines: list[dict[str, Any]]
    last: Position | None
    skipped: int
    is_over: bool


class _New(NamedTuple):
    lines: list[tuple[Position, dict[str, Any]]]
    left_out: int


class RunTail:
    """Follows the logs of the tasks of a run. Its methods are called by one thread at a time.

    Parameters
    ----------
    files : LogFiles
    attempts : RunAttempts
    run : RunRecord
    view : str
        ``both``, ``stdout`` or ``stderr``.
    wanted : Wanted
        Which attempts.
    position : Position or None
        The last line that is known; None to begin with the first line.
    """

    def __init__(
        self,
        files: LogFiles,
        attempts: RunAttempts,
        run: RunRecord,
        view: View,
        wanted: Wanted,
        position: Position | None,
    ) -> None:
        self._files = files
        self._attempts = attempts
        self._run = run
        self._view = view
        self._wanted = wanted
        self._position = position
        self._known: dict[str, int] = {}
        self._over: set[str] = set()
        self._listed: AttemptList | None = None
        self._open: list[AttemptState] = []

    def look(self, run: RunRecord) -> NewLines:
        """What has come since the last call.

        Parameters
        ----------
        run : RunRecord
            The run as it is now.

        Raises
        ------
        MetadataException
            The records of tasks cannot be read.
        """
        listed = self._attempts.of(run)
        if listed is not self._listed:
            self._listed = listed
            is_wanted = self._wanted.among(listed)
            self._open = [each for each in self._recent(listed) if self._may_print(each) and is_wanted(each)]
        found: list[tuple[Position, dict[str, Any]]] = []
        skipped, still_open = 0, []
        for attempt, new in self._files.ahead(self._run.flow, self._run.run_id, self._open, self._read):
            if new is None:
                still_open.append(attempt)
                continue
            found += new.lines
            skipped += new.left_out
            if attempt.status == "running":
                still_open.append(attempt)
            else:
                self._over.add(attempt.key)
        self._open = still_open
        found.sort(key=itemgetter(0))
        skipped += max(0, len(found) - MOST_LINES)
        found = found[-MOST_LINES:]
        return NewLines([line for _, line in found], found[-1][0] if found else None, skipped, not still_open)

    def _recent(self, listed: AttemptList) -> Iterator[AttemptState]:
        """Those that run, or have ended so late that they may have lines behind the position."""
        for attempt in listed.by_end:
            if self._position is not None and end_of(attempt) + SLACK_SECONDS < self._position.microseconds / 1e6:
                return
            yield attempt

    def _may_print(self, attempt: AttemptState) -> bool:
        return attempt.origin is None and attempt.key not in self._over

    def _read(self, attempt: AttemptState) -> _New | None:
        try:
            return self._new(attempt)
        except DataException:  # it may be readable the next time; pages of earlier lines tell
            return None

    def _new(self, attempt: AttemptState) -> _New:
        """Lines of an attempt that are not known."""
        log = self._files.printed(as_record(self._run.flow, self._run.run_id, attempt))
        if log is None:
            self._known.setdefault(attempt.key, 0)
            return _New([], 0)
        index, view = log.index, self._view
        count = index.count(view)
        known = self._known.get(attempt.key)
        if known is not None and known == count:
            return _New([], 0)
        with log.reading() as file:
            if known is None:
                position = self._position
                if position is None:
                    known = 0
                elif position.key == attempt.key:
                    known = index.place(file, view, position.line + 1)
                else:
                    known = index.place_of_time(file, view, position.microseconds + (attempt.key < position.key))
            known = min(known, count)  # if it was taken back, there are fewer
            begin = max(known, count - MOST_LINES)
            found = []
            time = int(attempt.started_at * 1e6)
            for line in index.read(file, view, begin, count):
                time = time if line.microseconds is None else line.microseconds
                if not index.hidden["both"].made_no_row(line.number):
                    found.append((Position(time, attempt.key, line.number), run_line(attempt, line)))
        self._known[attempt.key] = count
        return _New(found, begin - known)
