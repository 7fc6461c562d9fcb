"""What befalls pods that is none of their own doing: eviction, draining, preemption, the loss of a node."""

from __future__ import annotations

from . import conditions, deletion
from .kubelet import Kubelet
from .records import record
from .resources import NODES, PODS
from .storage import Object, Storage

#: Condition, reason and message of the ways in which somebody has a pod deleted.
_DELETIONS = {
    "drain": ("EvictionByEvictionAPI", "Eviction API: evicting"),
    "preemption": ("PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod"),
}


def evict(storage: Storage, kubelet: Kubelet, namespace: str, name: str, message: str) -> None:
    """Have the node end a pod for lack of something: it stays, failed."""
    pod = storage.get(PODS, namespace, name)

    def change(pod: Object) -> None:
        pod["status"].update(reason="Evicted", message=message)
        conditions.put(pod, "DisruptionTarget", True, "TerminationByKubelet", message)

    record(storage, pod, "Evicted", message, "kubelet", warning=True)
    _fail(storage, kubelet, pod, change)


def disrupt(storage: Storage, namespace: str, name: str, kind: str) -> None:
    """Have somebody delete a pod, who says why in its conditions."""
    reason, message = _DELETIONS[kind]
    key = (PODS, namespace, name)
    pod = storage.update(key, lambda pod: conditions.put(pod, "DisruptionTarget", True, reason, message))
    if kind == "preemption":
        record(storage, pod, "Preempted", "Preempted by a pod on node", "default-scheduler", warning=True)
    deletion.delete(storage, key)


def lose_node(storage: Storage, kubelet: Kubelet, name: str) -> None:
    """Have a node vanish: its pods are marked, failed, and collected, as they are once the node is given up."""
    node = storage.get(NODES, "", name)
    pods = [pod for pod in storage.items(PODS) if pod["spec"].get("nodeName") == name]
    storage.remove((NODES, "", node["metadata"]["name"]))
    for pod in pods:
        if pod["status"].get("phase") in ("Succeeded", "Failed"):
            continue
        record(storage, pod, "NodeNotReady", "Node is not ready", "node-controller", warning=True)
        message = f"Node {name} which was running pod {pod['metadata']['name']} is unresponsive"

        def change(pod: Object, message: str = message) -> None:
            pod["status"].update(reason="NodeLost", message=message)
            conditions.put(pod, "DisruptionTarget", True, "DeletionByPodGC", "PodGC: node no longer exists")

        _fail(storage, kubelet, pod, change)
        deletion.delete(storage, (PODS, pod["metadata"]["namespace"], pod["metadata"]["name"]), grace=0)


def _fail(storage: Storage, kubelet: Kubelet, pod: Object, change) -> None:
    run = kubelet.run_of(pod["metadata"]["uid"])
    if run is None:
        raise ValueError(f"pod {pod['metadata']['name']} does not run on any node")
    run.fail(change)
