"""What kind of thing ended a task or a run, told from its error. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from metaflow import exception
from metaflow.client.recovery import PROCESS_DIED

if TYPE_CHECKING:
    from metaflow.metadata_store.records import RunRecord, TaskRecord

    Cause = Literal["user_code", "out_of_memory", "timeout", "infrastructure", "lost", "stopped"]

_OWN = "metaflow.exception."
_MEMORY = ("memory ran out", "out of memory", "out_of_memory", "needed more memory", "MemoryError", "OutOfMemoryError")
_ELSEWHERE = (
    "could not be submitted",
    "evicted",
    "preempted",
    "its pod ",
    "its job ",
    "no such image",
    "the node ",
    "its node ",
    "spot ",
)
_LOST = ("its process was killed", "nothing was heard", "is lost", "was lost", "vanished", "ended without a result")


def cause_of_task(task: TaskRecord) -> Cause:
    """What ended an attempt.

    Parameters
    ----------
    task : TaskRecord
        One that failed or was killed.
    """
    if task.error is None:
        return "lost"
    kind, message = task.error
    name = kind.rpartition(".")[2]
    if name.endswith(("MemoryError", "OutOfMemoryError")):
        return "out_of_memory"
    if not kind.startswith(_OWN):
        return "user_code"
    if kind == f"{_OWN}TimeoutException":
        return "timeout"
    low = message.lower()
    for cause, words in (("out_of_memory", _MEMORY), ("infrastructure", _ELSEWHERE), ("lost", _LOST)):
        if any(word.lower() in low for word in words):
            return cause  # type: ignore[return-value]
    declared = getattr(exception, name, None)
    outages = (exception.DataException, exception.MetadataException)
    if isinstance(declared, type) and issubclass(declared, outages):
        return "infrastructure"
    return "user_code"


def cause_of_run(run: RunRecord) -> Cause:
    """What ended a run none of whose tasks failed.

    Parameters
    ----------
    run : RunRecord
    """
    if run.status == "stopped":
        return "stopped"
    if run.message == PROCESS_DIED:
        return "lost"
    return "infrastructure"
