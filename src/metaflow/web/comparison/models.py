"""What the routes of comparisons take and give."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from metaflow.server.models import Model, Name, NumberOrNull, RunStatus, Seconds, Tag, Text
from metaflow.web.run.models import ChangedFiles

#: Runs of one comparison.
MOST_RUNS = 50
#: Runs of a flow's history, and fields of it that are given at once.
MOST_HISTORY, MOST_FIELDS = 500, 20

SectionName = Literal[
    "metrics", "parameters", "configs", "run", "code", "environment", "decorators", "artifacts", "durations"
]


class RunName(Model):
    """Which run."""

    flow: Name
    run_id: Name


class CompareQuestion(Model):
    """Runs to lay side by side, in this order."""

    runs: Annotated[list[RunName], Field(min_length=1, max_length=MOST_RUNS)]


class ComparedRun(Model):
    """A run of a comparison."""

    flow: Text
    run_id: Text
    found: Annotated[bool, Field(description="whether there is such a run")]
    status: RunStatus | None
    user: Text
    tags: list[Tag]
    started_at: Seconds | None
    finished_at: Seconds | None
    duration: Annotated[float | None, Field(description="in seconds; so far, if it runs")]
    problems: Annotated[list[Text], Field(description="what could not be read of it, and why")]


class ComparedValue(Model):
    """What one or more of the runs have."""

    text: Annotated[Text, Field(description="in one line")]
    number: Annotated[NumberOrNull, Field(description="the value, if it is a number")]
    type: Text
    size: Annotated[int | None, Field(description="serialised bytes")]
    sha: Annotated[Text, Field(description="hash of the content, or empty")]
    is_cut: Annotated[bool, Field(description="whether there is more of it than the text")]


class ComparedRow(Model):
    """One thing that runs are compared by."""

    name: Text
    unit: Annotated[Literal["seconds"] | None, Field(description="of its numbers")]
    is_numeric: Annotated[bool, Field(description="whether each run that has it has a number")]
    differs: Annotated[bool, Field(description="whether not all runs have the same")]
    values: Annotated[list[ComparedValue], Field(description="each different one, once")]
    cells: Annotated[list[int | None], Field(description="for each run which of the values it has; null for nothing")]


class ComparedSection(Model):
    """Rows that belong together."""

    name: SectionName
    rows: list[ComparedRow]
    left_out: Annotated[int, Field(description="rows that are not given, as there are too many")]


class Comparison(Model):
    """Runs side by side."""

    runs: list[ComparedRun]
    sections: list[ComparedSection]


class TwoRuns(Model):
    """Two runs, of which the first is the one that is compared with."""

    before: RunName
    after: RunName


class CodeDifference(ChangedFiles):
    """How the code of two runs differs."""

    note: Annotated[str | None, Field(description="why nothing can be said; null if all is well")]


class ValueQuestion(TwoRuns):
    """A value that two runs have."""

    section: Literal["parameters", "metrics", "artifacts"]
    name: Name


class ValueDifference(Model):
    """A value of two runs as texts, and how these differ."""

    before: Text | None
    after: Text | None
    patch: Annotated[Text | None, Field(description="null if the texts are too long to be compared line by line")]
    notes: Annotated[list[Text], Field(description="what is to be known of the texts, such as that they are cut")]


class HistoryField(Model):
    """A number that runs of a flow have."""

    kind: Literal["duration", "parameter", "artifact"]
    name: Text
    runs: Annotated[int, Field(description="how many of the runs have it")]
    varies: Annotated[bool, Field(description="whether they do not all have the same")]


class HistoryRun(Model):
    """A run in the history of its flow."""

    run_id: Text
    status: RunStatus
    user: Text
    tags: list[Tag]
    started_at: Seconds
    duration: Annotated[float | None, Field(description="in seconds; so far, if it runs")]


class HistorySeries(Model):
    """A field's value in each of the runs."""

    kind: Literal["duration", "parameter", "artifact"]
    name: Text
    values: Annotated[list[NumberOrNull], Field(description="null where a run has no number")]
    texts: Annotated[list[Text | None], Field(description="the same as texts, also of what is no number")]


class FlowHistory(Model):
    """The last runs of a flow."""

    flow: Text
    runs: Annotated[list[HistoryRun], Field(description="oldest first")]
    fields: Annotated[list[HistoryField], Field(description="what there is to choose from")]
    series: list[HistorySeries]
    more: Annotated[bool, Field(description="whether there are older runs")]
