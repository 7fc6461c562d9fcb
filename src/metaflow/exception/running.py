"""What can go wrong with runs and tasks: with starting, ending and resuming them, and while they run."""

from __future__ import annotations

from metaflow.exception import MetaflowException


class CommandException(MetaflowException):
    headline = "Invalid command"


class RunIdTaken(CommandException):
    """A run has the id that was asked for already."""

    def __init__(self, flow: str, run_id: str) -> None:
        super().__init__(f"There is a run {run_id} of {flow} already. Choose another id.")


class ExternalCommandFailed(MetaflowException):
    headline = "External command failed"


class TaskFailed(MetaflowException):
    """A run stopped because one of its tasks failed."""

    headline = "Step failure"

    def __init__(self, step: str, task_id: str, msg: str = "", printed: str = "") -> None:
        super().__init__(f"Step *{step}* (task-id {task_id}) failed" + (f": {msg}" if msg else "."))
        self.step = step
        self.task_id = task_id
        #: The error in one line, which the task has printed already.
        self.printed = printed


class GangException(MetaflowException):
    """The nodes of a parallel step could not work together, or what they ran together failed."""

    headline = "Parallel step failed"


class CannotResume(MetaflowException):
    """A run exists, but cannot be resumed: it still runs, or nothing of it fits the flow's code any more."""

    headline = "Cannot resume"


class CannotCancel(MetaflowException):
    """A run exists, but has ended already, or what is left of it cannot be ended from here."""

    headline = "Cannot cancel"


class CannotStart(MetaflowException):
    """A run that was asked for has not begun."""

    headline = "Cannot start"


class CannotDelete(MetaflowException):
    """A run exists, but cannot be deleted now: it still runs, or a run that goes on takes over its results."""

    headline = "Cannot delete"


class TimeoutException(MetaflowException):
    headline = "@timeout"


class FailureHandledByCatch(MetaflowException):
    headline = "Task execution failed but @catch handled it"

    def __init__(self, retry_count: int, reason: str | None = None) -> None:
        why = (
            f"The last time, {reason}."
            if reason
            else "Your code did not raise an exception. Something in the execution environment caused the failure."
        )
        super().__init__(f"Task execution kept failing over {retry_count + 1} attempts. {why}")


class MulticoreException(MetaflowException):
    """A process of ``parallel_map`` failed; its text ends with the traceback of what was raised there.

    Attributes
    ----------
    index : int
        Which item it was about, from 0.
    stacktrace : str or None
        What was raised in the process; None if it died.
    """

    headline = "Child failed"

    def __init__(self, index: int, reason: str, stacktrace: str | None = None) -> None:
        super().__init__(f"Child failed for item {index}: {reason}")
        self.index = index
        self.stacktrace = stacktrace

    def __str__(self) -> str:
        return f"{self.message}\n\n{self.stacktrace}" if self.stacktrace else self.message


class SecretsException(MetaflowException):
    """A secret cannot be fetched or used; the message holds nothing secret."""

    headline = "Secrets"


class ArgoEventException(MetaflowException):
    headline = "Argo Event Exception"
