"""Which task a request is about."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import Depends, Query

from metaflow.server.record_routes import FlowName, RunId


class TaskAddress(NamedTuple):
    """Which task, and which of its attempts: the latest if none is named."""

    flow: str
    run_id: str
    step: str
    task_id: str
    attempt: int | None = None

    @property
    def pathspec(self) -> str:
        """``Flow/run/step/task``."""
        return "/".join(self[:4])


def task_address(
    flow: FlowName,
    run_id: RunId,
    step: Annotated[str, Query(description="name of the step")],
    task_id: Annotated[str, Query(description="id of the task")],
    attempt: Annotated[int | None, Query(ge=0, le=1000, description="which attempt; the latest if not given")] = None,
) -> TaskAddress:
    """Which task a request is about."""
    return TaskAddress(flow, run_id, step, task_id, attempt)


#: Parameters of routes that are about a task.
Address = Annotated[TaskAddress, Depends(task_address)]
