"""The pod that a task runs in, as plain data."""

from __future__ import annotations

import json
import re
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from ..backend import METADATA_VARIABLE
from ..main_address import RESOLUTION_VARIABLE
from .names import CONTAINER, annotations_of, labels_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..backend import Job

#: Metadata of a task -> environment variable that has it -> where the cluster takes it from.
_IDENTITY = (
    ("kubernetes-pod-name", "METAFLOW_KUBERNETES_POD_NAME", "metadata.name"),
    ("kubernetes-pod-namespace", "METAFLOW_KUBERNETES_POD_NAMESPACE", "metadata.namespace"),
    ("kubernetes-pod-id", "METAFLOW_KUBERNETES_POD_ID", "metadata.uid"),
    ("kubernetes-pod-service-account-name", "METAFLOW_KUBERNETES_SERVICE_ACCOUNT_NAME", "spec.serviceAccountName"),
    ("kubernetes-node-ip", "METAFLOW_KUBERNETES_NODE_IP", "status.hostIP"),
)
#: Seconds that a container may take to start, and a task to end by itself, beyond the limit of the step's code.
_ALLOWANCE = 300.0
JOBSET_VARIABLE = "METAFLOW_KUBERNETES_JOBSET_NAME"


class Site(NamedTuple):
    """What holds for all jobs of a cluster.

    Attributes
    ----------
    namespace : str
    runtime_limit : float
        Seconds that a task may run of which nothing else says how long.
    keep_seconds : int
        How long the cluster keeps jobs that have ended.
    jobset_api : str
        Group and version of JobSets.
    on_ec2 : bool
        Whether nodes are EC2 instances.
    """

    namespace: str = "default"
    runtime_limit: float = 432_000
    keep_seconds: int = 604_800
    jobset_api: str = "jobset.x-k8s.io/v1alpha2"
    on_ec2: bool = False


def pod_template(
    job: Job,
    site: Site,
    variables: Mapping[str, str],
    command: Sequence[str] = (),
    fields: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What the pods of a job are made from.

    Parameters
    ----------
    job : Job
    site : Site
    variables : mapping of str to str
        Environment variables beside those of the job.
    command : sequence of str
        What to run instead of the job's command.
    fields : mapping of str to str, optional
        Environment variables whose values the cluster takes from fields of the pod.
    """
    options = job.options
    volumes = [*_memory_volumes(options), *_claimed_volumes(options)]
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        # Of the pod, not of its job: the time in which a job waits for room is nobody's fault. And later than the limit
        # that the task itself watches, which leaves a result behind.
        "activeDeadlineSeconds": ceil((job.timeout_seconds or site.runtime_limit) + _ALLOWANCE),
        "containers": [_container(job, site, variables, command or job.command, fields or {})],
        "volumes": [volume for volume, _ in volumes],
        "nodeSelector": dict(options["node_selector"]),
        "tolerations": list(options["tolerations"]),
        "imagePullSecrets": [{"name": name} for name in options["image_pull_secrets"]],
        "serviceAccountName": options["service_account"],
    }
    return {"metadata": object_metadata(job), "spec": _without_empty(spec)}


def object_metadata(job: Job) -> dict[str, Any]:
    """Labels and annotations of all objects of a job."""
    return {
        "labels": {**job.options["labels"], **labels_of(job.name, job.facts)},
        "annotations": {**job.options["annotations"], **annotations_of(job.facts)},
    }


def resource_requirements(options: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What a container asks for, and what it may use at most."""
    requests = {
        "cpu": f"{options['cpu']:g}",
        "memory": f"{options['memory']}M",
        "ephemeral-storage": f"{options['disk']}M",
    }
    # Kubernetes wants the limit of a resource that cannot be shared, and takes it for what is asked for.
    limits = {name: str(amount) for name, amount in options["extended_resources"].items()}
    if options["gpu"]:
        limits[f"{options['gpu_vendor']}.com/gpu"] = str(options["gpu"])
    if options["qos"] == "Guaranteed":
        limits = {**requests, **limits}
    return _without_empty({"requests": requests, "limits": limits})


def literal(text: str) -> str:
    """A text that the cluster is to take as it is, although it replaces ``$(NAME)`` in commands and variables."""
    return re.sub(r"\$(?=[$(])", "$$", text)


def _container(
    job: Job, site: Site, variables: Mapping[str, str], command: Sequence[str], fields: Mapping[str, str]
) -> dict[str, Any]:
    options = job.options
    volumes = [*_memory_volumes(options), *_claimed_volumes(options)]
    values = {**job.variables, **_own_variables(job, site, variables), **variables}
    environment: list[dict[str, Any]] = [{"name": name, "value": literal(text)} for name, text in values.items()]
    for name, path in {**{variable: path for _, variable, path in _IDENTITY}, **fields}.items():
        environment.append({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}})
    return _without_empty(
        {
            "name": CONTAINER,
            "image": options["image"],
            "imagePullPolicy": options["image_pull_policy"],
            "command": [literal(word) for word in command],
            "env": environment,
            "envFrom": [{"secretRef": {"name": name}} for name in options["secrets"]],
            "resources": resource_requirements(options),
            "ports": [] if options["port"] is None else [{"containerPort": options["port"]}],
            "volumeMounts": [mount for _, mount in volumes],
            "securityContext": dict(options["security_context"]),
        }
    )


def _own_variables(job: Job, site: Site, extra: Mapping[str, str]) -> dict[str, str]:
    options = job.options
    metadata = {name: variable for name, variable, _ in _IDENTITY}
    variables = {"METAFLOW_KUBERNETES_WORKLOAD": "1"}
    if options["use_tmpfs"] and options["tmpfs_tempdir"]:
        variables["METAFLOW_TEMPDIR"] = options["tmpfs_path"]
        variables["METAFLOW_CODE_DIRECTORY"] = "/tmp"  # noqa: S108 - of the container; memory is for the step
    if site.on_ec2:
        variables["METAFLOW_KUBERNETES_FETCH_EC2_METADATA"] = "1"
    if JOBSET_VARIABLE in extra:
        metadata["kubernetes-jobset-name"] = JOBSET_VARIABLE
        variables[RESOLUTION_VARIABLE] = f"{float(options['hostname_resolution_timeout']):g}"
    return {**variables, METADATA_VARIABLE: json.dumps(metadata)}


def _memory_volumes(options: Mapping[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    wanted = []
    if options["use_tmpfs"]:
        wanted.append(("tmpfs", options["tmpfs_size"], options["tmpfs_path"]))
    if options["shared_memory"]:
        wanted.append(("shared-memory", options["shared_memory"], "/dev/shm"))  # noqa: S108 - where it has to be
    return [
        (
            {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": f"{size}Mi"}},
            {"name": name, "mountPath": path},
        )
        for name, size, path in wanted
    ]


def _claimed_volumes(options: Mapping[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    # Claims may have names that volumes cannot have.
    return [
        (
            {"name": f"claim-{number}", "persistentVolumeClaim": {"claimName": claim}},
            {"name": f"claim-{number}", "mountPath": path},
        )
        for number, (claim, path) in enumerate(options["persistent_volume_claims"].items())
    ]


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, [], {})}
