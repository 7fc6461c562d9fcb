"""``@slurm``: what it accepts, and what it makes of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from metaflow.decorators.resources import ResourcesDecorator
from metaflow.decorators.slurm import SlurmDecorator
from metaflow.exception import MetaflowException
from metaflow.flow.graph import FlowGraph


def options(own: dict[str, Any] | None = None, resources: dict[str, Any] | None = None) -> dict[str, Any]:
    """What is asked of the cluster for a step with ``@slurm(own)`` and ``@resources(resources)``."""
    decorators = [SlurmDecorator(own), *([ResourcesDecorator(resources)] if resources else [])]
    graph = cast(FlowGraph, {"end": SimpleNamespace(decorators=decorators)})
    decorators[0].validate(graph, "end")
    return cast(SlurmDecorator, decorators[0]).options(decorators)


def test_nothing_is_asked_for_that_nobody_wrote() -> None:
    found = options()
    assert {found[name] for name in ("cpus_per_task", "memory", "disk", "gpus", "nodes", "ntasks")} == {None}
    assert found["executable"] is None
    assert found["remote_workdir"] == "~/metaflow"


def test_settings_say_where_the_cluster_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_SLURM_ADDRESS", "login")
    monkeypatch.setenv("METAFLOW_SLURM_CLEANUP", "1")
    found = options({"username": "ada"})
    assert (found["address"], found["username"], found["cleanup"]) == ("login", "ada", True)
    monkeypatch.setenv("METAFLOW_SLURM_PATH_TO_PYTHON3", "/opt/python3")
    assert options()["executable"] == "/opt/python3"
    assert options({"address": "other"})["address"] == "other"


@pytest.mark.parametrize(
    ("own", "wanted", "expected"),
    [
        ({"cpus_per_task": 2}, {"cpu": 3.5}, {"cpus_per_task": 4}),
        ({"cpus_per_task": "8"}, {"cpu": 3}, {"cpus_per_task": 8}),
        ({}, {"memory": 1000, "disk": "20"}, {"memory": 1000, "disk": 20, "cpus_per_task": None}),
        ({"memory": "1G"}, {"memory": 1000}, {"memory": "1G"}),
        ({"memory": 4096.0, "disk": 10.5}, {}, {"memory": 4096, "disk": 11}),
        ({"memory": "1G"}, {"memory": 1025}, {"memory": 1025}),
        ({"gpus": "a100:1"}, {"gpu": 2}, {"gpus": "a100:2"}),
        ({"gpus": "a100"}, {"gpu": 1}, {"gpus": "a100:1"}),
        ({}, {"gpu": 0}, {"gpus": None}),
        ({"gpus": 4}, {"gpu": 1}, {"gpus": 4}),
    ],
)
def test_the_larger_of_what_is_asked_for_holds(own: Any, wanted: Any, expected: Any) -> None:
    found = options(own, wanted)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(("written", "meant"), [("True", True), ("true", True), ("False", False), (False, False)])
def test_true_and_false_may_be_written_as_on_the_command_line(written: Any, meant: bool) -> None:
    found = options({"exclusive": written, "cleanup": written})
    assert (found["exclusive"], found["cleanup"]) == (meant, meant)
    assert options({"exclusive": "user"})["exclusive"] == "user"


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"nodes": 0}, "at least 1"),
        ({"ntasks": 1.5}, "whole number"),
        ({"memory": "much"}, "megabytes"),
        ({"gpus": "a100:many"}, "a type and a number"),
        ({"partition": 3}, "should be text"),
        ({"cleanup": "perhaps"}, "True or False"),
        ({"exclusive": 2}, "exclusive"),
        ({"sbatch_options": ["x"]}, "dictionary"),
        ({"sbatch_options": {"array": "0-3"}}, "ours to set"),
        ({"sbatch_options": {"--job_name": "x"}}, "ours to set"),
        ({"sbatch_options": {"clusters": "other"}}, "ours to set"),
        ({"sbatch_options": {"mail type": "END"}}, "long options"),
        ({"max_concurrent_tasks": 0}, "at least 1"),
    ],
)
def test_what_slurm_cannot_be_asked_for_is_refused(attributes: dict[str, Any], words: str) -> None:
    with pytest.raises(MetaflowException, match=words) as caught:
        options(attributes)
    assert "*end*" in caught.value.message


def test_options_of_sbatch_may_be_written_with_underscores() -> None:
    assert options({"sbatch_options": {"mail_type": "END"}})["sbatch_options"] == {"mail-type": "END"}
