"""How jobs are, found out with few requests: arrays by counts, and by lists of children where these change."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from metaflow.compute.backend import TaskState
from metaflow.exception import MetaflowException

from .states import CANCELLED, Seen, child_counts, seen, task_state, unsatisfiable_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from metaflow.compute.backend import SubmittedJob

    from .client import BatchClient

#: How long AWS may take to know a job that it has accepted, in seconds.
_GRACE_SECONDS = 60.0
#: How many lists of children one look at the jobs may take; what is left over is listed by the next.
_MOST_LISTS = 20
#: Of how many arrays that wait AWS is asked in one look what they wait for.
_MOST_ASKED = 4
_HELD = ("STARTING", "RUNNING")
#: AWS ends the children of an array that it is told to end; those that run on after so many seconds are ended singly.
_END_AGAIN_SECONDS = 15.0


class Watch:
    """Looks at jobs again and again.

    Parameters
    ----------
    client : BatchClient
    clock : callable, optional
        Gives seconds.
    """

    def __init__(self, client: BatchClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        #: When each job was first asked about.
        self._since: dict[str, float] = {}
        #: By array: how many children had each status when they were last listed.
        self._listed: dict[str, dict[str, int]] = {}
        #: By job and task: what was last said of it.
        self._said: dict[str, dict[str, tuple[str, str]]] = {}
        #: When each array was told to end as a whole.
        self._cancelled: dict[str, float] = {}

    def cancelled(self, engine_id: str) -> None:
        """Take note that an array was told to end."""
        self._cancelled[engine_id] = self._clock()

    def look(self, jobs: Sequence[SubmittedJob]) -> list[TaskState]:
        """How the tasks of all these jobs are, as far as it may have changed; the others are forgotten.

        Raises
        ------
        EngineUnavailable
            If AWS does not answer. Nothing is lost then: the next look says it all.
        MetaflowException
            If AWS refuses to end what should be ended, and there is nothing else to say.
        """
        self._forget_all_but(jobs)
        described = self._client.jobs([job.engine_id for job in jobs])
        nodes = self._client.jobs([each for job in jobs if _has_nodes(job) for each in _nodes(job, described)])
        listing = _Listing(self._client, self._listed)
        states: dict[str, list[TaskState]] = {}
        # Arrays whose children have failed come first: there may be more arrays than one look can list.
        for job in sorted(jobs, key=lambda each: _failed(described.get(each.engine_id)), reverse=True):
            details = described.get(job.engine_id)
            if details is None:
                states[job.engine_id] = self._missing(job)
            elif _has_nodes(job):
                states[job.engine_id] = _gang_states(job, seen(details), nodes)
            elif len(job.tasks) > 1:
                states[job.engine_id] = listing.states(job, details)
            else:
                states[job.engine_id] = [task_state(job.tasks[0], seen(details))]
        for job in listing.some_that_wait():
            states[job.engine_id] += listing.waiting(job)
        problem = self._end_hopeless([seen(each) for each in described.values()] + listing.hopeless)
        problem = self._end_survivors(listing, [job for job in jobs if job.engine_id in self._cancelled]) or problem
        self._listed = listing.listed
        news = [state for engine_id, each in states.items() for state in self._news(engine_id, each)]
        if problem is not None and not news:
            raise problem
        return news

    def _news(self, engine_id: str, states: Iterable[TaskState]) -> Iterator[TaskState]:
        said = self._said.setdefault(engine_id, {})
        for state in states:
            if said.get(state.task) != (state.phase, state.text):
                said[state.task] = (state.phase, state.text)
                yield state

    def _forget_all_but(self, jobs: Iterable[SubmittedJob]) -> None:
        now = self._clock()
        self._since = {job.engine_id: self._since.get(job.engine_id, now) for job in jobs}
        for kept in (self._listed, self._said, self._cancelled):
            for gone in kept.keys() - self._since.keys():
                del kept[gone]

    def _missing(self, job: SubmittedJob) -> list[TaskState]:
        if self._clock() - self._since[job.engine_id] < _GRACE_SECONDS:
            return []
        reason = "AWS Batch does not know its job any more"
        return [TaskState(task, "ended", reason=reason, engine_id=job.engine_id) for task in job.tasks]

    def _end_hopeless(self, jobs: Iterable[Seen]) -> MetaflowException | None:
        """End jobs that would wait for ever; that they have ended, and why, AWS tells when it is asked next."""
        hopeless = [job for job in jobs if job.never_starts]
        return self._end((job.engine_id.partition(":")[0], unsatisfiable_message(job)) for job in hopeless)

    def _end_survivors(self, listing: _Listing, arrays: Iterable[SubmittedJob]) -> MetaflowException | None:
        now = self._clock()
        overdue = [job for job in arrays if now - self._cancelled[job.engine_id] >= _END_AGAIN_SECONDS]
        running = [child for job in overdue for child in listing.children(job, "RUNNING")]
        return self._end((child.engine_id, CANCELLED) for child in running if not child.was_ended)

    def _end(self, jobs: Iterable[tuple[str, str]]) -> MetaflowException | None:
        """End jobs, by their ids, for a reason each; returns what went wrong: other jobs are still to be told of."""
        problem = None
        for job_id, reason in jobs:
            try:
                self._client.call("terminate_job", jobId=job_id, reason=reason)
            except MetaflowException as error:
                problem = error
        return problem


class _Listing:
    """The children of arrays, in one look at the jobs."""

    def __init__(self, client: BatchClient, listed: Mapping[str, Mapping[str, int]]) -> None:
        self._client = client
        self._left = _MOST_LISTS
        #: As in `Watch`: as it is to be once all has been said.
        self.listed = {each: dict(counts) for each, counts in listed.items()}
        self.hopeless: list[Seen] = []
        self._waiting: list[SubmittedJob] = []

    def states(self, job: SubmittedJob, details: Any) -> list[TaskState]:
        """How the tasks of an array are, as far as it has changed."""
        parent = seen(details)
        counts = child_counts(details)
        succeeded, failed = counts.get("SUCCEEDED", 0), counts.get("FAILED", 0)
        if parent.has_ended or succeeded + failed >= len(job.tasks):
            return self._final(job, parent, succeeded)
        # Who has succeeded is told by the tasks themselves, long before the children could be listed for it.
        states = self._changed(job, "FAILED", failed) + self._changed(job, "RUNNING", counts.get("RUNNING", 0))
        if counts.get("RUNNABLE") and not any(counts.get(status) for status in _HELD):
            self._waiting.append(job)
        return states

    def some_that_wait(self) -> list[SubmittedJob]:
        """Some of the arrays of which no child runs; others the next time."""
        return random.sample(self._waiting, min(_MOST_ASKED, len(self._waiting)))

    def _final(self, job: SubmittedJob, parent: Seen, succeeded: int) -> list[TaskState]:
        children = [] if parent.status == "SUCCEEDED" else self.children(job, "FAILED")
        failed = {child.engine_id: child for child in children}
        states = []
        for index, task in enumerate(job.tasks):
            child = failed.get(f"{job.engine_id}:{index}")
            if child is None and len(failed) + succeeded < len(job.tasks):
                # Not even AWS says what became of it: it was ended together with its parent.
                child = parent._replace(engine_id=f"{job.engine_id}:{index}", exit_code=None)
            elif child is None:
                child = Seen(f"{job.engine_id}:{index}", "SUCCEEDED", exit_code=0, queue=parent.queue)
            elif child.exit_code is None and parent.status_reason.startswith(CANCELLED):
                child = child._replace(status_reason=parent.status_reason)
            states.append(task_state(task, child))
        return states

    def _changed(self, job: SubmittedJob, status: str, count: int) -> list[TaskState]:
        before = self.listed.setdefault(job.engine_id, {})
        if count == before.get(status, 0) or self._left <= 0:
            return []
        children = self.children(job, status)
        before[status] = count
        return [task_state(_task(job, child), child) for child in children]

    def waiting(self, job: SubmittedJob) -> list[TaskState]:
        """What keeps an array from running; AWS says it of the child that is first in the queue."""
        answer = self._client.call("list_jobs", arrayJobId=job.engine_id, jobStatus="RUNNABLE")
        children = [seen(child) for child in answer["jobSummaryList"]]
        told = next((child for child in children if child.status_reason), None)
        if told is not None:
            self.hopeless.append(told)
        return [task_state(_task(job, told or child), told or child) for child in children[:1]]

    def children(self, job: SubmittedJob, status: str) -> list[Seen]:
        """The children of an array that have a status."""
        self._left -= 1
        return [
            seen(child)
            for child in self._client.pages("list_jobs", "jobSummaryList", arrayJobId=job.engine_id, jobStatus=status)
        ]


def _gang_states(job: SubmittedJob, parent: Seen, nodes: Mapping[str, Any]) -> list[TaskState]:
    states = []
    for index, task in enumerate(job.tasks):
        described = nodes.get(f"{job.engine_id}#{index}")
        node = seen(described) if described is not None else parent
        if index > 0 and parent.has_ended and not (node.has_ended and (described or parent.status == "FAILED")):
            reason = "it was stopped, as the job's main node had ended"
            states.append(TaskState(task, "ended", reason=reason, engine_id=f"{job.engine_id}#{index}"))
        else:
            states.append(task_state(task, parent if parent.has_ended and index == 0 else node))
    return states


def _has_nodes(job: SubmittedJob) -> bool:
    return job.is_gang and len(job.tasks) > 1


def _nodes(job: SubmittedJob, described: Mapping[str, Any]) -> list[str]:
    """Ids of the nodes of a gang that has machines; before that, AWS knows of none."""
    details = described.get(job.engine_id)
    if details is None or seen(details).status in ("SUBMITTED", "PENDING", "RUNNABLE"):
        return []
    return [f"{job.engine_id}#{index}" for index in range(len(job.tasks))]


def _task(job: SubmittedJob, child: Seen) -> str:
    return job.tasks[int(child.engine_id.rpartition(":")[2])]


def _failed(details: Any) -> int:
    return child_counts(details or {}).get("FAILED", 0)
