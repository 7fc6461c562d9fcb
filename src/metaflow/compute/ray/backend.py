"""Ray as an engine: jobs are submitted to, and asked for at, the dashboard of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ...exception import MetaflowException
from ...settings import get
from ..backend import FoundJob, JobRefused, SubmittedJob
from .dashboard import Dashboard, RefusedRequest, address_of
from .states import ENDED, Snapshot, gone, last_snapshot, printed_by, task_states, without_snapshots
from .submission import request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..backend import Job, JobQuery, TaskState

#: How our jobs are called.
_PREFIX = "mf-"
#: Up to how many jobs are asked for one by one: a list has everything that the cluster remembers, of anybody.
_FEW_JOBS = 8
#: Lines of a driver's log in which its last snapshot is looked for, as Ray itself writes there too.
_LINES = 60
#: Since when Ray tells of a job's exit code and node.
_OLDEST = (2, 10)


class RayBackend:
    """A Ray cluster, by its job API.

    Parameters
    ----------
    address : str, optional
        Address of its dashboard; by default what the settings say.
    """

    title: ClassVar[str] = "Ray"

    def __init__(self, address: str | None = None) -> None:
        self.largest_job = 1000
        self.shortest_poll = 1.0
        self.longest_poll = 10.0
        self._dashboard = Dashboard(address_of(address))
        #: What was said of each job last, and its tasks that have not ended.
        self._said: dict[str, tuple[str, Snapshot | None]] = {}
        self._unended: dict[str, set[str]] = {}

    def check(self) -> None:
        """See that a cluster answers that is recent enough and accepts us."""
        answer = self._dashboard.version()
        version = str(answer.get("ray_version", "")) if isinstance(answer, dict) else ""
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
        if numbers < _OLDEST:
            raise MetaflowException(
                f"The cluster at {self._dashboard.address} runs Ray {version or 'of an unknown version'}; @ray_step "
                f"needs {'.'.join(map(str, _OLDEST))} or later."
            )

    def submit(self, job: Job) -> SubmittedJob:
        """Start a Ray job; one of the same name is not started twice."""
        submitted = SubmittedJob(job.name, job.name, job.tasks, job.is_gang)
        try:
            self._dashboard.submit(request(job, float(get("RAY_UNSCHEDULABLE_SECONDS"))))
        except RefusedRequest as error:
            if self._dashboard.job(job.name) is None:
                raise JobRefused(f"Step *{job.step}*: {error.message}") from error
        self._unended[job.name] = set(job.tasks)
        return submitted

    def poll(self, jobs: Sequence[SubmittedJob], wait: float) -> Sequence[TaskState]:
        """The states of tasks of which there is something new."""
        infos = self._infos(jobs)
        changed: list[TaskState] = []
        for job in jobs:
            info = infos.get(job.engine_id)
            if info is None:
                states = list(gone(job))
            else:
                snapshot = self._snapshot(job, info)
                if self._said.get(job.name) == (info["status"], snapshot):
                    continue
                self._said[job.name] = (info["status"], snapshot)
                states = list(task_states(job, info, snapshot))
            self._note(job, {state.task for state in states if state.phase != "ended"})
            changed += states
        return changed

    def _note(self, job: SubmittedJob, unended: set[str]) -> None:
        if unended:
            self._unended[job.name] = unended
        else:
            self._unended.pop(job.name, None)
            self._said.pop(job.name, None)

    def _infos(self, jobs: Sequence[SubmittedJob]) -> dict[str, dict[str, Any]]:
        if len(jobs) > _FEW_JOBS:
            return {str(info["submission_id"]): info for info in self._dashboard.jobs()}
        found = {job.engine_id: self._dashboard.job(job.engine_id) for job in jobs}
        return {job_id: info for job_id, info in found.items() if info is not None}

    def _snapshot(self, job: SubmittedJob, info: dict[str, Any]) -> Snapshot | None:
        """What the job's driver has said last."""
        status, known = self._said.get(job.name, ("", None))
        has_begun = info["status"] != "PENDING"
        is_alone_and_runs = len(job.tasks) == 1 and known is not None and known.phases == "r"
        if not has_begun or (is_alone_and_runs and info["status"] == status):
            return known
        try:
            found = last_snapshot(self._dashboard.end_of_log(info, _LINES))
            if found is None and info["status"] in ENDED:
                found = last_snapshot(self._dashboard.log(job.engine_id))
        except MetaflowException:
            if info["status"] not in ENDED:
                raise
            return known  # the node that had the log is gone, and Ray's word is all there is
        return found or known

    def cancel(self, job: SubmittedJob, tasks: Sequence[str]) -> None:
        """Stop the Ray job, if none of its tasks is to go on; single ones end themselves."""
        if self._unended.get(job.name, set(job.tasks)) <= set(tasks):
            self._dashboard.stop(job.engine_id)

    def output(self, job: SubmittedJob, task: str) -> bytes:
        """The end of what a failed task printed; if it never began, what its driver did."""
        log = self._dashboard.log(job.engine_id)
        text = printed_by(log, job.tasks.index(task))
        if text is None and last_snapshot(log) is None:
            text = without_snapshots(log)
        return (text or "").encode()

    def find(self, query: JobQuery) -> Sequence[FoundJob]:
        """Jobs of runs that wait or run."""
        wanted = {"flow": query.flow, "run_id": query.run_id, "user": query.user}
        found = []
        for info in self._dashboard.jobs():
            facts, job_id = info.get("metadata") or {}, str(info.get("submission_id"))
            if info["status"] in ENDED or not job_id.startswith(_PREFIX):
                continue
            if all(value is None or facts.get(name) == value for name, value in wanted.items()):
                is_waiting = info["status"] == "PENDING"
                found.append(
                    FoundJob(job_id, facts, "pending" if is_waiting else "running", str(info.get("message") or ""))
                )
        return found

    def close(self) -> None:
        """Nothing is held."""
