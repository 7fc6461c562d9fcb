"""The objects that are created in a cluster, as plain data, checked against what Kubernetes publishes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from kubernetes_jobs import make_job
from metaflow.compute.backend import INDEX_VARIABLE, MAIN_ADDRESS_VARIABLE, METADATA_VARIABLE
from metaflow.compute.kubernetes.manifests import manifest
from metaflow.compute.kubernetes.names import annotations_of, facts_in, label_value, labels_of, run_label
from metaflow.compute.kubernetes.pods import Site, literal
from metaflow.decorators.kubernetes_options import is_label_value

kubernetes_validate = pytest.importorskip("kubernetes_validate")
SITE = Site()
VERSIONS = ("1.29", kubernetes_validate.latest_version().rpartition(".")[0])


def valid(body: dict[str, Any]) -> dict[str, Any]:
    """The body, if the published schemas of the oldest and the newest version that we know accept it."""
    if body["kind"] == "JobSet":
        for replicated in body["spec"]["replicatedJobs"]:
            valid({"apiVersion": "batch/v1", "kind": "Job", **replicated["template"]})
    else:
        for version in VERSIONS:
            kubernetes_validate.validate(body, version, strict=True)
    return body


def pod_spec(body: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = body["spec"]["template"]["spec"]
    return spec


def container(body: dict[str, Any]) -> dict[str, Any]:
    only: dict[str, Any]
    (only,) = pod_spec(body)["containers"]
    return only


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each.get("value") or each["valueFrom"]["fieldRef"]["fieldPath"] for each in container["env"]}


def test_a_task_is_a_job_that_is_not_tried_again_by_the_cluster() -> None:
    job = make_job("echo hello", facts={"task_id": "7", "attempt": "0"})
    body = valid(manifest(job, SITE))
    assert (body["kind"], body["metadata"]["name"], body["metadata"]["namespace"]) == ("Job", job.name, "default")
    spec = body["spec"]
    assert (spec["backoffLimit"], spec["ttlSecondsAfterFinished"]) == (0, 604_800)
    assert "completions" not in spec
    assert pod_spec(body)["restartPolicy"] == "Never"
    assert container(body)["command"] == ["bash", "-c", "echo hello"]
    assert container(body)["resources"] == {
        "requests": {"cpu": "0.01", "memory": "64M", "ephemeral-storage": "10M"},
    }
    labels = body["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "metaflow-task"
    assert labels["app.kubernetes.io/part-of"] == "metaflow"
    assert spec["template"]["metadata"] == {key: body["metadata"][key] for key in ("labels", "annotations")}
    assert body["metadata"]["annotations"] == {
        "metaflow/flow_name": "Flow",
        "metaflow/run_id": "1",
        "metaflow/step_name": "work",
        "metaflow/task_id": "7",
        "metaflow/attempt": "0",
        "metaflow/user": "ada",
    }


def test_the_time_limit_is_that_of_the_pod_and_later_than_that_of_the_task() -> None:
    assert pod_spec(manifest(make_job(), SITE))["activeDeadlineSeconds"] == 432_000 + 300
    limited = manifest(make_job(timeout=90.5), SITE)
    assert pod_spec(limited)["activeDeadlineSeconds"] == 391
    assert "activeDeadlineSeconds" not in limited["spec"], "waiting for a node is not part of it"


def test_the_environment_says_what_is_recorded_of_the_task() -> None:
    found = variables(container(manifest(make_job(variables={"A": "b"}), SITE)))
    assert found["A"] == "b"
    assert found["METAFLOW_KUBERNETES_WORKLOAD"] == "1"
    names = json.loads(found[METADATA_VARIABLE])
    assert {name: found[variable] for name, variable in names.items()} == {
        "kubernetes-pod-name": "metadata.name",
        "kubernetes-pod-namespace": "metadata.namespace",
        "kubernetes-pod-id": "metadata.uid",
        "kubernetes-pod-service-account-name": "spec.serviceAccountName",
        "kubernetes-node-ip": "status.hostIP",
    }
    assert INDEX_VARIABLE not in found


def test_several_tasks_are_one_indexed_job() -> None:
    body = valid(manifest(make_job(tasks=5, max_concurrent_tasks=2), SITE))
    spec = body["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 5, 2)
    assert spec["backoffLimitPerIndex"] == 0
    assert not {"backoffLimit", "maxFailedIndexes", "podFailurePolicy"} & spec.keys(), "no task ends another one"
    assert variables(container(body))[INDEX_VARIABLE] == "JOB_COMPLETION_INDEX"
    assert manifest(make_job(tasks=5), SITE)["spec"]["parallelism"] == 5


def test_a_gang_is_a_job_set_whose_control_comes_first() -> None:
    job = make_job(tasks=4, gang=True, port=29_500)
    body = valid(manifest(job, SITE))
    assert (body["apiVersion"], body["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
    spec = body["spec"]
    assert spec["startupPolicy"] == {"startupPolicyOrder": "InOrder"}
    assert spec["failurePolicy"] == {"maxRestarts": 0}
    control, worker = spec["replicatedJobs"]
    assert [(each["name"], each["replicas"]) for each in (control, worker)] == [("control", 1), ("worker", 3)]
    (first,) = control["template"]["spec"]["template"]["spec"]["containers"]
    (other,) = worker["template"]["spec"]["template"]["spec"]["containers"]
    address = f"{job.name}-control-0-0.{spec['network']['subdomain']}"
    for each in (first, other):
        found = variables(each)
        assert found["MF_MASTER_ADDR"] == found[MAIN_ADDRESS_VARIABLE] == address
        assert (found["MF_MASTER_PORT"], found["MF_WORLD_SIZE"]) == ("29500", "4")
        assert json.loads(found[METADATA_VARIABLE])["kubernetes-jobset-name"] == "METAFLOW_KUBERNETES_JOBSET_NAME"
        assert found["METAFLOW_KUBERNETES_JOBSET_NAME"] == job.name
    index = variables(first)[INDEX_VARIABLE]
    assert variables(first)[index] == "0"
    assert variables(other)["MF_WORKER_REPLICA_INDEX"] == "metadata.annotations['jobset.sigs.k8s.io/job-index']"
    assert index not in variables(other), "it is set by the command, from the number of the worker"
    assert other["command"][-3:] == first["command"]
    assert index in other["command"][2]


def test_a_gang_of_one_needs_no_job_set() -> None:
    body = valid(manifest(make_job(gang=True), SITE))
    assert body["kind"] == "Job"
    assert variables(container(body))["MF_WORLD_SIZE"] == "1"


def test_everything_that_can_be_asked_for() -> None:
    job = make_job(
        cpu=1.5,
        memory=2000,
        disk=500,
        gpu=2,
        gpu_vendor="amd",
        image="me/image:1",
        image_pull_policy="Never",
        image_pull_secrets=["pull"],
        service_account="worker",
        secrets=["one", "two"],
        node_selector={"zone": "a"},
        tolerations=[{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        labels={"team": "red"},
        annotations={"note": "any text, at all"},
        use_tmpfs=True,
        tmpfs_size=100,
        persistent_volume_claims={"data.of.all": "/data"},
        shared_memory=64,
        port=8000,
        compute_pool="pool",
        qos="guaranteed",
        security_context={"run_as_user": 1000, "allow_privilege_escalation": False},
        extended_resources={"example.com/fpga": 1},
        facts={"project": "p", "branch": "user.ada"},
    )
    site = Site("team", 100, 5, "g/v1", True)
    body = valid(manifest(job, site))
    assert body["metadata"]["namespace"] == "team"
    assert body["metadata"]["labels"]["team"] == "red"
    assert body["metadata"]["annotations"]["note"] == "any text, at all"
    assert body["metadata"]["annotations"]["metaflow/project_flow_name"] == "p.user.ada.Flow"
    assert body["spec"]["ttlSecondsAfterFinished"] == 5
    spec, only = pod_spec(body), container(body)
    assert spec["serviceAccountName"] == "worker"
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    assert spec["nodeSelector"] == {"zone": "a", "outerbounds.co/compute-pool": "pool"}
    assert spec["tolerations"] == [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert spec["volumes"] == [
        {"name": "tmpfs", "emptyDir": {"medium": "Memory", "sizeLimit": "100Mi"}},
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "claim-0", "persistentVolumeClaim": {"claimName": "data.of.all"}},
    ]
    assert [mount["mountPath"] for mount in only["volumeMounts"]] == ["/metaflow_temp", "/dev/shm", "/data"]
    assert only["envFrom"] == [{"secretRef": {"name": "one"}}, {"secretRef": {"name": "two"}}]
    requests = {"cpu": "1.5", "memory": "2000M", "ephemeral-storage": "500M"}
    assert only["resources"]["requests"] == requests
    assert only["resources"]["limits"] == {**requests, "example.com/fpga": "1", "amd.com/gpu": "2"}
    assert (only["image"], only["imagePullPolicy"]) == ("me/image:1", "Never")
    assert only["ports"] == [{"containerPort": 8000}]
    assert only["securityContext"] == {"runAsUser": 1000, "allowPrivilegeEscalation": False}
    found = variables(only)
    assert found["METAFLOW_TEMPDIR"] == "/metaflow_temp"
    assert found["METAFLOW_CODE_DIRECTORY"] == "/tmp", "what the task consists of does not take up memory"
    assert found["METAFLOW_KUBERNETES_FETCH_EC2_METADATA"] == "1"


def test_a_memory_file_system_need_not_be_the_directory_for_temporary_files() -> None:
    found = variables(container(manifest(make_job(use_tmpfs=True, tmpfs_tempdir=False), SITE)))
    assert "METAFLOW_TEMPDIR" not in found


@given(
    tasks=st.integers(1, 6),
    gang=st.booleans(),
    flow=st.text(min_size=1, max_size=80),
    run_id=st.text(min_size=1, max_size=80),
    value=st.text(alphabet="a$()B\\ '\"{}", max_size=20),
)
@hypothesis_settings(max_examples=30, deadline=None)
def test_no_name_and_no_value_makes_an_object_that_is_refused(
    tasks: int, gang: bool, flow: str, run_id: str, value: str
) -> None:
    job = make_job(tasks=tasks, gang=gang, facts={"flow": flow, "run_id": run_id}, variables={"V": value})
    body = valid(manifest(job, SITE))
    assert all(is_label_value(each) for each in body["metadata"]["labels"].values())
    assert facts_in(body["metadata"]["annotations"]) == job.facts


def expand(text: str, values: dict[str, str]) -> str:
    """What Kubernetes documents that it does to commands and variables."""
    return re.sub(
        r"\$(?:\$|\(([^)]*)\))",
        lambda match: "$" if match[1] is None else values.get(match[1], match[0]),
        text,
    )


@given(st.text(alphabet="ab$()", max_size=12))
def test_what_is_literal_stays_as_it_is(text: str) -> None:
    assert expand(literal(text), {"a": "replaced", "b": "replaced", "": "replaced"}) == text


@given(st.text(max_size=100), st.text(max_size=100))
def test_labels_are_valid_and_tell_texts_apart(one: str, other: str) -> None:
    assert is_label_value(label_value(one))
    assert (label_value(one) == label_value(other)) == (one == other)


def test_a_run_is_known_by_its_flow_too() -> None:
    one, other = {"flow": "A", "run_id": "1"}, {"flow": "B", "run_id": "1"}
    assert run_label(one) != run_label(other)
    assert all(is_label_value(value) for value in labels_of("mf-0", one).values())
    assert facts_in(annotations_of(one)) == one
