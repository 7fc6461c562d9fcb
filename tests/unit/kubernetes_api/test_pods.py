"""Pods run as their manifests say, and what befalls them is written down as a real cluster does."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from kubernetes import watch
from kubernetes.client import ApiException

from .conftest import Client, until


def _waiting(cluster: Client, name: str, reason: str):
    def found():
        for pod in cluster.pods(name):
            for status in pod.status.container_statuses or ():
                if status.state.waiting and status.state.waiting.reason == reason:
                    return pod
        return None

    return until(found)


def _condition(pod, kind: str):
    return next((c for c in pod.status.conditions or () if c.type == kind), None)


def test_a_container_has_what_its_manifest_gives_it(containers: Client, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("shared")
    containers.core.create_namespaced_secret(
        "default",
        {"metadata": {"name": "keys"}, "data": {"TOKEN": base64.b64encode(b"s3cret").decode()}},
    )
    script = (
        "import json, os, pathlib\n"
        "pathlib.Path('/scratch/x').write_text('1'); pathlib.Path('/memory/x').write_text('1')\n"
        "pathlib.Path('/shared/answer').write_text('42')\n"
        "print(json.dumps({'env': dict(os.environ), 'cwd': os.getcwd(), 'user': os.getuid(),"
        " 'shared': pathlib.Path('/shared/file').read_text(),"
        " 'memory': os.statvfs('/memory').f_blocks * os.statvfs('/memory').f_frsize}))"
    )
    own = {"fieldRef": {"fieldPath": "metadata.name"}}
    labelled = {"fieldRef": {"fieldPath": "metadata.labels['job-name']"}}
    container = {
        "args": ["-c", script],
        "workingDir": "/usr",
        "env": [
            {"name": "POD", "valueFrom": own},
            {"name": "JOB", "valueFrom": labelled},
            {"name": "GREETING", "value": "hello $(POD) $(UNKNOWN) $$(POD)"},
        ],
        "envFrom": [{"secretRef": {"name": "keys"}}],
        "volumeMounts": [
            {"name": "disk", "mountPath": "/scratch"},
            {"name": "memory", "mountPath": "/memory"},
            {"name": "host", "mountPath": "/shared"},
        ],
        "resources": {"limits": {"memory": "256Mi", "cpu": "500m"}},
    }
    volumes = [
        {"name": "disk", "emptyDir": {}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        {"name": "host", "hostPath": {"path": str(tmp_path)}},
    ]
    containers.run("full", "python", pod={"container": container, "volumes": volumes})
    pod = containers.ended_pod("full")
    printed = containers.log(pod)
    assert pod.status.phase == "Succeeded", printed
    seen = json.loads(printed)
    assert seen["env"]["POD"] == pod.metadata.name and seen["env"]["JOB"] == "full"
    assert seen["env"]["GREETING"] == f"hello {pod.metadata.name} $(UNKNOWN) $(POD)"
    assert seen["env"]["TOKEN"] == "s3cret" and "PYTEST_CURRENT_TEST" not in seen["env"]
    assert (seen["cwd"], seen["user"], seen["shared"]) == ("/usr", 0, "shared")
    assert seen["memory"] == 16 * 2**20
    assert (tmp_path / "answer").read_text() == "42"
    assert not Path("/scratch").exists(), "what a container writes stays in it"


def test_a_container_over_its_limit_of_memory_is_ended(containers: Client) -> None:
    resources = {"resources": {"limits": {"memory": "48Mi"}}}
    containers.run("greedy", "python", "-c", "x = bytearray(300_000_000)", pod={"container": resources})
    state = containers.ended_pod("greedy").status.container_statuses[0].state.terminated
    assert (state.exit_code, state.reason) == (137, "OOMKilled")
    # In a container, the first process cannot kill itself; what it starts can, and is no lack of memory.
    containers.run("child", "sh", "-c", "sh -c 'kill -KILL $$$$'", pod={"container": resources})
    state = containers.ended_pod("child").status.container_statuses[0].state.terminated
    assert (state.exit_code, state.reason) == (137, "Error")


def test_a_container_may_run_as_somebody_else_but_not_as_root_against_its_will(containers: Client) -> None:
    container = {"securityContext": {"runAsUser": 12345, "runAsGroup": 23456, "allowPrivilegeEscalation": False}}
    containers.run("other", "sh", "-c", "id -u; id -g", pod={"container": container})
    assert containers.log(containers.ended_pod("other")) == "12345\n23456\n"
    containers.run("root", "id", pod={"container": {"securityContext": {"runAsNonRoot": True}}})
    pod = _waiting(containers, "root", "CreateContainerConfigError")
    assert "runAsNonRoot" in pod.status.container_statuses[0].state.waiting.message


def test_a_command_that_is_not_in_the_image_cannot_start(containers: Client) -> None:
    containers.run("lost", "no-such-program")
    pod = containers.ended_pod("lost")
    state = pod.status.container_statuses[0].state.terminated
    assert (state.exit_code, state.reason) == (128, "StartError")
    assert "executable file not found" in state.message and containers.log(pod) == ""
    containers.server.run_pods_as("process")
    containers.run("lost-process", "no-such-program")
    assert containers.ended_pod("lost-process").status.container_statuses[0].state.terminated.reason == "StartError"


def test_a_pod_has_its_time_to_end(containers: Client) -> None:
    script = "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    containers.run("polite", "bash", "-c", script, pod={"terminationGracePeriodSeconds": 20})
    # Without a handler, the first process of a container does not hear the signal.
    containers.run("deaf", "sleep", "600", pod={"terminationGracePeriodSeconds": 1})
    polite, deaf = containers.running_pod("polite"), containers.running_pod("deaf")
    until(lambda: containers.log(polite) == "ready\n")
    begin = containers.core.list_namespaced_pod("default").metadata.resource_version
    codes = {}
    for pod in (polite, deaf):
        deleted = containers.core.delete_namespaced_pod(pod.metadata.name, "default")
        assert deleted.metadata.deletion_timestamp is not None
    stream = watch.Watch()
    for event in stream.stream(
        containers.core.list_namespaced_pod, "default", resource_version=begin, timeout_seconds=30
    ):
        if event["type"] == "DELETED":
            pod = event["object"]
            codes[pod.metadata.labels["job-name"]] = pod.status.container_statuses[0].state.terminated.exit_code
            if len(codes) == 2:
                break
    assert codes == {"polite": 5, "deaf": 137}


def test_an_image_that_cannot_be_pulled_keeps_its_pod_waiting(cluster: Client) -> None:
    cluster.run("typo", "true", pod={"container": {"image": "registry.example/pyhton:3.11"}})
    pod = _waiting(cluster, "typo", "ErrImagePull")
    pod = _waiting(cluster, "typo", "ImagePullBackOff")
    assert pod.status.phase == "Pending"
    message = pod.status.container_statuses[0].state.waiting.message
    assert message.startswith('Back-off pulling image "registry.example/pyhton:3.11"') and "not found" in message
    cluster.core.delete_namespaced_pod(pod.metadata.name, "default")
    cluster.run("never", "true", pod={"container": {"image": "nowhere:1", "imagePullPolicy": "Never"}})
    _waiting(cluster, "never", "ErrImageNeverPull")


def test_what_a_manifest_names_has_to_be_there(cluster: Client) -> None:
    cluster.run("keyless", "true", pod={"container": {"envFrom": [{"secretRef": {"name": "gone"}}]}})
    pod = _waiting(cluster, "keyless", "CreateContainerConfigError")
    assert pod.status.container_statuses[0].state.waiting.message == 'secret "gone" not found'
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "gone"}}]
    cluster.run("claimless", "true", pod={"volumes": volumes})
    condition = until(lambda: [c for p in cluster.pods("claimless") if (c := _condition(p, "PodScheduled"))])[0]
    assert 'persistentvolumeclaim "gone" not found' in condition.message


def test_a_pod_that_fits_on_no_node_waits_and_says_why(cluster: Client) -> None:
    small = {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": 1}
    tainted = {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}
    cluster.server.set_nodes({"small": {"capacity": small}, "tainted": tainted})

    def refused(name: str, **pod) -> str:
        cluster.run(name, "true", pod=pod)
        found = until(lambda: [c for p in cluster.pods(name) if (c := _condition(p, "PodScheduled"))])[0]
        assert (found.status, found.reason) == ("False", "Unschedulable")
        return found.message

    large = {"resources": {"requests": {"memory": "5Gi"}}}
    message = refused("large", container=large)
    assert message.startswith(
        "0/2 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint {gpu: yes}. preemption:"
    )
    gpus = {"resources": {"limits": {"nvidia.com/gpu": "2"}}}
    assert "1 Insufficient nvidia.com/gpu" in refused("gpus", container=gpus)
    assert "didn't match Pod's node affinity/selector" in refused("picky", nodeSelector={"zone": "moon"})
    events = cluster.core.list_namespaced_event("default", field_selector="reason=FailedScheduling").items
    assert any(event.message == message for event in events)
    tolerant = {"tolerations": [{"key": "gpu", "operator": "Exists"}], "container": large}
    cluster.run("tolerant", "true", pod=tolerant)
    assert cluster.ended_pod("tolerant").spec.node_name == "tainted"
    cluster.server.set_nodes({"new": {}})
    assert cluster.ended_pod("large").spec.node_name == "new"


def test_pods_wait_for_room_and_then_run(cluster: Client) -> None:
    cluster.server.set_nodes({"small": {"capacity": {"cpu": "2"}}})
    whole = {"container": {"resources": {"requests": {"cpu": "2"}}}}
    cluster.run("first", "sh", "-c", "sleep 0.5", pod=whole)
    cluster.running_pod("first")
    cluster.run("second", "true", pod=whole)
    until(lambda: [c for p in cluster.pods("second") if (c := _condition(p, "PodScheduled")) and c.status == "False"])
    assert cluster.ended_pod("first").status.phase == cluster.ended_pod("second").status.phase == "Succeeded"


def test_an_evicted_pod_stays_and_says_so(cluster: Client) -> None:
    cluster.run("victim", "sleep", "600")
    pod = cluster.running_pod("victim")
    cluster.server.evict(pod.metadata.name)
    pod = cluster.core.read_namespaced_pod(pod.metadata.name, "default")
    assert (pod.status.phase, pod.status.reason) == ("Failed", "Evicted")
    assert pod.status.message == "The node was low on resource: memory."
    assert _condition(pod, "DisruptionTarget").reason == "TerminationByKubelet"
    assert cluster.ended_job("victim")[1].reason == "BackoffLimitExceeded"


def test_drained_preempted_and_lost_pods_are_gone_but_it_was_said_why(cluster: Client) -> None:
    quick = {"terminationGracePeriodSeconds": 0}
    begin = cluster.core.list_namespaced_pod("default").metadata.resource_version
    names = {}
    for name in ("drained", "preempted", "lost"):
        cluster.run(name, "sleep", "600", pod=quick)
        names[name] = cluster.running_pod(name).metadata.name
    cluster.server.drain(names["drained"])
    cluster.server.preempt(names["preempted"])
    until(lambda: len(cluster.core.list_namespaced_pod("default").items) == 1)
    cluster.server.lose_node("node-1")
    reasons, stream = {}, watch.Watch()
    for event in stream.stream(cluster.core.list_namespaced_pod, "default", resource_version=begin, timeout_seconds=20):
        if event["type"] == "DELETED":
            pod = event["object"]
            reasons[pod.metadata.labels["job-name"]] = (pod.status.reason, _condition(pod, "DisruptionTarget").reason)
            if len(reasons) == 3:
                break
    assert reasons == {
        "drained": (None, "EvictionByEvictionAPI"),
        "preempted": (None, "PreemptionByScheduler"),
        "lost": ("NodeLost", "DeletionByPodGC"),
    }


def test_a_pod_past_its_own_deadline_fails(cluster: Client) -> None:
    cluster.run("late", "sleep", "600", pod={"activeDeadlineSeconds": 1})
    pod = cluster.ended_pod("late")
    assert (pod.status.phase, pod.status.reason) == ("Failed", "DeadlineExceeded")


def test_logs_are_read_in_parts_and_as_they_grow(cluster: Client) -> None:
    cluster.run("talks", "sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.1; done")
    pod = cluster.running_pod("talks")
    followed = cluster.core.read_namespaced_pod_log(
        pod.metadata.name, "default", follow=True, _preload_content=False
    ).read()
    assert followed == b"line 1\nline 2\nline 3\n"

    def log(**query) -> bytes:
        return cluster.core.read_namespaced_pod_log(pod.metadata.name, "default", _preload_content=False, **query).data

    assert log(tail_lines=2) == b"line 2\nline 3\n"
    assert log(limit_bytes=8) == b"line 1\nl"
    assert log(tail_lines=0) == b""
    cluster.run("typo", "true", pod={"container": {"image": "pyhton:3.11"}})
    waiting = _waiting(cluster, "typo", "ImagePullBackOff")
    with pytest.raises(ApiException) as caught:
        cluster.core.read_namespaced_pod_log(waiting.metadata.name, "default")
    assert caught.value.status == 400 and "is waiting to start" in caught.value.body
