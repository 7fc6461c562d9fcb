"""What AWS Batch says of a job, in our words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.compute.backend import TaskState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    Phase = Literal["pending", "running", "ended"]

#: What we say to AWS when we end jobs; AWS gives it back as the reason of their end.
CANCELLED = "Cancelled by Metaflow"
UNSATISFIABLE = "Cancelled by Metaflow, as it could never start"

_PHASES: dict[str, Phase] = {"RUNNING": "running", "SUCCEEDED": "ended", "FAILED": "ended"}
#: Reasons, as AWS writes them, why a job would wait for ever.
_NEVER_STARTS = {
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": "no compute environment of the queue has machines with as many cores, "
    "as much memory or as many GPUs as it asks for",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE": "it asks for more cores than any compute environment of the "
    "queue may have",
}
_WAITING = {
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY": "AWS has no machines of the kinds that the queue asks for just now",
    "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS": "the service role of the compute environment may not start machines",
    "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED": "no machine that the compute environments are "
    "configured for supports what it asks for",
}
#: In messages about images: what stays wrong however often it is tried.
_NO_SUCH_IMAGE = ("not found", "manifest unknown", "does not exist", "denied", "unauthorized", "forbidden", "invalid")


class Seen(NamedTuple):
    """What AWS says of one container.

    Attributes
    ----------
    engine_id : str
    status : str
        AWS's word.
    status_reason : str
    exit_code : int or None
    container_reason : str
    was_ended : bool
        Whether somebody asked for its end.
    queue : str
        Name of its queue, where it is said.
    """

    engine_id: str
    status: str
    status_reason: str = ""
    exit_code: int | None = None
    container_reason: str = ""
    was_ended: bool = False
    queue: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in ("SUCCEEDED", "FAILED")

    @property
    def never_starts(self) -> bool:
        """Whether it waits for something that will not come."""
        return self.status == "RUNNABLE" and _explained(self.status_reason, _NEVER_STARTS) is not None


def seen(described: Mapping[str, Any]) -> Seen:
    """Read a job of ``describe_jobs`` or ``list_jobs``."""
    container = described.get("container") or {}
    attempts = described.get("attempts") or [{}]
    last = attempts[-1].get("container") or {}
    return Seen(
        described["jobId"],
        described["status"],
        described.get("statusReason") or attempts[-1].get("statusReason") or "",
        container.get("exitCode", last.get("exitCode")),
        container.get("reason") or last.get("reason") or "",
        bool(described.get("isTerminated") or described.get("isCancelled")),
        described.get("jobQueue", "").rpartition("/")[2],
    )


def child_counts(described: Mapping[str, Any]) -> dict[str, int]:
    """How many children of an array have each status; empty for other jobs."""
    return dict((described.get("arrayProperties") or {}).get("statusSummary") or {})


def task_state(task: str, job: Seen) -> TaskState:
    """What is to be said of the task that a container runs."""
    phase: Phase = _PHASES.get(job.status, "pending")
    metadata = {"aws-batch-job-id": job.engine_id} | ({"aws-batch-queue-name": job.queue} if job.queue else {})
    if phase != "ended":
        text = waiting_text(job.status, job.status_reason) if phase == "pending" else ""
        return TaskState(task, phase, text, engine_id=job.engine_id, metadata=metadata)
    if job.status == "SUCCEEDED":
        return TaskState(task, phase, status=job.exit_code or 0, engine_id=job.engine_id, metadata=metadata)
    reason, retriable = end_reason(job)
    return TaskState(task, phase, "", job.exit_code, reason, retriable, job.engine_id, metadata)


def waiting_text(status: str, status_reason: str) -> str:
    """Why a job does not run yet, for people."""
    if status == "STARTING":
        return "its container is being started"
    if status != "RUNNABLE":
        return ""
    if not status_reason:
        return "it waits for a machine"
    return _explained(status_reason, {**_NEVER_STARTS, **_WAITING}) or status_reason


def end_reason(job: Seen) -> tuple[str | None, bool]:
    """Why a job failed, if that was not the doing of the task's own code, and whether to try it again makes sense."""
    reason, detail = job.status_reason, job.container_reason
    both = f"{reason} {detail}"
    if UNSATISFIABLE in both:
        return _reason_told_to_aws(reason), False
    if CANCELLED in both:
        return "it was cancelled", False
    if reason.startswith("Host EC2"):
        return f"its machine was taken away: {reason}", True
    if "OutOfMemory" in both:
        return "it ran out of memory: more is given by @batch(memory=...) or @resources(memory=...)", True
    if "CannotPull" in both or "ImageNotFound" in both:
        text = _shortened(detail or reason)
        return f"its image cannot be fetched: {text}", not any(word in text.lower() for word in _NO_SUCH_IMAGE)
    if "exceeded timeout" in reason:
        return "it ran longer than its job may: AWS Batch ended it", True
    if job.was_ended:
        return f"it was ended from outside: {_shortened(reason) or 'no reason was given'}", True
    if detail:  # such as CannotStartContainerError and ResourceInitializationError
        return f"its container could not run: {_shortened(detail)}", True
    if job.exit_code is not None or not reason or reason.startswith("Essential container"):
        return None, True
    return f"AWS Batch says: {_shortened(reason)}", True


def unsatisfiable_message(job: Seen) -> str:
    """What is said to AWS when a job is ended that could never start; comes back as its reason."""
    explained = _explained(job.status_reason, _NEVER_STARTS) or job.status_reason
    return f"{UNSATISFIABLE}: {explained}"


def _reason_told_to_aws(reason: str) -> str:
    _, _, explained = reason.partition(f"{UNSATISFIABLE}: ")
    return f"it could never start: {explained}"


def _explained(status_reason: str, words: Mapping[str, str]) -> str | None:
    return next((text for code, text in words.items() if status_reason.startswith(code)), None)


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else f"{text[:300]}..."
