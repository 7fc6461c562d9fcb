"""The engine AWS Batch."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from metaflow import settings
from metaflow.compute.backend import EngineUnavailable, FoundJob, SubmittedJob
from metaflow.exception import MetaflowException

from .client import BatchClient
from .errors import NotConfirmed
from .queues import Queue, chosen, with_machines
from .requests import is_ours, job_name, requests_for
from .states import CANCELLED, child_counts, seen, waiting_text
from .watching import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metaflow.compute.backend import Job, JobQuery, TaskState

_ALIVE = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
_LOG_GROUP = "/aws/batch/job"
#: How much of a log is fetched, from its end: what went wrong stands there.
_MOST_LOG_BYTES = 1024 * 1024


class BatchBackend:
    """AWS Batch, through one of its job queues.

    Parameters
    ----------
    queue : str, optional
        Name or ARN of the queue; that of the settings, or the first that accepts jobs, if not given.
    client : BatchClient, optional
    """

    title: ClassVar[str] = "AWS Batch"
    #: AWS would take 10,000, but a list of a thousand children is ten answers already.
    largest_job: int = 1000
    shortest_poll: float = 2.0
    longest_poll: float = 30.0

    def __init__(self, queue: str | None = None, client: BatchClient | None = None) -> None:
        self._named_queue = queue or settings.get("BATCH_JOB_QUEUE")
        self._client = client or BatchClient()
        self._watch = Watch(self._client)
        self._lock = Lock()
        self._queue: Queue | None = None
        #: ARNs of job definitions by their names.
        self._definitions: dict[str, str] = {}
        #: Names of jobs of which it is not known whether AWS has taken them.
        self._unconfirmed: set[str] = set()

    def check(self) -> None:
        """See that the queue exists and accepts jobs.

        Raises
        ------
        MetaflowException
            If it does not, or there is no access to AWS.
        """
        self._target()

    def submit(self, job: Job) -> SubmittedJob:
        """Start a job: a single one, an array, or one of several nodes.

        Raises
        ------
        JobRefused
            If AWS does not take it, or its queue cannot have such jobs.
        EngineUnavailable
            If it is to be tried again.
        """
        queue = self._target()
        requests = requests_for(job, queue)
        arn = self._definition(requests.definition)
        engine_id = self._found_unconfirmed(job, queue)
        if engine_id is None:
            try:
                engine_id = self._client.call("submit_job", jobDefinition=arn, **requests.submission)["jobId"]
            except NotConfirmed:
                self._unconfirmed.add(job.name)
                raise
        self._unconfirmed.discard(job.name)
        return SubmittedJob(job.name, engine_id, job.tasks, job.is_gang)

    def poll(self, jobs: Sequence[SubmittedJob], wait: float) -> Sequence[TaskState]:
        """Say how the tasks of these jobs are, with a request for a hundred jobs, and a few for those that change.

        Raises
        ------
        EngineUnavailable
            If AWS does not answer.
        """
        return self._watch.look(jobs)

    def cancel(self, job: SubmittedJob, tasks: Sequence[str]) -> None:
        """End tasks of a job. Of a job of several nodes all are ended: AWS ends no single node.

        Raises
        ------
        EngineUnavailable
            If AWS does not answer.
        """
        ids = [job.engine_id]
        if not job.is_gang and len(tasks) < len(job.tasks) and not self._are_all_left(job, tasks):
            index = {task: number for number, task in enumerate(job.tasks)}
            ids = [f"{job.engine_id}:{index[task]}" for task in tasks]
        for each in ids:
            self._client.call("terminate_job", jobId=each, reason=CANCELLED)
        if ids == [job.engine_id] and len(job.tasks) > 1 and not job.is_gang:
            self._watch.cancelled(job.engine_id)

    def output(self, job: SubmittedJob, task: str) -> bytes:
        """The end of what a task printed, from CloudWatch; empty if its log goes elsewhere or cannot be read."""
        separator = "#" if job.is_gang else ":"
        suffix = f"{separator}{job.tasks.index(task)}" if len(job.tasks) > 1 else ""
        described = self._client.jobs([job.engine_id + suffix]).get(job.engine_id + suffix, {})
        container = described.get("container") or {}
        attempts = described.get("attempts") or [{}]
        stream = container.get("logStreamName") or attempts[-1].get("container", {}).get("logStreamName")
        log = container.get("logConfiguration") or {}
        if not stream or log.get("logDriver", "awslogs") != "awslogs":
            return b""
        return self._end_of_log(log.get("options", {}).get("awslogs-group", _LOG_GROUP), stream)

    def find(self, query: JobQuery) -> Sequence[FoundJob]:
        """Jobs that are waiting or running, in all queues of the region.

        Raises
        ------
        EngineUnavailable
            If AWS does not answer.
        MetaflowException
            If there is no access to AWS.
        """
        queues = [each["jobQueueName"] for each in self._client.pages("describe_job_queues", "jobQueues")]
        ids = [each for queue in queues for each in self._ids_in(queue)]
        found = []
        for details in self._client.jobs(ids).values():
            facts, state = dict(details.get("parameters") or {}), seen(details)
            wanted = {"flow": query.flow, "run_id": query.run_id, "user": query.user}
            if state.has_ended or any(value is not None and facts.get(key) != value for key, value in wanted.items()):
                continue
            counts = child_counts(details)
            if counts and sum(counts.values()) == counts.get("SUCCEEDED", 0) + counts.get("FAILED", 0):
                continue
            running = state.status == "RUNNING" or bool(counts.get("RUNNING"))
            text = "" if running else waiting_text(state.status, state.status_reason)
            found.append(FoundJob(state.engine_id, facts, "running" if running else "pending", text))
        return found

    def close(self) -> None:
        """Close the connections to AWS; jobs go on."""
        self._client.close()

    def _target(self) -> Queue:
        """The queue that jobs go to, looked up once."""
        with self._lock:
            if self._queue is None:
                queue = chosen(list(self._client.pages("describe_job_queues", "jobQueues")), self._named_queue)
                order = [each["computeEnvironment"] for each in queue.get("computeEnvironmentOrder", ())]
                answer = self._client.call("describe_compute_environments", computeEnvironments=order) if order else {}
                self._queue = with_machines(queue, answer.get("computeEnvironments", ()))
            return self._queue

    def _definition(self, request: dict[str, Any]) -> str:
        """ARN of a job definition, which is registered unless AWS has it: its name says all that is in it."""
        name = request["jobDefinitionName"]
        with self._lock:
            if name not in self._definitions:
                there = self._client.call("describe_job_definitions", jobDefinitionName=name, status="ACTIVE")
                known = there["jobDefinitions"] or [self._client.call("register_job_definition", **request)]
                self._definitions[name] = known[0]["jobDefinitionArn"]
            return self._definitions[name]

    def _found_unconfirmed(self, job: Job, queue: Queue) -> str | None:
        """Id of a job that was perhaps taken before, if it was."""
        if job.name not in self._unconfirmed:
            return None
        name = job_name(job)
        filters = [{"name": "JOB_NAME", "values": [name]}]
        found = self._client.pages("list_jobs", "jobSummaryList", jobQueue=queue.name, filters=filters)
        return next((each["jobId"] for each in found if each["jobName"] == name and _is_whole(each["jobId"])), None)

    def _are_all_left(self, job: SubmittedJob, tasks: Sequence[str]) -> bool:
        """Whether all children of an array have ended but these, as far as they have not."""
        counts = child_counts(self._client.jobs([job.engine_id]).get(job.engine_id, {}))
        if len(job.tasks) - counts.get("SUCCEEDED", 0) - counts.get("FAILED", 0) > len(tasks):
            return False
        chosen = {f"{job.engine_id}:{job.tasks.index(task)}" for task in tasks}
        return all(
            child["jobId"] in chosen
            for status in _ALIVE
            if counts.get(status)
            for child in self._client.pages("list_jobs", "jobSummaryList", arrayJobId=job.engine_id, jobStatus=status)
        )

    def _ids_in(self, queue: str) -> Iterator[str]:
        for status in _ALIVE:
            for job in self._client.pages("list_jobs", "jobSummaryList", jobQueue=queue, jobStatus=status):
                if is_ours(job["jobName"]) and _is_whole(job["jobId"]):
                    yield job["jobId"]

    def _end_of_log(self, group: str, stream: str) -> bytes:
        parts: list[bytes] = []
        size = 0
        at: dict[str, str] = {}
        while size < _MOST_LOG_BYTES:
            try:
                answer = self._client.call(
                    "get_log_events", "logs", logGroupName=group, logStreamName=stream, startFromHead=False, **at
                )
            except EngineUnavailable:
                raise
            except MetaflowException as error:
                return f"(The log {stream} in {group} cannot be read: {error})\n".encode()
            lines = "".join(f"{event['message']}\n" for event in answer["events"]).encode()
            parts.insert(0, lines)
            size += len(lines)
            if not lines or answer["nextBackwardToken"] == at.get("nextToken"):
                break
            at = {"nextToken": answer["nextBackwardToken"]}
        return b"".join(parts)[-_MOST_LOG_BYTES:]


def _is_whole(job_id: str) -> bool:
    """Whether an id is that of a job, rather than of a child of an array or a node."""
    return ":" not in job_id and "#" not in job_id
