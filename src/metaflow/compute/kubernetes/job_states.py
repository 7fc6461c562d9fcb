"""What the state of a job means for those of its tasks that have no pod."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .names import CANCELLED
from .nodes import quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Why a job as a whole failed, for those of its tasks that nothing else is known of.
_FAILURES = {
    "DeadlineExceeded": "its job took longer than it may",
    "BackoffLimitExceeded": "its pod was deleted",
    "FailedIndexes": "its pod was deleted",
    "FailedJobs": "its job failed together with the others of its gang",
    "PodFailurePolicy": "its pod failed",
}


class JobState(NamedTuple):
    """What a job says of its tasks.

    Attributes
    ----------
    succeeded, failed : frozenset of int
        Indices of tasks that have ended.
    ended : str
        Why all others have ended too; empty if they have not.
    text : str
        Why they wait, if it says.
    """

    succeeded: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    ended: str = ""
    text: str = ""


def read_job(job: Mapping[str, Any]) -> JobState:
    """The state of a Job or a JobSet."""
    status = job.get("status") or {}
    cancelled = CANCELLED in (job.get("metadata", {}).get("annotations") or {})
    state = JobState(indices(status.get("completedIndexes")), indices(status.get("failedIndexes")))
    for condition in status.get("conditions") or []:
        if condition.get("status") != "True":
            continue
        kind, reason, message = condition.get("type"), condition.get("reason", ""), condition.get("message", "")
        if kind in ("Complete", "Completed", "SuccessCriteriaMet"):
            return state._replace(ended="its job has ended")
        if kind in ("Failed", "FailureTarget"):
            told = _FAILURES.get(reason) or f"its job failed: {(message or reason).strip().rstrip('.')}"
            return state._replace(ended="it was cancelled" if cancelled else told)
        if kind == "Suspended":
            state = state._replace(text="its job is suspended, as one that waits in a queue is")
    return state


def indices(text: str | None) -> frozenset[int]:
    """Indices as a job's status lists them, such as ``1,3-5,7``."""
    found: set[int] = set()
    for part in (text or "").split(","):
        first, _, last = part.partition("-")
        if first.strip():
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def why_no_pod(message: str) -> tuple[str, bool]:
    """What the cluster says of a pod that it could not create, for people, and whether that can ever change.

    Parameters
    ----------
    message : str
        Of the event ``FailedCreate`` of a job.
    """
    cause = message.strip().rstrip(".").partition("is forbidden: ")[2] or message.strip().rstrip(".")
    if "exceeded quota" in cause:
        return f"the namespace's quota has no room for it: {cause}", not _exceeds_limit(cause)
    return f"its pod cannot be created: {cause}", False


def _exceeds_limit(cause: str) -> bool:
    """Whether more of something was asked for than the quota has in all."""
    _, _, rest = cause.partition("requested: ")
    requested, _, rest = rest.partition(", used: ")
    _, _, limited = rest.partition(", limited: ")
    limits = _amounts(limited)
    return any(amount > limits.get(name, amount) for name, amount in _amounts(requested).items())


def _amounts(text: str) -> dict[str, float]:
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    amounts = {name.strip(): quantity(amount.strip()) for name, _, amount in pairs}
    return {name: amount for name, amount in amounts.items() if amount is not None}
