"""What the routes of the timeline give. Times of attempts are whole milliseconds since the start of the run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from metaflow.server.models import Model, Name, RunStatus, Text

State = Literal["running", "done", "failed", "killed", "cloned", "caught"]
_Milliseconds = Annotated[int, Field(description="milliseconds since the start of the run")]


class TimelineStep(Model):
    """A step of a run, and what its attempts come to."""

    name: Name
    type: Annotated[Text, Field(description="its kind in the graph; empty if the graph is not known")]
    expected: Annotated[int, Field(description="how many tasks it is going to have, as far as is known by now")]
    tasks: int
    attempts: int
    states: Annotated[dict[State, int], Field(description="how many tasks are how, by their latest attempts")]
    median: Annotated[
        int | None, Field(description="milliseconds that half of the tasks took at most, in their latest attempts")
    ]
    p95: Annotated[
        int | None, Field(description="milliseconds that 95 of 100 tasks took at most, in their latest attempts")
    ]
    started: _Milliseconds | None
    finished: Annotated[int | None, Field(description="when the last of its attempts so far ended")]


class TimelineAttempts(Model):
    """Attempts, one list for each of their fields, all of the same length."""

    step: Annotated[list[int], Field(description="index into the steps")]
    task: list[Text]
    attempt: Annotated[list[int], Field(description="number of the attempt, from 0")]
    state: Annotated[list[int], Field(description="index into the states")]
    ready: Annotated[list[int | None], Field(description="when nothing but room was missing for it to start")]
    started: list[_Milliseconds]
    code_started: Annotated[list[int | None], Field(description="when the step's own code began")]
    code_ended: Annotated[list[int | None], Field(description="when that code had returned or raised")]
    finished: Annotated[list[int | None], Field(description="when its results were saved, or it had failed")]
    indexes: Annotated[list[str], Field(description="indexes in the foreaches around it, with dots between them")]
    label: Annotated[list[Text], Field(description="text of its value in the innermost foreach, shortened")]


class TimelineCounts(Model):
    """How many attempts there are: by it a page knows whether it has missed any change."""

    all: int
    running: int
    killed: int


class Timeline(Model):
    """All attempts of a run, or those that changed."""

    status: RunStatus
    started_at: Annotated[float, Field(description="start of the run, in seconds since the epoch")]
    finished_at: Annotated[float | None, Field(description="end of the run, in seconds since the epoch")]
    now: Annotated[float, Field(description="the server's time, in seconds since the epoch")]
    cursor: Annotated[str, Field(description="`since` of a request for what changes from now on")]
    changes_only: Annotated[bool, Field(description="whether this is about changes since the cursor that was given")]
    states: list[State]
    steps: Annotated[
        list[TimelineStep],
        Field(description="in the order of the graph; of changes, numbers are of the attempts given here alone"),
    ]
    attempts: TimelineAttempts
    counts: TimelineCounts
    most: Annotated[int, Field(description="most attempts of one answer")]
    cut: Annotated[bool, Field(description="whether there are more than that, which were left out")]
    notes: Annotated[list[str], Field(description="what could not be read, and why")]


class CriticalAttempt(Model):
    """An attempt on the critical path."""

    step: Name
    task: Name
    attempt: int
    started: _Milliseconds
    finished: Annotated[int, Field(description="now, for one that runs")]
    waiting: Annotated[int, Field(description="milliseconds from the end of what it waited for to its start")]
    startup: Annotated[int, Field(description="milliseconds from there to the step's own code")]
    code: Annotated[int, Field(description="milliseconds in that code")]
    saving: Annotated[int, Field(description="milliseconds from there to its end")]


class CriticalPath(Model):
    """The chain of attempts that decided when a run ended, or that decides how long it has taken so far."""

    attempts: Annotated[list[CriticalAttempt], Field(description="from the first to the last")]
    waiting: Annotated[int, Field(description="milliseconds of waiting along it")]
    startup: int
    code: int
    saving: int
    most: Annotated[int, Field(description="most attempts of one answer")]
    cut: Annotated[bool, Field(description="whether the path has more, of which the first were left out")]
