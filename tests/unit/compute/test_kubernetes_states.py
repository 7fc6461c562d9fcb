"""What pods, jobs and nodes say, and what that means for a task."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from metaflow.compute.kubernetes.job_states import indices, read_job, why_no_pod
from metaflow.compute.kubernetes.nodes import is_helpless, quantity, too_large_for
from metaflow.compute.kubernetes.states import PodState, read_pod


def make_pod(status: dict[str, Any], index: int = 0, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"mf-1-{index}-abcde",
            "uid": f"uid-{index}",
            "labels": {"metaflow/job": "mf-1"},
            "annotations": {"batch.kubernetes.io/job-completion-index": str(index)},
            **metadata,
        },
        "spec": {
            "activeDeadlineSeconds": 360,
            "containers": [
                {
                    "name": "task",
                    "image": "me/image:1",
                    "resources": {"requests": {"memory": "100M", "cpu": "1"}, "limits": {"nvidia.com/gpu": "1"}},
                }
            ],
        },
        "status": status,
    }


def read(status: dict[str, Any], **metadata: Any) -> PodState:
    state = read_pod(make_pod(status, **metadata))
    assert state is not None
    return state


def container(**state: Any) -> list[dict[str, Any]]:
    return [{"name": "istio-proxy", "state": {"running": {}}}, {"name": "task", "image": "me/image:1", "state": state}]


def terminated(code: int, reason: str = "Error", **more: Any) -> dict[str, Any]:
    return {"containerStatuses": container(terminated={"exitCode": code, "reason": reason, **more})}


def condition(kind: str, status: str, reason: str, message: str = "") -> list[dict[str, str]]:
    return [{"type": kind, "status": status, "reason": reason, "message": message}]


def test_a_pod_that_is_none_of_ours_is_passed_over() -> None:
    assert read_pod({"metadata": {"name": "x", "labels": {}}, "status": {"phase": "Running"}}) is None


def test_a_pod_says_which_task_it_is() -> None:
    state = read({"phase": "Running"}, index=7)
    assert (state.job, state.process, state.name, state.uid) == ("mf-1", 7, "mf-1-7-abcde", "uid-7")


@pytest.mark.parametrize(("role", "index", "process"), [("control", "0", 0), ("worker", "0", 1), ("worker", "4", 5)])
def test_the_nodes_of_a_gang_follow_its_control(role: str, index: str, process: int) -> None:
    annotations = {"jobset.sigs.k8s.io/job-index": index, "batch.kubernetes.io/job-completion-index": "0"}
    labels = {"metaflow/job": "mf-1", "jobset.sigs.k8s.io/replicatedjob-name": role}
    assert read({"phase": "Running"}, annotations=annotations, labels=labels).process == process


def test_phases_without_anything_to_say() -> None:
    assert read({"phase": "Pending"})[4:7] == ("pending", "", None)
    assert read({"phase": "Running", "containerStatuses": container(running={})})[4:6] == ("running", "")
    assert read({"phase": "Succeeded"})[4:9] == ("ended", "", 0, None, True)
    assert read({"phase": "Unknown"}).text == "its node does not answer"


def test_a_task_has_ended_although_other_containers_of_its_pod_go_on() -> None:
    ended = read({"phase": "Running", **terminated(0, "Completed")})
    assert (ended.phase, ended.status) == ("ended", 0)
    failed = read({"phase": "Running", **terminated(3)})
    assert (failed.phase, failed.status, failed.reason) == ("ended", 3, None)


@pytest.mark.parametrize(
    ("waiting", "patience", "text"),
    [
        ({"reason": "ContainerCreating"}, "", "its container is being started"),
        (
            {"reason": "ErrImagePull", "message": "rpc error: code = NotFound desc = no such image"},
            "stuck",
            "its image me/image:1 cannot be pulled: no such image",
        ),
        (
            {
                "reason": "ImagePullBackOff",
                "message": 'Back-off pulling image "me/image:1": ErrImagePull: no such',
            },
            "stuck",
            "its image me/image:1 cannot be pulled: no such",
        ),
        (
            {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "me/image:1"'},
            "stuck",
            "its image me/image:1 cannot be pulled",
        ),
        ({"reason": "InvalidImageName"}, "hopeless", "its image me/image:1 cannot be pulled"),
        (
            {"reason": "CreateContainerConfigError", "message": 'secret "db" not found'},
            "stuck",
            'its container cannot be started: secret "db" not found',
        ),
    ],
)
def test_why_a_container_waits(waiting: dict[str, str], patience: str, text: str) -> None:
    state = read({"phase": "Pending", "containerStatuses": container(waiting=waiting)})
    assert (state.phase, state.text, state.patience) == ("pending", text, patience)
    assert state.retriable == (not patience), "another attempt would fare no better"


def test_a_pod_that_no_node_takes() -> None:
    message = "0/3 nodes are available: 3 Insufficient memory."
    state = read({"phase": "Pending", "conditions": condition("PodScheduled", "False", "Unschedulable", message)})
    assert state.text == "no node can take it: 0/3 nodes are available: 3 Insufficient memory"
    assert state.patience == "unschedulable"
    assert state.requests == {"memory": "100M", "cpu": "1", "nvidia.com/gpu": "1"}
    gated = read({"phase": "Pending", "conditions": condition("PodScheduled", "False", "SchedulingGated")})
    assert (gated.patience, gated.text) == ("", "its pod is held back by a scheduling gate")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (terminated(1), (1, None)),
        (terminated(137), (-9, "it was killed, most likely because it ran out of memory")),
        (
            terminated(137, "OOMKilled"),
            (-9, "it ran out of memory (it asked for 100M): ask for more with @resources(memory=...)"),
        ),
        (terminated(139), (-11, "it ended with a segmentation fault")),
        (terminated(143), (-15, None)),
        (terminated(0, signal=9), (-9, None)),
        (terminated(255), (255, None)),
        *(
            (terminated(code, reason), (None, "its container was lost, as it is when its node starts anew"))
            for code, reason in ((137, "ContainerStatusUnknown"), (255, "Unknown"))
        ),
        (
            {"reason": "Evicted", "message": "The node was low on resource: memory.", **terminated(137)},
            (-9, "its pod was evicted: The node was low on resource: memory"),
        ),
        ({"reason": "DeadlineExceeded", **terminated(143)}, (-15, "it ran longer than its limit of 360 seconds")),
        (
            {"conditions": condition("DisruptionTarget", "True", "PreemptionByScheduler"), **terminated(143)},
            (-15, "its pod had to make room for one of a higher priority"),
        ),
        (
            {"conditions": condition("DisruptionTarget", "True", "SomethingNew", "who knows."), **terminated(143)},
            (-15, "its pod was ended by the cluster: who knows"),
        ),
        (
            {"conditions": condition("DisruptionTarget", "False", "PreemptionByScheduler"), **terminated(1)},
            (1, None),
        ),
        (
            {"reason": "NodeShutdown", "message": "Node is shutting down"},
            (None, "its node was shut down: Node is shutting down"),
        ),
        ({"reason": "OutOfmemory", "message": "Pod was rejected"}, (None, "its node refused it: Pod was rejected")),
        ({}, (None, "its pod failed without saying why")),
    ],
)
def test_how_a_pod_failed(status: dict[str, Any], expected: tuple[int | None, str | None]) -> None:
    state = read({"phase": "Failed", **status})
    assert (state.phase, (state.status, state.reason), state.retriable) == ("ended", expected, True)


def test_a_container_that_cannot_start_is_not_tried_again() -> None:
    state = read({"phase": "Failed", **terminated(128, "StartError", message='exec: "bash": not found')})
    assert state.reason == 'its container could not be started: exec: "bash": not found'
    assert not state.retriable


def test_a_pod_that_somebody_deleted() -> None:
    deleted = "2026-01-01T00:00:00Z"
    assert read({"phase": "Failed", **terminated(137)}, deletionTimestamp=deleted).reason == "its pod was deleted"
    own = read({"phase": "Failed", **terminated(3)}, deletionTimestamp=deleted)
    assert (own.status, own.reason) == (3, None), "the task was faster"


def test_a_node_that_is_lost_takes_its_time() -> None:
    conditions = condition("DisruptionTarget", "True", "DeletionByTaintManager")
    state = read({"phase": "Running", "conditions": conditions}, deletionTimestamp="2026-01-01T00:00:00Z")
    assert (state.phase, state.patience) == ("running", "lost")
    assert state.reason == "its pod was evicted, because its node is not available any more"
    old = read({"phase": "Running", "reason": "NodeLost"})
    assert (old.phase, old.patience, old.reason) == ("running", "lost", "its node was lost")


def test_what_a_job_says_of_its_tasks() -> None:
    assert read_job({"metadata": {}}) == read_job({"metadata": {}, "status": {"active": 3}})
    state = read_job({"metadata": {}, "status": {"completedIndexes": "0,2-4", "failedIndexes": "1"}})
    assert (state.succeeded, state.failed, state.ended) == ({0, 2, 3, 4}, {1}, "")
    waits = read_job({"metadata": {}, "status": {"conditions": condition("Suspended", "True", "JobSuspended")}})
    assert (waits.ended, waits.text) == ("", "its job is suspended, as one that waits in a queue is")


@pytest.mark.parametrize(
    ("conditions", "annotations", "ended"),
    [
        (condition("Failed", "True", "BackoffLimitExceeded"), {}, "its pod was deleted"),
        (condition("Failed", "True", "DeadlineExceeded"), {}, "its job took longer than it may"),
        (condition("Failed", "True", "DeadlineExceeded"), {"metaflow/cancelled": "true"}, "it was cancelled"),
        (condition("Failed", "True", "Other", "as it is."), {}, "its job failed: as it is"),
        (condition("Complete", "True", ""), {}, "its job has ended"),
        (condition("Failed", "False", "BackoffLimitExceeded"), {}, ""),
    ],
)
def test_how_a_job_ended(conditions: list[dict[str, str]], annotations: dict[str, str], ended: str) -> None:
    assert read_job({"metadata": {"annotations": annotations}, "status": {"conditions": conditions}}).ended == ended


def as_listed(numbers: set[int]) -> str:
    """Indices as Kubernetes writes them: in order, runs of three and more shortened."""
    parts, rest = [], sorted(numbers)
    while rest:
        first = last = rest.pop(0)
        while rest and rest[0] == last + 1:
            last = rest.pop(0)
        parts.append(str(first) if first == last else f"{first}-{last}")
    return ",".join(parts)


@given(st.sets(st.integers(0, 60)))
def test_indices_are_read_as_they_are_listed(numbers: set[int]) -> None:
    assert indices(as_listed(numbers)) == numbers


def test_a_quota_that_is_full_may_have_room_again_but_not_if_it_is_too_small() -> None:
    text = (
        'Error creating: pods "mf-1-x" is forbidden: exceeded quota: compute, requested: requests.memory=8Gi, '
        "used: requests.memory={used}, limited: requests.memory={limit}"
    )
    full, may_change = why_no_pod(text.format(used="6Gi", limit="10Gi"))
    assert may_change and full.startswith("the namespace's quota has no room for it: exceeded quota: compute")
    assert why_no_pod(text.format(used="0", limit="4000Mi"))[1] is False
    other, may_change = why_no_pod('Error creating: pods "x" is forbidden: violates PodSecurity "restricted"')
    assert (other, may_change) == ('its pod cannot be created: violates PodSecurity "restricted"', False)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", 1),
        ("500m", 0.5),
        ("4Gi", 4 * 2**30),
        ("4096M", 4096e6),
        ("1e3", 1000),
        ("1E", 1e18),
        ("0.5Ki", 512),
        ("x", None),
    ],
)
def test_quantities(text: str, amount: float | None) -> None:
    assert quantity(text) == amount


def node(**allocatable: str) -> dict[str, Any]:
    return {"status": {"allocatable": allocatable}}


def test_whether_a_node_could_ever_take_a_pod() -> None:
    nodes = [node(cpu="4", memory="8Gi"), node(cpu="16", memory="2Gi", **{"nvidia.com/gpu": "1"})]
    assert too_large_for({"cpu": "3", "memory": "8000M"}, nodes) == ""
    assert too_large_for({"cpu": "17"}, nodes) == "it asks for 17 of cpu, but the largest node has 16"
    assert too_large_for({"amd.com/gpu": "1"}, nodes) == "it asks for 1 of amd.com/gpu, but the largest node has 0"
    assert too_large_for({"cpu": "8", "memory": "4Gi"}, nodes) == "no node has all at once that it asks for"


def test_what_the_scheduler_itself_holds_for_hopeless() -> None:
    busy = (
        "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: "
        "2 No preemption victims found for incoming pod."
    )
    selector = (
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/2 nodes are "
        "available: 2 Preemption is not helpful for scheduling."
    )
    mixed = (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {a: b}. preemption: 0/2 nodes "
        "are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
    )
    assert (is_helpless(busy), is_helpless(selector), is_helpless(mixed)) == (False, True, False)
