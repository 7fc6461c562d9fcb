"""What the routes of logs give."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from metaflow.server.models import Model, TaskStatus

Stream = Literal["stdout", "stderr"]
Span = Annotated[tuple[int, int], Field(description="begin and end, in units of UTF-16")]


class LogRow(Model):
    """What one line of a log shows. A field that has its default is left out of answers."""

    line: Annotated[int, Field(description="number of the line in the log, from 1; it stays what it is")]
    stream: Stream
    time: Annotated[float | None, Field(description="when it came, in seconds since the epoch; null if not recorded")]
    text: Annotated[str, Field(description="its text, with the escape sequences of a terminal")]
    bytes: Annotated[int | None, Field(description="how long the line is, if `text` is not all of it")] = None
    earlier_states: Annotated[
        int | None,
        Field(description="how many states of a progress bar, written over by carriage returns, are left out"),
    ] = None
    redrawn_by: Annotated[
        int | None, Field(description="the later line that wrote it over, as progress bars do; `text` is from there")
    ] = None


class LogFacts(Model):
    """What is to be known of the log of a task attempt."""

    version: Annotated[int, Field(description="another one if what was read before is no longer there")]
    attempt: Annotated[int, Field(description="the attempt whose log it is")]
    latest_attempt: int
    status: TaskStatus
    started_at: float
    total_rows: Annotated[int, Field(description="how many rows there are to page through")]
    total_lines: int
    stdout_lines: int
    stderr_lines: int
    bytes: int
    redrawn_lines: Annotated[int, Field(description="lines that a terminal would no longer show; see `redraws`")]
    untimed_lines: Annotated[int, Field(description="lines of a damaged file")]
    truncated: Annotated[list[Stream], Field(description="streams that were cut, as they were too long")]
    scrubbed: Annotated[list[Stream], Field(description="streams that a person has taken back")]
    origin: Annotated[str, Field(description="the task of another run that printed this, if the task is its clone")]
    is_origin_gone: bool
    is_missing: Annotated[bool, Field(description="whether there is no log, because nothing was printed")]
    unfinished: Annotated[list[LogRow], Field(description="what was printed since the last line feed of a stream")]


class LogPage(LogFacts):
    """A page of the log of a task attempt."""

    first_row: Annotated[int, Field(description="place of the first row of the page among all, from 0")]
    rows: list[LogRow]


class LogGrowth(LogPage):
    """What is new in a log: `rows` take the place of all rows from `first_row` on, as far as they are given."""


class LogMatch(Model):
    """A line that matches."""

    line: int
    stream: Stream
    time: float | None
    text: Annotated[str, Field(description="the line without escape sequences, or the part of it where it matches")]
    begin: Annotated[int, Field(description="where in the line `text` begins")]
    spans: Annotated[list[Span], Field(description="where in the line it matches")]


class LogRowMatch(LogMatch):
    """A line that matches, and where it is."""

    row: Annotated[int, Field(description="its place among the rows of the log, from 0")]


class LogMatches(Model):
    """What a search in a log has found so far."""

    version: int
    matches: list[LogRowMatch]
    searched_lines: Annotated[int, Field(description="so many lines of the log have been searched")]
    total_lines: int
    next: Annotated[int | None, Field(description="`from_line` of the search that goes on; null if it is over")]
    is_too_slow: Annotated[bool, Field(description="whether the pattern takes too long for the lines that come next")]


class LogLine(Model):
    """A whole line, or a part of one that is very long."""

    text: str
    bytes: Annotated[int, Field(description="how long the line is")]
    next: Annotated[int | None, Field(description="`from` of the part that follows; null at the end")]


class TaskName(Model):
    """An attempt of a task of the run."""

    step: str
    task_id: str
    attempt: int
    foreach: Annotated[str, Field(description="values of the foreaches it is in, for people; empty outside of them")]


class UnreadableLog(TaskName):
    """A log that cannot be read."""

    reason: str


class RunLogMatches(TaskName):
    """Lines of one task that match."""

    status: TaskStatus
    matches: list[LogMatch]
    has_more: Annotated[bool, Field(description="whether more lines of this task match than are given")]


class RunLogSearch(Model):
    """What a search in the logs of a run has found so far."""

    groups: list[RunLogMatches]
    unreadable: list[UnreadableLog]
    searched: Annotated[int, Field(description="so many of the attempts have been searched")]
    total: Annotated[int, Field(description="how many attempts there are to search")]
    is_cut: Annotated[bool, Field(description="whether the run has more attempts than are searched")]
    next: Annotated[str | None, Field(description="`cursor` of the search that goes on; null if it is over")]
    is_too_slow: Annotated[bool, Field(description="whether the pattern takes too long for the log that comes next")]


class RunLogLine(LogRow, TaskName):
    """A line of one of the tasks of a run."""


class RunLogPage(Model):
    """Lines of all tasks of a run, in the order in which they came."""

    lines: list[RunLogLine]
    earlier: Annotated[str | None, Field(description="`before` of the page of earlier lines; null at the beginning")]
    later: Annotated[str | None, Field(description="`after` of the page of later lines; null if there is none")]
    has_later: Annotated[bool, Field(description="whether there are later lines already")]
    unreadable: list[UnreadableLog]
    is_cut: Annotated[bool, Field(description="whether the run has more attempts than are looked at")]
    is_partial: Annotated[
        bool,
        Field(description="whether there are fewer lines than asked for, as finding more takes longer: go on"),
    ]
    looked_at: Annotated[int, Field(description="attempts that need not be looked at again by who goes on")]
    total: Annotated[int, Field(description="attempts of the run")]
