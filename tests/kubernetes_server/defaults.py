"""What a server writes into objects that leave it out."""

from __future__ import annotations

from typing import Any

from .resources import JOB_SETS, JOBS, PODS, Resource

Object = dict[str, Any]


def fill(resource: Resource, value: Object) -> None:
    """Complete a new object in place."""
    if resource is PODS:
        _fill_pod(value["spec"])
        value["status"] = {"phase": "Pending", "qosClass": _quality(value["spec"])}
    elif resource is JOBS:
        fill_job(value["spec"])
        value["status"] = {}
    elif resource is JOB_SETS:
        _fill_job_set(value)
        value["status"] = {}


def fill_job(spec: Object) -> None:
    """Complete the specification of a Job, apart from what names the Job itself."""
    indexed = spec.setdefault("completionMode", "NonIndexed") == "Indexed"
    if not indexed and "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 2**31 - 1 if "backoffLimitPerIndex" in spec else 6)
    spec.setdefault("suspend", False)
    spec.setdefault("podReplacementPolicy", "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
    _fill_pod(spec["template"]["spec"])


def _fill_job_set(value: Object) -> None:
    spec = value["spec"]
    network = spec.setdefault("network", {})
    network.setdefault("enableDNSHostnames", True)
    network.setdefault("publishNotReadyAddresses", True)
    spec.setdefault("successPolicy", {"operator": "All"})
    spec.setdefault("startupPolicy", {"startupPolicyOrder": "AnyOrder"})
    for replicated in spec.setdefault("replicatedJobs", []):
        replicated.setdefault("replicas", 1)
        job = replicated["template"]["spec"]
        job.setdefault("completionMode", "Indexed")
        job["template"].setdefault("spec", {}).setdefault("restartPolicy", "OnFailure")


def _fill_pod(spec: Object) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    spec.setdefault("serviceAccountName", "default")
    for container in spec.get("containers", ()):
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        container.setdefault("imagePullPolicy", _pull_policy(container.get("image", "")))
        resources = container.setdefault("resources", {})
        for name, limit in resources.get("limits", {}).items():
            resources.setdefault("requests", {}).setdefault(name, limit)


def _pull_policy(image: str) -> str:
    last = image.rpartition("/")[2]
    return "Always" if "@" not in last and last.partition(":")[2] in ("", "latest") else "IfNotPresent"


def _quality(spec: Object) -> str:
    both = [container["resources"] for container in spec["containers"]]
    if not any(resources.get("requests") for resources in both):
        return "BestEffort"
    wanted = ("cpu", "memory")
    same = all(
        name in resources.get("limits", {}) and resources["limits"][name] == resources["requests"][name]
        for resources in both
        for name in wanted
    )
    return "Guaranteed" if same else "Burstable"
