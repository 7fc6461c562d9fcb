"""Job queues: which one jobs go to, and what the machines behind it are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Sequence


class Queue(NamedTuple):
    """A job queue that accepts jobs.

    Attributes
    ----------
    name : str
    is_fargate : bool
        Whether its machines are Fargate's.
    max_cpus : int or None
        Cores of the largest of its compute environments; None if unknown.
    """

    name: str
    is_fargate: bool
    max_cpus: int | None


def chosen(described: Sequence[Any], named: str | None) -> Any:
    """The queue that jobs go to, of all that there are.

    Parameters
    ----------
    described : sequence of dict
        As ``describe_job_queues`` has them.
    named : str or None
        Name or ARN; the first that accepts jobs if None.

    Raises
    ------
    MetaflowException
        If it does not exist or accepts no jobs.
    """
    if named is None:
        active = [queue for queue in described if _obstacle(queue) is None]
        if not active:
            there = f" There are only: {_listed(described)}." if described else ""
            raise MetaflowException(
                f"There is no job queue on AWS Batch that accepts jobs.{there} Make one, or look at the region: it is "
                "that of AWS_DEFAULT_REGION or of the AWS profile."
            )
        return active[0]
    for queue in described:
        if named in (queue["jobQueueName"], queue["jobQueueArn"]):
            obstacle = _obstacle(queue)
            if obstacle is not None:
                raise MetaflowException(
                    f"The job queue '{named}' accepts no jobs: {obstacle}. See to that in AWS Batch, or name another "
                    f"queue with @batch(queue=...) or METAFLOW_BATCH_JOB_QUEUE."
                )
            return queue
    others = f"There are: {_listed(described)}" if described else "There are no queues in this region"
    raise MetaflowException(
        f"There is no job queue '{named}' on AWS Batch. {others}. Name one of these with @batch(queue=...) or "
        "METAFLOW_BATCH_JOB_QUEUE, or choose another region with AWS_DEFAULT_REGION."
    )


def with_machines(queue: Any, environments: Sequence[Any]) -> Queue:
    """Say what the machines of a queue are.

    Parameters
    ----------
    queue : dict
        As ``describe_job_queues`` has it.
    environments : sequence of dict
        Its compute environments, as ``describe_compute_environments`` has them.

    Raises
    ------
    MetaflowException
        If they are of a kind that runs no containers of ours, or none of them can be used.
    """
    unusable = [problem for each in environments if (problem := _problem(each)) is not None]
    if environments and len(unusable) == len(environments):
        raise MetaflowException(
            f"Jobs in the job queue '{queue['jobQueueName']}' would wait for ever: {', and '.join(unusable)}. See to "
            "that in AWS Batch, or name another queue with @batch(queue=...) or METAFLOW_BATCH_JOB_QUEUE."
        )
    if queue.get("jobQueueType") == "EKS" or any("eksConfiguration" in each for each in environments):
        raise MetaflowException(
            f"The job queue '{queue['jobQueueName']}' runs its jobs on a Kubernetes cluster, which @batch does not "
            "support. Use @kubernetes with that cluster, or a queue of EC2 or Fargate machines."
        )
    resources = [each.get("computeResources", {}) for each in environments]
    sizes = [each.get("maxvCpus") for each in resources]
    return Queue(
        queue["jobQueueName"],
        any(str(each.get("type", "")).startswith("FARGATE") for each in resources),
        max(sizes) if sizes and all(isinstance(size, int) for size in sizes) else None,
    )


def _obstacle(queue: Any) -> str | None:
    if queue.get("jobQueueType", "").startswith("SAGEMAKER"):
        return "it is for training jobs of SageMaker"
    if queue.get("state") != "ENABLED":
        return "it is disabled"
    if queue.get("status", "VALID") not in ("VALID", "UPDATING"):
        reason = queue.get("statusReason")
        return f"it is {queue['status'].lower()}" + (f" ({reason})" if reason else "")
    return None


def _problem(environment: Any) -> str | None:
    name = environment["computeEnvironmentName"]
    if environment.get("state", "ENABLED") != "ENABLED":
        return f"its compute environment '{name}' is disabled"
    if environment.get("status") == "INVALID":
        reason = environment.get("statusReason")
        return f"its compute environment '{name}' is invalid" + (f" ({reason})" if reason else "")
    return None


def _listed(described: Sequence[Any]) -> str:
    return ", ".join(
        queue["jobQueueName"] + (f" ({obstacle})" if (obstacle := _obstacle(queue)) else "") for queue in described
    )
