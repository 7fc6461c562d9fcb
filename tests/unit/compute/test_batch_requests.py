"""What AWS Batch is asked: every request is checked against AWS's own model of its interface."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from aws_batch_stub import check_shape
from metaflow.compute.backend import INDEX_VARIABLE, MAIN_NODE_ENDS_ALL_VARIABLE, Job, JobRefused
from metaflow.compute.batch.queues import Queue
from metaflow.compute.batch.requests import is_ours, job_name, job_tags, requests_for
from metaflow.compute.batch.sizes import FARGATE_SIZES, container_size
from metaflow.decorators.batch import BatchDecorator
from metaflow.decorators.resources import ResourcesDecorator
from metaflow.exception import MetaflowException

EC2 = Queue("machines", False, 64)
FARGATE = Queue("serverless", True, None)
NAME = "mf-0123456789abcdef"
ROLE = "arn:aws:iam::1:role/execution"


def job(tasks: int = 1, *, is_gang: bool = False, resources: dict[str, Any] | None = None, **options: Any) -> Job:
    decorators = [ResourcesDecorator(resources)] if resources is not None else []
    return Job(
        NAME,
        "train",
        tuple(f"train/{number}/0" for number in range(tasks)),
        is_gang,
        ("bash", "-c", "python bootstrap"),
        {"METAFLOW_JOB": "somewhere"},
        BatchDecorator(options).options(decorators),
        None,
        {"flow": "My_Flow", "run_id": "12", "step": "train", "user": "ann@example.com"},
    )


def requests(made: Job, queue: Queue = EC2) -> tuple[dict[str, Any], dict[str, Any]]:
    definition, submission = requests_for(made, queue)
    check_shape("RegisterJobDefinition", definition)
    check_shape("SubmitJob", {"jobDefinition": "arn", **submission})
    return definition, submission


def properties(made: Job, queue: Queue = EC2) -> dict[str, Any]:
    definition, _ = requests(made, queue)
    return definition["containerProperties"]


def variables(overrides: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in overrides.get("environment", ())}


def test_a_plain_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_BATCH_CONTAINER_IMAGE", "team/image:2")
    monkeypatch.setenv("METAFLOW_BATCH_CONTAINER_REGISTRY", "registry.example.com/")
    monkeypatch.setenv("METAFLOW_ECS_S3_ACCESS_IAM_ROLE", "arn:role")
    definition, submission = requests(job()._replace(timeout_seconds=30.5))
    assert re.fullmatch(r"metaflow_[0-9a-f]{56}", definition.pop("jobDefinitionName"))
    assert definition == {
        "type": "container",
        "platformCapabilities": ["EC2"],
        "retryStrategy": {"attempts": 1},
        "containerProperties": {
            "image": "registry.example.com/team/image:2",
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "4096"}],
            "jobRoleArn": "arn:role",
        },
    }
    overrides = submission.pop("containerOverrides")
    assert overrides["command"] == ["bash", "-c", "python bootstrap"]
    told = variables(overrides)
    assert json.loads(told.pop("METAFLOW_TASK_METADATA_FROM"))["aws-batch-job-id"] == "AWS_BATCH_JOB_ID"
    assert told == {"METAFLOW_JOB": "somewhere"}
    assert submission == {
        "jobName": f"ann_example_com-My_Flow-12-train-{NAME}",
        "jobQueue": "machines",
        "parameters": {"flow": "My_Flow", "run_id": "12", "step": "train", "user": "ann@example.com"},
        "timeout": {"attemptDurationSeconds": 151},
    }


def test_jobs_share_definitions_that_say_the_same() -> None:
    names = [requests(each)[0]["jobDefinitionName"] for each in (job(), job(5), job()._replace(variables={"A": "b"}))]
    assert len(set(names)) == 1
    assert requests(job(memory=5000))[0]["jobDefinitionName"] != names[0]


def test_an_array() -> None:
    _, submission = requests(job(10))
    assert submission["timeout"] == {"attemptDurationSeconds": 5 * 24 * 3600 + 120}
    assert submission["arrayProperties"] == {"size": 10}
    assert variables(submission["containerOverrides"])[INDEX_VARIABLE] == "AWS_BATCH_JOB_ARRAY_INDEX"
    assert MAIN_NODE_ENDS_ALL_VARIABLE not in variables(submission["containerOverrides"])


def test_several_nodes() -> None:
    definition, submission = requests(job(4, is_gang=True, gpu=2))
    assert definition["type"] == "multinode"
    nodes = definition["nodeProperties"]
    assert (nodes["numNodes"], nodes["mainNode"]) == (4, 0)
    (node_range,) = nodes["nodeRangeProperties"]
    assert node_range["targetNodes"] == "0:3"
    assert {"type": "GPU", "value": "2"} in node_range["container"]["resourceRequirements"]
    (part,) = submission["nodeOverrides"]["nodePropertyOverrides"]
    assert part["targetNodes"] == "0:3"
    overrides = part["containerOverrides"]
    assert overrides["command"][-3:] == ["bash", "-c", "python bootstrap"]
    assert variables(overrides)[INDEX_VARIABLE] == "AWS_BATCH_JOB_NODE_INDEX"
    assert MAIN_NODE_ENDS_ALL_VARIABLE in variables(overrides)
    assert "arrayProperties" not in submission
    assert "containerOverrides" not in submission
    assert requests(job(1, is_gang=True))[0]["type"] == "container"
    with pytest.raises(JobRefused, match="Fargate, which has no jobs of several nodes, but step .train. is @parallel"):
        requests_for(job(2, is_gang=True, execution_role=ROLE), FARGATE)


@pytest.mark.parametrize(("address", "expected"), [("10.0.0.7", "10.0.0.7"), (None, "unset")])
def test_nodes_are_told_where_the_main_one_is(address: str | None, expected: str) -> None:
    import subprocess

    made = job(2, is_gang=True)._replace(command=("bash", "-c", "echo ${METAFLOW_MAIN_ADDRESS-unset}"))
    (part,) = requests(made)[1]["nodeOverrides"]["nodePropertyOverrides"]
    environment = {"AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": address} if address else {}
    command = part["containerOverrides"]["command"]
    said = subprocess.run(command, env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, text=True)
    assert said.stdout.strip() == expected, said.stderr


def test_all_that_a_container_on_ec2_may_have() -> None:
    made = properties(
        job(
            cpu="2.5",
            memory="1000",
            gpu=1,
            image="a/b",
            iam_role="arn:task",
            execution_role=ROLE,
            shared_memory=64,
            max_swap=0,
            swappiness=10,
            use_tmpfs="true",
            tmpfs_path="/fast",
            trainium=2,
            efa=1,
            privileged=True,
            log_driver="awslogs",
            log_options=["awslogs-group:mine", "awslogs-region=eu-west-1"],
            host_volumes=["/data", "/a:/b"],
            efs_volumes="fs-12,fs-34:/shared",
        )
    )
    devices = ["/dev/neuron0", "/dev/neuron1", "/dev/infiniband/uverbs0"]
    assert made == {
        "image": "a/b",
        "resourceRequirements": [
            {"type": "VCPU", "value": "3"},
            {"type": "MEMORY", "value": "1000"},
            {"type": "GPU", "value": "1"},
        ],
        "jobRoleArn": "arn:task",
        "executionRoleArn": ROLE,
        "linuxParameters": {
            "sharedMemorySize": 64,
            "maxSwap": 0,
            "swappiness": 10,
            "tmpfs": [{"containerPath": "/fast", "size": 500}],
            "devices": [{"hostPath": d, "containerPath": d, "permissions": ["READ", "WRITE"]} for d in devices],
        },
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": "mine", "awslogs-region": "eu-west-1"},
        },
        "privileged": True,
        "volumes": [
            {"name": "host-0", "host": {"sourcePath": "/data"}},
            {"name": "host-1", "host": {"sourcePath": "/a"}},
            {"name": "efs-fs-12", "efsVolumeConfiguration": {"fileSystemId": "fs-12", "transitEncryption": "ENABLED"}},
            {"name": "efs-fs-34", "efsVolumeConfiguration": {"fileSystemId": "fs-34", "transitEncryption": "ENABLED"}},
        ],
        "mountPoints": [
            {"sourceVolume": "host-0", "containerPath": "/data", "readOnly": False},
            {"sourceVolume": "host-1", "containerPath": "/b", "readOnly": False},
            {"sourceVolume": "efs-fs-12", "containerPath": "/mnt/fs-12", "readOnly": False},
            {"sourceVolume": "efs-fs-34", "containerPath": "/shared", "readOnly": False},
        ],
    }


def test_fargate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_ECS_FARGATE_EXECUTION_ROLE", ROLE)
    definition, _ = requests(job(image="a/b", ephemeral_storage=50, efs_volumes="fs-1"), FARGATE)
    assert definition["platformCapabilities"] == ["FARGATE"]
    made = definition["containerProperties"]
    assert made["executionRoleArn"] == ROLE
    assert made["networkConfiguration"] == {"assignPublicIp": "ENABLED"}
    assert made["ephemeralStorage"] == {"sizeInGiB": 50}
    nothing, _ = requests(job(image="a/b", max_swap=0, swappiness=0), FARGATE)
    assert "linuxParameters" not in nothing["containerProperties"], "Fargate refuses even the request for no swap"
    for option in ({"gpu": 1}, {"use_tmpfs": True}, {"tmpfs_size": 5}, {"host_volumes": "/a"}, {"swappiness": 5}):
        with pytest.raises(JobRefused, match=f"asks for {next(iter(option))}=.*'serverless' is of Fargate"):
            requests_for(job(**option), FARGATE)
    with pytest.raises(JobRefused, match="ephemeral_storage=50., which only Fargate"):
        requests_for(job(ephemeral_storage=50), EC2)


@hypothesis_settings(deadline=None)
@given(cpu=st.floats(0.25, 16), memory=st.integers(4, FARGATE_SIZES[16][-1]))
def test_fargate_has_a_size_for_every_request_and_none_smaller_would_do(cpu: float, memory: int) -> None:
    cores, mebibytes = container_size(cpu, memory, FARGATE, "train")
    chosen = (float(cores), int(mebibytes))
    assert chosen[1] in FARGATE_SIZES[chosen[0]]
    assert chosen[0] >= cpu and chosen[1] >= memory
    fitting = [(c, m) for c, sizes in FARGATE_SIZES.items() for m in sizes if c >= cpu and m >= memory]
    assert chosen == min(fitting)


def test_what_no_machine_has_is_refused_at_once() -> None:
    with pytest.raises(JobRefused, match="asks for 65 cores.*more than 64: it would wait for ever"):
        requests_for(job(cpu=64.5), EC2)
    with pytest.raises(JobRefused, match="Fargate has at most 16 cores and 122880 MB"):
        requests_for(job(cpu=17, execution_role=ROLE), FARGATE)


def test_the_larger_of_both_decorators_counts() -> None:
    made = properties(job(cpu=2, resources={"cpu": 1, "memory": 9000, "gpu": 1, "shared_memory": 5}))
    assert {each["type"]: each["value"] for each in made["resourceRequirements"]} == {
        "VCPU": "2",
        "MEMORY": "9000",
        "GPU": "1",
    }
    assert made["linuxParameters"] == {"sharedMemorySize": 5}


def test_the_file_system_in_memory_is_the_directory_for_temporary_files() -> None:
    told = variables(requests(job(tmpfs_size=5))[1]["containerOverrides"])
    assert told["METAFLOW_TEMPDIR"] == "/metaflow_temp"
    told = variables(requests(job(tmpfs_size=5, tmpfs_tempdir=False))[1]["containerOverrides"])
    assert "METAFLOW_TEMPDIR" not in told


def test_what_is_too_long_for_overrides_goes_into_the_definition() -> None:
    long_command = ("bash", "-c", "x" * 6000)
    definition, submission = requests(job()._replace(command=long_command, variables={"A": "y" * 3000}))
    assert definition["containerProperties"]["command"] == list(long_command)
    assert "A" in variables(submission["containerOverrides"])
    definition, submission = requests(job()._replace(variables={"A": "y" * 9000}))
    assert variables(definition["containerProperties"])["A"] == "y" * 9000
    assert submission["containerOverrides"] == {}
    with pytest.raises(JobRefused, match="has room for 61,440. The longest variable is LONG"):
        requests_for(job()._replace(variables={"LONG": "y" * 70_000}), EC2)


TEXT = st.text(max_size=300)


@given(facts=st.dictionaries(st.sampled_from(["flow", "run_id", "step", "user", "task_id", "attempt"]), TEXT))
@hypothesis_settings(max_examples=50, deadline=None)
def test_names_are_such_as_aws_accepts(facts: dict[str, str]) -> None:
    made = job()._replace(facts=facts)
    name = job_name(made)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", name)
    assert name.endswith(NAME)
    assert is_ours(name)
    check_shape("SubmitJob", {"jobDefinition": "arn", **requests_for(made, EC2).submission})


def test_only_our_jobs_are_ours() -> None:
    assert not is_ours("nightly-mf-report")
    assert not is_ours("")


def test_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    assert job_tags(job()) == {}
    monkeypatch.setenv("METAFLOW_BATCH_EMIT_TAGS", "true")
    monkeypatch.setenv("METAFLOW_BATCH_DEFAULT_TAGS", '{"team": "a", "app": "ours"}')
    _, submission = requests(
        job(aws_batch_tags={"team": "b"})._replace(facts={"flow": "A", "user": "x&y", "attempt": "0"})
    )
    assert submission["tags"] == {
        "app": "ours",
        "metaflow.flow_name": "A",
        "metaflow.user": "x_y",
        "metaflow.retry_count": "0",
        "team": "b",
    }
    assert submission["propagateTags"] is True
    monkeypatch.setenv("METAFLOW_BATCH_DEFAULT_TAGS", '{"aws:x": "y"}')
    with pytest.raises(MetaflowException, match="METAFLOW_BATCH_DEFAULT_TAGS cannot be used: the key 'aws:x' begins"):
        job_tags(job())


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("python:3.12", "reg.io/team/python:3.12"),
        ("org/image", "reg.io/team/org/image"),
        ("ghcr.io/org/image", "ghcr.io/org/image"),
        ("localhost/image", "localhost/image"),
        ("host:5000/image", "host:5000/image"),
    ],
)
def test_images_without_a_registry_get_that_of_the_settings(
    named: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAFLOW_DEFAULT_CONTAINER_REGISTRY", "reg.io/team")
    assert properties(job(image=named))["image"] == expected
