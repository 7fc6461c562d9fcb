"""What the state of a pod, and of the job that makes it, means for a task."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from .names import CONTAINER, CONTROL, INDEX_ANNOTATION, JOB_LABEL, JOBSET_INDEX, JOBSET_ROLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..backend import Phase

#: Seconds that a pod may take to end once its node is taken away from it.
LOST_GRACE = 90.0
#: Waiting reasons of a container whose image is not there, and whether that may change.
_NO_IMAGE = {
    "ErrImagePull": True,
    "ImagePullBackOff": True,
    "ImageInspectError": True,
    "RegistryUnavailable": True,
    "InvalidImageName": False,
    "ErrImageNeverPull": False,
}
#: Waiting reasons of a container that lacks something that the pod refers to.
_NO_CONFIGURATION = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError"}
#: What a pod's disruption, or the reason that its kubelet gives, tells people.
_DISRUPTIONS = {
    "PreemptionByScheduler": "its pod had to make room for one of a higher priority",
    "DeletionByTaintManager": "its pod was evicted, because its node is not available any more",
    "EvictionByEvictionAPI": "its pod was evicted",
    "DeletionByPodGC": "its node was lost",
    "TerminationByKubelet": "its pod was evicted",
    "Evicted": "its pod was evicted",
    "Preempting": "its pod had to make room for one of a higher priority",
    "NodeLost": "its node was lost",
    "NodeShutdown": "its node was shut down",
    "Terminated": "its node was shut down",
    "Shutdown": "its node was shut down",
}
#: What says of an image's error nothing but how often it was tried, and by whom.
_FRAME_OF_PULL_ERRORS = re.compile(
    r'^(?:Back-off pulling image "[^"]*"(?:: \w+)?(?:: )?)?(?:rpc error: code = \w+ desc = )?'
)
#: What a runtime or a kubelet says of a container that it does not find any more; the exit code is then made up.
_LOST_CONTAINERS = {("ContainerStatusUnknown", 137), ("Unknown", 255)}
_KILLED, _SEGFAULT = 137, 139


class PodState(NamedTuple):
    """What a pod says of its task.

    Attributes
    ----------
    job : str
        Name of the job.
    process : int
        Which of its tasks.
    name, uid : str
        Of the pod.
    phase : str
        As of :class:`~metaflow.compute.backend.TaskState`, like the next ones.
    text : str
    status : int or None
    reason : str or None
    retriable : bool
    patience : str
        While it has not ended: why it may have to be given up, if it stays as it is. ``lost`` if its node takes its
        time, ``stuck`` if it cannot start, ``hopeless`` if no time will help, ``unschedulable`` if that depends on what
        nodes there are; otherwise empty. `reason` then says what to tell.
    requests : mapping of str to str
        What an unschedulable pod asks for.
    """

    job: str
    process: int
    name: str
    uid: str
    phase: Phase
    text: str = ""
    status: int | None = None
    reason: str | None = None
    retriable: bool = True
    patience: str = ""
    requests: Mapping[str, str] = {}


def read_pod(pod: Mapping[str, Any]) -> PodState | None:
    """The state of a pod of ours; None if it is none of a job."""
    metadata, status = pod.get("metadata", {}), pod.get("status", {})
    job = metadata.get("labels", {}).get(JOB_LABEL)
    if job is None:
        return None
    state = PodState(job, pod_index(metadata), metadata["name"], metadata.get("uid", ""), "pending")
    phase = status.get("phase")
    container = _container(status)
    terminated = container.get("state", {}).get("terminated")
    if phase == "Succeeded" or (terminated and terminated.get("exitCode") == 0 and phase != "Failed"):
        return state._replace(phase="ended", status=0)
    if phase == "Failed" or terminated:
        return _ended(state, pod, terminated or {})
    if phase == "Pending" and "running" not in container.get("state", {}):
        return _pending(state, pod, container)
    return _running(state, metadata, status)


def pod_index(metadata: Mapping[str, Any]) -> int:
    """Which process of its job a pod is."""
    annotations = metadata.get("annotations", {})
    role = annotations.get(JOBSET_ROLE) or metadata.get("labels", {}).get(JOBSET_ROLE)
    if role is not None:
        return 0 if role == CONTROL else int(annotations.get(JOBSET_INDEX, 0)) + 1
    return int(annotations.get(INDEX_ANNOTATION, 0))


def _container(status: Mapping[str, Any]) -> Mapping[str, Any]:
    containers: list[Mapping[str, Any]] = status.get("containerStatuses") or []
    return next((container for container in containers if container.get("name") == CONTAINER), {})


def _running(state: PodState, metadata: Mapping[str, Any], status: Mapping[str, Any]) -> PodState:
    disruption = _disruption(status)
    if status.get("reason") == "NodeLost" or (disruption and "deletionTimestamp" in metadata):
        told = disruption or "its node was lost"
        return state._replace(phase="running", text=told, reason=told, patience="lost")
    silent = status.get("phase") == "Unknown"
    return state._replace(phase="running", text="its node does not answer" if silent else "")


def _pending(state: PodState, pod: Mapping[str, Any], container: Mapping[str, Any]) -> PodState:
    waiting = container.get("state", {}).get("waiting") or {}
    reason, message = waiting.get("reason", ""), _sentence(waiting.get("message"))
    if reason in _NO_IMAGE:
        message = _FRAME_OF_PULL_ERRORS.sub("", message)
        image = container.get("image") or pod["spec"]["containers"][0].get("image")
        told = f"its image {image} cannot be pulled" + (f": {message}" if message else "")
        patience = "stuck" if _NO_IMAGE[reason] else "hopeless"
        return state._replace(text=told, reason=told, retriable=False, patience=patience)
    if reason in _NO_CONFIGURATION:
        told = f"its container cannot be started: {message or reason}"
        return state._replace(text=told, reason=told, retriable=False, patience="stuck")
    scheduled = _condition(pod.get("status", {}), "PodScheduled")
    if scheduled.get("status") == "False":
        return _unscheduled(state, pod, scheduled)
    return state._replace(text="its container is being started" if reason else "")


def _unscheduled(state: PodState, pod: Mapping[str, Any], condition: Mapping[str, Any]) -> PodState:
    if condition.get("reason") == "SchedulingGated":
        return state._replace(text="its pod is held back by a scheduling gate")
    message = _sentence(condition.get("message"))
    told = "no node can take it" + (f": {message}" if message else "")
    return state._replace(
        text=told, reason=told, retriable=False, patience="unschedulable", requests=_requests(pod.get("spec", {}))
    )


def _requests(spec: Mapping[str, Any]) -> dict[str, str]:
    """What all containers of a pod ask for together, which is what a container of ours asks for."""
    for container in spec.get("containers", []):
        if container.get("name") == CONTAINER:
            resources = container.get("resources", {})
            return {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {}


def _ended(state: PodState, pod: Mapping[str, Any], terminated: Mapping[str, Any]) -> PodState:
    status, metadata = pod.get("status", {}), pod["metadata"]
    code = terminated.get("exitCode")
    ended = state._replace(phase="ended", status=_as_status(code, terminated.get("signal")))
    message = _sentence(status.get("message"))
    if status.get("reason") == "DeadlineExceeded":
        limit = pod.get("spec", {}).get("activeDeadlineSeconds")
        return ended._replace(reason=f"it ran longer than its limit of {limit} seconds")
    if disruption := _disruption(status):
        return ended._replace(reason=disruption)
    if (known := _DISRUPTIONS.get(status.get("reason", ""))) is not None:
        return ended._replace(reason=known + (f": {message}" if message else ""))
    if terminated.get("reason") in ("StartError", "ContainerCannotRun"):
        told = f"its container could not be started: {_sentence(terminated.get('message')) or 'no reason is given'}"
        return ended._replace(reason=told, retriable=False)
    if terminated.get("reason") == "OOMKilled":
        return ended._replace(status=-9, reason=_out_of_memory(pod.get("spec", {})))
    if "deletionTimestamp" in metadata and (code is None or code > 128):
        return ended._replace(reason="its pod was deleted")
    if (terminated.get("reason"), code) in _LOST_CONTAINERS:
        return ended._replace(status=None, reason="its container was lost, as it is when its node starts anew")
    if not terminated:
        why = message or status.get("reason")
        return ended._replace(reason=f"its node refused it: {why}" if why else "its pod failed without saying why")
    if code == _KILLED:
        return ended._replace(reason="it was killed, most likely because it ran out of memory")
    if code == _SEGFAULT:
        return ended._replace(reason="it ended with a segmentation fault")
    return ended


def _out_of_memory(spec: Mapping[str, Any]) -> str:
    asked = _requests(spec).get("memory")
    had = f" (it asked for {asked})" if asked else ""
    return f"it ran out of memory{had}: ask for more with @resources(memory=...)"


def _disruption(status: Mapping[str, Any]) -> str | None:
    condition = _condition(status, "DisruptionTarget")
    if condition.get("status") != "True":
        return None
    message = _sentence(condition.get("message"))
    known = _DISRUPTIONS.get(condition.get("reason", ""), "its pod was ended by the cluster")
    return known + (f": {message}" if message else "")


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    conditions: list[Mapping[str, Any]] = status.get("conditions") or []
    return next((condition for condition in conditions if condition.get("type") == kind), {})


def _as_status(code: int | None, signal: int | None) -> int | None:
    """Exit code, or the negated number of a signal: of one that ended the container, or a process that a shell ran."""
    if signal:
        return -signal
    return code if code is None or not 128 < code <= 128 + 64 else 128 - code


def _sentence(text: str | None) -> str:
    return (text or "").strip().rstrip(".")
