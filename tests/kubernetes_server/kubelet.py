"""What runs the pods that have a node, and writes down how they fare."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from . import conditions, storage as stored
from .job_sets import host_names
from .launch import Misconfigured, image_path, launch_of
from .pod_logs import Logs
from .problems import Problem
from .processes import CannotStart, Ended, Running, Runtime
from .records import record
from .storage import Change, Key, Object, Storage

#: Annotation of a pod: ``process`` or ``container``, if it is not to run as pods do otherwise.
RUNTIME_ANNOTATION = "tests/runtime"
_SOURCE = "kubelet"
_KILLED = 137


class Kubelet:
    """Runs pods, some at a time; the others wait with their containers being created.

    Parameters
    ----------
    storage : Storage
    logs : Logs
    folder : Path
        For volumes of pods.
    runtimes : dict
        What starts processes, by name.
    usual : str
        The name of the one that pods use which do not say.
    workers : int
        How many pods may run at a time.
    """

    def __init__(
        self, storage: Storage, logs: Logs, folder: Path, runtimes: dict[str, Runtime], usual: str, workers: int
    ) -> None:
        self.storage = storage
        self.logs = logs
        self.folder = folder
        self.runtimes = runtimes
        self.usual = usual
        self._runs: dict[str, PodRun] = {}
        self._unfinished: set[Future[None]] = set()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="pod")

    def pod_changed(self, change: Change) -> None:
        """Start, stop or end what runs for a pod."""
        pod, uid = change.after, change.after["metadata"]["uid"]
        run = self._runs.get(uid)
        if change.kind == "DELETED":
            if run is not None:
                # Not here, since the end of a container takes a while.
                threading.Thread(target=run.kill, daemon=True).start()
                del self._runs[uid]
        elif run is None:
            if pod["spec"].get("nodeName") and pod["status"].get("phase") == "Pending":
                self._runs[uid] = run = PodRun(self, change.key, pod)
                future = self._pool.submit(run.run)
                self._unfinished.add(future)
                future.add_done_callback(self._unfinished.discard)
        elif "deletionTimestamp" in pod["metadata"]:
            run.stop(pod["metadata"]["deletionGracePeriodSeconds"])

    def run_of(self, uid: str) -> PodRun | None:
        return self._runs.get(uid)

    def wait_for_ends(self) -> None:
        """Wait until nothing runs any more of pods that were deleted."""
        wait(list(self._unfinished), timeout=60)

    def close(self) -> None:
        """End all that runs."""
        threads = [threading.Thread(target=run.kill) for run in list(self._runs.values())]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for runtime in self.runtimes.values():
            runtime.close()


class PodRun:
    """One pod's life on its node."""

    def __init__(self, kubelet: Kubelet, key: Key, pod: Object) -> None:
        self._kubelet = kubelet
        self._storage = kubelet.storage
        self._key = key
        self._uid = pod["metadata"]["uid"]
        self._lock = threading.Lock()
        self._running: Running | None = None
        self._stopping = False
        self._killed = False
        self._disowned = False
        self._stop_recorded = False
        self._change(lambda pod: _wait(pod, "ContainerCreating"))

    def run(self) -> None:
        """Start the pod's process, and see it through."""
        try:
            pod = self._storage.find(*self._key)
            if pod is None or pod["metadata"]["uid"] != self._uid or not self._pull(pod):
                return
            self._run(pod)
        finally:
            self._remove_if_deleted()

    def stop(self, grace: float) -> None:
        """Ask the process to end, and end it when the time is over."""
        with self._lock:
            self._stopping = True
            running = self._running
        if running is None:
            self._remove_if_deleted()
            return
        if (pod := self._pod()) is not None and not self._stop_recorded:
            self._stop_recorded = True
            record(self._storage, pod, "Killing", "Stopping container", _SOURCE)
        threading.Thread(target=running.terminate, daemon=True).start()
        timer = threading.Timer(grace, self.kill)
        timer.daemon = True
        timer.start()

    def kill(self) -> None:
        """End the process now, whatever becomes of it."""
        with self._lock:
            self._stopping = self._killed = True
            running = self._running
        if running is not None:
            running.kill()

    def fail(self, change: Callable[[Object], None]) -> None:
        """End the pod for a reason that is not its process's, which the change writes into its status."""
        with self._lock:
            self._disowned = True

        def failed(pod: Object) -> None:
            pod["status"]["phase"] = "Failed"
            _terminate(pod, Ended(_KILLED), "Error")
            change(pod)

        self._change(failed)
        self.kill()

    def _run(self, pod: Object) -> None:
        wanted = (pod["metadata"].get("annotations") or {}).get(RUNTIME_ANNOTATION, self._kubelet.usual)
        # Where there are no containers, all pods are processes.
        runtime = self._kubelet.runtimes.get(wanted) or self._kubelet.runtimes["process"]
        output = self._kubelet.logs.file(self._uid)
        try:
            folder = self._kubelet.folder / self._uid
            launch = launch_of(self._storage, pod, folder, host_names(self._storage, pod))
            with self._lock:
                if self._stopping:
                    return
                self._running = running = runtime.start(launch, output)
        except Misconfigured as error:
            message = str(error)
            self._change(lambda pod: _wait(pod, "CreateContainerConfigError", message))
            record(self._storage, pod, "Failed", f"Error: {message}", _SOURCE, warning=True)
            return
        except CannotStart as error:
            message = f"failed to create containerd task: failed to create shim task: {error}"
            self._change(lambda pod: _end(pod, Ended(128), "StartError", message))
            record(self._storage, pod, "Failed", f"Error: {message}", _SOURCE, warning=True)
            return
        record(self._storage, pod, "Started", "Started container", _SOURCE)
        self._change(_start)
        deadline = self._deadline(pod, running)
        ended = running.wait()
        if deadline is not None:
            deadline.cancel()
        if not self._disowned:
            reason = "OOMKilled" if ended.out_of_memory else "Error" if ended.code else "Completed"
            self._change(lambda pod: _end(pod, ended, reason))

    def _deadline(self, pod: Object, running: Running) -> threading.Timer | None:
        seconds = pod["spec"].get("activeDeadlineSeconds")
        if seconds is None:
            return None

        def overdue(pod: Object) -> None:
            pod["status"]["reason"] = "DeadlineExceeded"
            pod["status"]["message"] = "Pod was active on the node longer than the specified deadline"

        timer = threading.Timer(seconds, lambda: self.fail(overdue))
        timer.daemon = True
        timer.start()
        return timer

    def _pull(self, pod: Object) -> bool:
        """Whether the pod's image is there; otherwise the pod waits for it until it is deleted."""
        container = pod["spec"]["containers"][0]
        image = container["image"]
        if image_path(image) is not None:
            return True
        if container["imagePullPolicy"] == "Never":
            why = f'Container image "{image}" is not present with pull policy of Never'
            self._change(lambda pod: _wait(pod, "ErrImageNeverPull", why))
            record(self._storage, pod, "ErrImageNeverPull", why, _SOURCE, warning=True)
            return False
        full = image if ":" in image.rpartition("/")[2] else f"{image}:latest"
        why = f'failed to pull and unpack image "{full}": failed to resolve reference "{full}": {full}: not found'
        self._change(lambda pod: _wait(pod, "ErrImagePull", f"rpc error: code = NotFound desc = {why}"))
        record(self._storage, pod, "Failed", f'Failed to pull image "{image}": {why}', _SOURCE, warning=True)
        message = f'Back-off pulling image "{image}": ErrImagePull: {why}'

        def back_off() -> None:
            self._change(lambda pod: _wait(pod, "ImagePullBackOff", message))

        timer = threading.Timer(0.5, back_off)
        timer.daemon = True
        timer.start()
        return False

    def _remove_if_deleted(self) -> None:
        with self._storage.changed:
            pod = self._pod()
            if pod is not None and "deletionTimestamp" in pod["metadata"]:
                self._storage.remove(self._key)

    def _pod(self) -> Object | None:
        pod = self._storage.find(*self._key)
        return pod if pod is not None and pod["metadata"]["uid"] == self._uid else None

    def _change(self, change: Callable[[Object], Any]) -> None:
        with self._storage.changed:
            if self._pod() is None:
                return  # deleted meanwhile
            try:
                self._storage.update(self._key, change)
            except Problem as problem:
                if problem.code != 404:
                    raise


def _container_status(pod: Object) -> Object:
    listed = pod["status"].setdefault("containerStatuses", [])
    if not listed:
        container = pod["spec"]["containers"][0]
        listed.append(
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": False,
                "started": False,
                "restartCount": 0,
                "lastState": {},
                "state": {},
            }
        )
    status: Object = listed[0]
    return status


def _wait(pod: Object, reason: str, message: str = "") -> None:
    status = _container_status(pod)
    if "terminated" not in status["state"] and pod["status"].get("phase") == "Pending":
        status["state"] = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
    pod["status"].setdefault("hostIP", "127.0.0.1")
    pod["status"].setdefault("startTime", stored.now())
    conditions.put(pod, "Initialized", True)
    for kind in ("Ready", "ContainersReady"):
        name = pod["spec"]["containers"][0]["name"]
        conditions.put(pod, kind, False, "ContainersNotReady", f"containers with unready status: [{name}]")


def _start(pod: Object) -> None:
    if pod["status"]["phase"] != "Pending":
        return
    pod["status"].update(phase="Running", podIP="127.0.0.1", podIPs=[{"ip": "127.0.0.1"}])
    status = _container_status(pod)
    status.update(ready=True, started=True, containerID=f"containerd://{pod['metadata']['uid'].replace('-', '')}")
    status["state"] = {"running": {"startedAt": stored.now()}}
    for kind in ("PodReadyToStartContainers", "Ready", "ContainersReady"):
        conditions.put(pod, kind, True)


def _end(pod: Object, ended: Ended, reason: str, message: str = "") -> None:
    pod["status"]["phase"] = "Failed" if ended.code else "Succeeded"
    _terminate(pod, ended, reason, message)


def _terminate(pod: Object, ended: Ended, reason: str, message: str = "") -> None:
    status = _container_status(pod)
    if "terminated" in status["state"]:
        return
    started = status["state"].get("running", {}).get("startedAt", stored.now())
    status.update(ready=False, started=False)
    status["state"] = {
        "terminated": {
            "exitCode": ended.code,
            "reason": reason,
            "startedAt": started,
            "finishedAt": stored.now(),
            "containerID": status.get("containerID", ""),
            **({"message": message} if message else {}),
        }
    }
    reason = "PodFailed" if ended.code else "PodCompleted"
    for kind in ("Ready", "ContainersReady"):
        conditions.put(pod, kind, False, reason)
