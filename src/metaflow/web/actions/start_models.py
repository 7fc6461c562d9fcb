"""What goes through the routes that start and resume runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Strict

from metaflow.server.models import Model, Name, Seconds
from metaflow.web.actions.models import RequestId, TagText

_LONGEST_VALUE = 1_000_000

Value = Annotated[str, Field(max_length=_LONGEST_VALUE)]
#: What was typed; a flag is true or false; an option that may be repeated has a list.
Typed = Annotated[bool, Strict()] | Value | Annotated[list[Value], Field(max_length=1000)]
FileName = Annotated[str, Field(min_length=1, max_length=4000)]


class StartableRun(Model):
    """A run of a flow, in short."""

    run_id: str
    status: str
    started_at: Seconds
    user: str


class StartableFlow(Model):
    """A flow in the project's directory."""

    file: str
    flow: Annotated[str, Field(description="empty if the file cannot be read")]
    description: str
    problem: Annotated[str | None, Field(description="why the file cannot be read")]
    latest: StartableRun | None


class StartableFlows(Model):
    """Flows in the project's directory."""

    directory: str
    flows: list[StartableFlow]
    is_complete: Annotated[bool, Field(description="whether all of the directory was looked at")]


class FieldDefault(Model):
    """A default."""

    text: str
    is_value: Annotated[bool, Field(description="whether this is the value; otherwise it says what will be")]


class FormField(Model):
    """Something to fill in."""

    name: str
    option: str | None
    kind: Literal["text", "integer", "number", "boolean", "json", "choice", "path", "other"]
    required: bool
    multiple: bool
    separator: str | None
    choices: list[str] | None
    default: FieldDefault | None
    help: str


class StartForm(Model):
    """What can be filled in to start a flow."""

    file: str
    flow: str
    directory: str
    interpreter: str
    parameters: list[FormField]
    options: Annotated[list[FormField], Field(description="what the flow's own decorators take")]
    configs: Annotated[list[str], Field(description="names of the flow's configs")]
    decorators: Annotated[list[str], Field(description="decorators that can be added to every step")]
    recent: Annotated[list[StartableRun], Field(description="the latest runs, whose values can be taken again")]


class PastValues(Model):
    """What a run was given."""

    values: dict[str, Typed]
    unknown: Annotated[list[str], Field(description="parameters whose value is too large or no plain data")]


class ConfigWish(Model):
    """A config: a file, or a value."""

    name: Name
    path: FileName | None = None
    value: Value | None = None


class RunWish(Model):
    """How a run is to be."""

    values: Annotated[
        dict[str, Typed], Field(description="by the names of parameters; others have their defaults")
    ] = {}
    tags: Annotated[list[TagText], Field(max_length=100)] = []
    decorators: Annotated[list[TagText], Field(max_length=50)] = []
    max_workers: Annotated[int | None, Field(ge=1, le=100_000)] = None


class StartWish(RunWish):
    """A flow to start."""

    file: FileName
    options: dict[str, Typed] = {}
    configs: Annotated[list[ConfigWish], Field(max_length=100)] = []
    namespace: Annotated[str | None, Field(max_length=500)] = None


class StartNow(StartWish):
    """A flow to start, now."""

    request_id: RequestId


class ResumeWish(RunWish):
    """A run to resume."""

    flow: Name
    run_id: Name
    file: FileName | None = None
    steps: Annotated[list[Name], Field(max_length=1000)] = []


class ResumeNow(ResumeWish):
    """A run to resume, now."""

    request_id: RequestId


class FieldProblem(Model):
    """What is wrong with a value."""

    name: Annotated[str, Field(description="of the field; empty if it is none of them")]
    message: str


class StartCommand(Model):
    """The command that would run."""

    command: Annotated[str | None, Field(description="as typed into a shell; null if something is wrong")]
    problems: list[FieldProblem]


class ResumeFacts(Model):
    """What a person must know to resume a run."""

    flow: str
    run_id: str
    status: str
    files: Annotated[list[str], Field(description="files of the project with this flow, the likeliest first")]
    script: str | None
    steps: list[str]
    failed_steps: list[str]
    command: Annotated[str, Field(description="to copy")]
    problem: Annotated[str | None, Field(description="why it cannot be resumed from here; null if it can")]
