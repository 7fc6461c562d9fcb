"""What became of the pods of a Job, and what that means for the Job. Nothing here touches the storage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from . import conditions
from .storage import Object

INDEX = "batch.kubernetes.io/job-completion-index"


class Verdict(NamedTuple):
    """That a Job is over."""

    condition: str
    reason: str
    message: str


@dataclass
class Tally:
    """What is counted of a Job, since its pods may be gone.

    Attributes
    ----------
    counted : set of str
        Uids of the pods whose end has been counted.
    dismissed : set of str
        Uids of pods that the Job itself ended, which are no failures.
    succeeded, failed : int
    completed, lost : set of int
        Indexes that succeeded, and those that will not be tried again.
    failures : Counter
        Failed pods of each index.
    verdict : Verdict or None
        What a pod's failure alone decided.
    """

    counted: set[str] = field(default_factory=set)
    dismissed: set[str] = field(default_factory=set)
    succeeded: int = 0
    failed: int = 0
    completed: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    failures: Counter[int] = field(default_factory=Counter)
    verdict: Verdict | None = None

    def count(self, spec: Object, pod: Object, gone: bool) -> bool:
        """Take note of a pod that has ended or is gone; whether it was a failure."""
        uid, phase = pod["metadata"]["uid"], pod.get("status", {}).get("phase")
        if uid in self.counted or not (gone or phase in ("Succeeded", "Failed")):
            return False
        self.counted.add(uid)
        index = index_of(pod)
        if phase == "Succeeded":
            self.succeeded += 1
            if index is not None:
                self.completed.add(index)
            return False
        if uid in self.dismissed:
            return False
        action, why = policy_action(spec.get("podFailurePolicy"), pod)
        if action == "Ignore":
            return False
        self.failed += 1
        if action == "FailJob":
            self.verdict = self.verdict or Verdict("Failed", "PodFailurePolicy", why)
        if index is not None:
            self.failures[index] += 1
            limit = spec.get("backoffLimitPerIndex")
            if action == "FailIndex" or (limit is not None and self.failures[index] > limit):
                self.lost.add(index)
        return True

    def outcome(self, spec: Object, active: int) -> Verdict | None:
        """Whether the Job is over, and how; None while it goes on."""
        if self.verdict is not None:
            return self.verdict
        if "maxFailedIndexes" in spec and len(self.lost) > spec["maxFailedIndexes"]:
            message = "Job has exceeded the specified maximal number of failed indexes"
            return Verdict("Failed", "MaxFailedIndexesExceeded", message)
        if self.failed > spec["backoffLimit"]:
            return Verdict("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        if spec["completionMode"] == "Indexed":
            if len(self.completed | self.lost) >= spec["completions"]:
                if self.lost - self.completed:
                    return Verdict("Failed", "FailedIndexes", "Job has failed indexes")
                return Verdict("Complete", "CompletionsReached", "Reached expected number of succeeded pods")
            return None
        wanted = spec.get("completions")
        done = self.succeeded >= wanted if wanted is not None else bool(self.succeeded) and not active
        return Verdict("Complete", "CompletionsReached", "Reached expected number of succeeded pods") if done else None


def index_of(pod: Object) -> int | None:
    """Which part of an indexed Job a pod is."""
    index = (pod["metadata"].get("annotations") or {}).get(INDEX)
    return None if index is None else int(index)


def missing_indexes(spec: Object, tally: Tally, active: set[int], count: int) -> list[int]:
    """The lowest indexes that no pod is there for, at most so many."""
    found: list[int] = []
    for index in range(spec["completions"]):
        if len(found) >= count:
            break
        if index not in active and index not in tally.completed and index not in tally.lost:
            found.append(index)
    return found


def ranges(indexes: set[int]) -> str:
    """Indexes as a Job's status has them, such as ``1,3-5,7,8``."""
    parts: list[list[int]] = []
    for index in sorted(indexes):
        if parts and index == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], index]
        else:
            parts.append([index])
    # Two neighbours are written as two, three and more as a range.
    return ",".join(("," if part[-1] - part[0] == 1 else "-").join(map(str, part)) for part in parts)


def policy_action(policy: Any, pod: Object) -> tuple[str, str]:
    """What a ``podFailurePolicy`` says of a failed pod, and why; ``Count`` if nothing."""
    for number, rule in enumerate((policy or {}).get("rules", ())):
        why = _matches(rule, pod)
        if why:
            metadata = pod["metadata"]
            text = f"{why} for pod {metadata['namespace']}/{metadata['name']}"
            return rule["action"], f"{text} matching {rule['action']} rule at index {number}"
    return "Count", ""


def _matches(rule: Object, pod: Object) -> str:
    codes = rule.get("onExitCodes")
    for status in pod["status"].get("containerStatuses") or () if codes else ():
        terminated = status["state"].get("terminated")
        if terminated is None or codes.get("containerName") not in (None, status["name"]):
            continue
        code = terminated["exitCode"]
        if code and (code in codes["values"]) is (codes["operator"] == "In"):
            return f"Container {status['name']} failed with exit code {code}"
    for pattern in rule.get("onPodConditions") or ():
        condition = conditions.get(pod, pattern["type"])
        if condition is not None and condition["status"] == pattern.get("status", "True"):
            return f"Pod has condition {pattern['type']}"
    return ""
