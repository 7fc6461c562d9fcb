"""Searching the logs of all tasks of a run, as many as is quickly done, from where the search before has ended."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.exception import DataException
from metaflow.web.logs.log_index import parsed, scan
from metaflow.web.logs.matchers import shown_match
from metaflow.web.logs.pattern_search import PatternTooSlow
from metaflow.web.logs.run_attempts import as_record, plain_status
from metaflow.web.logs.run_lines import named
from metaflow.web.logs.sources import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.datastore.logs import LogStream
    from metaflow.metadata_store.attempt_states import AttemptState
    from metaflow.web.logs.log_files import LogFiles
    from metaflow.web.logs.matchers import Matcher
    from metaflow.web.logs.sources import LogBytes, LogSource

#: Most lines of one task that are shown; its log has a search of its own.
MOST_OF_A_TASK = 20
#: Most lines of an answer.
_MOST = 500
_SECONDS = 0.4


class Progress(NamedTuple):
    """How far a search has come.

    Attributes
    ----------
    groups : list of dict
        What was found, by task.
    next_attempt : int or None
        Place of the attempt to go on with; None if all have been searched.
    unreadable : list of dict
        Tasks whose logs cannot be read, and why.
    is_too_slow : bool
        Whether the pattern took too long for the log that comes next.
    """

    groups: list[dict[str, Any]]
    next_attempt: int | None
    unreadable: list[dict[str, Any]]
    is_too_slow: bool = False


class RunSearch:
    """A search through logs of a run.

    Parameters
    ----------
    files : LogFiles
    flow, run_id : str
    matcher : Matcher
    stream : str, optional
        Only lines of this stream.
    """

    def __init__(
        self, files: LogFiles, flow: str, run_id: str, matcher: Matcher, stream: LogStream | None = None
    ) -> None:
        self._files = files
        self._run = (flow, run_id)
        self._matcher = matcher
        self._stream = stream

    def go_on(self, attempts: Sequence[AttemptState], begin: int) -> Progress:
        """Search from an attempt on, until there is enough to show or it has taken long enough.

        Parameters
        ----------
        attempts : sequence of AttemptState
        begin : int
            Place among them of the first to search.

        Raises
        ------
        MetadataException
            The records of tasks cannot be read.
        """
        groups: list[dict[str, Any]] = []
        unreadable: list[dict[str, Any]] = []
        deadline = time.monotonic() + _SECONDS
        lines, place = 0, begin
        for attempt, found in self._files.ahead(*self._run, islice(attempts, begin, None), self._source):
            if place > begin and (time.monotonic() > deadline or lines >= _MOST):
                return Progress(groups, place, unreadable)
            try:
                if isinstance(found, DataException):
                    raise found
                group = self._group(found)
            except DataException as error:
                unreadable.append({**named(attempt), "reason": error.message})
                group = None
            except PatternTooSlow:
                return Progress(groups, place, unreadable, True)
            if group is not None:
                groups.append({**named(attempt), "status": plain_status(attempt), **group})
                lines += len(group["matches"])
            place += 1
        return Progress(groups, None, unreadable)

    def _source(self, attempt: AttemptState) -> LogSource | DataException | None:
        """Where what an attempt shows was printed; None if that is gone."""
        try:
            origin = self._files.origin(as_record(*self._run, attempt))
            return None if origin.is_gone else self._files.source(origin.task)
        except DataException as error:
            return error

    def _group(self, source: LogSource | None) -> dict[str, Any] | None:
        """What matches in a log; None if nothing does."""
        file = None if source is None else source.open()
        if file is None:
            return None
        with reading(file) as content:
            return self._matches(content)

    def _matches(self, file: LogBytes) -> dict[str, Any] | None:
        matches: list[dict[str, Any]] = []
        number, begin = 0, 0
        for content, size in scan(file, begin):
            lines: list[bytes] = []
            for match in self._matcher.matches(content):
                lines = lines or content.split(b"\n")
                line = parsed(number + match.line, lines[match.line])
                if self._stream not in (None, line.stream):
                    continue
                if len(matches) == MOST_OF_A_TASK:
                    return {"matches": matches, "has_more": True}
                matches.append(shown_match(line.number, lines[match.line], match))
            number += 1 if size > len(content) else content.count(b"\n")
        return {"matches": matches, "has_more": False} if matches else None
