"""The engine AWS Batch by itself, against moto's with real containers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from aws_batch_service import DISABLED_QUEUE, FARGATE_QUEUE, MAX_CPUS, QUEUE, BatchService
from metaflow.compute.backend import Job, JobQuery, JobRefused, SubmittedJob, TaskState
from metaflow.compute.batch.backend import BatchBackend
from metaflow.decorators.batch import BatchDecorator
from metaflow.exception import MetaflowException

States = dict[str, TaskState]


@pytest.fixture
def backend(aws_batch: BatchService, monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchBackend]:
    for name, value in aws_batch.environment.items():
        monkeypatch.setenv(name, value)
    backend = BatchBackend()
    yield backend
    backend.close()


def job(script: str, *tasks: str, run: str = "1", **options: object) -> Job:
    made = BatchDecorator({"memory": 64, **options})
    tasks = tasks or ("start/1/0",)
    facts = {"flow": "Größe", "run_id": run, "step": "start", "user": "me & you"}
    if len(tasks) == 1:
        facts |= {"task_id": "1", "attempt": "0"}
    command, variables, options = ("bash", "-c", script), {"GREETING": "héllo"}, made.options([])
    return Job(f"mf-{os.urandom(8).hex()}", "start", tasks, False, command, variables, options, None, facts)


def until(backend: BatchBackend, jobs: Sequence[SubmittedJob], done: Callable[[States], bool]) -> States:
    states: States = {}
    deadline = time.monotonic() + 110
    while not done(states):
        assert time.monotonic() < deadline, states
        states.update((state.task, state) for state in backend.poll(jobs, 0.1))
        time.sleep(0.2)
    return states


def all_ended(*tasks: str) -> Callable[[States], bool]:
    return lambda states: all(task in states and states[task].phase == "ended" for task in tasks)


def test_single_jobs(backend: BatchBackend, aws_batch: BatchService) -> None:
    backend.check()
    good = backend.submit(job("echo $GREETING; echo $METAFLOW_TASK_METADATA_FROM; env | grep ^AWS_BATCH", "start/1/0"))
    bad = backend.submit(job("echo no >&2; exit 3", "start/2/0"))
    states = until(backend, [good, bad], all_ended("start/1/0", "start/2/0"))
    assert states["start/1/0"].status == 0
    assert states["start/1/0"].engine_id == good.engine_id
    assert states["start/1/0"].metadata == {"aws-batch-job-id": good.engine_id, "aws-batch-queue-name": QUEUE}
    # moto does not tell exit codes.
    assert (states["start/2/0"].status, states["start/2/0"].reason) == (None, None)
    output = backend.output(good, "start/1/0").decode()
    assert "héllo\n" in output
    assert '"aws-batch-job-id": "AWS_BATCH_JOB_ID"' in output
    assert f"AWS_BATCH_JOB_ID={good.engine_id}" in output
    assert backend.output(bad, "start/2/0") == b"no\n"
    described = aws_batch.client("batch").describe_jobs(jobs=[good.engine_id, bad.engine_id])["jobs"]
    assert len({each["jobDefinition"] for each in described}) == 1, "both jobs share a definition"
    assert not backend.poll([good, bad], 0.1), "nothing is said twice"


def test_arrays(backend: BatchBackend) -> None:
    tasks = tuple(f"start/{number}/0" for number in range(4))
    script = 'index=${!METAFLOW_JOB_INDEX_VARIABLE}; echo "I am $index"; exit $((index % 2))'
    submitted = backend.submit(job(script, *tasks))
    states = until(backend, [submitted], all_ended(*tasks))
    assert [states[task].status == 0 for task in tasks] == [True, False, True, False]
    assert states[tasks[3]].engine_id == f"{submitted.engine_id}:3"
    assert backend.output(submitted, tasks[2]) == b"I am 2\n"


def test_jobs_are_found_and_cancelled(backend: BatchBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    single = backend.submit(job("sleep 300", "start/9/0", run="7"))
    tasks = ("start/1/0", "start/2/0", "start/3/0")
    array = backend.submit(job("sleep 300", *tasks, run="8"))
    until(backend, [single, array], lambda states: sum(s.phase == "running" for s in states.values()) == 4)
    found = {each.engine_id: each for each in backend.find(JobQuery("Größe"))}
    assert set(found) == {single.engine_id, array.engine_id}
    assert found[single.engine_id].facts == {
        "flow": "Größe",
        "run_id": "7",
        "step": "start",
        "user": "me & you",
        "task_id": "1",
        "attempt": "0",
    }
    assert {each.phase for each in found.values()} == {"running"}
    assert [each.engine_id for each in backend.find(JobQuery("Größe", run_id="8"))] == [array.engine_id]
    assert not backend.find(JobQuery("Größe", user="nobody"))
    assert not backend.find(JobQuery("Other"))

    backend.cancel(single, ["start/9/0"])
    backend.cancel(array, ["start/2/0"])
    states = until(backend, [single, array], all_ended("start/9/0", "start/2/0"))
    assert {states["start/9/0"].reason, states["start/2/0"].reason} == {"it was cancelled"}
    assert not backend.poll([array], 0.1), "its other tasks go on"
    # moto leaves the children of an array alone that is told to end, so that they are ended one by one.
    monkeypatch.setattr("metaflow.compute.batch.watching._END_AGAIN_SECONDS", 1.0)
    backend.cancel(array, ["start/1/0", "start/3/0"])
    states = until(backend, [array], all_ended("start/1/0", "start/3/0"))
    assert states["start/3/0"].reason == "it was cancelled"
    assert not backend.find(JobQuery("Größe"))


def test_volumes_and_large_overrides(backend: BatchBackend, tmp_path) -> None:
    (tmp_path / "data").write_text("from the host\n")
    variables = {"LARGE": "x" * 9000}
    large = job(f"cat {tmp_path}/data; echo ${{#LARGE}}", host_volumes=str(tmp_path))._replace(variables=variables)
    submitted = backend.submit(large)
    until(backend, [submitted], all_ended("start/1/0"))
    assert backend.output(submitted, "start/1/0") == b"from the host\n9000\n"


def test_queues_are_checked(backend: BatchBackend, aws_batch: BatchService) -> None:
    with pytest.raises(MetaflowException, match="no job queue 'none-such'.*There are: .*metaflow-disabled .it is dis"):
        BatchBackend("none-such").check()
    with pytest.raises(MetaflowException, match=f"'{DISABLED_QUEUE}' accepts no jobs: it is disabled"):
        BatchBackend(DISABLED_QUEUE).check()
    with pytest.raises(JobRefused, match=f"asks for 64 cores.*'{QUEUE}' has more than {MAX_CPUS}"):
        backend.submit(job("true", cpu=64))
    fargate = BatchBackend(FARGATE_QUEUE)
    fargate.check()
    with pytest.raises(JobRefused, match="Fargate and needs an execution role"):
        fargate.submit(job("true"))
    with pytest.raises(JobRefused, match="gpu=1, but the job queue 'metaflow-fargate' is of Fargate"):
        fargate.submit(job("true", gpu=1))
    submitted = fargate.submit(job("true", cpu=0.3, memory=1500, execution_role="arn:aws:iam::1:role/execution"))
    assert until(fargate, [submitted], all_ended("start/1/0"))["start/1/0"].status == 0
    (described,) = aws_batch.client("batch").describe_jobs(jobs=[submitted.engine_id])["jobs"]
    assert described["container"]["memory"] == 2048, "the next size that Fargate has"


def test_no_server_and_no_credentials(backend: BatchBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    from metaflow.compute.backend import EngineUnavailable
    from metaflow.compute.batch.errors import BatchAccessDenied

    submitted = SubmittedJob("mf-0", "id", ("start/1/0",))
    monkeypatch.setenv("AWS_ENDPOINT_URL_BATCH", "http://127.0.0.1:9")
    with pytest.raises(EngineUnavailable, match="AWS cannot be reached"):
        BatchBackend().poll([submitted], 0.1)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/none")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/none")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(BatchAccessDenied, match="no credentials for AWS Batch"):
        BatchBackend().check()
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(BatchAccessDenied, match="AWS_DEFAULT_REGION"):
        BatchBackend().check()
