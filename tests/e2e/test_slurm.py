"""Flows on a real Slurm cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from metaflow import Flow, Run
from slurm_cluster import SlurmCluster, running_cluster
from ssh_server import running_ssh_server

from .conftest import Project

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def on_slurm(project: Project, slurm_cluster: SlurmCluster) -> Project:
    project.env |= slurm_cluster.environment
    return project


class Watched:
    """A run whose output is read while it goes on."""

    def __init__(self, project: Project, *arguments: str) -> None:
        self._path = project.path / "printed.txt"
        with self._path.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "flow.py", *arguments],
                cwd=project.path,
                env=project.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        project._started.append(self.process)

    @property
    def text(self) -> str:
        return self._path.read_text(errors="replace")

    def until(self, condition: Callable[[str], object], seconds: float = 120) -> str:
        deadline = time.monotonic() + seconds
        while not condition(self.text):
            assert time.monotonic() < deadline and self.process.poll() is None, self.text
            time.sleep(0.1)
        return self.text

    def end(self, seconds: float = 120) -> int:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it hangs\n{self.text}")


EVERYTHING = """
import os
import numpy
from metaflow import FlowSpec, current, parallel, resources, slurm, step

class F(FlowSpec):
    @step
    def start(self):
        self.base = numpy.arange(100_000)
        self.items = list(range(200))
        self.next(self.work, foreach="items")

    @slurm
    @step
    def work(self):
        self.result = self.input * 2
        self.next(self.gather)

    @slurm(memory=150, cpus_per_task=2)
    @resources(memory=200)
    @step
    def gather(self, inputs):
        self.total = sum(each.result for each in inputs)
        self.sum = int(inputs[0].base.sum())
        self.limits = [os.environ["SLURM_MEM_PER_NODE"], os.environ["SLURM_CPUS_PER_TASK"]]
        print("gathered by", os.environ["SLURM_JOB_ID"])
        self.next(self.prepare)

    @step
    def prepare(self):
        self.next(self.train, num_parallel=3)

    @slurm
    @parallel
    @step
    def train(self):
        node = current.parallel
        self.node = [node.node_index, node.num_nodes, node.main_ip, os.environ["SLURMD_NODENAME"]]
        self.next(self.together)

    @step
    def together(self, inputs):
        self.nodes = [each.node for each in inputs]
        self.merge_artifacts(inputs, include=["total", "sum", "limits"])
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_a_flow_with_arrays_and_a_gang(on_slurm: Project) -> None:
    on_slurm.write(EVERYTHING)
    outcome = on_slurm.call("run", timeout=240)
    assert outcome.code == 0, outcome
    on_slurm.client()
    run = Run(f"F/{outcome.run_id}")
    assert run.data.total == sum(range(200)) * 2
    assert run.data.sum == sum(range(100_000))
    assert run.data.limits == ["200", "2"]
    assert run.data.nodes == [[index, 3, "127.0.0.1", f"n{index + 1}"] for index in range(3)]

    gathered = run["gather"].task
    facts = gathered.metadata_dict
    assert f"gathered by {facts['slurm-job-id']}" in gathered.stdout
    assert f"gathered by {facts['slurm-job-id']}" in outcome.stdout
    assert facts["slurm-nodelist"] in {"n1", "n2", "n3"}
    tasks = [task.metadata_dict for task in run["work"]]
    assert len({task["slurm-array-job-id"] for task in tasks}) == 1  # one submission
    assert {int(task["slurm-array-task-id"]) for task in tasks} == set(range(200))
    assert len({task.metadata_dict["slurm-job-id"] for task in run["train"]}) == 1  # one allocation


FAILURES = """
import os, signal, time
from metaflow import FlowSpec, catch, current, retry, slurm, step, timeout

class F(FlowSpec):
    @step
    def start(self):
        self.next(self.again, self.caught, self.late, self.crash)

    @retry(times=1, minutes_between_retries=0)
    @slurm
    @step
    def again(self):
        if current.retry_count == 0:
            os.kill(os.getpid(), signal.SIGSEGV)
        self.attempt = current.retry_count
        self.next(self.join)

    @catch(var="error", print_exception=False)
    @slurm
    @step
    def caught(self):
        self.before = 1
        raise ValueError("as planned")
        self.next(self.join)

    @catch(var="error", print_exception=False)
    @timeout(seconds=1)
    @slurm
    @step
    def late(self):
        time.sleep(60)
        self.next(self.join)

    @catch(var="error", print_exception=False)
    @slurm
    @step
    def crash(self):
        os.kill(os.getpid(), signal.SIGKILL)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.attempt = inputs.again.attempt
        self.errors = [str(getattr(inputs, name).error) for name in ("caught", "late", "crash")]
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_failures_end_as_they_do_on_this_machine(on_slurm: Project) -> None:
    outcome = on_slurm.run(FAILURES)
    on_slurm.client()
    data = Run(f"F/{outcome.run_id}").data
    assert data.attempt == 1
    assert "as planned" in data.errors[0]
    assert "timed out" in data.errors[1]
    assert "signal" in data.errors[2].lower() or "killed" in data.errors[2].lower()
    assert "segmentation fault" in (outcome.stdout + outcome.stderr).lower()


FAILING = """
class F(FlowSpec):
    @step
    def start(self):
        print("before it fails")
        raise KeyError("missing thing")
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_what_a_step_prints_and_raises_is_seen_and_a_refusal_is_explained(on_slurm: Project) -> None:
    outcome = on_slurm.run(FAILING, "--with", "slurm", code=1)
    said = outcome.stdout + outcome.stderr
    assert "before it fails" in said
    assert "KeyError: 'missing thing'" in said
    on_slurm.client()
    assert not Flow("F").latest_run.successful
    assert "before it fails" in Flow("F").latest_run["start"].task.stdout

    refused = on_slurm.call("run", "--with", "slurm:partition=nope")
    assert refused.code == 1
    assert "invalid partition specified: nope" in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_cluster_that_is_reached_by_ssh(
    project: Project, shared_slurm_cluster: SlurmCluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Seen from here the cluster exists behind SSH only; its nodes see the same files."""
    project.write(FAILING.replace("raise KeyError", "# raise KeyError"))
    with running_ssh_server(tmp_path_factory.mktemp("ssh"), shared_slurm_cluster.environment) as server:
        project.env["PATH"] = f"{server.programs}{os.pathsep}{project.env['PATH']}"
        outcome = project.call("run", "--with", f"slurm:address=127.0.0.1,remote_workdir={project.path / 'remote'}")
        assert outcome.code == 0, outcome
        assert server.connections == 1
    assert "before it fails" in outcome.stdout
    project.client()
    assert all("slurm-job-id" in step.task.metadata_dict for step in Run(f"F/{outcome.run_id}"))


SLEEPING = """
import time
from metaflow import FlowSpec, current, retry, slurm, step

class F(FlowSpec):
    @step
    def start(self):
        self.items = list(range(TASKS))
        self.next(self.work, foreach="items")

    OPTIONS
    @slurm
    @step
    def work(self):
        print("at work", self.input, "attempt", current.retry_count, flush=True)
        time.sleep(SECONDS if current.retry_count == 0 else 0)
        self.result = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(each.result for each in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def sleeping(tasks: int, seconds: float, options: str = "") -> str:
    return SLEEPING.replace("TASKS", str(tasks)).replace("SECONDS", str(seconds)).replace("OPTIONS", options)


def queue(cluster: SlurmCluster) -> list[str]:
    return cluster.call("squeue", "-h", "-o", "%i %T").splitlines()


def test_ctrl_c_ends_all_jobs(on_slurm: Project, slurm_cluster: SlurmCluster) -> None:
    on_slurm.write(sleeping(30, 100))
    run = Watched(on_slurm, "run")
    run.until(lambda text: text.count("at work") >= 2)
    run.process.send_signal(signal.SIGINT)
    assert run.end(60) != 0
    deadline = time.monotonic() + 60
    while queue(slurm_cluster):
        assert time.monotonic() < deadline, queue(slurm_cluster)
        time.sleep(0.2)


def test_a_job_that_somebody_cancels_fails_its_task_only(on_slurm: Project, slurm_cluster: SlurmCluster) -> None:
    on_slurm.write(sleeping(2, 100, "@retry(times=1, minutes_between_retries=0)"))
    run = Watched(on_slurm, "run")
    run.until(lambda text: text.count("at work") >= 2)
    [job] = {line.split("_")[0] for line in queue(slurm_cluster)}
    slurm_cluster.call("scancel", job)
    assert run.end() == 0, run.text
    assert "at work 1 attempt 1" in run.text
    on_slurm.client()
    assert Flow("F").latest_run.data.total == 1


@pytest.fixture
def own_cluster(tmp_path_factory: pytest.TempPathFactory, project: Project) -> Iterator[SlurmCluster]:
    """One that a test may break."""
    with running_cluster(tmp_path_factory.mktemp("slurm"), nodes=2) as cluster:
        project.env |= cluster.environment
        yield cluster


def test_a_lost_node_and_a_controller_that_is_away(project: Project, own_cluster: SlurmCluster) -> None:
    project.write(
        sleeping(2, 20, "@retry(times=1, minutes_between_retries=0)").replace("@slurm", "@slurm(exclusive=True)")
    )
    run = Watched(project, "run")
    run.until(lambda text: text.count("at work") >= 2)
    own_cluster.stop("n1", signal.SIGKILL)
    own_cluster.call("scontrol", "update", "nodename=n1", "state=down", "reason=test")
    run.until(lambda text: "its node n1 failed" in text)
    own_cluster.stop("slurmctld")
    time.sleep(8)  # the run asks in vain
    own_cluster.start_controller()
    assert run.end() == 0, run.text
    project.client()
    done = Flow("F").latest_run
    assert done.data.total == 1
    assert sorted(task.current_attempt for task in done["work"]) == [0, 1]


def test_results_of_tasks_that_ended_without_their_scheduler_are_kept(
    on_slurm: Project, slurm_cluster: SlurmCluster, tmp_path: Path
) -> None:
    on_slurm.write(sleeping(2, 6))
    run = Watched(on_slurm, "run")
    run.until(lambda text: text.count("at work") >= 2)
    run.process.kill()
    run.process.wait()
    resumed = on_slurm.call("resume", timeout=120)
    assert resumed.code == 0, resumed
    on_slurm.client()
    assert Flow("F").latest_run.data.total == 1
