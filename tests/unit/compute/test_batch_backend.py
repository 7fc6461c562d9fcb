"""The engine AWS Batch against a stub that answers as AWS documents it."""

from __future__ import annotations

import re
import sys

import pytest
from botocore import exceptions as boto

from aws_batch_stub import StubClient, environment, queue
from metaflow.compute.backend import EngineUnavailable, Job, JobRefused
from metaflow.compute.batch.backend import BatchBackend
from metaflow.compute.batch.errors import BatchAccessDenied, NotConfirmed, translated
from metaflow.decorators.batch import BatchDecorator
from metaflow.exception import MetaflowException


@pytest.fixture
def client() -> StubClient:
    return StubClient()


@pytest.fixture
def backend(client: StubClient) -> BatchBackend:
    return BatchBackend(client=client)  # type: ignore[arg-type]


def job(name: str, tasks: int = 1, is_gang: bool = False) -> Job:
    names = tuple(f"train/{number}/0" for number in range(tasks))
    options = BatchDecorator({}).options([])
    return Job(name, "train", names, is_gang, ("bash",), {}, options, None, {"flow": "F", "run_id": "1"})


NAME = "mf-0123456789abcdef"


def test_a_second_job_takes_one_request(backend: BatchBackend, client: StubClient) -> None:
    first = backend.submit(job(NAME))
    assert client.operations() == [
        "describe_job_queues",
        "describe_compute_environments",
        "describe_job_definitions",
        "register_job_definition",
        "submit_job",
    ]
    second = backend.submit(job("mf-00000000000000aa", 1000))
    assert client.operations() == ["submit_job"]
    assert first.engine_id != second.engine_id
    other = BatchBackend(client=client)  # type: ignore[arg-type]
    other.submit(job("mf-00000000000000bb"))
    assert "register_job_definition" not in client.operations(), "a later run uses the definition again"


def test_a_job_whose_submission_was_not_confirmed_is_not_started_twice(
    backend: BatchBackend, client: StubClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.check()
    submit = client._submit_job

    def taken_but_lost(**request: object) -> object:
        submit(**request)
        raise NotConfirmed("the connection broke")

    monkeypatch.setattr(client, "_submit_job", taken_but_lost)
    with pytest.raises(EngineUnavailable):
        backend.submit(job(NAME, 3))
    monkeypatch.setattr(client, "_submit_job", submit)
    again = backend.submit(job(NAME, 3))
    assert again.engine_id == "job-0"
    assert list(client.described) == ["job-0"]


def test_a_job_that_did_not_arrive_is_submitted_again(backend: BatchBackend, client: StubClient) -> None:
    backend.submit(job("mf-00000000000000aa"))
    client.errors = [NotConfirmed("the connection broke")]
    with pytest.raises(EngineUnavailable):
        backend.submit(job(NAME))
    backend.submit(job(NAME))
    assert len(client.described) == 2


def terminated(client: StubClient) -> list[str]:
    found = [request["jobId"] for operation, request in client.requests if operation == "terminate_job"]
    client.requests.clear()
    return found


def test_cancelling(backend: BatchBackend, client: StubClient) -> None:
    single, array, gang = backend.submit(job(NAME)), backend.submit(job(NAME, 4)), backend.submit(job(NAME, 2, True))
    backend.cancel(single, single.tasks)
    assert terminated(client) == [single.engine_id]
    client.describe_array(array.engine_id, "RUNNING", "RUNNING", "SUCCEEDED", "RUNNING")
    backend.cancel(array, array.tasks[1:2])
    assert terminated(client) == [f"{array.engine_id}:1"]
    backend.cancel(array, [array.tasks[0], array.tasks[1], array.tasks[3]])
    assert terminated(client) == [array.engine_id], "all that is left is ended with one request"
    client.describe_array(array.engine_id, "SUCCEEDED", "SUCCEEDED", "RUNNABLE", "RUNNING")
    backend.cancel(array, array.tasks[1:3])
    assert terminated(client) == [f"{array.engine_id}:{index}" for index in (1, 2)], "the last one is to go on"
    backend.cancel(gang, gang.tasks[1:])
    assert terminated(client) == [gang.engine_id]


def test_queues(client: StubClient) -> None:
    def checked(named: str | None = None) -> None:
        BatchBackend(named, client).check()  # type: ignore[arg-type]

    client.queues = [queue("off", state="DISABLED"), queue("broken", status="INVALID", statusReason="no role")]
    with pytest.raises(MetaflowException, match="no job queue on AWS Batch that accepts jobs. There are only: off"):
        checked()
    with pytest.raises(MetaflowException, match=r"'broken' accepts no jobs: it is invalid \(no role\)"):
        checked("broken")
    client.queues += [queue("training", jobQueueType="SAGEMAKER_TRAINING"), queue("good", "ce")]
    backend = BatchBackend(client=client)  # type: ignore[arg-type]
    assert backend._target().name == "good"
    checked("arn:aws:batch:::job-queue/good")
    with pytest.raises(MetaflowException, match="'training' accepts no jobs: it is for training jobs"):
        checked("training")
    with pytest.raises(MetaflowException, match="no job queue 'bad' on AWS Batch. There are: off .it is disabled"):
        checked("bad")
    client.queues = []
    with pytest.raises(MetaflowException, match="There are no queues in this region"):
        checked("bad")
    client.queues = [queue("kube", "ce", jobQueueType="EKS")]
    with pytest.raises(MetaflowException, match="runs its jobs on a Kubernetes cluster.*Use @kubernetes"):
        checked()
    client.queues = [queue("good", "ce", "other")]
    broken = {**environment("other"), "status": "INVALID", "statusReason": "no role"}
    client.environments = [{**environment("ce"), "state": "DISABLED"}, broken]
    with pytest.raises(MetaflowException, match="wait for ever: .*'ce' is disabled, and .*'other' is invalid .no role"):
        checked()
    client.environments[0]["state"] = "ENABLED"
    checked()
    client.queues, client.environments = [queue("good", "ce")], [environment("ce", type="FARGATE_SPOT", maxvCpus=8)]
    with pytest.raises(JobRefused, match="of Fargate and needs an execution role"):
        BatchBackend(client=client).submit(job(NAME))  # type: ignore[arg-type]


def test_boto3_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MetaflowException, match=r"the package boto3. Install it with: pip install 'metaflow\[aws\]'"):
        BatchBackend().check()


def client_error(code: str, status: int, message: str = "so it is", **headers: str) -> boto.ClientError:
    answer = {"HTTPStatusCode": status, "HTTPHeaders": {key.replace("_", "-"): text for key, text in headers.items()}}
    return boto.ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": answer}, "SubmitJob")


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (client_error("TooManyRequestsException", 429), EngineUnavailable, "wants fewer requests"),
        (client_error("ServerException", 500), NotConfirmed, "trouble of its own: so it is .ServerException"),
        (client_error("ExpiredTokenException", 403), EngineUnavailable, "expired: so it is. Renew them"),
        (client_error("AccessDeniedException", 403), BatchAccessDenied, "refuses submit_job: so it is"),
        (client_error("ClientException", 400, "no queue"), JobRefused, "does not take the job: no queue"),
        (boto.NoCredentialsError(), BatchAccessDenied, "no credentials for AWS Batch"),
        (boto.ProfileNotFound(profile="p"), BatchAccessDenied, "Set AWS_DEFAULT_REGION or AWS_PROFILE"),
        (boto.EndpointConnectionError(endpoint_url="u"), EngineUnavailable, "cannot be reached"),
        (boto.ReadTimeoutError(endpoint_url="u"), NotConfirmed, "did not answer submit_job"),
        (boto.ConnectionClosedError(endpoint_url="u"), NotConfirmed, "did not answer submit_job"),
        (boto.ParamValidationError(report="bad"), JobRefused, "bad"),
    ],
)
def test_errors_of_aws_in_words(error: Exception, kind: type[Exception], text: str) -> None:
    found = translated("submit_job", error)
    assert type(found) is kind
    assert re.search(text, str(found))


def test_throttling_says_how_long_to_wait() -> None:
    found = translated("describe_jobs", client_error("TooManyRequestsException", 429, retry_after="7"))
    assert isinstance(found, EngineUnavailable) and found.retry_after == 7.0
    assert not isinstance(found, NotConfirmed)
    found = translated("describe_jobs", client_error("ClientException", 400))
    assert type(found) is MetaflowException
