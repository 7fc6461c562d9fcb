"""What ``/api/v1/run/graph`` gives."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from metaflow.server.models import Model, RunStatus, Seconds, Text

StepKind = Literal["linear", "split", "foreach", "parallel", "switch", "join"]


class GraphDecorator(Model):
    """A decorator of a step."""

    name: Text
    attributes: Annotated[Text, Field(description="those that are set, as a text")]


class GraphStep(Model):
    """A step and its box."""

    name: Text
    kind: StepKind
    is_start: bool
    is_end: bool
    repeated_by: Annotated[Text | None, Field(description="innermost foreach that it runs in, once for each item")]
    condition: Annotated[Text, Field(description="artifact that a switch looks at")]
    doc: Text
    file: Text
    line: int | None
    decorators: list[GraphDecorator]
    x: float
    y: float
    width: float
    height: float


class GraphPoint(Model):
    """A point of a line, in the same measures as boxes."""

    x: float
    y: float


class GraphEdge(Model):
    """A transition between two steps, and its line."""

    source: Text
    target: Text
    points: Annotated[list[GraphPoint], Field(description="from box to box")]
    goes_back: Annotated[bool, Field(description="whether it leads to a step that ran before, or to itself")]
    label: Annotated[Text, Field(description="cases of a switch, or what a foreach goes over")]


class RunGraph(Model):
    """The graph of a run, laid out."""

    flow: Text
    run_id: Text
    doc: Text
    width: float
    height: float
    across: bool
    steps: Annotated[list[GraphStep], Field(description="in the order in which they run")]
    edges: list[GraphEdge]
    incomplete: Annotated[
        str | None, Field(description="why the graph is not the recorded one; null if it is as recorded")
    ]
    left_out: Annotated[int, Field(description="steps that are not drawn, as there are too many")]


class GraphStepState(Model):
    """How the tasks of a step are doing."""

    step: Text
    tasks: int
    expected: Annotated[int | None, Field(description="how many there will be, if that is known")]
    running: int
    done: int
    caught: Annotated[int, Field(description="failed, but @catch let the run go on")]
    failed: int
    killed: int
    retried: Annotated[int, Field(description="tasks that needed more than one attempt")]
    cloned: Annotated[int, Field(description="tasks whose results come from an earlier run")]
    started_at: Seconds | None
    finished_at: Annotated[Seconds | None, Field(description="null while any task runs")]


class GraphEdgeState(Model):
    """How many tasks came by an edge."""

    source: Text
    target: Text
    tasks: Annotated[int | None, Field(description="null if there are too many to know")]


class RunGraphState(Model):
    """How the steps of a run are doing."""

    status: RunStatus
    steps: list[GraphStepState]
    edges: list[GraphEdgeState]
