"""From the plan's view of a task to what a process needs to run it, and back from what it left to the plan's view."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ..flow.state import Frame
from ..flow.transition import Transition
from .specs import PARAMETERS_TASK, TaskSpec

if TYPE_CHECKING:
    from ..flow.node import Node
    from .plan_task import PlannedTask, TaskRef


def spec_of(
    planned: PlannedTask,
    node: Node,
    user_attempts: int,
    last_failure: str | None = None,
    key: Callable[[TaskRef], str] = attrgetter("key"),
) -> TaskSpec:
    """Specification of an attempt that the plan has handed out.

    Parameters
    ----------
    planned : PlannedTask
    node : Node
        The step in the graph.
    user_attempts : int
        Number of attempts that run the user's code.
    last_failure : str, optional
        Why the attempt before failed.
    key : callable
        Name, as ``step/task/attempt``, under which a task that is read from is stored.
    """
    inputs = tuple(key(ref) for ref in planned.inputs) or (PARAMETERS_TASK,)
    frames: list[Frame] = []
    frame = planned.frames
    while frame is not None:
        foreach = frame.foreach
        label = foreach.labels[frame.index] if foreach.labels else None
        opener = foreach.opener
        frames.append(Frame(opener.step, foreach.variable or "", frame.index, foreach.num_splits, label, key(opener)))
        frame = frame.parent
    return TaskSpec(
        step=planned.step,
        task_id=str(planned.task_id),
        attempt=planned.attempt,
        user_attempts=user_attempts,
        inputs=inputs,
        targets=node.targets,
        is_join=node.is_join,
        takes_inputs=node.takes_inputs,
        last_failure=last_failure,
        frames=tuple(reversed(frames)),
        iteration=planned.iteration if node.is_recursive else None,
        ready_at=planned.ready_at or None,
    )


def transition_of(record: dict[str, Any]) -> Transition:
    """The way that a finished task took, from the record in its manifest."""
    targets, variable = record["transition"]
    return Transition(tuple(targets), variable, record.get("num_splits"), record.get("labels"))
