"""What goes through the routes that change runs, and of the record of who did what."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from metaflow.server.models import Flag, Model, Name, Seconds, Text

#: Runs of one request.
MOST_RUNS = 500

Action = Literal["tag", "pin", "unpin", "cancel", "delete", "start", "resume"]
RequestId = Annotated[
    str, Field(min_length=8, max_length=100, description="made by the page: the same wish, sent twice, is done once")
]
TagText = Annotated[str, Field(min_length=1, max_length=1000)]


class ActedRun(Model):
    """A run."""

    flow: Name
    run_id: Name


Runs = Annotated[list[ActedRun], Field(min_length=1, max_length=MOST_RUNS)]


class TagsWish(Model):
    """Tags to add to runs and to remove from them."""

    runs: Runs
    add: Annotated[list[TagText], Field(max_length=100)] = []
    remove: Annotated[list[TagText], Field(max_length=100)] = []


class PinWish(Model):
    """Runs to pin, so that no clean-up takes them; or to let go."""

    runs: Runs
    pinned: Flag


class ChangedTags(Model):
    """Tags of a run after a change."""

    flow: str
    run_id: str
    tags: list[str]
    added: Annotated[list[str], Field(description="what it did not have before, for undoing")]
    removed: Annotated[list[str], Field(description="what it had before, for undoing")]
    problem: Annotated[str | None, Field(description="why it was not changed")]
    note: Annotated[str | None, Field(description="what to know about the change")] = None


class TagsChange(Model):
    """What became of a change of tags."""

    runs: list[ChangedTags]
    message: str


class RunsWish(Model):
    """Runs to do something with."""

    runs: Runs


class DeleteWish(Model):
    """What was previewed is to be deleted."""

    preview: Annotated[str, Field(max_length=100, description="token of the preview")]


class CancelledTask(Model):
    """A task that was going on when its run was cancelled."""

    task: Annotated[str, Field(description="step/task")]
    attempt: int
    status: Literal["running", "done", "failed", "killed", "never started"]
    place: Annotated[str, Field(description="the engine that it was on; empty for the machine of the run")]


class CancelledRun(Model):
    """A run that is being cancelled."""

    flow: str
    run_id: str
    state: Annotated[
        Literal["going", "ended", "had_ended", "goes_on", "failed"],
        Field(description="`goes_on`: it was asked to stop, but has not in time"),
    ]
    status: str | None
    message: str | None
    tasks: Annotated[list[CancelledTask], Field(description="at most 500; those that run first")]
    task_count: int


class ProtectedRun(Model):
    """A run that stays, and why."""

    flow: str
    run_id: str
    reason: str


class GoingRun(Model):
    """A run that would be deleted."""

    flow: str
    run_id: str
    status: str
    user: str
    started_at: Seconds
    bytes: Annotated[int, Field(description="its own files, and what only it needs")]
    resumed_by: Annotated[list[str], Field(description="runs that took over results of it, which stay")]


class DeletionPreview(Model):
    """What would go."""

    token: Annotated[str | None, Field(description="to be given back; null if nothing would go")]
    expires_in: Annotated[float, Field(description="seconds for which the token is good")]
    runs: Annotated[list[GoingRun], Field(description="at most 200, newest first")]
    run_count: int
    task_count: int
    task_count_is_complete: bool
    files: int
    bytes: Annotated[int, Field(description="bytes that are free at once")]
    bytes_later: Annotated[int, Field(description="bytes too young to be removed; a later clean-up does it")]
    is_counted: Annotated[
        bool,
        Field(description="false: data that only these runs need will be free too, and is still being looked for"),
    ]
    protected: Annotated[list[ProtectedRun], Field(description="at most 200")]
    protected_count: int
    unreadable: Annotated[list[str], Field(description="manifests that cannot be read: no artifacts go as long as so")]


class Deletion(Model):
    """What went."""

    deleted: list[ActedRun]
    refused: list[ProtectedRun]
    bytes: int
    bytes_later: int


class StartedRun(Model):
    """A run that was started, or that could not be."""

    flow: Annotated[str | None, Field(description="null until the run exists")]
    run_id: str | None
    command: str
    directory: str
    pid: int | None
    output: Annotated[str, Field(description="the last 16 KB that the command printed until the run began")]
    output_file: Annotated[str, Field(description="where all of its output is")]


class ActionOperation(Model):
    """Something that takes its time. Whoever asked for it looks how far it is."""

    id: str
    action: Action | Literal["preview"]
    state: Literal["going", "done", "failed"]
    began_at: Seconds
    ended_at: Seconds | None
    message: str
    notes: Annotated[list[str], Field(description="what was done, the last 50 lines")]
    runs: list[ActedRun]
    cancelled: list[CancelledRun] | None = None
    preview: DeletionPreview | None = None
    deletion: Deletion | None = None
    started: StartedRun | None = None


class ActionEntry(Model):
    """Something that somebody did."""

    id: str
    at: Seconds
    ended_at: Seconds | None
    who: str
    address: str
    action: Action
    runs: Annotated[list[ActedRun], Field(description="at most 100")]
    run_count: int
    details: dict[Text, Any]
    outcome: Annotated[
        Literal["begun", "done", "failed", "refused"],
        Field(description="`begun`: it goes on, or the app ended before it did"),
    ]
    message: str


class ActionPage(Model):
    """What was done, newest first."""

    entries: list[ActionEntry]
    next: Annotated[str | None, Field(description="the `cursor` of the next page; null if this is the last one")]
    kept: Annotated[int, Field(description="how many entries are kept in all")]


class KnownTags(Model):
    """Tags that runs have, for completion."""

    tags: list[str]
    pin: Annotated[str, Field(description="the tag that a pinned run has")]
    protecting: Annotated[list[str], Field(description="tags that keep a run from being deleted")]
