"""What the tasks of a run print, as it comes."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.exception import DataException
from metaflow.web.logs.run_lines import Position, run_line

if TYPE_CHECKING:
    from metaflow.web.logs.log_files import LogFiles
    from metaflow.web.logs.log_index import View
    from metaflow.web.logs.run_attempts import Attempt, RunAttempts, Wanted

#: Most lines that are given at a time; of more, the last.
MOST_LINES = 1000
# What a task printed may come a moment after it was over, and clocks of machines differ.
_SLACK_SECONDS = 5.0


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


class RunTail:
    """Follows the logs of the tasks of a run. Its methods are called by one thread at a time.

    Parameters
    ----------
    files : LogFiles
    attempts : RunAttempts
    flow, run_id : str
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
        flow: str,
        run_id: str,
        view: View,
        wanted: Wanted,
        position: Position | None,
    ) -> None:
        self._files = files
        self._attempts = attempts
        self._run = (flow, run_id)
        self._view = view
        self._wanted = wanted
        self._position = position
        self._known: dict[str, int] = {}
        self._over: set[str] = set()
        self._listed: list[Attempt] | None = None
        self._open: list[Attempt] = []

    def look(self) -> NewLines:
        """What has come since the last call.

        Raises
        ------
        MetadataException
            The records of tasks cannot be read.
        """
        listed = self._attempts.of(*self._run).attempts
        if listed is not self._listed:
            self._listed = listed
            self._open = [each for each in self._wanted.among(listed) if self._may_print(each)]
        found: list[tuple[Position, dict[str, Any]]] = []
        skipped, still_open = 0, []
        for attempt in self._open:
            try:
                lines, left_out = self._new(attempt)
            except DataException:  # it may be readable the next time; pages of earlier lines tell
                still_open.append(attempt)
                continue
            found += lines
            skipped += left_out
            if attempt.status == "running":
                still_open.append(attempt)
            else:
                self._over.add(attempt.key)
        self._open = still_open
        found.sort(key=itemgetter(0))
        skipped += max(0, len(found) - MOST_LINES)
        found = found[-MOST_LINES:]
        return NewLines([line for _, line in found], found[-1][0] if found else None, skipped, not still_open)

    def _may_print(self, attempt: Attempt) -> bool:
        if attempt.key in self._over or attempt.origin is not None:
            return False
        if attempt.finished_at is None or self._position is None:
            return True
        return attempt.finished_at + _SLACK_SECONDS >= self._position.microseconds / 1e6

    def _new(self, attempt: Attempt) -> tuple[list[tuple[Position, dict[str, Any]]], int]:
        """Lines of an attempt that are not known, and how many are left out."""
        log = self._files.open(attempt.record(*self._run))
        index, view = log.index, self._view
        count = index.count(view)
        known = self._known.get(attempt.key)
        if known is not None and known == count:
            return [], 0
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
        return found, begin - known
