"""What the routes of one task give."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from metaflow.server.models import Model, Scalar, TaskStatus
from metaflow.web.run.models import WholeRun


class TaskError(Model):
    """What ended an attempt, in short."""

    kind: Annotated[str, Field(description="type of the exception")]
    message: str


class TaskAttempt(Model):
    """One attempt of a task, in short."""

    attempt: int
    status: TaskStatus
    success: bool
    started_at: float
    finished_at: float | None
    error: TaskError | None


class TaskForeach(Model):
    """A foreach that a task is in."""

    step: Annotated[str, Field(description="the step that split")]
    variable: str
    value: Annotated[str, Field(description="text of the element that the task is for")]
    index: int
    count: Annotated[int, Field(description="how many elements there are")]


class TaskSibling(Model):
    """A task for another element of the same foreach."""

    step: str
    task_id: str
    value: str


class TaskSiblings(Model):
    """The tasks for the elements around that of a task."""

    previous: TaskSibling | None
    next: TaskSibling | None


class TaskFailure(Model):
    """What ended an attempt."""

    kind: Annotated[str, Field(description="type of the exception; empty if nobody knows")]
    message: str
    lines: Annotated[list[str], Field(description="the traceback, or else what it printed last on stderr")]
    problem: Annotated[str | None, Field(description="why these lines cannot be read")]
    handled: Annotated[bool, Field(description="whether the step has dealt with it, as @catch does")]


class TaskCommand(Model):
    """Something to type elsewhere."""

    label: str
    command: str


class TaskStep(Model):
    """The step of a task as the run's graph has it."""

    type: str
    doc: str
    decorators: list[str]
    asked: Annotated[dict[str, float], Field(description="resources: cpu, memory (in MB), gpu")]
    next: list[str]


class TaskState(Model):
    """How an attempt is."""

    step: str
    task_id: str
    attempt: int
    status: TaskStatus
    ok: Annotated[bool, Field(description="its result may be used")]
    success: Annotated[bool, Field(description="the step raised nothing")]
    created_at: Annotated[float | None, Field(description="when the task's first attempt started")]
    ready_at: Annotated[float | None, Field(description="when it could have started")]
    started_at: float
    code_started_at: Annotated[float | None, Field(description="when the step's own code began")]
    code_ended_at: float | None
    finished_at: float | None
    iteration: Annotated[int | None, Field(description="which round of a recursive step this is, from 0")]
    origin: Annotated[str | None, Field(description="pathspec of the task that this one was taken over from")]
    pid: int | None


class TaskFacts(Model):
    """One task, and one of its attempts."""

    task: Annotated[TaskState, Field(description="the attempt that was asked for")]
    run: WholeRun
    pathspec: str
    attempts: list[TaskAttempt]
    foreach: list[TaskForeach]
    siblings: TaskSiblings
    failure: TaskFailure | None
    commands: list[TaskCommand]
    step: TaskStep
    problems: Annotated[list[str], Field(description="what could not be read, and why")]


class ArtifactRow(Model):
    """An artifact in a list."""

    name: str
    type: str
    line: Annotated[str, Field(description="what it is, in a line, as noted when it was saved")]
    size: Annotated[int, Field(description="serialised bytes")]
    hash: Annotated[str, Field(description="the same exactly if the content is the same")]
    encoding: str
    is_inline: Annotated[bool, Field(description="stored with the record of the task")]
    is_private: bool
    is_skipped: Annotated[bool, Field(description="it could not be stored; the line says why")]
    has_value: Annotated[bool, Field(description="it is a small plain value")]
    value: Scalar
    state: Annotated[
        Literal["new", "changed", "parameter", "inherited"],
        Field(description="compared with the tasks that this one read from"),
    ]
    thumbnail: Annotated[str | None, Field(description="a small picture of it, as a data: address")]


class ArtifactPage(Model):
    """Artifacts of an attempt: those that it made first."""

    artifacts: list[ArtifactRow]
    found: Annotated[int, Field(description="how many there are in all that were asked for")]
    public: int
    private: int
    bytes: Annotated[int, Field(description="of all public ones")]
    next: Annotated[int | None, Field(description="`offset` of the next page; null if this is the last one")]
    compared_with: Annotated[int, Field(description="tasks before this one that were looked at for `state`")]
    compared_of: Annotated[int, Field(description="tasks that this one read from")]


class ArtifactDetails(ArtifactRow):
    """One artifact with all that was noted of it."""

    facts: Annotated[
        dict[str, Any],
        Field(
            description="such as shape, dtype, columns, dtypes, head (first rows, as texts), stats (of columns), "
            "histogram (counts between min and max), min, max, mean, tree (how a container begins)"
        ),
    ]
    preview: str
    image: Annotated[str | None, Field(description="type of the picture that it is")]
    text_bytes: Annotated[int | None, Field(description="bytes of the text, or of the bytes, that it is")]
    stored_bytes: int
    serializer: Annotated[str | None, Field(description="what stored it, if that is of another package")]


class ArtifactText(Model):
    """A piece of a text."""

    text: str
    offset: int
    total: Annotated[int, Field(description="bytes of the whole")]
    next: Annotated[int | None, Field(description="`offset` of the next piece; null if this is the last one")]
    is_text: Annotated[bool, Field(description="whether it is text, and not bytes shown as such")]


class ArtifactMaker(Model):
    """The task that first had a value."""

    step: str
    task_id: str
    attempt: int


class ArtifactHolder(Model):
    """A task of the same run that has the same value."""

    step: str
    task_id: str
    attempt: int
    names: list[str]


class ArtifactHolderElsewhere(ArtifactHolder):
    """A task of another run that has it."""

    run_id: str
    started_at: float


class SameValues(Model):
    """Where else a value stands."""

    name: str
    hash: str
    made_by: Annotated[ArtifactMaker | None, Field(description="null if this attempt made it")]
    in_run: list[ArtifactHolder]
    in_run_found: int
    tasks_looked_at: int
    all_tasks: Annotated[bool, Field(description="whether these are all tasks of the run")]
    in_runs: list[ArtifactHolderElsewhere]
    in_runs_found: int
    runs_looked_at: Annotated[int, Field(description="the latest runs of the flow; of each, tasks of the same step")]
    all_runs: Annotated[bool, Field(description="whether these are all runs of the flow")]


class LineageTask(Model):
    """A task in the lineage of another one."""

    step: str
    task_id: str
    attempt: int
    status: TaskStatus
    started_at: float
    finished_at: float | None
    foreach_value: str | None
    inputs: Annotated[int, Field(description="how many tasks it read from")]
    made: Annotated[list[str], Field(description="artifacts that it made")]
    changed: Annotated[list[str], Field(description="artifacts that it changed")]
    passed_on: Annotated[int, Field(description="how many artifacts it passed on as they were")]
    problem: Annotated[str | None, Field(description="why its artifacts cannot be read")]


class LineageLevel(Model):
    """Tasks as many steps away."""

    distance: Annotated[int, Field(description="below 0: before the task; above 0: behind it")]
    tasks: list[LineageTask]
    left_out: Annotated[int, Field(description="how many more there are")]
    left_out_is_least: Annotated[bool, Field(description="whether there may be even more")]


class LineageEnd(Model):
    """A task at the end of an edge."""

    step: str
    task_id: str


class LineageEdge(Model):
    """One task read from another."""

    source: LineageEnd
    target: LineageEnd


class Lineage(Model):
    """Tasks before and behind a task."""

    levels: list[LineageLevel]
    edges: list[LineageEdge]
    origin: Annotated[str | None, Field(description="pathspec of the task that this one was taken over from")]


class TaskField(Model):
    """Something that was recorded of an attempt."""

    name: str
    value: str
    is_cut: bool
    type: str
    at: float
    attempt: int


class TaskFields(Model):
    """Metadata of a task."""

    fields: list[TaskField]


class TaskCard(Model):
    """A card of a task."""

    hash: str
    type: str
    id: str | None
    size: int
    modified_at: float
    version: Annotated[str, Field(description="another one means another page")]
    is_live: bool
    from_task: Annotated[str | None, Field(description="pathspec of the task that this one was taken over from")]


class TaskCards(Model):
    """Cards of a task, as its step declares them."""

    cards: list[TaskCard]


class CardData(Model):
    """What has changed on a card since its page was stored."""

    token: Annotated[str, Field(description="of the page that this belongs to; another one: load the page anew")]
    is_complete: Annotated[bool, Field(description="whether nothing more comes")]
    data: Annotated[dict[str, Any] | None, Field(description="what the page is to be told; null if nothing")]


class ResourcePoint(Model):
    """What was used between the point before and this one."""

    at: Annotated[float, Field(description="seconds since the attempt started")]
    cpu: Annotated[float, Field(description="processor cores, on average")]
    memory: Annotated[int, Field(description="resident bytes of all processes of the task, at most")]
    read_rate: Annotated[float, Field(description="bytes a second, from disks")]
    write_rate: float
    processes: int
    gpu: Annotated[float | None, Field(description="graphics processors, on average")]
    gpu_memory: int | None


class ResourceTotals(Model):
    """What an attempt used as a whole, as far as it is known."""

    cpu_seconds: float | None
    cpu_average: float | None
    peak_memory: float | None
    read_bytes: float | None
    write_bytes: float | None
    peak_gpu_memory: float | None
    gpu_average: float | None


class ResourceSuggestion(Model):
    """What a step could ask for, judging by one attempt."""

    kind: Literal["memory", "cpu", "gpu"]
    amount: Annotated[float, Field(description="as @resources takes it: megabytes, or a number of processors")]
    asked: float | None
    used: float
    reason: Literal["unasked", "too_little", "too_much"]


class TaskMachine(Model):
    """Where an attempt ran."""

    host: str | None
    cores: int | None
    memory: int | None
    gpus: int | None
    gpu_memory: int | None


class TaskResources(Model):
    """What an attempt used of its machine."""

    started_at: float
    is_over: bool
    machine: TaskMachine
    asked: Annotated[dict[str, float], Field(description="cpu, memory (in MB), gpu")]
    points: list[ResourcePoint]
    totals: ResourceTotals
    suggestions: list[ResourceSuggestion]
