"""Whether a cluster is there, knows us, and lets us do what runs need."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...exception import MetaflowException
from ..backend import EngineUnavailable, JobRefused
from .client import AccessRefused, ObjectMissing

if TYPE_CHECKING:
    from .client import KubernetesClient

#: Minor version of Kubernetes 1 from which on Indexed Jobs count failures by index.
_FIRST_WITH_ARRAYS = 29
#: What a run does: group of the API, resource, verb.
_NEEDED = (("batch", "jobs", "create"), ("batch", "jobs", "list"), ("", "pods", "watch"))


def check_access(client: KubernetesClient) -> None:
    """See that jobs can be run in the namespace.

    Raises
    ------
    MetaflowException
        If not, saying what to do.
    """
    namespace = client.namespace
    try:
        client.request("GET", f"/api/v1/namespaces/{namespace}")
    except ObjectMissing as error:
        raise MetaflowException(
            f"The Kubernetes cluster at {client.address} has no namespace {namespace!r}. Create it, or choose another "
            "with @kubernetes(namespace=...) or METAFLOW_KUBERNETES_NAMESPACE."
        ) from error
    except EngineUnavailable as error:
        raise MetaflowException(
            f"{error.message.rstrip('.')}. Is it running, and is this its address? See METAFLOW_KUBERNETES_CONTEXT and "
            "`kubectl cluster-info`."
        ) from error
    except AccessRefused as error:
        if "does not accept the credentials" in error.message:
            raise
        # Otherwise we may not look at namespaces, which is no reason not to run jobs in one.
    for group, resource, verb in _NEEDED:
        if not _may(client, group, resource, verb):
            raise MetaflowException(
                f"The Kubernetes cluster at {client.address} does not let you {verb} {resource} in the namespace "
                f"{namespace!r}. Ask for the rights that docs/kubernetes.md lists, or choose another namespace "
                "(METAFLOW_KUBERNETES_NAMESPACE)."
            )


def has_arrays(client: KubernetesClient) -> bool:
    """Whether several tasks can be one job without the failure of one being that of all."""
    try:
        version = client.request("GET", "/version")
    except (AccessRefused, ObjectMissing):
        return True
    numbers = [re.match(r"\d+", str(version.get(part, ""))) for part in ("major", "minor")]
    if None in numbers:
        return True
    return tuple(int(number[0]) for number in numbers if number) >= (1, _FIRST_WITH_ARRAYS)


def check_service_account(client: KubernetesClient, name: str) -> None:
    """See that a service account exists; a pod that names another one is not even created.

    Raises
    ------
    JobRefused
        If there is none of that name.
    """
    try:
        client.request("GET", f"/api/v1/namespaces/{client.namespace}/serviceaccounts/{name}")
    except ObjectMissing as error:
        raise JobRefused(
            f"The namespace {client.namespace!r} has no service account {name!r}. Create it, or choose another with "
            "@kubernetes(service_account=...) or METAFLOW_KUBERNETES_SERVICE_ACCOUNT."
        ) from error
    except AccessRefused:
        pass  # we may not look; the cluster will say when the job is there


def _may(client: KubernetesClient, group: str, resource: str, verb: str) -> bool:
    attributes = {"namespace": client.namespace, "group": group, "resource": resource, "verb": verb}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    try:
        answer = client.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=review)
    except (AccessRefused, ObjectMissing):
        return True  # whether we may is seen when we do it
    return bool(answer.get("status", {}).get("allowed", True))
