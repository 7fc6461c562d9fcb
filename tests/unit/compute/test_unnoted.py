"""Jobs that an engine has and of which nobody noted that it took them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from metaflow.compute.backend import FoundJob, SubmittedJob
from metaflow.compute.jobs import JobDescription
from metaflow.compute.unnoted import recognised
from metaflow.runtime.specs import RunSpec, TaskSpec

NAME, OTHER = "mf-0123456789abcdef", "mf-fedcba9876543210"


def described(*task_ids: str, is_gang: bool = False) -> JobDescription:
    tasks = tuple(TaskSpec("work", task_id, 0, 1, ()) for task_id in task_ids)
    run = RunSpec("F", "1", "/home/ada/.metaflow", "ada", "user:ada")
    return JobDescription(run, tasks, ("flow.py",), is_gang, None, 1, 1.0, "slurm", {})


@pytest.mark.parametrize(
    ("engine_id", "facts"),
    [
        ("17", {"step": "work", "job": NAME}),
        (f"jobs/{NAME}", {"step": "work"}),
        ("17", {"step": "work", "task_id": "2", "attempt": "0"}),
    ],
)
def test_a_job_is_recognised_by_what_its_engine_tells(engine_id: str, facts: Mapping[str, str]) -> None:
    descriptions = {OTHER: described("3", "4"), NAME: described("2")}
    found = [FoundJob(engine_id, facts, "running")]
    assert list(recognised(found, descriptions, ())) == [SubmittedJob(NAME, engine_id, ("work/2/0",))]
    assert list(recognised(found, descriptions, {engine_id})) == [], "it is known already"
    assert list(recognised(found, {OTHER: described("3")}, ())) == [], "it is another one"


def test_what_somebody_else_looks_after_is_left_to_them() -> None:
    found = FoundJob("pod/x", {"job": NAME}, "running", foreign="Argo")
    assert list(recognised([found], {NAME: described("2")}, ())) == []


def test_nodes_of_a_parallel_step_stay_together() -> None:
    found = FoundJob("17", {"step": "work", "job": NAME}, "pending")
    (job,) = recognised([found], {NAME: described("2", "2_node_1", is_gang=True)}, ())
    assert job == SubmittedJob(NAME, "17", ("work/2/0", "work/2_node_1/0"), is_gang=True)
