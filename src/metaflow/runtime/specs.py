"""All that a task needs to know, as plain data that any process on any machine can be given."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from ..flow.state import Frame

#: Pseudo step whose one task holds the run's parameters and constants.
PARAMETERS_STEP = "_parameters"
PARAMETERS_TASK = "_parameters/0/0"


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What all tasks of a run have in common.

    Attributes
    ----------
    flow, run_id : str
    root : str
        Root of the datastore.
    user : str
    namespace : str
        The user's identity, such as ``user:ada``.
    tags : tuple of str
        User tags of the run.
    origin_run_id : str or None
        Run that this one resumes.
    """

    flow: str
    run_id: str
    root: str
    user: str
    namespace: str
    tags: tuple[str, ...] = ()
    origin_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One attempt of one task.

    Attributes
    ----------
    step, task_id : str
    attempt : int
        Number of the attempt, from 0.
    user_attempts : int
        Number of attempts that run the user's code; further ones are fallbacks.
    inputs : tuple of str
        Tasks that it reads from, as ``step/task/attempt``, in the order in which a join sees them.
    frames : tuple of Frame
        Enclosing foreaches, outermost first.
    iteration : int or None
        Number of the repetition in a recursive step, None elsewhere.
    """

    step: str
    task_id: str
    attempt: int
    user_attempts: int
    inputs: tuple[str, ...]
    frames: tuple[Frame, ...] = ()
    iteration: int | None = None

    @property
    def key(self) -> str:
        """``step/task/attempt``."""
        return f"{self.step}/{self.task_id}/{self.attempt}"

    @property
    def is_fallback(self) -> bool:
        """Whether this attempt stands in for user code whose process died every time."""
        return self.attempt >= self.user_attempts


def encode(run: RunSpec, task: TaskSpec) -> bytes:
    """Both as JSON, for a process that does not share our memory."""
    return json.dumps({"run": asdict(run), "task": task_to_list(task)}).encode()


def decode(data: bytes) -> tuple[RunSpec, TaskSpec]:
    """What :func:`encode` wrote."""
    content = json.loads(data)
    run = content["run"]
    return RunSpec(**{**run, "tags": tuple(run["tags"])}), task_from_list(content["task"])


def task_to_list(task: TaskSpec) -> list[Any]:
    """Compact plain form of a task's specification."""
    return [
        task.step,
        task.task_id,
        task.attempt,
        task.user_attempts,
        task.inputs,
        task.frames,
        task.iteration,
    ]


def task_from_list(data: list[Any]) -> TaskSpec:
    """What :func:`task_to_list` gave, also after a journey through JSON."""
    step, task_id, attempt, user_attempts, inputs, frames, iteration = data
    return TaskSpec(
        step,
        task_id,
        attempt,
        user_attempts,
        tuple(inputs),
        tuple(Frame(*frame) for frame in frames),
        iteration,
    )
