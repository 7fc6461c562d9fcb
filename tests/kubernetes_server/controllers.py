"""The thread that keeps the cluster going: it hears of every change, and does what each one calls for."""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
import time
import traceback

from . import deletion
from .job_sets import JobSetController
from .jobs import JobController
from .kubelet import Kubelet
from .resources import JOB_SETS, JOBS, NODES, PODS
from .scheduling import Scheduler
from .storage import Change, Key, Storage


class Controllers:
    """The controllers of a cluster, its scheduler, and the kubelet of all of its nodes.

    Parameters
    ----------
    storage : Storage
    kubelet : Kubelet
    backoff_seconds : float
        How long the first failure of a Job's pod delays the next.
    """

    def __init__(self, storage: Storage, kubelet: Kubelet, backoff_seconds: float = 0.1) -> None:
        self._storage = storage
        self._kubelet = kubelet
        self._scheduler = Scheduler(storage)
        self._jobs = JobController(storage, self._later, backoff_seconds)
        self._job_sets = JobSetController(storage, self._later)
        self._changes: queue.SimpleQueue[Change | threading.Event] = queue.SimpleQueue()
        self._heard: list[threading.Event] = []
        self._timers: list[tuple[float, int, Key]] = []
        self._count = itertools.count()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="controllers", daemon=True)

    def start(self) -> None:
        self._storage.listen(self._jobs.count)
        self._storage.listen(self._changes.put)
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._changes.put(threading.Event())
        self._thread.join()

    def settle(self) -> None:
        """Wait until all that happened up to now has been heard of."""
        heard = threading.Event()
        self._changes.put(heard)
        heard.wait(30)

    def _later(self, key: Key, seconds: float) -> None:
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._count), key))

    def _run(self) -> None:
        while not self._stopped:
            changes = self._next_changes()
            # In the order of their first mention, and each of them once however much happened.
            dirty: dict[Key, None] = {}
            must_place = False
            for change in changes:
                try:
                    must_place |= self._hear(change, dirty)
                except Exception:
                    traceback.print_exc()
            while self._timers and self._timers[0][0] <= time.monotonic():
                dirty[heapq.heappop(self._timers)[2]] = None
            for key in dirty:
                try:
                    (self._jobs if key[0] is JOBS else self._job_sets).reconcile(key)
                except Exception:
                    traceback.print_exc()
            if must_place:
                self._scheduler.place()
            while self._heard:
                self._heard.pop().set()

    def _next_changes(self) -> list[Change]:
        timeout = max(self._timers[0][0] - time.monotonic(), 0) if self._timers else None
        found: list[Change] = []
        try:
            change = self._changes.get(timeout=timeout)
            while not isinstance(change, threading.Event):
                found.append(change)
                change = self._changes.get_nowait()
            self._heard.append(change)
        except queue.Empty:
            pass
        return found

    def _hear(self, change: Change, dirty: dict[Key, None]) -> bool:
        """Take note of a change, and of what has to be looked at for it; whether pods may be placed now."""
        resource = change.key[0]
        deletion.collect(self._storage, change)
        if resource is PODS:
            self._kubelet.pod_changed(change)
            job = self._jobs.owner(change)
            if job is not None:
                dirty[job] = None
            return self._scheduler.pod_changed(change)
        if resource is JOBS:
            if change.kind == "DELETED":
                self._jobs.forget(change.after)
            dirty[change.key] = None
            for owner in change.after["metadata"].get("ownerReferences", ()):
                if owner["kind"] == JOB_SETS.kind:
                    dirty[JOB_SETS, change.key[1], owner["name"]] = None
        elif resource is JOB_SETS:
            dirty[change.key] = None
        return resource is NODES
