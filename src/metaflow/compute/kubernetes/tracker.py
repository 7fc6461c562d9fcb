"""What is known of the tasks of jobs: from their pods, and where there is none, from the jobs. No I/O, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..backend import TaskState
from .states import LOST_GRACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..backend import SubmittedJob
    from .job_states import JobState
    from .states import PodState
    from .watch import Change

#: Seconds after which a job without pods is looked at, and between two looks.
_FIRST_LOOK, _NEXT_LOOK = 5.0, 20.0
#: Seconds in which the cluster may say of a pod that is gone what became of its task.
_GONE_GRACE = 15.0
_CANCELLED = "it was cancelled"


class _Track:
    """A job that is followed, and its tasks that have not ended."""

    def __init__(self, job: SubmittedJob, now: float) -> None:
        self.job = job
        self.open = set(range(len(job.tasks)))
        self.pods: dict[int, PodState] = {}
        #: Since when a pod gives cause for concern, and of what kind.
        self.concerns: dict[int, tuple[str, float]] = {}
        #: Since when a pod that there was is gone.
        self.gone: dict[int, float] = {}
        #: What nobody wants any more; a pod of it is ended when it appears.
        self.unwanted: set[int] = set()
        self.since = now
        self.look_at = now + _FIRST_LOOK
        #: Why its pods cannot be created, and since when.
        self.blocked: tuple[str, float] | None = None

    def without_pod(self) -> set[int]:
        return self.open - self.pods.keys()


class Tracker:
    """Follows jobs.

    Parameters
    ----------
    pending_limit : float
        Seconds until a task is given up that cannot start as it is.
    """

    def __init__(self, pending_limit: float) -> None:
        self._limit = pending_limit
        self._tracks: dict[str, _Track] = {}
        #: Pods of jobs that are not followed yet.
        self._strays: dict[str, dict[int, PodState]] = {}
        self._left: set[str] = set()
        #: Pods that fit on no node, why, and since when that is known.
        self._misfits: dict[str, tuple[str, float]] = {}
        #: Tasks of jobs that are not followed yet, and are not wanted any more.
        self._unwanted: dict[str, set[int]] = {}
        self._given_up: list[PodState] = []
        self._jobs_given_up: list[SubmittedJob] = []

    def follow(self, jobs: Sequence[SubmittedJob], now: float) -> list[TaskState]:
        """Say which jobs are to be followed, and hear what is known already of the new ones."""
        names = {job.name for job in jobs}
        for name in [name for name in self._tracks if name not in names]:
            del self._tracks[name]
            self._left.add(name)
        states: list[TaskState] = []
        for job in jobs:
            if job.name not in self._tracks:
                track = self._tracks[job.name] = _Track(job, now)
                self._left.discard(job.name)
                track.unwanted = self._unwanted.pop(job.name, set())
                for pod in self._strays.pop(job.name, {}).values():
                    states += self._heard(track, pod, True, now)
        return states

    def hear(self, changes: Sequence[Change], now: float) -> list[TaskState]:
        """Take in what pods do."""
        states: list[TaskState] = []
        for pod, exists in changes:
            track = self._tracks.get(pod.job)
            if track is not None:
                states += self._heard(track, pod, exists, now)
            elif pod.job not in self._left and exists:
                self._strays.setdefault(pod.job, {})[pod.process] = pod
        return states

    def _heard(self, track: _Track, pod: PodState, exists: bool, now: float) -> Iterator[TaskState]:
        process = pod.process
        if process not in track.open:
            return
        if pod.phase == "ended":
            yield self._end(track, process, pod)
        elif not exists:
            if track.pods.get(process, pod).uid == pod.uid:
                track.pods.pop(process, None)
                track.concerns.pop(process, None)
                track.gone[process] = now
                track.look_at = min(track.look_at, now + 1.0)
        else:
            track.pods[process] = pod
            track.blocked = None
            track.gone.pop(process, None)
            if pod.patience != "unschedulable":
                self._misfits.pop(pod.uid, None)
            if pod.patience != track.concerns.get(process, ("", 0.0))[0]:
                track.concerns.pop(process, None)
                if pod.patience:
                    track.concerns[process] = (pod.patience, now)
            if process in track.unwanted:
                self._given_up.append(pod)
            yield self._state(track, pod)

    def _state(self, track: _Track, pod: PodState) -> TaskState:
        text = self._told_of(pod)
        if pod.patience == "stuck" or pod.uid in self._misfits:
            text = f"{text}. It is given up if that lasts for {_duration(self._limit)}"
        return TaskState(
            track.job.tasks[pod.process], pod.phase, text, engine_id=pod.name, metadata=_metadata(pod.name, pod.uid)
        )

    def _told_of(self, pod: PodState) -> str:
        misfit, _ = self._misfits.get(pod.uid, ("", 0.0))
        return f"{pod.text}; {misfit}" if misfit else pod.text

    def _end(self, track: _Track, process: int, pod: PodState) -> TaskState:
        self._forget(track, process)
        reason = pod.reason
        if process in track.unwanted and pod.status != 0:
            reason = _CANCELLED
        return TaskState(
            track.job.tasks[process],
            "ended",
            status=pod.status,
            reason=reason,
            retriable=pod.retriable,
            engine_id=pod.name,
            metadata=_metadata(pod.name, pod.uid),
        )

    def _forget(self, track: _Track, process: int) -> None:
        track.open.discard(process)
        track.concerns.pop(process, None)
        track.gone.pop(process, None)
        pod = track.pods.pop(process, None)
        if pod is not None:
            self._misfits.pop(pod.uid, None)

    def misfits(self, why: Mapping[str, str], now: float) -> list[TaskState]:
        """Take in which of the pods that wait for a node fit on none, and why, by their uid."""
        states = []
        for track, _, pod in self._waiting_for_nodes():
            told, since = self._misfits.get(pod.uid, ("", now))
            if why.get(pod.uid, "") == told:
                continue
            if pod.uid in why:
                self._misfits[pod.uid] = (why[pod.uid], since)
            else:
                del self._misfits[pod.uid]
            states.append(self._state(track, pod))
        return states

    def unplaced(self) -> list[PodState]:
        """Pods that wait for a node."""
        return [pod for _, _, pod in self._waiting_for_nodes()]

    def _waiting_for_nodes(self) -> list[tuple[_Track, int, PodState]]:
        return [
            (track, process, track.pods[process])
            for track in self._tracks.values()
            for process, (kind, _) in track.concerns.items()
            if kind == "unschedulable"
        ]

    def lose_patience(self, now: float) -> list[TaskState]:
        """Give up what has stayed for too long in a state that no task starts or ends from."""
        states = []
        for track in self._tracks.values():
            for process, (kind, noticed) in list(track.concerns.items()):
                pod = track.pods[process]
                since = self._misfits.get(pod.uid, ("", noticed))[1]
                limit = self._patience(kind, pod)
                if limit is not None and now - since >= limit:
                    told = self._told_of(pod)
                    waited = "" if kind in ("hopeless", "lost") else f". That lasted for {_duration(self._limit)}"
                    self._given_up.append(pod)
                    states.append(self._end(track, process, pod._replace(phase="ended", reason=told + waited)))
            for process, since in list(track.gone.items()):
                if now - since >= _GONE_GRACE:
                    states.append(self._end_without_pod(track, process, "its pod was deleted"))
            if track.blocked is not None and now - track.blocked[1] >= self._limit:
                told = f"{track.blocked[0]}. That lasted for {_duration(self._limit)}"
                track.blocked = None
                self._jobs_given_up.append(track.job)
                for process in sorted(track.without_pod()):
                    states.append(self._end_without_pod(track, process, told, retriable=False))
        return states

    def _patience(self, kind: str, pod: PodState) -> float | None:
        if kind == "unschedulable" and pod.uid not in self._misfits:
            return None
        return {"hopeless": 0.0, "lost": LOST_GRACE}.get(kind, self._limit)

    def _end_without_pod(
        self, track: _Track, process: int, reason: str | None, status: int | None = None, retriable: bool = True
    ) -> TaskState:
        self._forget(track, process)
        if process in track.unwanted and status != 0:
            reason = _CANCELLED
        return TaskState(
            track.job.tasks[process],
            "ended",
            status=status,
            reason=reason,
            retriable=retriable,
            engine_id=track.job.name,
        )

    def given_up(self) -> list[PodState]:
        """Pods that are to be ended: their tasks were given up, or cancelled before there was a pod."""
        pods, self._given_up = self._given_up, []
        return pods

    def jobs_given_up(self) -> list[SubmittedJob]:
        """Jobs that are to be ended: the cluster creates no pods of them, and would do so as soon as it can."""
        jobs, self._jobs_given_up = self._jobs_given_up, []
        return jobs

    def due(self, now: float) -> list[SubmittedJob]:
        """Jobs with tasks that have no pod, which it is time to look at."""
        return [track.job for track in self._tracks.values() if now >= track.look_at and track.without_pod()]

    def looked(self, jobs: Sequence[SubmittedJob], found: Mapping[str, JobState], now: float) -> list[TaskState]:
        """Take in what jobs say of those of their tasks that have no pod.

        Parameters
        ----------
        jobs : sequence of SubmittedJob
            Those that were looked for.
        found : mapping of str to JobState
            Those that there are, by name.
        now : float
        """
        states = []
        for job in jobs:
            track = self._tracks[job.name]
            track.look_at = now + (1.0 if track.gone else _NEXT_LOOK)
            state = found.get(job.name)
            for process in sorted(track.without_pod()):
                if state is None:
                    states.append(self._end_without_pod(track, process, "its job is gone: it was deleted"))
                elif process in state.succeeded:
                    states.append(self._end_without_pod(track, process, None, 0))
                elif process in state.failed:
                    states.append(self._end_without_pod(track, process, state.ended or "its pod was deleted"))
                elif state.ended:
                    states.append(self._end_without_pod(track, process, state.ended))
                elif state.text and process not in track.gone:
                    states.append(TaskState(job.tasks[process], "pending", state.text))
        return states

    def blocked(self, job: SubmittedJob, text: str, may_change: bool, now: float) -> list[TaskState]:
        """Take in why the pods of a job cannot be created."""
        track = self._tracks[job.name]
        if may_change:
            track.blocked = None
        elif track.blocked is None:
            track.blocked = (text, now)
        told = text if may_change else f"{text}. It is given up if that lasts for {_duration(self._limit)}"
        return [TaskState(job.tasks[process], "pending", told) for process in sorted(track.without_pod())]

    def unwanted(self, name: str, processes: Sequence[int]) -> list[PodState]:
        """Note that tasks are not wanted any more; gives their pods, as far as there are any."""
        track = self._tracks.get(name)
        if track is None:
            self._unwanted.setdefault(name, set()).update(processes)
            return []
        track.unwanted.update(processes)
        return [track.pods[process] for process in processes if process in track.pods]

    def is_rest(self, name: str, processes: Sequence[int]) -> bool:
        """Whether these are all tasks of a job that have not ended."""
        track = self._tracks.get(name)
        return track is not None and track.open <= set(processes)

    def without_any_pod(self, now: float) -> list[SubmittedJob]:
        """Jobs that have had no pod yet, although there was time for one."""
        return [
            track.job
            for track in self._tracks.values()
            if now >= track.since + _FIRST_LOOK and not track.pods and len(track.open) == len(track.job.tasks)
        ]

    def pod_of(self, name: str, process: int) -> str | None:
        """Name of the pod of a task that has not ended."""
        track = self._tracks.get(name)
        pod = track.pods.get(process) if track is not None else None
        return None if pod is None else pod.name


def _metadata(name: str, uid: str) -> dict[str, str]:
    return {"kubernetes-pod-name": name, "kubernetes-pod-id": uid}


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} seconds"
