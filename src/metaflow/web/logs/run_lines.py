"""Lines of all tasks of a run in the order in which they were printed, a page at a time, from any position.

Only the logs of those tasks are opened that were running around that time. If that takes long, because very many of
them printed nothing, a page says up to where it has looked, and whoever asks goes on from there.
"""

from __future__ import annotations

import heapq
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.exception import DataException
from metaflow.web.logs.line_text import last_state
from metaflow.web.logs.log_pages import plain_row
from metaflow.web.logs.run_attempts import as_record, end_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metaflow.metadata_store.attempt_states import AttemptState
    from metaflow.web.logs.log_files import LogFiles
    from metaflow.web.logs.log_index import Line, LogIndex, View
    from metaflow.web.logs.run_attempts import AttemptList, Wanted
    from metaflow.web.logs.sources import LogBytes

#: Most lines of a page.
MOST_LINES = 1000
#: Seconds after which a page is given with what was found so far.
_SECONDS = 0.4
#: What a task printed may come so many seconds after it was over, and clocks of machines differ.
SLACK_SECONDS = 5.0


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
    following : Position or None
        Where to go on, in the direction that was asked for; None if there is nothing more.
    unreadable : list of dict
        Tasks whose logs cannot be read, and why.
    is_partial : bool
        Whether there may be fewer lines than were asked for because looking for them would have taken too long.
    looked_at : int
        So many of the attempts of the run need not be looked at any more by who goes on.
    """

    lines: list[dict[str, Any]]
    first: Position | None
    last: Position | None
    following: Position | None
    unreadable: list[dict[str, Any]]
    is_partial: bool
    looked_at: int


class _Found(NamedTuple):
    position: Position
    attempt: AttemptState
    line: Line


class _Candidate(NamedTuple):
    """An attempt whose lines may be part of a page.

    Attributes
    ----------
    place : int
        Where it is among all attempts in the order of the page.
    attempt : AttemptState
    limit : float
        In microseconds: lines of this attempt, and of those that follow, are not beyond this time.
    """

    place: int
    attempt: AttemptState
    limit: float


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

    def before(self, listed: AttemptList, wanted: Wanted, position: Position | None, limit: int) -> RunPage:
        """The last lines before a position; the last of all, if there is none."""
        reached = float("inf") if position is None else position.microseconds / 1e6
        is_wanted = wanted.among(listed)
        candidates = (
            _Candidate(place, each, (end_of(each) + SLACK_SECONDS) * 1e6)
            for place, each in enumerate(listed.by_end)
            if each.started_at - SLACK_SECONDS <= reached and is_wanted(each)
        )
        return self._page(len(listed), candidates, position, limit, backwards=True)

    def after(self, listed: AttemptList, wanted: Wanted, position: Position | None, limit: int) -> RunPage:
        """The first lines behind a position; the first of all, if there is none."""
        reached = -float("inf") if position is None else position.microseconds / 1e6
        is_wanted = wanted.among(listed)
        candidates = (
            _Candidate(place, each, (each.started_at - SLACK_SECONDS) * 1e6)
            for place, each in enumerate(listed.by_start)
            if end_of(each) + SLACK_SECONDS >= reached and is_wanted(each)
        )
        return self._page(len(listed), candidates, position, limit, backwards=False)

    def _page(
        self, total: int, candidates: Iterator[_Candidate], position: Position | None, limit: int, backwards: bool
    ) -> RunPage:
        found: list[_Found] = []
        unreadable: list[dict[str, Any]] = []
        choose = heapq.nlargest if backwards else heapq.nsmallest
        deadline = None if position is not None else time.monotonic() + _SECONDS
        cut, looked_at = None, total

        def read(candidate: _Candidate) -> list[_Found] | DataException:
            try:
                return self._some(candidate.attempt, position, limit, backwards)
            except DataException as error:
                return error

        for candidate, more in self._files.ahead(*self._run, candidates, read):
            if len(found) > limit and _is_beyond(candidate.limit, found[limit].position, backwards):
                break
            if candidate.limit < float("inf"):
                # Of attempts that are left, lines may still come up to here; what is beyond is certain.
                reached = Position(int(candidate.limit) + backwards, "", 0)
                # Those that ran at the position are looked at in any case, so that each page comes further.
                if position is None or (reached < position if backwards else reached > position):
                    deadline = deadline or time.monotonic() + _SECONDS
                    if time.monotonic() > deadline:
                        cut, looked_at = reached, candidate.place
                        break
            if isinstance(more, DataException):
                if len(unreadable) < MOST_LINES:
                    unreadable.append({**named(candidate.attempt), "reason": more.message})
            elif more:
                found = choose(limit + 1, [*found, *more], key=_position_of)
        if cut is not None:
            found = [each for each in found if (each.position >= cut if backwards else each.position < cut)]
        return _as_page(found, limit, backwards, unreadable, cut, looked_at)

    def _some(self, attempt: AttemptState, position: Position | None, limit: int, backwards: bool) -> list[_Found]:
        """Those lines of an attempt that may be part of the page."""
        if attempt.origin is not None:
            return []  # it was printed in another run
        log = self._files.printed(as_record(*self._run, attempt))
        if log is None or not log.index.count(self._view):
            return []
        index, view = log.index, self._view
        with log.reading() as file:
            place = self._place(index, file, attempt, position, backwards)
            begin, end = (max(0, place - limit - 1), place) if backwards else (place, place + limit + 1)
            found = []
            at = int(attempt.started_at * 1e6)
            for line in index.read(file, view, begin, end):
                at = at if line.microseconds is None else line.microseconds
                if not index.hidden["both"].made_no_row(line.number):
                    found.append(_Found(Position(at, attempt.key, line.number), attempt, line))
        return found

    def _place(
        self, index: LogIndex, file: LogBytes, attempt: AttemptState, position: Position | None, backwards: bool
    ) -> int:
        """Where in a log those lines begin that are behind a position; with `backwards`, that are not before it."""
        if position is None:
            return index.count(self._view) if backwards else 0
        if attempt.key == position.key:
            return index.place(file, self._view, position.line + (not backwards))
        # Of lines that came in the same microsecond, those of another task are all before it or all behind it.
        return index.place_of_time(file, self._view, position.microseconds + (attempt.key < position.key))


def _is_beyond(limit: float, position: Position, backwards: bool) -> bool:
    """Whether no line within a limit can come before a position, in the direction of the page."""
    return limit < position.microseconds if backwards else limit > position.microseconds


def _position_of(found: _Found) -> Position:
    return found.position


def _as_page(
    found: Sequence[_Found],
    limit: int,
    backwards: bool,
    unreadable: list[dict[str, Any]],
    cut: Position | None,
    looked_at: int,
) -> RunPage:
    kept = sorted(found[:limit], key=_position_of)
    first, last = (kept[0].position, kept[-1].position) if kept else (None, None)
    following = (first if backwards else last) if len(found) > limit else cut
    lines = [run_line(each.attempt, each.line) for each in kept]
    return RunPage(lines, first, last, following, unreadable, cut is not None and len(found) <= limit, looked_at)


def run_line(attempt: AttemptState, line: Line) -> dict[str, Any]:
    """A line of a run as answers have it, but for the values of foreaches."""
    row = plain_row(line._replace(text=last_state(line.text)))
    row.pop("earlier_states", None)
    return {**named(attempt), **row}


def named(attempt: AttemptState) -> dict[str, Any]:
    """Whose line it is."""
    return {"step": attempt.step, "task_id": attempt.task_id, "attempt": attempt.attempt}
