"""How jobs on AWS Batch are watched: few requests, nothing lost, and AWS's reasons in words."""

from __future__ import annotations

from typing import Any

import pytest

from aws_batch_stub import StubClient
from metaflow.compute.backend import EngineUnavailable, SubmittedJob, TaskState
from metaflow.compute.batch.states import CANCELLED, UNSATISFIABLE, seen, task_state
from metaflow.compute.batch.watching import Watch
from metaflow.exception import MetaflowException

NO_ROOM = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement is too high"


def submitted(engine_id: str, tasks: int = 1, is_gang: bool = False) -> SubmittedJob:
    names = tuple(f"{engine_id}/{number}/0" for number in range(tasks))
    return SubmittedJob(f"mf-{engine_id}", engine_id, names, is_gang)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def client() -> StubClient:
    return StubClient()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(client: StubClient, clock: Clock) -> Watch:
    return Watch(client, clock)  # type: ignore[arg-type]


def phases(states: list[TaskState]) -> dict[str, str]:
    return {state.task: state.phase for state in states}


def state_of(**described: Any) -> TaskState:
    return task_state("a/1/0", seen({"jobId": "j", "status": "FAILED", **described}))


@pytest.mark.parametrize(
    ("described", "status", "reason", "retriable"),
    [
        ({"container": {"exitCode": 3}, "statusReason": "Essential container in task exited"}, 3, None, True),
        ({}, None, None, True),
        (
            {"container": {"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}},
            137,
            "it ran out of memory: more is given by @batch(memory=...) or @resources(memory=...)",
            True,
        ),
        (
            {"statusReason": "Host EC2 (instance i-1) terminated."},
            None,
            "its machine was taken away: Host EC2 (instance i-1) terminated.",
            True,
        ),
        (
            {"statusReason": "Task failed to start", "container": {"reason": "CannotPullContainerError: not found"}},
            None,
            "its image cannot be fetched: CannotPullContainerError: not found",
            False,
        ),
        (
            {"statusReason": "Task failed to start", "container": {"reason": "CannotPullContainerError: timed out"}},
            None,
            "its image cannot be fetched: CannotPullContainerError: timed out",
            True,
        ),
        (
            {"statusReason": "Job attempt duration exceeded timeout", "container": {"exitCode": 137}},
            137,
            "it ran longer than its job may: AWS Batch ended it",
            True,
        ),
        ({"statusReason": CANCELLED, "isTerminated": True}, None, "it was cancelled", False),
        (
            {"statusReason": "by Ann", "isTerminated": True, "container": {"exitCode": 143}},
            143,
            "it was ended from outside: by Ann",
            True,
        ),
        (
            {"statusReason": "Task failed to start", "container": {"reason": "ResourceInitializationError: no net"}},
            None,
            "its container could not run: ResourceInitializationError: no net",
            True,
        ),
        (
            {"statusReason": "Container Overrides length must be at most 8192"},
            None,
            "AWS Batch says: Container Overrides length must be at most 8192",
            True,
        ),
        (
            {"attempts": [{"container": {"exitCode": 139}, "statusReason": "Essential container in task exited"}]},
            139,
            None,
            True,
        ),
    ],
)
def test_ends(described: dict[str, Any], status: int | None, reason: str | None, retriable: bool) -> None:
    state = state_of(**described)
    assert (state.phase, state.status, state.reason, state.retriable) == ("ended", status, reason, retriable)


@pytest.mark.parametrize(
    ("status", "reason", "text"),
    [
        ("SUBMITTED", "", ""),
        ("RUNNABLE", "", "it waits for a machine"),
        ("RUNNABLE", "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - no", "AWS has no machines of the kinds"),
        ("RUNNABLE", "UNDETERMINED - who knows", "UNDETERMINED - who knows"),
        ("STARTING", "", "its container is being started"),
    ],
)
def test_waiting(status: str, reason: str, text: str) -> None:
    state = state_of(status=status, statusReason=reason)
    assert state.phase == "pending"
    assert state.text.startswith(text) and bool(state.text) == bool(text)


def test_single_jobs_take_a_request_for_a_hundred(watch: Watch, client: StubClient) -> None:
    jobs = [submitted(f"s{number}") for number in range(250)]
    for job in jobs:
        client.describe(job.engine_id, "RUNNING")
    assert set(phases(watch.look(jobs)).values()) == {"running"}
    assert client.operations() == ["describe_jobs"] * 3
    client.describe("s7", "SUCCEEDED", container={"exitCode": 0})
    (news,) = watch.look(jobs)
    assert (news.task, news.phase, news.status) == ("s7/0/0", "ended", 0)
    assert news.metadata == {"aws-batch-job-id": "s7", "aws-batch-queue-name": "machines"}


def test_children_of_arrays_are_listed_only_where_counts_change(watch: Watch, client: StubClient) -> None:
    array = submitted("a", 5)
    client.describe_array("a", *["RUNNABLE"] * 5)
    assert {state.text for state in watch.look([array])} == {"it waits for a machine"}
    client.operations()
    client.describe_array("a", "RUNNING", "RUNNING", "STARTING", "RUNNABLE", "RUNNABLE")
    assert phases(watch.look([array])) == {"a/0/0": "running", "a/1/0": "running"}
    assert client.operations() == ["describe_jobs", "list_jobs"]
    assert watch.look([array]) == []
    assert client.operations() == ["describe_jobs"]
    lost = {"status": "FAILED", "statusReason": "Host EC2 (instance i-1) terminated."}
    client.describe_array("a", "SUCCEEDED", lost, "RUNNING", "RUNNING", "RUNNABLE")
    states = {state.task: state for state in watch.look([array])}
    assert states["a/1/0"].reason == "its machine was taken away: Host EC2 (instance i-1) terminated."
    assert states["a/1/0"].engine_id == "a:1"
    client.operations()
    client.describe_array(
        "a",
        "SUCCEEDED",
        lost,
        "SUCCEEDED",
        {"status": "FAILED", "container": {"exitCode": 9}},
        "SUCCEEDED",
        status="FAILED",
    )
    states = {state.task: state for state in watch.look([array])}
    assert {task: state.status for task, state in states.items()} == {"a/0/0": 0, "a/2/0": 0, "a/3/0": 9, "a/4/0": 0}
    assert client.operations() == ["describe_jobs", "list_jobs"]


def test_an_array_that_succeeded_needs_no_list(watch: Watch, client: StubClient) -> None:
    client.describe_array("a", *["SUCCEEDED"] * 400, status="SUCCEEDED")
    assert {state.status for state in watch.look([submitted("a", 400)])} == {0}
    assert client.operations() == ["describe_jobs"]


def test_children_of_a_cancelled_array_that_never_ran_have_ended_with_it(watch: Watch, client: StubClient) -> None:
    ended = {"status": "FAILED", "statusReason": "Essential container in task exited"}
    client.describe_array("a", "SUCCEEDED", ended, "PENDING", status="FAILED")
    client.described["a"]["statusReason"] = CANCELLED
    states = {state.task: state for state in watch.look([submitted("a", 3)])}
    assert [states[f"a/{index}/0"].reason for index in range(3)] == [
        "it was cancelled",  # AWS does not say which of these two it was
        "it was cancelled",
        "it was cancelled",
    ]


def test_many_arrays_that_change_at_once_are_listed_over_several_looks(watch: Watch, client: StubClient) -> None:
    arrays = [submitted(f"a{number}", 3) for number in range(30)]
    for array in arrays:
        client.describe_array(array.engine_id, "RUNNING", "RUNNABLE", "RUNNABLE")
    client.describe_array("a29", "FAILED", "RUNNABLE", "RUNNABLE")
    first = watch.look(arrays)
    assert len(client.operations()) <= 25
    assert phases(first)["a29/0/0"] == "ended", "who has failed is told first"
    assert len(phases(first)) < 30
    assert {array.tasks[0] for array in arrays} <= phases(first).keys() | phases(watch.look(arrays)).keys()


def test_nothing_is_lost_when_aws_stops_answering_midway(watch: Watch, client: StubClient) -> None:
    jobs = [submitted("a", 2), submitted("s")]
    client.describe_array("a", "FAILED", "RUNNING")
    client.describe("s", "SUCCEEDED")
    client.errors = [None, None, EngineUnavailable("away")]
    with pytest.raises(EngineUnavailable):
        watch.look(jobs)
    assert phases(watch.look(jobs)) == {"a/0/0": "ended", "a/1/0": "running", "s/0/0": "ended"}


def test_a_job_that_aws_does_not_know_is_gone_after_a_while(watch: Watch, client: StubClient, clock: Clock) -> None:
    job = submitted("s")
    assert watch.look([job]) == []
    clock.now = 61.0
    (state,) = watch.look([job])
    assert (state.phase, state.reason) == ("ended", "AWS Batch does not know its job any more")


@pytest.mark.parametrize("is_array", [True, False])
def test_a_job_that_can_never_start_is_ended(watch: Watch, client: StubClient, is_array: bool) -> None:
    job = submitted("j", 2 if is_array else 1)
    if is_array:
        client.describe_array("j", "RUNNABLE", {"status": "RUNNABLE", "statusReason": NO_ROOM})
    else:
        client.describe("j", "RUNNABLE", statusReason=NO_ROOM)
    (waiting,) = watch.look([job])
    assert waiting.text.startswith("no compute environment of the queue has machines with as many cores")
    told = next(request for operation, request in client.requests if operation == "terminate_job")
    assert told["jobId"] == "j"
    assert told["reason"].startswith(UNSATISFIABLE)
    failed = {"status": "FAILED", "statusReason": told["reason"]}
    if is_array:
        client.describe_array("j", failed, failed, status="FAILED")
    else:
        client.describe("j", **failed)
    states = watch.look([job])
    assert len(states) == len(job.tasks)
    for state in states:
        assert state.reason is not None and state.reason.startswith("it could never start: no compute environment")
        assert not state.retriable


def test_children_that_outlive_their_cancelled_array_are_ended_one_by_one(
    watch: Watch, client: StubClient, clock: Clock
) -> None:
    array = submitted("a", 3)
    client.describe_array("a", "RUNNING", {"status": "RUNNING", "isTerminated": True}, "SUCCEEDED")
    watch.look([array])
    watch.cancelled("a")
    clock.now = 10
    watch.look([array])
    assert "terminate_job" not in client.operations()
    clock.now = 16
    watch.look([array])
    assert [request["jobId"] for operation, request in client.requests if operation == "terminate_job"] == ["a:0"]


def test_gangs(watch: Watch, client: StubClient) -> None:
    gang = submitted("g", 3, is_gang=True)
    client.describe("g", "RUNNABLE")
    assert set(phases(watch.look([gang])).values()) == {"pending"}
    assert client.operations() == ["describe_jobs"]
    client.describe("g", "RUNNING")
    for index, status in enumerate(("RUNNING", "RUNNING", "STARTING")):
        client.describe(f"g#{index}", status)
    assert phases(watch.look([gang])) == {"g/0/0": "running", "g/1/0": "running", "g/2/0": "pending"}
    assert client.operations() == ["describe_jobs"] * 2
    client.describe("g#1", "FAILED", container={"exitCode": 5})
    (state,) = (state for state in watch.look([gang]) if state.phase == "ended")
    assert (state.task, state.status, state.engine_id) == ("g/1/0", 5, "g#1")
    client.describe("g", "SUCCEEDED", container={"exitCode": 0})
    states = {state.task: state for state in watch.look([gang])}
    assert states["g/0/0"].status == 0
    assert states["g/2/0"].reason == "it was stopped, as the job's main node had ended"


def test_a_gang_of_one_is_a_single_job(watch: Watch, client: StubClient) -> None:
    client.describe("g", "FAILED", container={"exitCode": 4})
    assert [state.status for state in watch.look([submitted("g", 1, is_gang=True)])] == [4]
    assert client.operations() == ["describe_jobs"]


def test_the_nodes_of_a_gang_that_never_started_have_ended_for_its_reason(watch: Watch, client: StubClient) -> None:
    client.describe("g", "FAILED", statusReason=CANCELLED)
    assert {state.reason for state in watch.look([submitted("g", 2, is_gang=True)])} == {"it was cancelled"}


def test_other_jobs_are_told_of_where_one_cannot_be_ended(watch: Watch, client: StubClient) -> None:
    jobs = [submitted("hopeless"), submitted("good")]
    client.describe("hopeless", "RUNNABLE", statusReason=NO_ROOM)
    client.describe("good", "RUNNING")
    refusal = MetaflowException("AWS refuses terminate_job")
    client.errors = [None, refusal]
    assert phases(watch.look(jobs)) == {"hopeless/0/0": "pending", "good/0/0": "running"}
    client.errors = [None, refusal]
    with pytest.raises(MetaflowException, match="refuses terminate_job"):
        watch.look(jobs)


def test_ten_thousand_tasks_are_watched_with_few_requests(watch: Watch, client: StubClient) -> None:
    arrays = [submitted(f"a{number}", 1000) for number in range(10)]
    for array in arrays:
        client.describe_array(array.engine_id, *["SUCCEEDED"] * 500, *["RUNNING"] * 100, *["RUNNABLE"] * 400)
    watch.look(arrays)
    client.operations()
    for array in arrays:
        client.describe_array(array.engine_id, *["SUCCEEDED"] * 600, *["RUNNING"] * 100, *["RUNNABLE"] * 300)
    watch.look(arrays)
    assert client.operations() == ["describe_jobs"]
