"""The controller of JobSets: makes their Jobs, in order if they ask for it, and says how the set ended."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from . import conditions, defaults, deletion
from .operations import complete_job
from .records import record
from .resources import JOB_SETS, JOBS
from .storage import Key, Object, Storage, clone

_PREFIX = "jobset.sigs.k8s.io/"
_SOURCE = "jobset"
_RESTARTS = f"{_PREFIX}restart-attempt"


def host_names(storage: Storage, pod: Object) -> dict[str, str]:
    """The names by which a pod of a JobSet reaches the others; empty for any other pod."""
    name = (pod["metadata"].get("labels") or {}).get(f"{_PREFIX}jobset-name")
    job_set = name and storage.find(JOB_SETS, pod["metadata"]["namespace"], name)
    if not job_set or not job_set["spec"]["network"]["enableDNSHostnames"]:
        return {}
    domain = job_set["spec"]["network"].get("subdomain", name)
    namespace = pod["metadata"]["namespace"]
    names = {}
    for replicated in job_set["spec"]["replicatedJobs"]:
        pods = replicated["template"]["spec"].get("completions", replicated["template"]["spec"].get("parallelism", 1))
        for job in range(replicated["replicas"]):
            for index in range(pods):
                host = f"{name}-{replicated['name']}-{job}-{index}.{domain}"
                for end in ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.cluster.local"):
                    names[host + end] = "127.0.0.1"
    return names


class JobSetController:
    """Brings the Jobs of JobSets to what the sets say.

    Parameters
    ----------
    storage : Storage
    later : callable
        Called with a key and a number of seconds: look at this object again then.
    """

    def __init__(self, storage: Storage, later: Callable[[Key, float], None]) -> None:
        self._storage = storage
        self._later = later
        self._finished: dict[str, float] = {}

    def reconcile(self, key: Key) -> None:
        """Do what a JobSet needs now."""
        job_set = self._storage.find(*key)
        if job_set is None or "deletionTimestamp" in job_set["metadata"]:
            return
        if "terminalState" in job_set["status"]:
            self._expire(key, job_set)
            return
        restarts = job_set["status"].get("restarts", 0)
        jobs = [job for owned, job in self._storage.dependents(job_set["metadata"]["uid"]) if owned[0] is JOBS]
        current = [job for job in jobs if job["metadata"]["labels"][_RESTARTS] == str(restarts)]
        for old in (job for job in jobs if job not in current):
            self._delete(old)
        failed = [job for job in current if conditions.holds(job, "Failed")]
        if failed:
            self._fail(key, job_set, failed[0], current)
        elif self._has_succeeded(job_set, current):
            self._finish(key, current, "Completed", "AllJobsCompleted", "jobset completed successfully")
        else:
            if len(jobs) == len(current):
                self._start(key, job_set, current)
            self._write(key, current)

    def _has_succeeded(self, job_set: Object, jobs: list[Object]) -> bool:
        policy = job_set["spec"]["successPolicy"]
        targets = policy.get("targetReplicatedJobs") or [r["name"] for r in job_set["spec"]["replicatedJobs"]]
        wanted = sum(r["replicas"] for r in job_set["spec"]["replicatedJobs"] if r["name"] in targets)
        done = [job for job in jobs if conditions.holds(job, "Complete") and _replicated(job) in targets]
        return bool(done) if policy["operator"] == "Any" else len(done) >= wanted

    def _start(self, key: Key, job_set: Object, jobs: list[Object]) -> None:
        """Make the Jobs that are missing, as far as it is their turn."""
        in_order = job_set["spec"]["startupPolicy"]["startupPolicyOrder"] == "InOrder"
        suspended = job_set["spec"].get("suspend", False)
        present = {job["metadata"]["name"]: job for job in jobs}
        for number, replicated in enumerate(job_set["spec"]["replicatedJobs"]):
            mine = []
            for index in range(replicated["replicas"]):
                job = job_of(job_set, number, index)
                old = present.get(job["metadata"]["name"])
                if old is None:
                    job["spec"]["suspend"] = suspended
                    mine.append(self._storage.create(JOBS, job, complete_job))
                elif old["spec"]["suspend"] is not suspended:
                    mine.append(self._suspend(old, suspended))
                else:
                    mine.append(old)
            # A suspended set makes all of its Jobs, suspended.
            if in_order and not suspended and not all(_is_ready(job) for job in mine):
                self._storage.update(key, _be_starting)
                return

    def _suspend(self, job: Object, suspended: bool) -> Object:
        def change(job: Object) -> None:
            job["spec"]["suspend"] = suspended

        return self._storage.update((JOBS, job["metadata"]["namespace"], job["metadata"]["name"]), change)

    def _fail(self, key: Key, job_set: Object, failed: Object, jobs: list[Object]) -> None:
        policy = job_set["spec"].get("failurePolicy") or {}
        condition = conditions.get(failed, "Failed") or {}
        action = "RestartJobSet"
        for rule in policy.get("rules", ()):
            reasons, targets = rule.get("onJobFailureReasons"), rule.get("targetReplicatedJobs")
            if (not reasons or condition["reason"] in reasons) and (not targets or _replicated(failed) in targets):
                action = rule["action"]
                break
        limit, counted = policy.get("maxRestarts", 0), job_set["status"].get("restartsCountTowardsMax", 0)
        ignores_limit = action == "RestartJobSetAndIgnoreMaxRestarts"
        if action != "FailJobSet" and (ignores_limit or counted < limit):

            def restart(job_set: Object) -> None:
                job_set["status"]["restarts"] = job_set["status"].get("restarts", 0) + 1
                job_set["status"]["restartsCountTowardsMax"] = counted + (not ignores_limit)

            job_set = self._storage.update(key, restart)
            record(self._storage, job_set, "Restarting", "restarting jobset", _SOURCE, warning=True)
            return
        name = failed["metadata"]["name"]
        reason, message = "FailedJobs", f"jobset failed due to one or more job failures (first failed job: {name})"
        if action != "FailJobSet" and limit:
            reason, message = "ReachedMaxRestarts", f"jobset failed due to reaching max number of restarts ({name})"
        self._finish(key, jobs, "Failed", reason, message)

    def _finish(self, key: Key, jobs: list[Object], kind: str, reason: str, message: str) -> None:
        def change(job_set: Object) -> None:
            conditions.put(job_set, kind, True, reason, message)
            job_set["status"]["terminalState"] = kind

        self._write(key, jobs)
        job_set = self._storage.update(key, change)
        self._finished[job_set["metadata"]["uid"]] = time.monotonic()
        record(self._storage, job_set, reason, message, _SOURCE, warning=kind == "Failed")
        for job in jobs:
            if not (conditions.holds(job, "Complete") or conditions.holds(job, "Failed")):
                self._delete(job)

    def _expire(self, key: Key, job_set: Object) -> None:
        seconds = job_set["spec"].get("ttlSecondsAfterFinished")
        if seconds is None:
            return
        left = self._finished.setdefault(job_set["metadata"]["uid"], time.monotonic()) + seconds - time.monotonic()
        if left > 0:
            self._later(key, left)
        else:
            deletion.delete(self._storage, key, "Background")

    def _delete(self, job: Object) -> None:
        if "deletionTimestamp" not in job["metadata"]:
            key = (JOBS, job["metadata"]["namespace"], job["metadata"]["name"])
            deletion.delete(self._storage, key, "Foreground")

    def _write(self, key: Key, jobs: list[Object]) -> None:
        def change(job_set: Object) -> None:
            statuses = []
            for replicated in job_set["spec"]["replicatedJobs"]:
                mine = [job for job in jobs if _replicated(job) == replicated["name"]]
                counts = {
                    "ready": sum(_is_ready(job) for job in mine),
                    "succeeded": sum(conditions.holds(job, "Complete") for job in mine),
                    "failed": sum(conditions.holds(job, "Failed") for job in mine),
                    "active": sum(bool(job["status"].get("active")) for job in mine),
                    "suspended": sum(job["spec"]["suspend"] for job in mine),
                }
                statuses.append({"name": replicated["name"], **counts})
            job_set["status"]["replicatedJobsStatus"] = statuses
            job_set["status"].setdefault("restarts", 0)
            if job_set["spec"].get("suspend"):
                conditions.put(job_set, "Suspended", True, "SuspendedJobs", "jobset is suspended")
            elif conditions.get(job_set, "Suspended") is not None:
                conditions.put(job_set, "Suspended", False, "ResumeJobs", "jobset is resumed")

        self._storage.update(key, change)


def _be_starting(job_set: Object) -> None:
    reason, message = "InOrderStartupPolicyInProgress", "in order startup policy is in progress"
    conditions.put(job_set, "StartupPolicyInProgress", True, reason, message)


def job_of(job_set: Object, number: int, index: int) -> Object:
    """The Job that a JobSet makes for one replica of one of its replicated jobs."""
    replicated = job_set["spec"]["replicatedJobs"][number]
    name, namespace = job_set["metadata"]["name"], job_set["metadata"]["namespace"]
    job_name = f"{name}-{replicated['name']}-{index}"
    before = sum(r["replicas"] for r in job_set["spec"]["replicatedJobs"][:number])
    facts = {
        f"{_PREFIX}jobset-name": name,
        f"{_PREFIX}jobset-uid": job_set["metadata"]["uid"],
        f"{_PREFIX}replicatedjob-name": replicated["name"],
        f"{_PREFIX}replicatedjob-replicas": str(replicated["replicas"]),
        f"{_PREFIX}global-replicas": str(sum(r["replicas"] for r in job_set["spec"]["replicatedJobs"])),
        f"{_PREFIX}job-index": str(index),
        f"{_PREFIX}job-global-index": str(before + index),
        f"{_PREFIX}job-key": hashlib.sha1(f"{namespace}/{job_name}".encode()).hexdigest(),
        _RESTARTS: str(job_set["status"].get("restarts", 0)),
    }
    coordinator = job_set["spec"].get("coordinator")
    if coordinator:
        place = f"{coordinator['replicatedJob']}-{coordinator.get('jobIndex', 0)}-{coordinator.get('podIndex', 0)}"
        domain = job_set["spec"]["network"].get("subdomain", name)
        facts[f"{_PREFIX}coordinator"] = f"{name}-{place}.{domain}"
    template = clone(replicated["template"])
    spec = template["spec"]
    for metadata in (template.setdefault("metadata", {}), spec["template"].setdefault("metadata", {})):
        metadata["labels"] = {**metadata.get("labels", {}), **facts}
        metadata["annotations"] = {**metadata.get("annotations", {}), **facts}
    owner = {"apiVersion": JOB_SETS.api_version, "kind": JOB_SETS.kind, "name": name}
    template["metadata"].update(name=job_name, namespace=namespace)
    template["metadata"]["ownerReferences"] = [
        {**owner, "uid": job_set["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True}
    ]
    if job_set["spec"]["network"]["enableDNSHostnames"]:
        spec["template"]["spec"]["subdomain"] = job_set["spec"]["network"].get("subdomain", name)
    job = {"kind": JOBS.kind, "apiVersion": JOBS.api_version, "metadata": template["metadata"], "spec": spec}
    defaults.fill(JOBS, job)
    return job


def _replicated(job: Object) -> str:
    return str(job["metadata"]["labels"][f"{_PREFIX}replicatedjob-name"])


def _is_ready(job: Object) -> bool:
    status = job["status"]
    counted = status.get("ready", 0) + status.get("succeeded", 0) + status.get("failed", 0)
    return bool(counted >= job["spec"]["parallelism"])
