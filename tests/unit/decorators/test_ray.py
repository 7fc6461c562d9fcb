"""What ``@ray_step`` and ``@metaflow_ray`` accept, and the commands that start Ray."""

from __future__ import annotations

import os
from typing import Any

import pytest

from metaflow import metaflow_ray, parallel, ray_parallel, ray_step, resources, step
from metaflow.decorators.metaflow_ray import MetaflowRayDecorator
from metaflow.distributed.ray_cluster import free_port, head_command, is_one_machine, join_command, object_store_bytes
from metaflow.exception import MetaflowException


def problem(decorators: list[Any]) -> str:
    """What is wrong with a step; empty if nothing is."""

    class Node:
        def __init__(self, decorators):
            self.decorators = decorators

    @step
    def work(self):
        pass

    for decorate in decorators:
        work = decorate(work)
    if work.misdeclared:
        return str(work.misdeclared[0])
    for decorator in work.decorators:
        try:
            decorator.validate({"work": Node(work.decorators)}, "work")
        except MetaflowException as error:
            return str(error)
    return ""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ""),
        ({"cpu": 0.5, "gpu": "2", "memory": 500, "resources": {"TPU": 1}, "runtime_env": {"pip": ["a"]}}, ""),
        ({"cpu": 1.5}, "no fractions above 1"),
        ({"gpu": "many"}, "should be a number"),
        ({"memory": -1}, "at least 0"),
        ({"resources": {"CPU": 2}}, "@ray_step(cpu=2)"),
        ({"resources": {"TPU": "one"}}, "a name and a number"),
        ({"resources": {"TPU": float("nan")}}, "a name and a number"),
        ({"resources": "TPU"}, "a dictionary"),
        ({"runtime_env": "pip"}, "a dictionary"),
        ({"runtime_env": {"working_dir": "."}}, "a place on this machine"),
        ({"runtime_env": {"working_dir": "s3://bucket/a.zip", "py_modules": ["s3://b/c.zip"]}}, ""),
        ({"runtime_env": {"py_modules": ["lib"]}}, "a place on this machine"),
        ({"placement_strategy": "ANYWHERE"}, "STRICT_SPREAD"),
        ({"max_concurrent_tasks": 0}, "max_concurrent_tasks"),
    ],
)
def test_attributes_of_ray_step(given: dict[str, Any], said: str) -> None:
    found = problem([ray_step(**given)])
    assert said in found if said else not found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ""),
        ({"main_port": 6400, "log_style": "record", "logging_level": "DEBUG", "enable_dashboard": True}, ""),
        ({"main_port": 0}, "port from 1 to 65535"),
        ({"dashboard_port": 70_000}, "port from 1 to 65535"),
        ({"log_style": "loud"}, "auto, record, pretty"),
        ({"logging_level": 3}, "debug, info"),
        ({"heartbeat_timeout": "long"}, "should be a number"),
    ],
)
@pytest.mark.parametrize("decorator", [metaflow_ray, ray_parallel])
def test_attributes_of_metaflow_ray(decorator: Any, given: dict[str, Any], said: str) -> None:
    found = problem([decorator(**given)])
    assert said in found if said else not found


def test_a_cluster_inside_of_a_cluster_is_refused() -> None:
    assert "runs on a Ray cluster already" in problem([metaflow_ray, ray_step])
    assert not problem([parallel, ray_step, resources(cpu=2)])


def attributes(**given: Any) -> dict[str, Any]:
    return {**MetaflowRayDecorator.defaults, **given}


def test_nodes_of_one_machine_share_it() -> None:
    alone = head_command(6379, "10.0.0.1", "/tmp/x", 1, attributes())
    assert "--port=6379" in alone and "--node-ip-address=10.0.0.1" in alone and "--include-dashboard=false" in alone
    assert not any(argument.startswith(("--num-cpus", "--object-store")) for argument in alone)
    shared = join_command("127.0.0.1:6379", "127.0.0.1", 2, attributes())
    assert f"--num-cpus={max(1, (os.cpu_count() or 1) // 2)}" in shared
    assert f"--object-store-memory={object_store_bytes(2)}" in shared and object_store_bytes(2) >= 80_000_000
    assert is_one_machine(["a", "a"]) and not is_one_machine(["a", "b"]) and not is_one_machine(["a"])


def test_what_is_shown() -> None:
    quiet = join_command("h:1", "a", 1, attributes())
    loud = join_command("h:1", "a", 1, attributes(enable_worker_logs=True, log_style="Record"))
    assert quiet[0] == "python3" and "devnull" in quiet[2] and loud[0] == "ray" and "--log-style=record" in loud
    shown = attributes(enable_dashboard=True, dashboard_port=9000)
    dashboard = head_command(1, "10.0.0.1", "/tmp/x", 1, shown)
    assert "--dashboard-port=9000" in dashboard and "--dashboard-host=0.0.0.0" in dashboard
    assert "--dashboard-host=127.0.0.1" in head_command(1, "127.0.0.1", "/tmp/x", 2, shown), "others do not see it"


def test_ports_are_none_that_ray_uses() -> None:
    assert not any(10_002 <= free_port() < 20_000 for _ in range(50))
