"""What the pages that find runs get."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from metaflow.server.models import Model, RunStatus, Scalar
from metaflow.web.silence import Silence

#: Most runs of one answer.
MOST_ROWS = 200
#: How many matches are counted at most.
MOST_COUNTED = 1000


class TaskCount(Model):
    """How far a run is."""

    known: Annotated[int, Field(description="tasks that have started so far")]
    running: Annotated[int, Field(description="how many of these still run")]


class RunRow(Model):
    """A run as lists show it."""

    flow: str
    run_id: str
    user: str
    status: RunStatus
    started_at: float
    finished_at: float | None
    message: Annotated[str | None, Field(description="why it failed")]
    tags: Annotated[list[str], Field(description="tags that people gave")]
    project: str | None
    branch: str | None
    origin_run_id: Annotated[str | None, Field(description="the run that it resumes")]
    triggers: Annotated[list[str], Field(description="names of the events and flows that started it")]
    tasks: Annotated[TaskCount | None, Field(description="only of a run that goes on")]
    silence: Annotated[Silence | None, Field(description="only of a run of which nothing is heard")]
    parameters: Annotated[dict[str, Scalar], Field(description="those that were asked for and that it has")]
    artifacts: Annotated[dict[str, Scalar], Field(description="of its last step: those that were asked for")]


class RunRows(Model):
    """A page of runs."""

    runs: list[RunRow]
    next: Annotated[str | None, Field(description="the `cursor` of the next page; null if this is the last one")]
    total: Annotated[int | None, Field(description="how many match; null unless it was asked for")]
    total_is_exact: Annotated[bool, Field(description=f"false: there are more than {MOST_COUNTED:,}")]


class Facet(Model):
    """A name, and how many runs have it."""

    name: str
    runs: int


class FacetList(Model):
    """Names, the most frequent first."""

    names: list[Facet]
    more: Annotated[bool, Field(description="there are further ones; a text narrows them down")]


class ValueNames(Model):
    """Names of values."""

    names: list[str]
    more: Annotated[bool, Field(description="there are further ones; a text narrows them down")]


class Facets(Model):
    """By what runs can be found."""

    statuses: FacetList
    flows: FacetList
    users: FacetList
    projects: FacetList
    branches: FacetList
    tags: Annotated[FacetList, Field(description="tags that people gave, and what else is of use among the others")]
    parameters: ValueNames
    artifacts: ValueNames


class PastRun(Model):
    """One of the last runs of a flow."""

    run_id: str
    status: RunStatus
    started_at: float
    finished_at: float | None


class FlowSummary(Model):
    """A flow at a glance."""

    flow: str
    runs: Annotated[int, Field(description="how many there are")]
    running: Annotated[int, Field(description="how many of them go on")]
    last: Annotated[list[PastRun], Field(description="its last runs, the newest first")]
    last_success: PastRun | None
    median_seconds: Annotated[float | None, Field(description="how long its last successful runs took")]


class FlowSummaries(Model):
    """Flows; the one with the newest run first."""

    flows: list[FlowSummary]
    total: Annotated[int, Field(description="how many flows there are")]
