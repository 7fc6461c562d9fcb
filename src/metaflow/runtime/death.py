"""What is recorded of an attempt whose process ended without a result, as it could not say so itself."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from ..datastore.task_writer import TaskWriter
from ..datastore.tasks import open_task
from ..exception import MetaflowDataMissing, MetaflowException, TimeoutException
from .process import signal_name
from .task import make_record

if TYPE_CHECKING:
    from ..datastore.manifest import Manifest
    from ..datastore.store import ObjectStore
    from .code_times import CodeTimes
    from .own_use import Used
    from .specs import RunSpec, TaskSpec


def committed_result(store: ObjectStore, run: RunSpec, spec: TaskSpec) -> Manifest | None:
    """What an attempt has committed, be it a success or a failure; None if its process died before it could."""
    try:
        return open_task(store, run.flow, run.run_id, spec.step, spec.task_id, spec.attempt).manifest
    except MetaflowDataMissing:
        return None


def commit_death(
    store: ObjectStore,
    run: RunSpec,
    spec: TaskSpec,
    started_at: float,
    pid: int,
    reason: str,
    timed_out: bool,
    without_inputs: bool = False,
    used: Used | None = None,
    code: CodeTimes | None = None,
) -> Manifest:
    """Commit the attempt as failed.

    Parameters
    ----------
    store : ObjectStore
    run : RunSpec
    spec : TaskSpec
    started_at : float
        Seconds since the epoch.
    pid : int
    reason : str
        Why the process ended, in words.
    timed_out : bool
        Whether it was killed for taking too long.
    without_inputs : bool
        Whether what it read is not in the same run.
    used : dict, optional
        What its process used.
    code : CodeTimes, optional
        When the step's own code began, if that is known.

    Raises
    ------
    DataException
        If it cannot be written.
    """
    error = TimeoutException(reason) if timed_out else MetaflowException(reason[0].upper() + reason[1:])
    content = make_record(run, spec, started_at, ok=False, success=False, error=error, pid=pid, code=code)
    if without_inputs:
        content["task"]["inputs"] = ()
    content["transition"] = [[], None]
    if used:
        content["used"] = used
    return TaskWriter(store, run.flow, run.run_id, spec.step, spec.task_id, spec.attempt).commit(content)


def words_of_death(status: int, reason: str) -> str:
    """Line for the person who runs it; `status` is the exit code, negative for a signal."""
    return "Task failed with a segmentation fault." if status == -signal.SIGSEGV else f"Task failed: {reason}."


def words_of_late_death(status: int, reason: str | None) -> str:
    """Line about a process that went wrong when its result was saved already.

    Parameters
    ----------
    status : int
        Its exit code, negative for a signal.
    reason : str or None
        Why it ended, if that is known better.
    """
    how = f"exit code {status}" if status >= 0 else signal_name(-status)
    why = f" ({reason})" if reason else ""
    return (
        f"Its result is complete, but its process ended afterwards with {how}{why}. If the step has cards, rendering "
        "one of them crashed, or did not come to an end."
    )
