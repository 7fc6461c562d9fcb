"""What Ray and the driver of a job say of its tasks, put into the words of the scheduler."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from ..backend import TaskState
from .driver import FAILED, OUTPUT, PENDING, SNAPSHOT, SUCCEEDED
from .submission import NO_PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..backend import SubmittedJob

#: How Ray calls the states of a job from which nothing more comes.
ENDED = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})
#: How lines of a job's log begin in which Ray says what it was asked to run.
_REPEATED = ("Running entrypoint for job ",)


class Snapshot(NamedTuple):
    """The states of a job's tasks, as its driver printed them.

    Attributes
    ----------
    phases : str
        One letter a task.
    ended : dict of int to tuple
        Of tasks that failed: exit code or negated signal or None; why; whether another attempt may fare better.
    text : str
        What those that wait are waiting for.
    nodes : dict of int to str
        Id of the node of each task that was started.
    """

    phases: str
    ended: dict[int, tuple[int | None, str | None, bool]]
    text: str
    nodes: dict[int, str]


def last_snapshot(log: str) -> Snapshot | None:
    """The newest snapshot in a log, or in the end of one; None if there is none."""
    for line in reversed(log.splitlines()):
        if line.startswith(SNAPSHOT):
            try:
                said = json.loads(line[len(SNAPSHOT) :])
            except ValueError:  # the log was read while the line was being written
                continue
            places = enumerate(said["places"])
            return Snapshot(
                said["phases"],
                {int(index): tuple(end) for index, end in said["ended"].items()},
                said["text"],
                {index: said["nodes"][place] for index, place in places if place is not None},
            )
    return None


def printed_by(log: str, index: int) -> str | None:
    """The end of what a task printed that failed, as far as its driver said it."""
    for line in log.splitlines():
        if line.startswith(OUTPUT):
            number, text = json.loads(line[len(OUTPUT) :])
            if number == index:
                return str(text)
    return None


def without_snapshots(log: str) -> str:
    """What a job printed beside what is for us, and beside what Ray repeats of its request."""
    kept = [line for line in log.splitlines() if not line.startswith((SNAPSHOT, OUTPUT, *_REPEATED))]
    return "\n".join(kept)


def task_states(job: SubmittedJob, info: Mapping[str, Any], snapshot: Snapshot | None) -> Iterator[TaskState]:
    """The states of a job's tasks.

    Parameters
    ----------
    job : SubmittedJob
    info : mapping
        The job as Ray describes it.
    snapshot : Snapshot or None
        What its driver printed last.

    Yields
    ------
    TaskState
        In order.
    """
    is_over = info["status"] in ENDED
    reason, retriable = _why_over(info) if is_over else ("", True)
    for index, task in enumerate(job.tasks):
        letter = snapshot.phases[index] if snapshot is not None else PENDING
        node = snapshot.nodes.get(index) if snapshot is not None else None
        metadata = {"ray-job-id": job.engine_id, **({"ray-node-id": node} if node else {})}
        state = TaskState(task, "pending", engine_id=job.engine_id, metadata=metadata)
        if letter == SUCCEEDED:
            yield state._replace(phase="ended", status=0)
        elif letter == FAILED and snapshot is not None:
            status, why, again = snapshot.ended[index]
            yield state._replace(phase="ended", status=status, reason=why, retriable=again)
        elif is_over:
            yield state._replace(phase="ended", reason=reason, retriable=retriable)
        elif letter == PENDING:
            yield state._replace(text=snapshot.text if snapshot is not None else "")
        else:
            yield state._replace(phase="running")


def gone(job: SubmittedJob) -> Iterator[TaskState]:
    """The states of the tasks of a job that Ray does not know."""
    reason = f"Ray does not know its job {job.engine_id} any more: it was deleted, or the cluster was started anew"
    for task in job.tasks:
        yield TaskState(task, "ended", reason=reason, engine_id=job.engine_id)


def _why_over(info: Mapping[str, Any]) -> tuple[str, bool]:
    """Why tasks of a job are over of which its driver did not say so, and whether to try again."""
    if info["status"] == "STOPPED":
        return "its Ray job was stopped", True
    lines = without_snapshots(str(info.get("message") or "")).split("\n")
    said = " ".join(" ".join([lines[0], *lines[-3:]] if len(lines) > 4 else lines).split())[:1000]
    is_hopeless = info.get("driver_exit_code") == NO_PYTHON
    return f"its Ray job ended before it did: {said or 'Ray does not say why'}", not is_hopeless
