"""Lines of all tasks of a run in the order in which they were printed, a page at a time, from any position.

Only the logs of those tasks are opened that were running around that time.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.exception import DataException
from metaflow.web.logs.line_text import last_state
from metaflow.web.logs.log_pages import plain_row

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from metaflow.web.logs.log_files import LogFiles
    from metaflow.web.logs.log_index import Line, LogIndex, View
    from metaflow.web.logs.run_attempts import Attempt

#: Most lines of a page.
MOST_LINES = 1000
#: Most logs that are opened for a page.
_MOST_LOGS = 3000
# What a task printed may come a moment after it was over, and clocks of machines differ.
_SLACK_SECONDS = 5.0


class Position(NamedTuple):
    """Of a line among those of all tasks.

    Attributes
    ----------
    microseconds : int
        When it came.
    key : str
        ``step/task/attempt`` of its task.
    line : int
        From 0.
    """

    microseconds: int
    key: str
    line: int


class RunPage(NamedTuple):
    """A page of lines.

    Attributes
    ----------
    lines : list of dict
        In the order in which they were printed.
    first, last : Position or None
        Of the first and the last of them.
    has_more : bool
        Whether there may be more, in the direction that was asked for.
    unreadable : list of dict
        Tasks whose logs cannot be read, and why.
    is_partial : bool
        Whether more tasks ran at that time than are looked at for a page.
    """

    lines: list[dict[str, Any]]
    first: Position | None
    last: Position | None
    has_more: bool
    unreadable: list[dict[str, Any]]
    is_partial: bool


class _Found(NamedTuple):
    position: Position
    attempt: Attempt
    line: Line


class RunLines:
    """Lines of a run.

    Parameters
    ----------
    files : LogFiles
    flow, run_id : str
    view : str
        ``both``, ``stdout`` or ``stderr``.
    """

    def __init__(self, files: LogFiles, flow: str, run_id: str, view: View = "both") -> None:
        self._files = files
        self._run = (flow, run_id)
        self._view = view

    def before(self, attempts: list[Attempt], position: Position | None, limit: int) -> RunPage:
        """The last lines before a position; the last of all, if there is none."""

        def end(attempt: Attempt) -> float:
            return float("inf") if attempt.finished_at is None else attempt.finished_at + _SLACK_SECONDS

        reached = float("inf") if position is None else position.microseconds / 1e6
        chosen = [each for each in attempts if each.started_at - _SLACK_SECONDS <= reached]
        chosen.sort(key=end, reverse=True)
        return self._page(
            chosen,
            limit,
            lambda attempt: self._some(attempt, position, limit, backwards=True),
            lambda attempt, found: end(attempt) * 1e6 < found.position.microseconds,
            backwards=True,
        )

    def after(self, attempts: list[Attempt], position: Position | None, limit: int) -> RunPage:
        """The first lines behind a position; the first of all, if there is none."""
        reached = -float("inf") if position is None else position.microseconds / 1e6
        chosen = [each for each in attempts if each.finished_at is None or each.finished_at + _SLACK_SECONDS >= reached]
        chosen.sort(key=lambda attempt: attempt.started_at)
        return self._page(
            chosen,
            limit,
            lambda attempt: self._some(attempt, position, limit, backwards=False),
            lambda attempt, found: (attempt.started_at - _SLACK_SECONDS) * 1e6 > found.position.microseconds,
            backwards=False,
        )

    def _page(
        self,
        attempts: list[Attempt],
        limit: int,
        read: Callable[[Attempt], list[_Found]],
        is_beyond: Callable[[Attempt, _Found], bool],
        backwards: bool,
    ) -> RunPage:
        found: list[_Found] = []
        unreadable: list[dict[str, Any]] = []
        opened, is_partial = 0, False
        choose = heapq.nlargest if backwards else heapq.nsmallest
        for attempt in attempts:
            if len(found) > limit and is_beyond(attempt, found[limit]):
                break
            if opened >= _MOST_LOGS:
                is_partial = True
                break
            opened += 1
            try:
                more = read(attempt)
            except DataException as error:
                if len(unreadable) < MOST_LINES:
                    unreadable.append({**named(attempt), "reason": error.message})
                continue
            if more:
                found = choose(limit + 1, [*found, *more], key=lambda each: each.position)
        has_more = len(found) > limit
        kept = sorted(found[:limit], key=lambda each: each.position)
        return RunPage(
            [run_line(each.attempt, each.line) for each in kept],
            kept[0].position if kept else None,
            kept[-1].position if kept else None,
            has_more,
            unreadable,
            is_partial,
        )

    def _some(self, attempt: Attempt, position: Position | None, limit: int, backwards: bool) -> list[_Found]:
        """Those lines of an attempt that may be part of the page."""
        if attempt.origin is not None:
            return []  # it was printed in another run
        log = self._files.open(attempt.record(*self._run))
        index, view = log.index, self._view
        if not index.count(view):
            return []
        with log.reading() as file:
            place = self._place(index, file, attempt, position, backwards)
            begin, end = (max(0, place - limit - 1), place) if backwards else (place, place + limit + 1)
            found = []
            time = int(attempt.started_at * 1e6)
            for line in index.read(file, view, begin, end):
                time = time if line.microseconds is None else line.microseconds
                if not index.hidden["both"].made_no_row(line.number):
                    found.append(_Found(Position(time, attempt.key, line.number), attempt, line))
        return found

    def _place(
        self, index: LogIndex, file: BinaryIO, attempt: Attempt, position: Position | None, backwards: bool
    ) -> int:
        """Where in a log those lines begin that are behind a position; with `backwards`, that are not before it."""
        if position is None:
            return index.count(self._view) if backwards else 0
        if attempt.key == position.key:
            return index.place(file, self._view, position.line + (not backwards))
        # Of lines that came in the same microsecond, those of another task are all before it or all behind it.
        return index.place_of_time(file, self._view, position.microseconds + (attempt.key < position.key))


def run_line(attempt: Attempt, line: Line) -> dict[str, Any]:
    """A line of a run as answers have it."""
    row = plain_row(line._replace(text=last_state(line.text)))
    row.pop("earlier_states", None)
    return {**named(attempt), **row}


def named(attempt: Attempt) -> dict[str, Any]:
    """Whose line it is."""
    return {
        "step": attempt.step,
        "task_id": attempt.task_id,
        "attempt": attempt.attempt,
        "foreach": attempt.foreach,
    }
