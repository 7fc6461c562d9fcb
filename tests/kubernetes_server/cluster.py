"""A cluster put together, and what a test can do to it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from . import disruptions
from .access import Access, Denial
from .api import ApiServer
from .containers import ContainerRuntime, NoContainers
from .controllers import Controllers
from .faults import Fault, Faults
from .kubelet import Kubelet
from .operations import Operations
from .pod_logs import Logs
from .processes import ProcessRuntime, Runtime
from .resources import ALL, JOB_SETS, JOBS, NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS
from .scheduling import node_object
from .storage import Object, Storage

DEFAULT_NODE = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1000Gi", "pods": "500"}
_NAMESPACES = ("default", "kube-system")
_LASTING = (NAMESPACES, SERVICE_ACCOUNTS)


class Cluster:
    """An API server with all that stands behind it.

    Parameters
    ----------
    folder : Path
        For logs and volumes.
    workers : int
        How many pods may run at a time.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self.storage = Storage()
        self.access = Access()
        self.faults = Faults()
        self.operations = Operations(self.storage)
        logs = folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self.logs = Logs(self.storage, logs)
        runtimes: dict[str, Runtime] = {"process": ProcessRuntime()}
        self.no_containers = ""
        try:
            runtimes["container"] = ContainerRuntime()
        except NoContainers as error:
            self.no_containers = str(error)
        self.isolation = "process" if self.no_containers else "container"
        self.kubelet = Kubelet(self.storage, self.logs, folder / "pods", runtimes, self.isolation, workers)
        self.controllers = Controllers(self.storage, self.kubelet)
        self.controllers.start()
        for namespace in _NAMESPACES:
            self.operations.create(NAMESPACES, "", {"metadata": {"name": namespace}})
        self.set_nodes({"node-1": {}})
        self.port = 0
        self._api: ApiServer | None = None
        self.listen()

    # What follows is called by name from the control interface.

    def listen(self) -> None:
        """Answer requests again, under the same address as before."""
        if self._api is None:
            self._api = ApiServer(self.port, self.operations, self.access, self.faults, self.logs)
            self.port = self._api.server_address[1]
            threading.Thread(target=self._api.serve_forever, args=(0.05,), name="api", daemon=True).start()

    def go_away(self) -> None:
        """Be unreachable, while pods go on."""
        if self._api is not None:
            self._api.stop()
            self._api = None

    def drop_connections(self) -> None:
        """Cut all connections that there are, watches among them."""
        if self._api is not None:
            self._api.drop_connections()

    def expire(self) -> None:
        """Forget the past, so that watches and continued lists end with 410."""
        self.operations.expire()

    def add_fault(self, **fault: Any) -> None:
        self.faults.add(Fault(**fault))

    def clear_faults(self) -> None:
        self.faults.clear()
        self.access.denials.clear()

    def deny(self, verb: str, resource: str, namespace: str = "*") -> None:
        """Let nobody do something from now on."""
        self.access.denials.append(Denial(verb, resource, namespace))

    def requests(self, reset: bool = False) -> dict[str, int]:
        return self.faults.counted(reset)

    def open_watches(self) -> int:
        return len(self._api.watching) if self._api is not None else 0

    def set_nodes(self, nodes: dict[str, dict[str, Any]]) -> None:
        """Have these nodes and no others.

        Parameters
        ----------
        nodes : dict
            For each name ``capacity`` (what differs from the usual one), ``labels``, ``taints``.
        """
        for node in self.storage.items(NODES):
            if node["metadata"]["name"] not in nodes:
                self.storage.remove((NODES, "", node["metadata"]["name"]))
        for name, what in nodes.items():
            capacity = DEFAULT_NODE | what.get("capacity", {})
            node = node_object(name, capacity, what.get("labels", {}), what.get("taints", []))
            self._put_node(node)

    def run_pods_as(self, isolation: str) -> None:
        """How pods run from now on that do not say themselves: ``container``, if there are such, or ``process``."""
        self.kubelet.usual = isolation

    def evict(self, namespace: str, pod: str, message: str) -> None:
        disruptions.evict(self.storage, self.kubelet, namespace, pod, message)

    def disrupt(self, namespace: str, pod: str, kind: str) -> None:
        disruptions.disrupt(self.storage, namespace, pod, kind)

    def lose_node(self, node: str) -> None:
        disruptions.lose_node(self.storage, self.kubelet, node)

    def reset(self) -> None:
        """Be as when it was new, apart from versions."""
        self.listen()
        self.clear_faults()
        for resource in (JOB_SETS, JOBS, PODS, *(kind for kind in ALL if kind is not NODES)):
            for value in self.storage.items(resource):
                metadata = value["metadata"]
                if metadata.get("namespace", metadata["name"]) not in _NAMESPACES or resource not in _LASTING:
                    self.storage.remove((resource, metadata.get("namespace", ""), metadata["name"]))
        self.controllers.settle()
        self.kubelet.wait_for_ends()
        self.set_nodes({"node-1": {}})
        self.run_pods_as(self.isolation)
        self.faults.counted(reset=True)

    def _put_node(self, node: Object) -> None:
        key = (NODES, "", node["metadata"]["name"])
        if self.storage.find(*key) is None:
            self.storage.create(NODES, node)
            return

        def change(old: Object) -> None:
            old.update(spec=node["spec"], status=node["status"])
            old["metadata"]["labels"] = node["metadata"]["labels"]

        self.storage.update(key, change)

    def close(self) -> None:
        self.go_away()
        self.controllers.stop()
        self.kubelet.close()
