"""Which node a pod runs on: requests, selectors, taints, and what the real scheduler says if none will do."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from . import conditions
from .quantities import amount
from .records import record
from .resources import CLAIMS, NODES, PODS
from .storage import Change, Object, Storage

_SOURCE = "default-scheduler"


class Placement(NamedTuple):
    """What a pod takes of which node."""

    node: str
    requests: Counter[str]


def node_object(name: str, capacity: dict[str, Any], labels: dict[str, str], taints: list[Object]) -> Object:
    """A node as the server lists it.

    Parameters
    ----------
    name : str
    capacity : dict
        Amounts such as ``{"cpu": "4", "memory": "16Gi", "pods": "110", "nvidia.com/gpu": "1"}``.
    labels : dict
    taints : list of dict
    """
    amounts = {key: str(value) for key, value in capacity.items()}
    node = {
        "kind": NODES.kind,
        "apiVersion": NODES.api_version,
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64", **labels}},
        "spec": {"taints": taints} if taints else {},
        "status": {"capacity": amounts, "allocatable": amounts},
    }
    conditions.put(node, "Ready", True, "KubeletReady", "kubelet is posting ready status")
    return node


def requests_of(pod: Object) -> Counter[str]:
    """What a pod asks for in all, itself counted as one of ``pods``."""
    total: Counter[str] = Counter(pods=1)
    for container in pod["spec"]["containers"]:
        for name, quantity in container.get("resources", {}).get("requests", {}).items():
            total[name] += amount(quantity)  # type: ignore[assignment]  # amounts may be fractions
    return total


def obstacle(pod: Object, node: Object, used: Counter[str]) -> str:
    """Why a pod cannot run on a node, in the words of the real scheduler; empty if it can."""
    if node["spec"].get("unschedulable"):
        return "node(s) were unschedulable"
    for taint in node["spec"].get("taints", ()):
        if taint["effect"] != "PreferNoSchedule" and not _tolerates(pod, taint):
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    labels = node["metadata"]["labels"]
    if any(labels.get(name) != value for name, value in pod["spec"].get("nodeSelector", {}).items()):
        return "node(s) didn't match Pod's node affinity/selector"
    for name, wanted in requests_of(pod).items():
        if used[name] + wanted > amount(node["status"]["allocatable"].get(name, 0)):
            return "Too many pods" if name == "pods" else f"Insufficient {name}"
    return ""


def _tolerates(pod: Object, taint: Object) -> bool:
    for toleration in pod["spec"].get("tolerations", ()):
        same_key = toleration.get("key") in (None, "", taint["key"])
        same_effect = toleration.get("effect") in (None, "", taint["effect"])
        same_value = toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", "")
        if same_key and same_effect and same_value:
            return True
    return False


class Scheduler:
    """Gives pods their nodes.

    Parameters
    ----------
    storage : Storage
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._placements: dict[str, Placement] = {}
        self._used: dict[str, Counter[str]] = defaultdict(Counter)
        # In the order in which they came.
        self._waiting: dict[str, tuple[str, str]] = {}

    def pod_changed(self, change: Change) -> bool:
        """Take note of a pod; whether there is something to place now."""
        pod, uid = change.after, change.after["metadata"]["uid"]
        if change.kind == "DELETED" or pod["status"].get("phase") in ("Succeeded", "Failed"):
            self._waiting.pop(uid, None)
            placement = self._placements.pop(uid, None)
            if placement is not None:
                self._used[placement.node].subtract(placement.requests)
            return placement is not None
        if uid not in self._placements and not pod["spec"].get("nodeName"):
            new = uid not in self._waiting
            self._waiting[uid] = (pod["metadata"]["namespace"], pod["metadata"]["name"])
            return new
        return False

    def place(self) -> None:
        """Give all pods a node that fit on one, the first ones first."""
        nodes = self._storage.items(NODES)
        refused: dict[str, str] = {}
        for uid, (namespace, name) in list(self._waiting.items()):
            pod = self._storage.find(PODS, namespace, name)
            if pod is None or pod["metadata"]["uid"] != uid or "deletionTimestamp" in pod["metadata"]:
                self._waiting.pop(uid)
                continue
            alike = repr([pod["spec"].get(part) for part in ("containers", "nodeSelector", "tolerations", "volumes")])
            if alike not in refused:
                message = self._bind(pod, nodes)
                if not message:
                    continue
                refused[alike] = message
            self._refuse(pod, refused[alike])

    def _bind(self, pod: Object, nodes: list[Object]) -> str:
        metadata = pod["metadata"]
        head = f"0/{len(nodes)} nodes are available: "
        tail = f". preemption: 0/{len(nodes)} nodes are available: {len(nodes)} "
        for volume in pod["spec"].get("volumes", ()):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and self._storage.find(CLAIMS, metadata["namespace"], claim) is None:
                why = f'persistentvolumeclaim "{claim}" not found'
                return f"{head}{why}{tail}Preemption is not helpful for scheduling."
        obstacles: Counter[str] = Counter()
        for node in nodes:
            why = obstacle(pod, node, self._used[node["metadata"]["name"]])
            if not why:
                self._assign(pod, node["metadata"]["name"])
                return ""
            obstacles[why] += 1
        listed = ", ".join(f"{count} {why}" for why, count in sorted(obstacles.items()))
        lacking = any(why.startswith(("Insufficient", "Too many")) for why in obstacles)
        remedy = (
            "No preemption victims found for incoming pod" if lacking else "Preemption is not helpful for scheduling"
        )
        return f"{head}{listed}{tail}{remedy}." if nodes else "no nodes available to schedule pods"

    def _assign(self, pod: Object, node: str) -> None:
        metadata = pod["metadata"]
        self._waiting.pop(metadata["uid"])
        requests = requests_of(pod)
        self._placements[metadata["uid"]] = Placement(node, requests)
        self._used[node].update(requests)

        def change(pod: Object) -> None:
            pod["spec"]["nodeName"] = node
            conditions.put(pod, "PodScheduled", True)

        pod = self._storage.update((PODS, metadata["namespace"], metadata["name"]), change)
        message = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {node}"
        record(self._storage, pod, "Scheduled", message, _SOURCE)

    def _refuse(self, pod: Object, message: str) -> None:
        key = (PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
        before = conditions.get(pod, "PodScheduled")
        pod = self._storage.update(
            key, lambda pod: conditions.put(pod, "PodScheduled", False, "Unschedulable", message)
        )
        if before is None or before.get("message") != message:
            record(self._storage, pod, "FailedScheduling", message, _SOURCE, warning=True)
