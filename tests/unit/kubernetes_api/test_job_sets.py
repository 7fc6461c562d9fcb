"""JobSets make Jobs whose pods know each other's names, and end as one."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.client import ApiException

from .conftest import Client, job, until

_ADDRESS = ("jobset.x-k8s.io", "v1alpha2", "default", "jobsets")


def _make(
    cluster: Client,
    name: str,
    control: list[str],
    worker: list[str],
    control_pod: dict[str, Any] | None = None,
    **spec: Any,
) -> None:
    def replicated(role: str, replicas: int, command: list[str]) -> dict[str, Any]:
        pod = {"terminationGracePeriodSeconds": 0, **((control_pod or {}) if role == "control" else {})}
        template = job("x", *command, pod=pod, completions=1, parallelism=1, completionMode="Indexed")
        return {"name": role, "replicas": replicas, "template": {"spec": template["spec"]}}

    body = {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": name},
        "spec": {"replicatedJobs": [replicated("control", 1, control), replicated("worker", 2, worker)], **spec},
    }
    cluster.custom.create_namespaced_custom_object(*_ADDRESS, body)


def _status(cluster: Client, name: str) -> dict[str, Any]:
    return cluster.custom.get_namespaced_custom_object(*_ADDRESS, name).get("status", {})


def _ended(cluster: Client, name: str) -> dict[str, Any]:
    return until(lambda: _status(cluster, name) if "terminalState" in _status(cluster, name) else None)


def _pods(cluster: Client, name: str) -> dict[str, Any]:
    found = cluster.core.list_namespaced_pod("default", label_selector=f"jobset.sigs.k8s.io/jobset-name={name}").items
    return {pod.spec.hostname: pod for pod in found}


def test_the_pods_of_a_set_reach_each_other_by_name(containers: Client) -> None:
    listen = (
        "import socket; s = socket.create_server(('127.0.0.1', 29517)); [s.accept() for _ in range(2)]; print('met')"
    )
    reach = (
        "import socket, time\n"
        "for _ in range(300):\n"
        "    try:\n"
        "        socket.create_connection(('gang-control-0-0.gang', 29517)); break\n"
        "    except ConnectionRefusedError:\n"
        "        time.sleep(0.1)\n"
        "print(socket.gethostname())"
    )
    _make(containers, "gang", ["python", "-c", listen], ["python", "-c", reach], network={"subdomain": "gang"})
    status = _ended(containers, "gang")
    assert status["terminalState"] == "Completed"
    assert [(c["type"], c["reason"]) for c in status["conditions"]] == [("Completed", "AllJobsCompleted")]
    pods = _pods(containers, "gang")
    assert sorted(pods) == ["gang-control-0-0", "gang-worker-0-0", "gang-worker-1-0"]
    assert containers.log(pods["gang-control-0-0"]) == "met\n"
    assert containers.log(pods["gang-worker-1-0"]) == "gang-worker-1-0\n"
    labels = pods["gang-worker-1-0"].metadata.labels
    assert labels["jobset.sigs.k8s.io/job-index"] == "1" and labels["jobset.sigs.k8s.io/job-global-index"] == "2"
    assert labels["jobset.sigs.k8s.io/replicatedjob-name"] == "worker" and labels["job-name"] == "gang-worker-1"


def test_one_failure_is_that_of_all(cluster: Client) -> None:
    _make(cluster, "gang", ["sleep", "600"], ["sh", "-c", "exit 3"], failurePolicy={"maxRestarts": 0})
    status = _ended(cluster, "gang")
    assert status["terminalState"] == "Failed" and status["conditions"][0]["reason"] == "FailedJobs"
    until(lambda: "gang-control-0-0" not in _pods(cluster, "gang"))


def test_a_set_starts_again_as_often_as_it_may(cluster: Client) -> None:
    _make(cluster, "gang", ["sleep", "600"], ["sh", "-c", "exit 3"], failurePolicy={"maxRestarts": 1})
    status = _ended(cluster, "gang")
    assert (status["restarts"], status["conditions"][-1]["reason"]) == (1, "ReachedMaxRestarts")


def test_workers_start_when_the_first_runs(cluster: Client) -> None:
    order = {"startupPolicyOrder": "InOrder"}
    picky = {"nodeSelector": {"for": "control"}}
    _make(cluster, "gang", ["sleep", "600"], ["true"], picky, startupPolicy=order, successPolicy={"operator": "Any"})
    conditions = until(lambda: _status(cluster, "gang").get("conditions"))
    assert conditions[0]["type"] == "StartupPolicyInProgress"
    until(lambda: _pods(cluster, "gang"))
    assert [job.metadata.name for job in cluster.batch.list_namespaced_job("default").items] == ["gang-control-0"]
    cluster.server.set_nodes({"node-1": {"labels": {"for": "control"}}})
    assert _ended(cluster, "gang")["terminalState"] == "Completed"
    # Whichever of the workers was first ended the set, and with it the other.
    assert {"gang-worker-0-0", "gang-worker-1-0"} & _pods(cluster, "gang").keys()


def test_deleting_a_set_deletes_all_that_it_made(cluster: Client) -> None:
    _make(cluster, "gang", ["sleep", "600"], ["sleep", "600"])
    until(lambda: len(_pods(cluster, "gang")) == 3)
    cluster.custom.delete_namespaced_custom_object(*_ADDRESS, "gang")
    until(lambda: not _pods(cluster, "gang") and not cluster.batch.list_namespaced_job("default").items)


def test_a_wrong_set_is_refused(cluster: Client) -> None:
    with pytest.raises(ApiException) as unknown:
        _make(cluster, "a", ["true"], ["true"], network={"enableDnsHostnames": True})
    assert unknown.value.status == 400 and "enableDnsHostnames" in unknown.value.body
    with pytest.raises(ApiException) as other:
        _make(cluster, "a", ["true"], ["true"], startupPolicy={"startupPolicyOrder": "Random"})
    assert other.value.status == 422
    with pytest.raises(ApiException) as target:
        _make(cluster, "a", ["true"], ["true"], successPolicy={"operator": "All", "targetReplicatedJobs": ["boss"]})
    assert target.value.status == 422 and "no such replicated job" in target.value.body
