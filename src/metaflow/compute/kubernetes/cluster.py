"""What is asked of a cluster beside the watch of pods: jobs, and what explains why one waits."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from ..backend import SubmittedJob
from .client import AccessRefused, ObjectMissing
from .job_states import read_job, why_no_pod
from .names import CANCELLED, CONTROL, JOB_LABEL
from .nodes import is_helpless, too_large_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .client import KubernetesClient
    from .job_states import JobState
    from .states import PodState

#: What ``engine_id`` of a job begins with, as kubectl has it.
JOB, JOBSET = "job", "jobset"

#: Conditions of a job that has failed, or is about to.
_FAILURES = ("Failed", "FailureTarget")


class Cluster:
    """Requests about jobs in one namespace.

    Parameters
    ----------
    client : KubernetesClient
    jobset_api : str
        Group and version of JobSets.
    """

    def __init__(self, client: KubernetesClient, jobset_api: str) -> None:
        self._client = client
        namespace = client.namespace
        self.pods = f"/api/v1/namespaces/{namespace}/pods"
        self._events = f"/api/v1/namespaces/{namespace}/events"
        self._kinds = {
            JOB: f"/apis/batch/v1/namespaces/{namespace}/jobs",
            JOBSET: f"/apis/{jobset_api}/namespaces/{namespace}/jobsets",
        }
        #: Whether we may see the nodes; not known before they were asked for.
        self._sees_nodes = True

    def create(self, manifest: Mapping[str, Any]) -> None:
        """Create a Job or a JobSet."""
        self._client.request("POST", self._kinds[manifest["kind"].lower()], body=manifest)

    def listed(self, kind: str, selector: str) -> Iterator[dict[str, Any]]:
        """Jobs or JobSets; none in a cluster that has no JobSets."""
        try:
            for part in self._client.list_all(self._kinds[kind], {"labelSelector": selector}):
                yield from part.get("items") or []
        except ObjectMissing:
            if kind == JOB:
                raise

    def states(self, jobs: Sequence[SubmittedJob], selector: str) -> dict[str, JobState]:
        """How jobs are, by name; those that do not exist are missing."""
        found: dict[str, JobState] = {}
        for kind in {kind_of(job) for job in jobs}:
            for item in self.listed(kind, selector):
                found[item["metadata"]["name"]] = read_job(item)
        return found

    def why_without_pods(self, jobs: Sequence[SubmittedJob]) -> dict[str, tuple[str, bool]]:
        """Why pods of jobs cannot be created, and whether that may change; nothing of those that have no such trouble.

        A JobSet's pods are created by jobs of its own, whose names begin with that of the JobSet.
        """
        query = {"fieldSelector": "reason=FailedCreate,involvedObject.kind=Job"}
        names = {job.name for job in jobs}
        latest: dict[str, tuple[str, str]] = {}
        try:
            for part in self._client.list_all(self._events, query):
                for event in part.get("items") or []:
                    name = event["involvedObject"]["name"][: len("mf-") + 16]
                    seen = event.get("lastTimestamp") or event.get("eventTime") or ""
                    if name in names and seen >= latest.get(name, ("", ""))[0]:
                        latest[name] = (seen, event.get("message", ""))
        except (AccessRefused, ObjectMissing):
            return {}  # it is not explained then; that it waits is seen all the same
        return {name: why_no_pod(message) for name, (_, message) in latest.items()}

    def misfits(self, pods: Sequence[PodState]) -> dict[str, str]:
        """Which of the pods that wait for a node fit on none, and why, by their uid."""
        nodes = self._nodes() if self._sees_nodes else None
        found = {}
        # The pods of a step all ask for the same.
        too_large: dict[frozenset[tuple[str, str]], str] = {}
        for pod in pods:
            asked = frozenset(pod.requests.items())
            if asked not in too_large:
                too_large[asked] = too_large_for(pod.requests, nodes) if nodes else ""
            why = too_large[asked]
            if not why and is_helpless(pod.text):
                why = "there is no node that it may run on"
            if why:
                found[pod.uid] = why
        return found

    def _nodes(self) -> list[dict[str, Any]] | None:
        try:
            return [
                {"status": {"allocatable": node.get("status", {}).get("allocatable") or {}}}
                for part in self._client.list_all("/api/v1/nodes", {})
                for node in part.get("items") or []
            ]
        except (AccessRefused, ObjectMissing):
            self._sees_nodes = False
            return None

    def delete_pod(self, name: str) -> None:
        """End a pod."""
        self._pass_over_missing("DELETE", f"{self.pods}/{name}")

    def find_pods(self, selector: str, fields: str = "") -> Iterator[dict[str, Any]]:
        """Pods that a label selector selects, and a field selector if there is one."""
        query = {"labelSelector": selector, **({"fieldSelector": fields} if fields else {})}
        for part in self._client.list_all(self.pods, query):
            yield from part.get("items") or []

    def log(self, pod: str, container: str, most_bytes: int) -> bytes:
        """What a pod has printed, as far as the cluster has it."""
        query = {"container": container, "limitBytes": most_bytes}
        try:
            return self._client.text("GET", f"{self.pods}/{pod}/log", query)
        except ObjectMissing:
            return b""

    def delete(self, engine_id: str) -> None:
        """Delete a job and, after the time that they have to end, its pods."""
        kind, _, name = engine_id.partition("/")
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        self._pass_over_missing("DELETE", f"{self._kinds[kind]}/{name}", options)

    def stop(self, engine_id: str) -> None:
        """End a job and its pods, but keep the job."""
        kind, _, name = engine_id.partition("/")
        # A job past its deadline has failed for good and makes no more pods; nothing else ends one without deleting it.
        past = {"metadata": {"annotations": {CANCELLED: "true"}}, "spec": {"activeDeadlineSeconds": 1}}
        # A JobSet fails as soon as one of its jobs does.
        failing = f"{name}-{CONTROL}-0" if kind == JOBSET else name
        try:
            job = self._client.request("PATCH", f"{self._kinds[JOB]}/{failing}", body=past)
        except (AccessRefused, ObjectMissing):
            job = {}
        if _has_failed(job):
            # Perhaps as it was stopped before: past its deadline, or of its pods having been deleted, whichever the
            # cluster has seen first. Its JobSet, if it is of one, is about to fail.
            return
        # The time of a suspended job does not pass, and what has ended does not fail any more.
        if not job or job["spec"].get("suspend") or read_job(job).ended:
            self._delete_unless_over(kind, name)
            return
        try:
            self._client.request("DELETE", self.pods, {"labelSelector": f"{JOB_LABEL}={name}"})
        except AccessRefused:
            pass  # the cluster ends the pods of a job that has failed

    def _delete_unless_over(self, kind: str, name: str) -> None:
        """End a job of which there is nothing that could be stopped, unless it has ended by itself."""
        try:
            job = self._client.request("GET", f"{self._kinds[kind]}/{name}")
        except ObjectMissing:
            return
        if not read_job(job).ended:
            self.delete(f"{kind}/{name}")

    def _pass_over_missing(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        with contextlib.suppress(ObjectMissing):
            self._client.request(method, path, body=body)


def _has_failed(job: Mapping[str, Any]) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or []
    return any(each.get("type") in _FAILURES and each.get("status") == "True" for each in conditions)


def kind_of(job: SubmittedJob) -> str:
    """Kind of the object that a job is."""
    return job.engine_id.partition("/")[0]
