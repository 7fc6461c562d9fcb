"""Flows on AWS Batch: moto's, whose jobs run in containers that have nothing of the run but what is sent to them."""

from __future__ import annotations

import signal
import uuid

import pytest

import servers
from aws_batch_service import QUEUE, BatchService

from .conftest import Project

FLOW = """
    from metaflow import FlowSpec, batch, resources, retry, step, current

    class Wide(FlowSpec):
        @step
        def start(self):
            self.numbers = [1, 2, 3]
            self.next(self.square, foreach="numbers")

        @retry(times=1, minutes_between_retries=0)
        @batch(memory=300)
        @resources(memory=400)
        @step
        def square(self):
            import os
            self.squared = self.input ** 2
            self.place = os.environ["AWS_BATCH_JOB_ID"]
            print("squared", self.input)
            if self.input == 2 and current.retry_count == 0:
                os._exit(7)
            self.next(self.join)

        @batch(use_tmpfs=True, tmpfs_size=16)
        @step
        def join(self, inputs):
            self.squares = sorted(each.squared for each in inputs)
            self.places = {each.place for each in inputs}
            self.tempdir = current.tempdir
            self.next(self.end)

        @step
        def end(self):
            pass
"""


@pytest.fixture
def batch_project(aws_batch: BatchService, project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose datastore is a new bucket beside AWS Batch."""
    name = f"test-{uuid.uuid4().hex[:16]}"
    servers.create_bucket(servers.Server(aws_batch.url, {}, 0), name)
    environment = {
        **aws_batch.environment,
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{name}/flows",
    }
    project.env |= environment
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    return project


def test_a_flow_on_aws_batch(batch_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    batch_project.write(FLOW)
    outcome = batch_project.call("run", timeout=110)
    assert outcome.code == 0, str(outcome)
    assert "3 tasks of step square are submitted to AWS Batch" in outcome.stdout, str(outcome)
    for number in (1, 2, 3):
        assert f"squared {number}" in outcome.stdout, str(outcome)
    assert "7" in outcome.stdout

    import metaflow

    metaflow.namespace(None)
    metaflow.metadata(str(batch_project.path))
    run = metaflow.Run(f"Wide/{outcome.run_id}")
    assert run["join"].task.data.squares == [1, 4, 9]
    assert run["join"].task.data.tempdir == "/metaflow_temp"
    places = run["join"].task.data.places
    assert len({place.partition(":")[0] for place in places}) == 2, "an array, and the second attempt of one task"
    tasks = {task.data.squared: task for task in run["square"]}
    assert tasks[9].metadata_dict["aws-batch-job-id"] == tasks[9].data.place
    assert tasks[4].metadata_dict["attempt"] == "1"
    assert "squared 3" in tasks[9].stdout
    assert tasks[9].current_attempt == 0


SLEEPER = """
    from metaflow import FlowSpec, batch, step

    class Sleeper(FlowSpec):
        @batch(memory=300)
        @step
        def start(self):
            import time
            print("sleeping now", flush=True)
            time.sleep(300)
            self.next(self.end)

        @step
        def end(self):
            pass
"""


def test_an_interrupted_run_ends_its_jobs(aws_batch: BatchService, batch_project: Project) -> None:
    batch_project.write(SLEEPER)
    process = batch_project.start("run")
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if "sleeping now" in line:
            break
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=90)
    assert process.returncode == 1, said + stdout + stderr
    assert "Traceback" not in stderr
    client = aws_batch.client("batch")
    running = client.list_jobs(jobQueue=QUEUE, jobStatus="RUNNING")["jobSummaryList"]
    assert not [job for job in running if "Sleeper" in job["jobName"]]


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (
            ("run",),
            {"METAFLOW_BATCH_JOB_QUEUE": "none-such"},
            "There is no job queue 'none-such' on AWS Batch. There are: ",
        ),
        (("--datastore", "local", "run"), {}, "@batch, whose machines cannot reach a datastore that is a directory"),
        (("run",), {"AWS_ENDPOINT_URL_BATCH": "http://127.0.0.1:9"}, "AWS cannot be reached"),
        (
            ("run", "--with", "timeout:seconds=5"),
            {},
            "@timeout stops the step after 5 seconds, but AWS Batch",
        ),
    ],
)
def test_what_cannot_work_is_told_at_once(
    batch_project: Project, arguments: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    batch_project.write(SLEEPER)
    outcome = batch_project.call(*arguments, env=environment)
    assert outcome.code == 1, str(outcome)
    assert said in outcome.stdout + outcome.stderr, str(outcome)
    assert "Traceback" not in outcome.stderr
