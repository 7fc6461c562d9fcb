"""The kinds of objects that the server has, and where they are found."""

from __future__ import annotations

from typing import NamedTuple


class Resource(NamedTuple):
    """A kind of objects.

    Attributes
    ----------
    group, version : str
        The group is empty for the core of Kubernetes.
    plural : str
        Its name in addresses.
    kind : str
    namespaced : bool
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """As it is called in messages, such as ``jobs.batch``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


PODS = Resource("", "v1", "pods", "Pod")
EVENTS = Resource("", "v1", "events", "Event")
SECRETS = Resource("", "v1", "secrets", "Secret")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
JOBS = Resource("batch", "v1", "jobs", "Job")
JOB_SETS = Resource("jobset.x-k8s.io", "v1alpha2", "jobsets", "JobSet")

ALL = (PODS, EVENTS, SECRETS, CONFIG_MAPS, SERVICE_ACCOUNTS, CLAIMS, NAMESPACES, NODES, JOBS, JOB_SETS)
_BY_ADDRESS = {(resource.group, resource.version, resource.plural): resource for resource in ALL}


def find(group: str, version: str, plural: str) -> Resource | None:
    """The kind that an address names; None if the server has no such kind."""
    return _BY_ADDRESS.get((group, version, plural))
