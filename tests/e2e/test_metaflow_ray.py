"""``@metaflow_ray`` on this machine: the nodes of a gang are a real Ray cluster."""

from __future__ import annotations

import os
import signal
import socket
from importlib.util import find_spec
from pathlib import Path

import pytest

from metaflow import Flow

from .conftest import Project
from .test_kill import wait_until

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed: pip install 'metaflow[ray]'"),
]

FLOW = """
import os, sys, time
from metaflow import FlowSpec, current, DECORATOR, step

class RayNodesFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @DECORATOR(ATTRIBUTES)
    @step
    def train(self):
        BODY
        self.next(self.join)

    @step
    def join(self, inputs):
        self.found = [getattr(each, "found", None) for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass
"""

BODY = """
import ray

@ray.remote(num_cpus=1, scheduling_strategy="SPREAD")
def square(x):
    time.sleep(0.5)
    return x * x, ray.get_runtime_context().get_node_id()

ray.init()
results = ray.get([square.remote(x) for x in range(6)])
self.found = {
    "squares": [result[0] for result in results],
    "nodes": len({result[1] for result in results}),
    "members": len(ray.nodes()),
    "address": os.environ["RAY_ADDRESS"],
    "storage": current.ray_storage_path,
    "node": current.parallel.node_index,
}
"""


def write(project: Project, body: str, decorator: str = "metaflow_ray", attributes: str = "") -> None:
    text = FLOW.replace("DECORATOR", decorator).replace("ATTRIBUTES", attributes)
    project.write(text.replace("BODY", body.replace("\n", "\n        ")), main="RayNodesFlow")
    project.env["RAY_AUTH_MODE"] = "disabled"


def ray_processes(project: Project) -> list[int]:
    """Processes of Ray that belong to runs of the project."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdecimal():
                words = Path(f"/proc/{name}/cmdline").read_bytes()
                variables = Path(f"/proc/{name}/environ").read_bytes()
                if b"ray" in words and str(project.path).encode() in variables:
                    found.append(int(name))
        except OSError:
            continue
    return found


def test_a_cluster_of_the_nodes(project: Project) -> None:
    port = 20_000 + os.getpid() % 10_000
    write(project, BODY, attributes=f"main_port={port}, worker_polling_freq=1")
    outcome = project.call("run", timeout=200)
    assert outcome.code == 0, outcome
    project.client()
    run = Flow("RayNodesFlow").latest_run
    found, other = run["join"].task.data.found
    assert found["squares"] == [0, 1, 4, 9, 16, 25]
    assert found["members"] == 2 and found["nodes"] == 2, "both nodes work"
    assert found["address"].endswith(f":{port}"), "a given port is used"
    assert found["storage"].endswith(f"/mf-ray/RayNodesFlow/{run.id}/train/{run['train'].control_task.id}")
    assert found["node"] == 0 and other is None, "the step's code runs on node 0 only"
    wait_until(lambda: not ray_processes(project))


def test_a_failure_ends_the_cluster_and_a_second_attempt_has_its_own(project: Project) -> None:
    body = BODY.replace("ray.init()", "ray.init()\nif current.retry_count == 0: raise ValueError('the first time')")
    write(project, body, decorator="ray_parallel")
    outcome = project.call("run", "--with", "retry:times=1,minutes_between_retries=0", timeout=250)
    assert outcome.code == 0, outcome
    assert "the first time" in outcome.stdout + outcome.stderr
    project.client()
    assert Flow("RayNodesFlow").latest_run["join"].task.data.found[0]["members"] == 2
    wait_until(lambda: not ray_processes(project))


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_whatever_ends_the_nodes_ends_ray(how: str, project: Project) -> None:
    marker = project.path / "marker"
    storage = "ray._private.worker.global_worker.node.get_temp_dir_path()"
    write(
        project,
        f"import ray\nray.init()\nopen('session', 'w').write({storage})\nopen({str(marker)!r}, 'w').close()\n"
        "time.sleep(300)",
    )
    process = project.start("run")
    wait_until(marker.exists, seconds=100)
    assert ray_processes(project)
    session = Path((project.path / "session").read_text())
    assert session.is_dir()
    process.send_signal(signal.SIGKILL if how == "killed" else signal.SIGINT)
    process.communicate(timeout=100)
    assert process.returncode != 0
    wait_until(lambda: not session.exists())
    wait_until(lambda: not ray_processes(project))


def test_a_port_that_is_taken_is_told(project: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        write(project, "pass", attributes=f"main_port={taken.getsockname()[1]}")
        outcome = project.call("run", timeout=200)
    assert outcome.code == 1
    assert "Choose another main_port" in outcome.stdout + outcome.stderr, outcome
    wait_until(lambda: not ray_processes(project))
