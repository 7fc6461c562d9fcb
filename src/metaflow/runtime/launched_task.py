"""An attempt that was handed to an executor: what is known of it until it is over."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from ..exception import MetaflowException
from ..metadata_store.records import TaskRecord
from .code_times import CodeTimes
from .task import make_record

if TYPE_CHECKING:
    from ..datastore.logs import LogStream
    from ..metadata_store.records import TaskStatus
    from .gang import Gang
    from .loop import Timer
    from .own_use import Used
    from .plan import PlannedTask
    from .specs import RunSpec, TaskSpec
    from .task_output import TaskOutput


class TaskOwner(Protocol):
    """Who has launched tasks, and is told what becomes of them."""

    def task_started(self, task: LaunchedTask, pid: int, place: str, has_run: bool) -> None:
        """Its process exists; on another machine, `place` says where, and `has_run` whether it is no news."""

    def task_code_started(self, task: LaunchedTask) -> None:
        """The step's own code has begun."""

    def task_waits(self, task: LaunchedTask, text: str) -> None:
        """It has not started, and why."""

    def task_ended(self, task: LaunchedTask, status: int, why: str | None, retriable: bool) -> None:
        """It is over; what its process used is noted with it."""

    def fail(self, error: BaseException) -> None:
        """Something went wrong that ends the run."""


class LaunchedTask:
    """One attempt that was handed to the executor; listens to what the executor says of it."""

    __slots__ = (
        "_scheduler",
        "code",
        "gang",
        "is_elsewhere",
        "killed_because",
        "output_",
        "pid",
        "planned",
        "spec",
        "started_at",
        "timer",
        "used",
    )

    def __init__(
        self,
        scheduler: TaskOwner,
        planned: PlannedTask,
        spec: TaskSpec,
        gang: Gang | None,
        output: TaskOutput,
        is_elsewhere: bool,
    ) -> None:
        self._scheduler = scheduler
        self.planned = planned
        self.started_at = time.time()
        # Another machine has a clock of its own.
        self.spec = spec if is_elsewhere else spec._replace(started_at=self.started_at)
        self.gang = gang
        self.is_elsewhere = is_elsewhere
        self.output_ = output
        self.pid = 0
        self.code = CodeTimes()
        self.timer: Timer | None = None
        self.killed_because: str | None = None
        #: What its process used, if it ended without a result.
        self.used: Used | None = None

    def started(
        self, pid: int, place: str = "", metadata: Mapping[str, str] | None = None, has_run: bool = False
    ) -> None:
        self.code.started_at = None  # what was awaited before may have come to nothing
        if place:
            self.spec = self.spec._replace(metadata=dict(metadata or {}))
            self.started_at = time.time()
        self._scheduler.task_started(self, pid, place, has_run)

    def code_started(self, at: float, started_at: float | None = None) -> None:
        if started_at is not None:
            self.started_at = started_at
        elif at < self.started_at:
            return  # it is of an earlier process that had the same id
        self.code.started_at = at
        self._scheduler.task_code_started(self)

    def record(self, run: RunSpec, status: TaskStatus = "running") -> TaskRecord:
        """The attempt as it is recorded as long as it has no result."""
        content = make_record(
            run, self.spec, self.started_at, ok=False, success=False, error=None, pid=self.pid, code=self.code
        )
        fields = {**content["task"], "status": status}
        if status == "running":
            fields.pop("finished_at", None)
        return TaskRecord.from_dict(fields)

    def waiting(self, text: str) -> None:
        self._scheduler.task_waits(self, text)

    def output(self, stream: LogStream, data: bytes) -> None:
        try:
            self.output_.feed(stream, data)
        except MetaflowException as error:
            self._scheduler.fail(error)

    def ended(self, status: int, reason: str | None = None, retriable: bool = True, used: Used | None = None) -> None:
        self.used = used
        try:
            self._scheduler.task_ended(self, status, reason, retriable)
        except MetaflowException as error:
            self._scheduler.fail(error)
