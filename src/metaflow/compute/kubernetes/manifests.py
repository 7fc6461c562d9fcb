"""The objects that are created in a cluster: a Job for a task, an Indexed Job for several, a JobSet for a gang."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backend import INDEX_VARIABLE, MAIN_ADDRESS_VARIABLE
from .names import CONTROL, JOBSET_INDEX, WORKER
from .pods import JOBSET_VARIABLE, object_metadata, pod_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..backend import Job
    from .pods import Site

#: Port of node 0 if the step does not name one; what torchrun uses, too.
_MASTER_PORT = 3339
#: Variable with the index of a node, over all of the gang.
_NODE_INDEX = "METAFLOW_KUBERNETES_NODE_INDEX"
_WORKER_INDEX = "MF_WORKER_REPLICA_INDEX"
#: JobSets count workers from 0, and the index of a node cannot be computed in a manifest.
_WORKER_PREFIX = ("bash", "-c", f'export {_NODE_INDEX}=$(({_WORKER_INDEX} + 1)); exec "$@"', "bash")


def manifest(job: Job, site: Site) -> dict[str, Any]:
    """The object to create for a job."""
    if job.is_gang and len(job.tasks) > 1:
        return _jobset(job, site)
    if len(job.tasks) > 1:
        return _indexed_job(job, site)
    variables = _gang_variables(job, "127.0.0.1") if job.is_gang else {}
    return _whole_job(job, site, _job_spec(pod_template(job, site, variables)))


def _indexed_job(job: Job, site: Site) -> dict[str, Any]:
    spec = _job_spec(pod_template(job, site, {INDEX_VARIABLE: "JOB_COMPLETION_INDEX"}))
    # The limit of restarts is that of each index: one task's failure is no other's.
    del spec["backoffLimit"]
    limit = job.options["max_concurrent_tasks"]
    return _whole_job(
        job,
        site,
        {
            **spec,
            "completionMode": "Indexed",
            "completions": len(job.tasks),
            "parallelism": min(len(job.tasks), limit or len(job.tasks)),
            "backoffLimitPerIndex": 0,
        },
    )


def _jobset(job: Job, site: Site) -> dict[str, Any]:
    # The name that a headless service of the JobSet gives to the pod of the control job.
    address = f"{job.name}-{CONTROL}-0-0.{job.name}"
    variables = {**_gang_variables(job, address), JOBSET_VARIABLE: job.name, INDEX_VARIABLE: _NODE_INDEX}
    control = pod_template(job, site, {**variables, _NODE_INDEX: "0"})
    worker = pod_template(
        job,
        site,
        variables,
        (*_WORKER_PREFIX, *job.command),
        {_WORKER_INDEX: f"metadata.annotations['{JOBSET_INDEX}']"},
    )
    return {
        "apiVersion": site.jobset_api,
        "kind": "JobSet",
        "metadata": {"name": job.name, "namespace": site.namespace, **object_metadata(job)},
        "spec": {
            "network": {"enableDNSHostnames": True, "subdomain": job.name},
            "startupPolicy": {"startupPolicyOrder": "InOrder"},
            "failurePolicy": {"maxRestarts": 0},
            "ttlSecondsAfterFinished": site.keep_seconds,
            "replicatedJobs": [
                _replicated(job, CONTROL, 1, control),
                _replicated(job, WORKER, len(job.tasks) - 1, worker),
            ],
        },
    }


def _replicated(job: Job, role: str, replicas: int, template: Mapping[str, Any]) -> dict[str, Any]:
    spec = {**_job_spec(template), "completionMode": "Indexed", "completions": 1, "parallelism": 1}
    return {"name": role, "replicas": replicas, "template": {"metadata": object_metadata(job), "spec": spec}}


def _gang_variables(job: Job, address: str) -> dict[str, str]:
    return {
        "MF_MASTER_ADDR": address,
        "MF_MASTER_PORT": str(job.options["port"] or _MASTER_PORT),
        "MF_WORLD_SIZE": str(len(job.tasks)),
        MAIN_ADDRESS_VARIABLE: address,
    }


def _job_spec(template: Mapping[str, Any]) -> dict[str, Any]:
    return {"backoffLimit": 0, "template": template}


def _whole_job(job: Job, site: Site, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job.name, "namespace": site.namespace, **object_metadata(job)},
        "spec": {**spec, "ttlSecondsAfterFinished": site.keep_seconds},
    }
