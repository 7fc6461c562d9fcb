"""Requests to AWS Batch, as plain data: the definition of a job, and its submission."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow import settings
from metaflow.compute.backend import INDEX_VARIABLE, MAIN_ADDRESS_VARIABLE, MAIN_NODE_ENDS_ALL_VARIABLE, JobRefused
from metaflow.decorators.batch import SHORTEST_TIMEOUT_SECONDS, allowed_in_tag, tags
from metaflow.exception import MetaflowException

from .containers import container, tempdir_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.compute.backend import Job

    from .queues import Queue

#: ECS takes 8,192 characters of overrides, as JSON; the rest is for the variables that AWS Batch adds.
MOST_OVERRIDES = 8192 - 1536
#: Where larger overrides go instead: ECS takes 64 KiB of task definition.
MOST_DEFINITION = 60 * 1024
_LONGEST_NAME = 128
#: How much later than the task itself AWS ends it: a container that is ended cannot say why.
_TIMEOUT_SLACK_SECONDS = 120

#: Variable that tells the process on the node which variables hold facts to record with its task.
_METADATA_VARIABLE = "METAFLOW_TASK_METADATA_FROM"
_METADATA = {
    "aws-batch-job-id": "AWS_BATCH_JOB_ID",
    "aws-batch-job-attempt": "AWS_BATCH_JOB_ATTEMPT",
    "aws-batch-ce-name": "AWS_BATCH_CE_NAME",
    "aws-batch-queue-name": "AWS_BATCH_JQ_NAME",
    "aws-batch-execution-env": "AWS_EXECUTION_ENV",
}
_ARRAY_INDEX = "AWS_BATCH_JOB_ARRAY_INDEX"
_NODE_INDEX = "AWS_BATCH_JOB_NODE_INDEX"
_MAIN_ADDRESS = "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"


class Overrides(NamedTuple):
    """What differs from job to job.

    Attributes
    ----------
    command : tuple of str
    variables : dict of str to str
    """

    command: tuple[str, ...] = ()
    variables: Mapping[str, str] = {}

    def as_request(self) -> dict[str, Any]:
        """The part of a request that says so."""
        found: dict[str, Any] = {}
        if self.command:
            found["command"] = list(self.command)
        if self.variables:
            found["environment"] = [{"name": name, "value": value} for name, value in self.variables.items()]
        return found


class Requests(NamedTuple):
    """What is asked for one job.

    Attributes
    ----------
    definition : dict
        For ``register_job_definition``, with its name.
    submission : dict
        For ``submit_job``, without the ARN of the definition.
    """

    definition: dict[str, Any]
    submission: dict[str, Any]


def requests_for(job: Job, queue: Queue) -> Requests:
    """All that AWS Batch is asked for one job.

    Raises
    ------
    JobRefused
        If the queue cannot have such jobs, or the job is too large.
    MetaflowException
        If a setting cannot be used.
    """
    if _has_nodes(job) and queue.is_fargate:
        raise JobRefused(
            f"The job queue '{queue.name}' is of Fargate, which has no jobs of several nodes, but step *{job.step}* is "
            "@parallel. Use a queue of EC2 machines."
        )
    fixed, overrides = _split(_command(job), _variables(job))
    properties = {**container(job.options, queue, job.step), **fixed.as_request()}
    return Requests(_definition(job, queue, properties), _submission(job, queue, overrides))


def job_name(job: Job) -> str:
    """Name of a job, for people, and unique by its end: user, flow, run, step, task and attempt.

    Returns
    -------
    str
        Of the characters that AWS Batch accepts.
    """
    parts = (job.facts.get(key, "") for key in ("user", "flow", "run_id", "step", "task_id", "attempt"))
    written = "-".join("".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in p) for p in parts if p)
    return f"{written.lstrip('-_')[: _LONGEST_NAME - len(job.name) - 1]}-{job.name}".lstrip("-_")


def is_ours(name: str) -> bool:
    """Whether a job with this name is one of ours."""
    end = name[-19:]
    return end.startswith("mf-") and all(character in "0123456789abcdef" for character in end[3:])


def job_tags(job: Job) -> dict[str, str]:
    """Tags of a job: those of the step, of the settings, and, where it is set so, what the job is.

    Raises
    ------
    MetaflowException
        If those of the settings cannot be used.
    """
    found: dict[str, str] = {}
    if settings.get("BATCH_EMIT_TAGS"):
        found["app"] = "metaflow"
        for fact, value in job.facts.items():
            tag = {"flow": "flow_name", "step": "step_name", "attempt": "retry_count"}.get(fact, fact)
            found[f"metaflow.{tag}"] = "".join(c if allowed_in_tag(c) else "_" for c in value)[:256]
    try:
        found.update(tags(settings.get("BATCH_DEFAULT_TAGS")))
    except ValueError as error:
        raise MetaflowException(f"METAFLOW_BATCH_DEFAULT_TAGS cannot be used: {error}") from None
    found.update(tags(job.options["aws_batch_tags"]))
    return found


def _command(job: Job) -> tuple[str, ...]:
    if not _has_nodes(job):
        return job.command
    # AWS tells the address of the main node to the others only, in a variable of its own.
    tell = f'if [ -n "${{{_MAIN_ADDRESS}:-}}" ]; then export {MAIN_ADDRESS_VARIABLE}="${_MAIN_ADDRESS}"; fi; exec "$@"'
    return ("bash", "-c", tell, "bash", *job.command)


def _variables(job: Job) -> dict[str, str]:
    from json import dumps

    found = {**job.variables, _METADATA_VARIABLE: dumps(_METADATA), **tempdir_variables(job.options)}
    if len(job.tasks) > 1:
        found[INDEX_VARIABLE] = _NODE_INDEX if job.is_gang else _ARRAY_INDEX
    if _has_nodes(job):
        found[MAIN_NODE_ENDS_ALL_VARIABLE] = "1"
    return found


def _split(command: tuple[str, ...], variables: Mapping[str, str]) -> tuple[Overrides, Overrides]:
    """What goes into the job's definition, and what is said with its submission.

    Little in the definition means that more jobs share it, but overrides must be short.
    """
    for fixed, overrides in (
        (Overrides(), Overrides(command, variables)),
        (Overrides(command), Overrides(variables=variables)),
    ):
        if _length(overrides.as_request()) <= MOST_OVERRIDES:
            return fixed, overrides
    return Overrides(command, variables), Overrides()


def _definition(job: Job, queue: Queue, properties: dict[str, Any]) -> dict[str, Any]:
    from hashlib import sha224
    from json import dumps

    # Whether a task is tried again is for the run to say, which would not know of attempts that AWS makes.
    request: dict[str, Any] = {"retryStrategy": {"attempts": 1}}
    if _has_nodes(job):
        size = len(job.tasks)
        nodes = {"targetNodes": _all_nodes(job), "container": properties}
        request |= {
            "type": "multinode",
            "nodeProperties": {"numNodes": size, "mainNode": 0, "nodeRangeProperties": [nodes]},
        }
    else:
        request |= {
            "type": "container",
            "containerProperties": properties,
            "platformCapabilities": ["FARGATE" if queue.is_fargate else "EC2"],
        }
    if (length := _length(request)) > MOST_DEFINITION:
        largest = max(job.variables, key=lambda name: len(job.variables[name]), default="")
        raise JobRefused(
            f"A task of step *{job.step}* needs {length:,} characters of command and environment variables, but AWS "
            f"has room for {MOST_DEFINITION:,}. The longest variable is {largest}: shorten it, or pass it in a file."
        )
    digest = sha224(dumps(request, sort_keys=True).encode()).hexdigest()
    return {"jobDefinitionName": f"metaflow_{digest}", **request}


def _submission(job: Job, queue: Queue, overrides: Overrides) -> dict[str, Any]:
    from math import ceil

    # The facts are not for AWS, but whoever lists jobs reads them there, unlike a name with all their characters.
    request: dict[str, Any] = {"jobName": job_name(job), "jobQueue": queue.name, "parameters": dict(job.facts)}
    said = overrides.as_request()
    if _has_nodes(job):
        part = {"targetNodes": _all_nodes(job), "containerOverrides": said}
        request["nodeOverrides"] = {"numNodes": len(job.tasks), "nodePropertyOverrides": [part]}
    else:
        request["containerOverrides"] = said
        if len(job.tasks) > 1:
            request["arrayProperties"] = {"size": len(job.tasks)}
    limit = settings.get("DEFAULT_RUNTIME_LIMIT") if job.timeout_seconds is None else job.timeout_seconds
    seconds = max(SHORTEST_TIMEOUT_SECONDS, ceil(limit) + _TIMEOUT_SLACK_SECONDS)
    request["timeout"] = {"attemptDurationSeconds": seconds}
    if named := job_tags(job):
        request |= {"tags": named, "propagateTags": True}
    return request


def _has_nodes(job: Job) -> bool:
    """Whether it is a job of several nodes; a gang of one is a job like any other."""
    return job.is_gang and len(job.tasks) > 1


def _all_nodes(job: Job) -> str:
    return f"0:{len(job.tasks) - 1}"


def _length(request: Any) -> int:
    from json import dumps

    return len(dumps(request))
