"""What the routes of one run give."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from metaflow.server.models import Model, Run, RunStatus, Scalar, Task, Text
from metaflow.web.silence import Silence

Problems = Annotated[list[str], Field(description="what could not be read, and why; the rest is given")]
Cause = Literal["user_code", "out_of_memory", "timeout", "infrastructure", "lost", "stopped"]
ShownStatus = Literal["failed", "killed", "caught", "running", "done"]


def _given(*left_out: str) -> ConfigDict:
    """Of a record whose fields have defaults: answers have all of them, but for these."""

    def require(schema: dict[str, Any]) -> None:
        schema["required"] = [name for name in schema["properties"] if name not in left_out]

    return ConfigDict(extra="ignore", json_schema_extra=require)


class WholeRun(Run):
    """A run with all of its fields but the graph."""

    model_config = _given("graph")


class WholeTask(Task):
    """An attempt with all of its fields."""

    model_config = _given()


class RunBrief(Model):
    """A run in a list of runs of one flow."""

    run_id: str
    status: RunStatus
    user: str
    started_at: float
    finished_at: float | None
    message: str | None


class ShownValue(Model):
    """A parameter or an artifact, as its manifest describes it: nothing is loaded."""

    name: str
    type: str
    text: Annotated[str, Field(description="what it is, in one line")]
    size: Annotated[int, Field(description="serialised bytes")]
    hash: Annotated[str, Field(description="equal for equal content")]
    is_scalar: Annotated[bool, Field(description="whether `scalar` is its value")]
    scalar: Scalar


class ShownParameter(ShownValue):
    """A parameter, with how it is declared."""

    option: Annotated[str, Field(description="its name on the command line")]
    declared_type: str | None
    help: str | None
    required: bool
    default: Annotated[str | None, Field(description="what it is if not given, in one line")]
    default_is_computed: bool
    is_default: Annotated[bool | None, Field(description="null if that is not known")]


class ShownConfig(ShownValue):
    """A config, with where it came from."""

    source: Annotated[str | None, Field(description="`file` or `value`")]
    path: str | None
    has_tree: Annotated[bool, Field(description="whether `tree` is what it is")]
    tree: Any


class RunCode(Model):
    """The code of a run."""

    hash: Annotated[str, Field(description="equal for runs that were started in the same state")]
    script: str
    files: int
    size: int
    commit: str | None
    branch: str | None
    repository: str | None
    repository_link: Annotated[str | None, Field(description="an address of http(s), for people")]
    platform: str | None
    python_version: str | None


class RunTrigger(Model):
    """What started a run: an event, or the end of another run."""

    name: str
    at: float
    flow: Annotated[str | None, Field(description="of the run whose end it was")]
    run_id: str | None


class DeclaredStep(Model):
    """A step, as the flow declares it."""

    step: str
    type: str
    description: str
    next: list[str]


class RunDetails(Model):
    """What the head of a run's page and its overview show."""

    run: WholeRun
    silence: Annotated[Silence | None, Field(description="only of a run of which nothing is heard")]
    description: Annotated[str, Field(description="of the flow")]
    project: str | None
    branch: Annotated[str | None, Field(description="of the project")]
    python_version: str | None
    metaflow_version: str | None
    host: str | None
    datastore: str
    command: Annotated[str, Field(description="line for a shell that starts such a run again")]
    command_is_recorded: Annotated[bool, Field(description="false if it is only what one usually types")]
    directory: Annotated[str | None, Field(description="where it was typed")]
    resume_command: str
    triggers: list[RunTrigger]
    resumed_by: Annotated[list[RunBrief], Field(description="of the flow's last thousand runs, the newest first")]
    last_success: Annotated[
        str | None,
        Field(description="id of the last run before this one that succeeded: of its project, branch and user, if any"),
    ]
    previous: Annotated[str | None, Field(description="id of the run of the flow before this one")]
    next: str | None
    recent: Annotated[list[RunBrief], Field(description="runs of the flow, newest first, with this one")]
    parameters: Annotated[list[ShownParameter], Field(description="at most 200")]
    configs: list[ShownConfig]
    constants: list[ShownValue]
    steps: list[DeclaredStep]
    code: RunCode | None
    problems: Problems
    has_files: Annotated[bool, Field(description="false if only the records of the run can be read")]


class ForeachPlace(Model):
    """Where a task is in one enclosing foreach."""

    variable: str
    value: str
    index: int
    splits: int


class TracebackFrame(Model):
    """A call in a traceback."""

    file: str
    line: int
    function: str
    source: str
    code_file: Annotated[str | None, Field(description="path in the run's code; null if it is no part of that")]


class SourceLine(Model):
    """A line of source code."""

    number: int
    text: str
    is_marked: bool


class SourceExcerpt(Model):
    """Lines of the run's code around one line."""

    path: str
    line: int
    is_exact: Annotated[bool, Field(description="false if the line is only where the step begins")]
    lines: list[SourceLine]


class ShownLogLine(Model):
    """A line that a task printed."""

    stream: Literal["stdout", "stderr"]
    at: float
    text: Text
    is_cut: bool


class ArtifactAtFailure(ShownValue):
    """An artifact that a failed task had."""

    is_new: Annotated[bool, Field(description="whether the task itself set or changed it")]


class FailedTask(Model):
    """All that is known of a task that failed."""

    step: str
    task_id: str
    attempt: int
    status: ShownStatus
    started_at: float
    finished_at: float | None
    foreach: list[ForeachPlace]
    error_type: str | None
    error_message: Text | None
    traceback: Annotated[Text | None, Field(description="its last 40,000 characters")]
    frames: Annotated[list[TracebackFrame], Field(description="the outermost first, at most 60")]
    source: SourceExcerpt | None
    log: Annotated[list[ShownLogLine], Field(description="the last 50 lines of both streams, without the traceback")]
    artifacts: Annotated[list[ArtifactAtFailure], Field(description="at most 40, new ones first")]
    spin_command: str
    logs_command: str


class FailureGroup(Model):
    """Failures in the same step whose errors are the same but for numbers."""

    step: str
    status: ShownStatus
    error: Annotated[Text, Field(description="that of the first")]
    is_alike: Annotated[bool, Field(description="whether all of them have this very error")]
    search: Annotated[Text, Field(description="a part of the error that all share")]
    count: int
    tasks: Annotated[list[str], Field(description="ids of the first five")]
    first_at: float | None


class RunFailure(Model):
    """Why a run failed."""

    cause: Cause | None
    message: str | None
    task: Annotated[FailedTask | None, Field(description="the first that failed; null if none did")]
    groups: Annotated[list[FailureGroup], Field(description="at most 20, the largest first")]
    groups_left_out: Annotated[int, Field(description="how many further groups there are")]
    failures: Annotated[int, Field(description="how many tasks failed, as far as they were looked at")]
    is_complete: Annotated[bool, Field(description="false if only the first thousand failures were looked at")]
    resume_command: str | None
    directory: str | None
    problems: Problems


class Change(Model):
    """What is not the same in two runs; null where one of them has nothing."""

    name: str
    before: Text | None
    after: Text | None


class ChangedFile(Model):
    """A file that differs."""

    path: Text
    change: Literal["added", "removed", "changed"]
    added: Annotated[int | None, Field(description="lines; null if they were not compared, as there are too many")]
    removed: Annotated[int | None, Field(description="lines; null as above")]
    patch: Text
    is_cut: Annotated[bool, Field(description="whether the patch, or its end, was left out for its length")]


class ChangedFiles(Model):
    """Files that differ."""

    files: list[ChangedFile]
    left_out: Annotated[int, Field(description="files that are not named, as there are too many")]


class ChangedCode(ChangedFiles):
    """In what code differs."""

    is_known: bool


class ChangedData(Model):
    """What entered the first failed task that did not enter its counterpart."""

    step: str
    task_id: str
    base_task_id: str
    artifacts: list[Change]


class ChangedDuration(Model):
    """How long a step took, in seconds."""

    step: str
    before: float | None
    after: float | None
    tasks_before: int | None
    tasks_after: int
    is_notable: bool


class ChangesBetween(Model):
    """What changed from one run to another."""

    base: RunBrief
    parameters: list[Change]
    configs: list[Change]
    code: ChangedCode
    environment: list[Change]
    data: ChangedData | None
    durations: list[ChangedDuration]
    problems: Problems
    most_rows: Annotated[int, Field(description="most rows of each list")]


class RunChanges(Model):
    """What changed since the last success, or another run."""

    changes: Annotated[ChangesBetween | None, Field(description="null if no run of the flow has succeeded before")]


class StatusCounts(Model):
    """Numbers of tasks."""

    failed: int
    killed: int
    caught: int
    running: int
    done: int


class RunStep(Model):
    """How far a step is."""

    step: str
    status: ShownStatus
    tasks: int
    expected_tasks: Annotated[
        int | None, Field(description="how many there will be; null if nobody knows, or all have ended")
    ]
    counts: StatusCounts
    cloned: int
    retried: int
    attempts: int
    started_at: float
    finished_at: float | None
    median_seconds: Annotated[float | None, Field(description="of tasks that have ended")]
    p95_seconds: float | None
    longest_seconds: float | None


class RunSteps(Model):
    """Steps of a run that have tasks, in the order in which they began."""

    steps: list[RunStep]


class RunTask(Model):
    """A task in a table."""

    task: WholeTask
    status: ShownStatus
    seconds: Annotated[float | None, Field(description="how long its latest attempt took, or has taken so far")]


class RunTaskPage(Model):
    """Tasks, in the order that was asked for."""

    tasks: list[RunTask]
    next: Annotated[str | None, Field(description="the `cursor` of the next page; null if this is the last one")]
    total: Annotated[int | None, Field(description="how many match in all; only with the first page")]


class CardBrief(Model):
    """A card of a task."""

    step: str
    task_id: str
    type: str
    id: str | None
    hash: str
    at: float
    size: int


class RunResults(Model):
    """What a run has brought."""

    step: Annotated[str | None, Field(description="the last step; null if it has not begun")]
    task_id: str | None
    artifacts: Annotated[list[ShownValue], Field(description="what the last step left, without parameters")]
    artifacts_in_all: int
    cards: Annotated[list[CardBrief], Field(description="of the first three tasks of each step")]
    problems: Problems


class CodeFile(Model):
    """A file of a run's code."""

    path: str
    size: int


class CodeFiles(Model):
    """The files of a run's code."""

    script: str
    files: Annotated[list[CodeFile], Field(description="at most 5,000")]
    files_in_all: int
    left_out: Annotated[dict[str, str], Field(description="files that were not kept, and why")]


class CodeText(Model):
    """A file as text."""

    path: str
    size: int
    text: Annotated[Text | None, Field(description="null if it is no text")]
    is_cut: bool


class CodeChanges(ChangedFiles):
    """In what a run's code differs from other code."""

    against: Annotated[str, Field(description="what it is compared with, in words")]
    obstacle: Annotated[str | None, Field(description="why that cannot be told; null if it can")]
