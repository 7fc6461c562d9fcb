"""The controller of Jobs: makes their pods, counts what became of them, and says how the Job ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from . import conditions, defaults, deletion, storage as stored
from .job_tally import INDEX, Tally, Verdict, index_of, missing_indexes, ranges
from .problems import Problem
from .records import record
from .resources import JOBS, PODS, SERVICE_ACCOUNTS
from .storage import Change, Key, Object, Storage, clone

_SOURCE = "job-controller"


class _Pods(NamedTuple):
    """The pods of a Job that have not ended: those that count, and those that are being ended."""

    active: list[Object]
    ending: list[Object]


class JobController:
    """Brings the pods of Jobs to what the Jobs say.

    Parameters
    ----------
    storage : Storage
    later : callable
        Called with a key and a number of seconds: look at this object again then.
    backoff_seconds : float
        How long the first failure of a pod delays the next; each further one twice as long.
    """

    def __init__(self, storage: Storage, later: Callable[[Key, float], None], backoff_seconds: float) -> None:
        self._storage = storage
        self._later = later
        self._backoff_seconds = backoff_seconds
        self._tallies: dict[str, Tally] = {}
        self._not_before: dict[str, float] = {}
        # Since when a Job runs, precisely: its status has whole seconds only.
        self._started: dict[str, float] = {}
        self._finished: dict[str, float] = {}

    def count(self, change: Change) -> None:
        """Take note of what became of a pod, at once: a Job must not miss pods that have just ended."""
        key = self.owner(change)
        if key is None:
            return
        job = self._storage.get(*key)
        tally = self._tally(job["metadata"]["uid"])
        if tally.count(job["spec"], change.after, change.kind == "DELETED"):
            delay = min(self._backoff_seconds * 2 ** (tally.failed - 1), 600.0)
            self._not_before[job["metadata"]["uid"]] = time.monotonic() + delay

    def owner(self, change: Change) -> Key | None:
        """The Job that a pod belongs to, if there is one."""
        if change.key[0] is PODS:
            for reference in change.after["metadata"].get("ownerReferences", ()):
                key = (JOBS, change.key[1], reference["name"])
                job = self._storage.find(*key)
                if job is not None and job["metadata"]["uid"] == reference["uid"]:
                    return key
        return None

    def forget(self, job: Object) -> None:
        for kept in (self._tallies, self._not_before, self._started, self._finished):
            kept.pop(job["metadata"]["uid"], None)

    def reconcile(self, key: Key) -> None:
        """Do what a Job needs now."""
        with self._storage.changed:
            self._reconcile(key)

    def _reconcile(self, key: Key) -> None:
        job = self._storage.find(*key)
        if job is None or "deletionTimestamp" in job["metadata"]:
            return
        uid = job["metadata"]["uid"]
        pods = self._pods(uid)
        if conditions.holds(job, "Complete") or conditions.holds(job, "Failed"):
            self._expire(key, job)
            return
        tally = self._tally(uid)
        verdict = self._verdict(key, job, tally, len(pods.active))
        if verdict is not None:
            self._end(key, job, tally, pods, verdict)
            return
        if job["spec"]["suspend"]:
            self._dismiss(tally, pods.active)
            self._started.pop(uid, None)
        else:
            self._started.setdefault(uid, time.monotonic())
            self._fit(key, job, tally, pods)
        self._write(key, tally)

    def _verdict(self, key: Key, job: Object, tally: Tally, active: int) -> Verdict | None:
        started, deadline = self._started.get(job["metadata"]["uid"]), job["spec"].get("activeDeadlineSeconds")
        if (target := conditions.get(job, "FailureTarget")) is not None:
            return Verdict("Failed", target["reason"], target.get("message", ""))
        verdict = tally.outcome(job["spec"], active)
        if verdict is None and deadline is not None and started is not None:
            left = started + deadline - time.monotonic()
            if left <= 0:
                return Verdict("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
            self._later(key, left)
        return verdict

    def _fit(self, key: Key, job: Object, tally: Tally, pods: _Pods) -> None:
        """Make the pods that are missing, end those that are too many."""
        spec = job["spec"]
        wanted = spec["parallelism"]
        if spec.get("completions") is not None:
            done = len(tally.completed | tally.lost) if spec["completionMode"] == "Indexed" else tally.succeeded
            wanted = min(wanted, spec["completions"] - done)
        elif tally.succeeded:
            wanted = len(pods.active)
        if len(pods.active) > wanted:
            self._dismiss(tally, pods.active[wanted:])
            return
        only_ended = spec.get("podReplacementPolicy") == "Failed"
        missing = wanted - len(pods.active) - (len(pods.ending) if only_ended else 0)
        if missing <= 0:
            return
        wait = self._not_before.get(job["metadata"]["uid"], 0.0) - time.monotonic()
        if wait > 0:
            self._later(key, wait)
            return
        if spec["completionMode"] == "Indexed":
            taken = {index for pod in [*pods.active, *pods.ending] if (index := index_of(pod)) is not None}
            indexes: list[int | None] = [*missing_indexes(spec, tally, taken, missing)]
        else:
            indexes = [None] * missing
        for index in indexes:
            if not self._make_pod(job, index):
                self._later(key, 1.0)
                return

    def _make_pod(self, job: Object, index: int | None) -> bool:
        pod = pod_of(job, index)
        try:
            account = pod["spec"].get("serviceAccountName", "default")
            namespace = job["metadata"]["namespace"]
            if not self._storage.find(SERVICE_ACCOUNTS, namespace, account):
                why = f'error looking up service account {namespace}/{account}: serviceaccount "{account}" not found'
                raise Problem(403, "Forbidden", f'pods "{pod["metadata"]["generateName"]}" is forbidden: {why}')
            created = self._storage.create(PODS, pod)
        except Problem as problem:
            record(self._storage, job, "FailedCreate", f"Error creating: {problem.message}", _SOURCE, warning=True)
            return False
        record(self._storage, job, "SuccessfulCreate", f"Created pod: {created['metadata']['name']}", _SOURCE)
        return True

    def _end(self, key: Key, job: Object, tally: Tally, pods: _Pods, verdict: Verdict) -> None:
        """End what still runs of a Job that is over, and say that it is once nothing does."""
        self._dismiss(tally, pods.active)
        first = "FailureTarget" if verdict.condition == "Failed" else "SuccessCriteriaMet"

        def change(job: Object) -> None:
            self._count(job, tally)
            if conditions.get(job, first) is None:
                conditions.put(job, first, True, verdict.reason, verdict.message)
            if not self._pods(job["metadata"]["uid"]).active + self._pods(job["metadata"]["uid"]).ending:
                conditions.put(job, verdict.condition, True, verdict.reason, verdict.message)
                if verdict.condition == "Complete":
                    job["status"]["completionTime"] = stored.now()

        job = self._storage.update(key, change)
        if conditions.holds(job, verdict.condition):
            self._finished[job["metadata"]["uid"]] = time.monotonic()
            if verdict.condition == "Failed":
                record(self._storage, job, verdict.reason, verdict.message, _SOURCE, warning=True)
            else:
                record(self._storage, job, "Completed", "Job completed", _SOURCE)

    def _expire(self, key: Key, job: Object) -> None:
        """Delete a Job that has been over for as long as it says."""
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        if seconds is None:
            return
        left = self._finished.setdefault(job["metadata"]["uid"], time.monotonic()) + seconds - time.monotonic()
        if left > 0:
            self._later(key, left)
        else:
            deletion.delete(self._storage, key, "Background")

    def _dismiss(self, tally: Tally, pods: list[Object]) -> None:
        for pod in pods:
            tally.dismissed.add(pod["metadata"]["uid"])
            deletion.delete(self._storage, (PODS, pod["metadata"]["namespace"], pod["metadata"]["name"]))

    def _write(self, key: Key, tally: Tally) -> None:
        def change(job: Object) -> None:
            self._count(job, tally)
            if job["spec"]["suspend"]:
                job["status"].pop("startTime", None)
                conditions.put(job, "Suspended", True, "JobSuspended", "Job suspended")
            elif conditions.get(job, "Suspended") is not None:
                conditions.put(job, "Suspended", False, "JobResumed", "Job resumed")

        self._storage.update(key, change)

    def _count(self, job: Object, tally: Tally) -> None:
        pods = self._pods(job["metadata"]["uid"])
        status = job["status"]
        if not job["spec"]["suspend"]:
            status.setdefault("startTime", stored.now())
        status["ready"] = sum(conditions.holds(pod, "Ready") for pod in pods.active)
        status["terminating"] = len(pods.ending)
        status["uncountedTerminatedPods"] = {}
        indexed = job["spec"]["completionMode"] == "Indexed"
        counts = {
            "active": len(pods.active),
            "succeeded": len(tally.completed) if indexed else tally.succeeded,
            "failed": tally.failed,
            "completedIndexes": ranges(tally.completed),
            "failedIndexes": ranges(tally.lost),
        }
        for name, count in counts.items():
            if count:
                status[name] = count
            else:
                status.pop(name, None)

    def _pods(self, uid: str) -> _Pods:
        active, ending = [], []
        for key, pod in self._storage.dependents(uid):
            if key[0] is PODS and pod["status"].get("phase") not in ("Succeeded", "Failed"):
                (ending if "deletionTimestamp" in pod["metadata"] else active).append(pod)
        return _Pods(active, ending)

    def _tally(self, uid: str) -> Tally:
        return self._tallies.setdefault(uid, Tally())


def pod_of(job: Object, index: int | None) -> Object:
    """The pod that a Job makes, for one of its indexes if it has such."""
    name = job["metadata"]["name"]
    template = clone(job["spec"]["template"])
    metadata = template.get("metadata") or {}
    prefix = f"{name}-" if index is None else f"{name}-{index}-"
    metadata.update(generateName=prefix, namespace=job["metadata"]["namespace"])
    owner = {"apiVersion": JOBS.api_version, "kind": JOBS.kind, "name": name, "uid": job["metadata"]["uid"]}
    metadata["ownerReferences"] = [{**owner, "controller": True, "blockOwnerDeletion": True}]
    spec = template["spec"]
    if index is not None:
        metadata.setdefault("labels", {})[INDEX] = str(index)
        metadata.setdefault("annotations", {})[INDEX] = str(index)
        spec.setdefault("hostname", f"{name}-{index}")
        source = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}}
        for container in spec["containers"]:
            container.setdefault("env", []).append({"name": "JOB_COMPLETION_INDEX", "valueFrom": source})
    pod = {"kind": PODS.kind, "apiVersion": PODS.api_version, "metadata": metadata, "spec": spec}
    defaults.fill(PODS, pod)
    return pod
