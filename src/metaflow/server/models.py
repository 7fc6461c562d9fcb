"""What goes through the service's interface, for checking requests and for the OpenAPI document.

Requests are checked against these models and then read by :mod:`metaflow.metadata_store.wire`; answers are written by
it. An unknown key is ignored, so that older and newer versions understand each other.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, InstanceOf, Strict, WithJsonSchema

from metaflow.datastore.scalars import MAXIMUM_TEXT, is_scalar

_LARGEST_INTEGER = 2**63 - 1
#: Most runs or tasks of one answer.
MOST_RECORDS = 1000
#: Most events of one request.
MOST_EVENTS = 10_000


def _check_scalar(value: Any) -> Any:
    if not is_scalar(value):
        raise ValueError(
            f"must be null, a boolean, an integer of 64 bits, a finite number, or a text of at most {MAXIMUM_TEXT} "
            "characters"
        )
    return value


def _names_parts(count: int) -> AfterValidator:
    def check(text: str) -> str:
        parts = text.split("/")
        if len(parts) != count or not all(parts) or (count == 3 and not (parts[2].isdecimal() and parts[2].isascii())):
            wanted = "step/task/attempt" if count == 3 else "flow/run/step/task"
            raise ValueError(f"must be {wanted}")
        return text

    return AfterValidator(check)


#: Text of any characters, also such as UTF-8 cannot express (names of files may have them).
Text = Annotated[InstanceOf[str], WithJsonSchema({"type": "string"})]
AttemptName = Annotated[Text, _names_parts(3), Field(description="step/task/attempt")]
TaskName = Annotated[Text, _names_parts(4), Field(description="flow/run/step/task")]
Name = Annotated[str, Strict(), Field(min_length=1, max_length=500)]
Tag = Annotated[str, Strict(), Field(min_length=1, max_length=1000)]
Integer = Annotated[int, Strict(), Field(ge=-_LARGEST_INTEGER - 1, le=_LARGEST_INTEGER)]
Count = Annotated[int, Strict(), Field(ge=0, le=2**31 - 1)]
Flag = Annotated[bool, Strict()]
Seconds = Annotated[float, Strict(), Field(allow_inf_nan=False, description="seconds since the epoch")]
#: JSON has numbers of any size. Those of JavaScript are exact up to 53 bits: a page must know where there are others.
_NUMBERS: list[dict[str, Any]] = [{"type": "integer", "format": "int64"}, {"type": "number"}]
Scalar = Annotated[
    Any,
    AfterValidator(_check_scalar),
    WithJsonSchema({"anyOf": [{"type": "null"}, {"type": "boolean"}, *_NUMBERS, {"type": "string"}]}),
]
NumberOrNull = Annotated[Any, WithJsonSchema({"anyOf": [*_NUMBERS, {"type": "null"}]})]
RunStatus = Literal["running", "done", "failed", "stopped"]
TaskStatus = Literal["running", "done", "failed", "killed"]
Limit = Annotated[int, Field(ge=0, le=MOST_RECORDS)]


class Model(BaseModel):
    """What all models have in common."""

    model_config = ConfigDict(extra="ignore")


class Flow(Model):
    """A flow that has runs."""

    flow: Name
    created_at: Annotated[Seconds, Field(description="when its first recorded run started")]


class Step(Model):
    """A step that has tasks in a run."""

    flow: Name
    run_id: Name
    step: Name
    created_at: Annotated[Seconds, Field(description="when its first task started")]


class RunOutcome(Model):
    """What is known of a run from its tasks."""

    ok: Flag = False
    success: Flag = False
    finished_at: Seconds | None = None
    parameters: dict[Text, Scalar] | None = None
    artifacts: dict[Text, Scalar] | None = None


class Run(Model):
    """A run of a flow. A field that has its default is left out of answers."""

    flow: Name
    run_id: Name
    user: Annotated[str, Strict(), Field(max_length=500)]
    started_at: Seconds
    tags: Annotated[list[Tag], Field(max_length=1000)] = []
    system_tags: Annotated[list[Tag], Field(max_length=1000)] = []
    status: RunStatus = "running"
    finished_at: Seconds | None = None
    heartbeat_at: Seconds | None = None
    host: Text | None = None
    pid: Integer | None = None
    process_started: Integer | None = None
    script: Text | None = None
    origin_run_id: Text | None = None
    rerun_steps: list[Text] = []
    is_cloning: Flag = False
    message: Text | None = None
    start_step: Text | None = None
    end_step: Text | None = None
    datastore: Text = ""
    graph: dict[Text, Any] | None = None


class RunWithOutcome(Run):
    """A run of a flow, as answers have it."""

    outcome: Annotated[RunOutcome | None, Field(description="null until its last step has a task")] = None


class Task(Model):
    """One attempt of a task. A field that has its default is left out of answers."""

    flow: Name
    run_id: Name
    step: Name
    task_id: Name
    attempt: Count
    started_at: Seconds
    created_at: Annotated[Seconds | None, Field(description="when its first attempt started")] = None
    status: TaskStatus = "running"
    ok: Flag = False
    success: Flag = False
    finished_at: Seconds | None = None
    index_path: list[tuple[Name, Integer]] = []
    foreach_stack: list[tuple[Text, Text, Integer, Integer]] = []
    iteration: Integer | None = None
    inputs: list[AttemptName] = []
    origin: TaskName | None = None
    pid: Integer | None = None
    error: tuple[Text, Text] | None = None
    metadata: dict[Text, Text] = {}
    values: dict[Name, Scalar] = {}
    ready_at: Annotated[Seconds | None, Field(description="when nothing but room was missing for it to start")] = None
    code_started_at: Annotated[Seconds | None, Field(description="when the step's own code began")] = None
    code_ended_at: Annotated[Seconds | None, Field(description="when that code had returned or raised")] = None


class RunStarted(Model):
    """A run exists. A run that is already known stays as it is."""

    kind: Literal["run_started"]
    run: Run


class RunEnded(Model):
    """A run is over. Of two ends of one run, the later stands."""

    kind: Literal["run_ended"]
    flow: Name
    run_id: Name
    status: RunStatus
    finished_at: Seconds
    message: Text | None = None


class RunForgotten(Model):
    """A run and all of its tasks are to be known no more."""

    kind: Literal["run_forgotten"]
    flow: Name
    run_id: Name


class Heartbeat(Model):
    """The process of a run was alive at a time."""

    kind: Literal["heartbeat"]
    flow: Name
    run_id: Name
    at: Seconds


class TaskStarted(Model):
    """An attempt of a task runs."""

    kind: Literal["task_started"]
    task: Task


class TaskEnded(Model):
    """An attempt of a task is over; the record says all about it."""

    kind: Literal["task_ended"]
    task: Task


class TagsChanged(Model):
    """The user tags of a run became (tags - removed) | added."""

    kind: Literal["tags_changed"]
    flow: Name
    run_id: Name
    added: Annotated[list[Tag], Field(max_length=1000)]
    removed: Annotated[list[Tag], Field(max_length=1000)] = []


Event = Annotated[
    RunStarted | RunEnded | RunForgotten | Heartbeat | TaskStarted | TaskEnded | TagsChanged,
    Field(discriminator="kind"),
]


class EventBatch(Model):
    """Events to record, all or none, in order. Recording an event again changes nothing."""

    events: Annotated[list[Event], Field(max_length=MOST_EVENTS)]


class Recorded(Model):
    """Events were recorded."""

    recorded: Annotated[int, Field(description="how many")]
    last_id: Annotated[int, Field(description="none of them has a higher id in the log of events")]


class LoggedEvent(Model):
    """An event, and its place among all."""

    id: int
    event: Event


class EventPage(Model):
    """Events, oldest first."""

    events: list[LoggedEvent]
    last_id: Annotated[int, Field(description="id of the newest event of all")]
    oldest_id: Annotated[int, Field(description="id of the oldest event that is kept; last_id + 1 if none is")]


class FlowList(Model):
    """Flows, the newest first."""

    flows: list[Flow]


class RunPage(Model):
    """Runs, in the order that was asked for."""

    runs: list[RunWithOutcome]
    next: Annotated[str | None, Field(description="the `cursor` of the next page; null if this is the last one")]
    after: Annotated[list[Scalar] | None, Field(description="the same as a query's `after`")]


class StepList(Model):
    """Steps, the newest first."""

    steps: list[Step]


class TaskPage(Model):
    """Attempts of tasks, the newest first."""

    tasks: list[Task]
    next: Annotated[str | None, Field(description="the `cursor` of the next page; null if this is the last one")]
    after: Annotated[list[Scalar] | None, Field(description="the same as a query's `after`")]


class ValueCondition(Model):
    """What a parameter or an artifact of a run must be."""

    kind: Literal["parameter", "artifact"]
    name: Text
    operator: Literal["=", "!=", "<", "<=", ">", ">=", "in"]
    operand: Scalar | Annotated[list[Scalar], Field(max_length=10_000)]


class RunOrder(Model):
    """How runs are sorted. Runs that lack what they are sorted by come last."""

    by: Literal["started_at", "finished_at", "duration", "flow", "user", "status", "parameter", "artifact"]
    name: Annotated[Text | None, Field(description="of the parameter or artifact")] = None
    descending: Flag = False


class RunQuery(Model):
    """Which runs, newest first unless another order is given."""

    model_config = ConfigDict(extra="forbid")

    flow: Text | None = None
    tags: Annotated[list[Text], Field(max_length=100)] = []
    status: RunStatus | None = None
    user: Text | None = None
    since: Seconds | None = None
    until: Seconds | None = None
    limit: Limit | None = None
    after: Annotated[list[Scalar] | None, Field(min_length=3, max_length=4)] = None
    successful: Flag = False
    values: Annotated[list[ValueCondition], Field(max_length=100)] = []
    order: RunOrder | None = None
    with_values: Flag = False
    id_part: Text | None = None
    flows: Annotated[list[Text], Field(max_length=100, description="only runs of one of these flows")] = []
    statuses: Annotated[list[RunStatus], Field(max_length=4, description="only runs with one of these")] = []
    users: Annotated[list[Text], Field(max_length=100, description="only runs that one of these started")] = []
    any_tags: Annotated[
        list[Annotated[list[Text], Field(min_length=1, max_length=100)]],
        Field(max_length=20, description="only runs with at least one tag of each of these"),
    ] = []
    without_tags: Annotated[list[Text], Field(max_length=100, description="only runs with none of these tags")] = []
    without_flows: Annotated[list[Text], Field(max_length=100, description="only runs of other flows than these")] = []
    text: Annotated[
        Text | None,
        Field(
            description="only runs in which every word occurs: in flow, id, user, tags of people and projects, "
            "message, or values of parameters; upper and lower case are the same"
        ),
    ] = None
    keys: Annotated[
        list[tuple[Text, Text]] | None,
        Field(max_length=MOST_RECORDS, description="only runs among these, each a flow and an id"),
    ] = None


class TaskQuery(Model):
    """Which tasks of a run, newest first; the latest attempt of each unless said otherwise."""

    model_config = ConfigDict(extra="forbid")

    flow: Text
    run_id: Text
    step: Text | None = None
    task_id: Text | None = None
    attempt: Count | None = None
    all_attempts: Flag = False
    index_path: list[tuple[Text, Integer]] | None = None
    nested: Flag = False
    foreach_index: Integer | None = None
    foreach_value: Text | None = None
    limit: Limit | None = None
    after: tuple[Seconds, Text, Text, Integer] | None = None


class RunClaim(Model):
    """A run to be created, unless there is one of that id."""

    run: Run


class Claimed(Model):
    """Whether the id is the caller's."""

    claimed: bool


class TagChange(Model):
    """User tags to add to a run, and to remove from it."""

    flow: Name
    run_id: Name
    add: Annotated[list[Text], Field(max_length=1000)] = []
    remove: Annotated[list[Text], Field(max_length=1000)] = []


class Tags(Model):
    """Tags of a run."""

    tags: list[str]
    system_tags: list[str]


class ErrorDetail(Model):
    """Where exactly a request is wrong."""

    where: str
    message: str


class ErrorBody(Model):
    """What is wrong."""

    kind: Annotated[str, Field(description="for programs, such as `invalid`, `not_found`, `unauthorized`")]
    message: Annotated[str, Field(description="for people: what happened, and what to do")]
    details: list[ErrorDetail] = []


class Error(Model):
    """A request was refused."""

    error: ErrorBody


class Health(Model):
    """State of the service."""

    status: str
