"""What is sent to Ray for a job, and how what Ray and the driver say of it is understood."""

from __future__ import annotations

import base64
import json
import subprocess
import zlib
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from metaflow.compute.backend import INDEX_VARIABLE, Job, SubmittedJob
from metaflow.compute.node import METADATA_VARIABLE
from metaflow.compute.ray import driver
from metaflow.compute.ray.driver import Board, what_is_lacking, why_dead
from metaflow.compute.ray.states import last_snapshot, printed_by, task_states
from metaflow.compute.ray.submission import entrypoint, needs, plan, request
from metaflow.decorators.ray_step import RayStepDecorator
from metaflow.decorators.resources import ResourcesDecorator


def make_job(tasks: int = 2, **attributes) -> Job:
    return Job(
        name="mf-0123456789abcdef",
        step="train",
        tasks=tuple(f"train/{index}/0" for index in range(tasks)),
        is_gang=False,
        command=("bash", "-c", "run"),
        variables={"TOKEN": "of the run"},
        options=RayStepDecorator(attributes).options([]),
        timeout_seconds=60.0,
        facts={"flow": "Flöw", "run_id": "7"},
    )


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


def test_a_request_has_all_that_the_driver_needs() -> None:
    mine = {"pip": ["xgboost"], "env_vars": {"A": "1"}}
    body = json.loads(json.dumps(request(make_job(runtime_env=mine, memory=500, cpu=0.5), 30.0)))
    assert body["submission_id"] == "mf-0123456789abcdef"
    assert body["metadata"] == {"flow": "Flöw", "run_id": "7"}
    variables = body["runtime_env"]["env_vars"]
    assert body["runtime_env"]["pip"] == ["xgboost"] and variables.pop("A") == "1"
    assert unpacked(variables.pop(driver.DRIVER_VARIABLE)) == Path(driver.__file__).read_bytes()
    plan = json.loads(unpacked(variables.pop(driver.PLAN_VARIABLE)))
    assert plan["count"] == 2 and plan["patience_seconds"] == 30 and plan["timeout_seconds"] == 60
    assert plan["needs"] == {"CPU": 0.5, "memory": 5e8}
    assert plan["variables"]["TOKEN"] == "of the run" and plan["variables"][INDEX_VARIABLE] == driver.TASK_VARIABLE
    assert not variables, "Ray's own processes do not get the variables of tasks"
    assert mine == {"pip": ["xgboost"], "env_vars": {"A": "1"}}, "the decorator's own attributes stay as they are"
    assert len(json.dumps(body)) < 16_000, "the cluster repeats it in every list of jobs"


def test_a_single_task_has_no_index_and_knows_its_metadata() -> None:
    variables = plan(make_job(1), 1.0)["variables"]
    assert INDEX_VARIABLE not in variables
    assert all(name.startswith("ray-") for name in json.loads(variables[METADATA_VARIABLE]))


def test_what_a_step_needs() -> None:
    assert needs(make_job(cpu="2", gpu=1, resources={"TPU": 2, "none": 0}).options) == {"CPU": 2, "GPU": 1, "TPU": 2}
    step = RayStepDecorator({"cpu": 2, "gpu": 1})
    others = [ResourcesDecorator({"cpu": "4", "memory": "2000", "gpu": 0})]
    assert needs(step.options(others)) == {"CPU": 4, "GPU": 1, "memory": 2e9}
    assert needs(RayStepDecorator({"cpu": 0}).options([])) == {}


def test_the_entry_point_runs_the_first_python_that_has_ray(tmp_path: Path) -> None:
    for name, has_ray in (("python", 1), ("python3", 1), ("my own python", 0)):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\ncase "$2" in *find_spec*) exit {has_ray};; esac\necho "$0"\n')
        program.chmod(0o755)
    mine = str(tmp_path / "my own python")
    ran = subprocess.run(
        ["/bin/sh", "-c", entrypoint(mine)], env={"PATH": f"{tmp_path}:/bin:/usr/bin"}, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, mine), ran
    none = subprocess.run(
        ["/bin/sh", "-c", entrypoint(None)], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert none.returncode == 127
    assert "python python3" in none.stderr and "executable" in none.stderr


phases = st.lists(st.sampled_from("prsf"), min_size=1, max_size=30)


@given(phases)
def test_a_snapshot_says_what_the_driver_knew(letters: list[str]) -> None:
    from contextlib import redirect_stdout
    from io import StringIO

    board = Board(len(letters))
    with redirect_stdout(StringIO()) as log:
        for index, letter in enumerate(letters):
            if letter != "p":
                board.start(index, f"node{index % 3}")
            if letter in "sf":
                board.end(index, 0 if letter == "s" else 3, None if letter == "s" else f"why {index}", index % 2 == 0)
            board.show()
        board.show(now=True)
    text = f"something of Ray\n{log.getvalue()}(raylet) more of Ray\n"
    torn = log.getvalue().splitlines()[0][:-1]  # the log may be read while a line is being written
    snapshot = last_snapshot(text + torn)
    assert snapshot is not None
    job = SubmittedJob("mf-1", "mf-1", tuple(f"s/{index}/0" for index in range(len(letters))))
    states = list(task_states(job, {"status": "RUNNING"}, snapshot))
    names = {"p": "pending", "r": "running", "s": "ended", "f": "ended"}
    assert [state.phase for state in states] == [names[letter] for letter in letters]
    for index, (letter, state) in enumerate(zip(letters, states, strict=True)):
        assert state.status == {"s": 0, "f": 3}.get(letter)
        assert state.metadata.get("ray-node-id") == (None if letter == "p" else f"node{index % 3}")
        if letter == "f":
            assert (state.reason, state.retriable) == (f"why {index}", index % 2 == 0)
    over = list(task_states(job, {"status": "STOPPED"}, snapshot))
    assert all(state.phase == "ended" for state in over), "a job that is over leaves no task behind"


def test_long_snapshots_are_printed_less_often(capsys: pytest.CaptureFixture[str]) -> None:
    board = Board(1000)
    for index in range(1000):
        board.start(index, "node")
        board.show()
    board.show(now=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 20
    snapshot = last_snapshot("\n".join(lines))
    assert snapshot is not None and snapshot.phases == "r" * 1000


def test_why_a_job_ended_without_its_driver_saying_so() -> None:
    job = SubmittedJob("mf-1", "mf-1", ("s/1/0",))
    message = (
        "Job entrypoint command failed with exit code 127, last available logs (truncated to 20,000 chars):\n"
        "Running entrypoint for job mf-1: for python in ...\nNone of these commands is a Python that has Ray: python\n"
    )
    (state,) = task_states(job, {"status": "FAILED", "message": message, "driver_exit_code": 127}, None)
    assert state.phase == "ended" and not state.retriable and state.reason is not None
    assert "None of these commands" in state.reason and "for python in" not in state.reason
    (state,) = task_states(job, {"status": "FAILED", "message": "Job supervisor actor died"}, None)
    assert state.retriable and "supervisor actor died" in (state.reason or "")


def test_what_a_task_printed_is_found_in_the_log() -> None:
    log = "x\n" + driver.OUTPUT + json.dumps([1, "one\ntwo"]) + "\ny\n"
    assert printed_by(log, 1) == "one\ntwo"
    assert printed_by(log, 0) is None


NODES = [{"CPU": 4.0, "memory": 8e9, "a": 1.0}, {"CPU": 8.0, "GPU": 1.0, "memory": 4e9}]


@pytest.mark.parametrize(
    ("needs", "count", "strategy", "said"),
    [
        ({"CPU": 8}, 1, "SPREAD", ""),
        ({}, 1, "SPREAD", ""),
        ({"CPU": 9}, 1, "SPREAD", "no node of the cluster has 9 CPU: the largest has 8 CPU"),
        ({"TPU": 1}, 1, "SPREAD", "no node of the cluster has 1 TPU: none has any"),
        (
            {"memory": 9e9},
            1,
            "SPREAD",
            "no node of the cluster has 9,000 MB of memory: the largest has 8,000 MB",
        ),
        ({"a": 1, "GPU": 1}, 1, "SPREAD", "no node of the cluster has all of 1 a, 1 GPU"),
        ({"CPU": 4}, 3, "SPREAD", ""),
        ({"CPU": 4}, 4, "PACK", "4 processes have to run at the same time, and the cluster has room for 3"),
        ({"CPU": 4}, 3, "STRICT_SPREAD", "3 nodes are needed, and the cluster has 2 that are large enough"),
        (
            {"CPU": 4},
            3,
            "STRICT_PACK",
            "3 processes have to fit on one node, and no node is large enough",
        ),
        ({"CPU": 0.1}, 100, "SPREAD", ""),
    ],
)
def test_what_a_cluster_lacks(needs: dict[str, float], count: int, strategy: str, said: str) -> None:
    assert what_is_lacking(needs, count, strategy, NODES) == said


def test_a_cluster_without_nodes_lacks_them() -> None:
    assert "no nodes" in what_is_lacking({"CPU": 1}, 1, "SPREAD", [])


def _error(name: str, *bases: type) -> BaseException:
    return type(name, bases or (Exception,), {})("detail")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("OutOfMemoryError", "low on memory"),
        ("NodeDiedError", "node that it ran on died"),
        ("WorkerCrashedError", "worker that ran it died"),
        ("TaskCancelledError", "cancelled"),
        ("RuntimeEnvSetupError", "runtime_env"),
        ("SomethingElse", "detail"),
    ],
)
def test_ends_are_told_apart(name: str, said: str) -> None:
    assert said in why_dead(_error(name))
