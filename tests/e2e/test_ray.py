"""``@ray_step`` on a real Ray cluster of two nodes: whole flows, and what goes wrong on a cluster."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from pathlib import Path

import pytest

import ray_cluster as ray_clusters
from metaflow import Flow
from metaflow.compute.backend import EngineUnavailable, Job, JobQuery, SubmittedJob, TaskState
from metaflow.compute.ray.backend import RayBackend
from metaflow.decorators.ray_step import RayStepDecorator
from metaflow.exception import MetaflowException

from .conftest import Project
from .test_failures import is_alive
from .test_kill import wait_until

# Starting processes on a busy cluster takes its time.
pytestmark = [pytest.mark.timeout(400), pytest.mark.slow]

ALL_KINDS = """
import os, sys, time
from metaflow import FlowSpec, catch, current, parallel, resources, retry, step

class AllKindsFlow(FlowSpec):
    @step
    def start(self):
        print("with an umlaut: \\u00fc")
        self.numbers = list(range(4))
        self.next(self.square, foreach="numbers")

    @resources(cpu=0.5)
    @retry(times=1, minutes_between_retries=0)
    @step
    def square(self):
        print("attempt", current.retry_count, "of", self.input)
        if self.input == 3 and current.retry_count == 0:
            os._exit(7)
        self.value = self.input ** 2
        self.next(self.sum)

    @step
    def sum(self, inputs):
        self.total = sum(each.value for each in inputs)
        self.next(self.spread)

    @step
    def spread(self):
        self.next(self.node, num_parallel=2)

    @parallel
    @step
    def node(self):
        self.place = (current.parallel.node_index, current.parallel.num_nodes, current.parallel.main_ip)
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.places = [each.place for each in inputs]
        self.merge_artifacts(inputs, include=["total"])
        self.next(self.caught)

    @catch(var="problem")
    @step
    def caught(self):
        os.kill(os.getpid(), 9)
        self.next(self.end)

    @step
    def end(self):
        import ray
        ray.init(logging_level="ERROR")
        self.nodes = len(ray.nodes())
        print("the total is", self.total)
"""

ONE_STEP = """
import os, signal, subprocess, sys, time
from metaflow import FlowSpec, current, ray_step, retry, step

class OneStepFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.away)

    DECORATORS
    @step
    def away(self):
        BODY
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def one_step(project: Project, body: str, decorators: str = "@ray_step") -> None:
    indented = decorators.replace("\n", "\n    "), body.replace("\n", "\n        ")
    project.write(ONE_STEP.replace("DECORATORS", indented[0]).replace("BODY", indented[1]), main="OneStepFlow")


@pytest.fixture
def cluster(project: Project, ray_cluster: ray_clusters.Cluster, monkeypatch: pytest.MonkeyPatch):
    project.env["METAFLOW_RAY_ADDRESS"] = ray_cluster.url
    project.env["RAY_AUTH_MODE"] = "disabled"
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    return ray_cluster


@pytest.fixture
def backend(cluster: ray_clusters.Cluster) -> RayBackend:
    return RayBackend(cluster.url)


def ray_jobs(cluster: ray_clusters.Cluster, run_id: str) -> list[dict]:
    with urllib.request.urlopen(f"{cluster.url}/api/jobs/", timeout=30) as answer:
        return [job for job in json.load(answer) if (job["metadata"] or {}).get("run_id") == run_id]


def test_a_flow_on_ray(project: Project, cluster: ray_clusters.Cluster) -> None:
    project.write(ALL_KINDS)
    outcome = project.call("run", "--with", "ray_step", timeout=350)
    assert outcome.code == 0, outcome
    project.client()
    run = Flow("AllKindsFlow").latest_run
    assert run.successful and run.data.total == 14
    assert [place[:2] for place in run.data.places] == [(0, 2), (1, 2)]
    assert len({place[2] for place in run.data.places}) == 1, "both nodes know where node 0 is"
    assert run.data.nodes >= 2, "a step can use the cluster that it runs on"
    assert "\u00fc" in run["start"].task.stdout
    assert "the total is 14" in run["end"].task.stdout and "the total is 14" in outcome.stdout
    squares = {task.data.value: task for task in run["square"]}
    assert squares[9].metadata_dict["attempt"] == "1" or squares[9].current_attempt == 1
    assert "attempt 1 of 3" in squares[9].stdout
    metadata = run["end"].task.metadata_dict
    assert metadata["ray-job-id"].startswith("mf-") and metadata["ray-node-id"] in cluster.nodes()
    jobs = ray_jobs(cluster, run.id)
    assert len(jobs) <= 10, "the foreach is one job, and its task that is tried again another"
    assert {job["metadata"]["step"] for job in jobs} >= {"start", "square", "node", "end"}


def test_what_no_node_can_run_is_told_and_given_up(project: Project, cluster: ray_clusters.Cluster) -> None:
    one_step(project, "pass", "@retry(times=2, minutes_between_retries=0)\n@ray_step(resources={'warp_drive': 1})")
    outcome = project.call("run", env={"METAFLOW_RAY_UNSCHEDULABLE_SECONDS": "3"}, timeout=200)
    assert outcome.code == 1
    said = outcome.stdout + outcome.stderr
    assert "Task is waiting: no node of the cluster has 1 warp_drive: none has any" in said
    assert "RAY_UNSCHEDULABLE_SECONDS" in said
    project.client()
    assert len(ray_jobs(cluster, Flow("OneStepFlow").latest_run.id)) == 1, "it is not tried again in vain"


def test_a_task_whose_node_dies_runs_again_elsewhere(project: Project, cluster: ray_clusters.Cluster) -> None:
    marker = project.path / "marker"
    body = f"""
if current.retry_count == 0:
    open({str(marker)!r}, "w").write(str(os.getpid()))
    time.sleep(300)
self.attempts = current.retry_count + 1
"""
    one_step(project, body, "@retry(times=1, minutes_between_retries=0)\n@ray_step(resources={'third': 0.5})")
    with cluster.added_node("third"):
        process = project.start("run")
        wait_until(lambda: marker.exists() and marker.read_text(), seconds=120)
    with cluster.added_node("third"):
        stdout, stderr = process.communicate(timeout=200)
    assert process.returncode == 0, stdout + stderr
    assert "node that it ran on died" in stdout + stderr
    project.client()
    assert Flow("OneStepFlow").latest_run["away"].task.data.attempts == 2
    pid = int(marker.read_text())
    wait_until(lambda: not is_alive(pid))


@pytest.mark.parametrize("how", ["ctrl-c", "stopped outside"])
def test_tasks_that_ignore_it_are_ended_too(how: str, project: Project, cluster: ray_clusters.Cluster) -> None:
    marker = project.path / "marker"
    body = f"""
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "300"], start_new_session=False)
open({str(marker)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
time.sleep(300)
"""
    one_step(project, body)
    process = project.start("run")
    wait_until(lambda: marker.exists() and " " in marker.read_text(), seconds=120)
    if how == "ctrl-c":
        process.send_signal(signal.SIGINT)
    else:
        project.client()
        (job,) = ray_jobs(cluster, Flow("OneStepFlow").latest_run.id)
        url = f"{cluster.url}/api/jobs/{job['submission_id']}/stop"
        urllib.request.urlopen(urllib.request.Request(url, data=b"{}", method="POST"), timeout=60).close()
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode != 0
    if how != "ctrl-c":
        assert "stopped" in stdout + stderr or "told to end" in stdout + stderr
    for pid in marker.read_text().split():
        wait_until(lambda: not is_alive(int(pid)))


def test_a_cluster_that_is_not_there(project: Project) -> None:
    one_step(project, "pass")
    outcome = project.call("run", env={"METAFLOW_RAY_ADDRESS": "http://127.0.0.1:9"})
    assert outcome.code == 1
    assert "The Ray cluster at http://127.0.0.1:9 does not answer" in outcome.stdout + outcome.stderr
    outcome = project.call("run", env={"RAY_ADDRESS": "ray://somewhere:10001"})
    assert outcome.code == 1 and "Jobs are submitted over HTTP" in outcome.stdout + outcome.stderr
    outcome = project.call("run")
    assert outcome.code == 1 and "METAFLOW_RAY_ADDRESS" in outcome.stdout + outcome.stderr
    assert "Traceback" not in outcome.stderr


def make_job(command: str, tasks: int = 1, is_gang: bool = False, timeout: float | None = None, **attributes) -> Job:
    names = tuple(f"step/{index}/0" for index in range(tasks))
    options = RayStepDecorator(attributes).options([])
    facts = {"flow": "BackendTest", "run_id": str(os.getpid()), "user": "\u00fcnal"}
    return Job(f"mf-{os.urandom(8).hex()}", "step", names, is_gang, ("sh", "-c", command), {}, options, timeout, facts)


def follow(backend: RayBackend, job: SubmittedJob, phase: str = "ended") -> list[TaskState]:
    """Poll until all tasks of a job are in a phase."""
    states: dict[str, TaskState] = {}

    def is_there() -> bool:
        states.update({state.task: state for state in backend.poll([job], 1)})
        return len(states) == len(job.tasks) and all(state.phase in (phase, "ended") for state in states.values())

    wait_until(is_there, seconds=120)
    return [states[task] for task in job.tasks]


def test_a_job_of_several_tasks(backend: RayBackend) -> None:
    backend.check()
    job = make_job("i=$METAFLOW_RAY_TASK_INDEX; echo task $i; test $i != 1 || kill -9 $$; exit $i", 3, cpu=0.5)
    submitted = backend.submit(job)
    assert backend.submit(job) == submitted, "a second submission of the same job does not start it twice"
    assert [found.engine_id for found in backend.find(JobQuery("BackendTest", str(os.getpid()), "\u00fcnal"))] == [
        job.name
    ]
    assert not backend.find(JobQuery("BackendTest", user="somebody else"))
    states = follow(backend, submitted)
    assert [state.status for state in states] == [0, -9, 2]
    assert backend.output(submitted, "step/2/0") == b"task 2\n"
    assert follow(RayBackend(backend._dashboard.address), submitted) == states, "another process learns the same"
    wait_until(lambda: not backend.find(JobQuery("BackendTest")))
    many = [submitted._replace(name=f"{submitted.name}-{index}") for index in range(20)]
    assert len(RayBackend(backend._dashboard.address).poll(many, 1)) == 60


def test_what_ray_and_its_nodes_do_to_tasks(backend: RayBackend, tmp_path: Path) -> None:
    """A worker that is killed, a driver that is killed, a task that takes too long, a job that Ray does not know."""
    pids = tmp_path / "pids"
    shielded = f"trap '' TERM; echo $$ $PPID >> {pids}; sleep 300; sleep 300"
    killed = backend.submit(make_job(shielded))
    follow(backend, killed, "running")
    wait_until(lambda: pids.exists() and pids.read_text().endswith("\n"))
    task, worker = map(int, pids.read_text().split())
    os.kill(worker, signal.SIGKILL)
    (state,) = follow(backend, killed)
    assert "worker that ran it died" in (state.reason or "") and state.retriable
    wait_until(lambda: not is_alive(task))

    pids.unlink()
    orphaned = backend.submit(make_job(shielded, 2))
    follow(backend, orphaned, "running")
    wait_until(lambda: pids.exists() and pids.read_text().count("\n") == 2)
    driver = backend._dashboard.job(orphaned.engine_id)["driver_info"]["pid"]
    os.kill(int(driver), signal.SIGKILL)
    for state in follow(backend, orphaned):
        assert "its Ray job ended before it did" in (state.reason or "")
    for line in pids.read_text().splitlines():
        wait_until(lambda: not is_alive(int(line.split()[0])))

    (late,) = follow(backend, backend.submit(make_job("sleep 300", timeout=1)))
    assert late.reason == "it did not end within 1 seconds"
    unknown = SubmittedJob("mf-nothing", "mf-nothing", ("step/0/0",))
    (gone,) = follow(backend, unknown)
    assert "does not know its job" in (gone.reason or "")
    backend.cancel(unknown, unknown.tasks)


def test_addresses_of_no_dashboard() -> None:
    with pytest.raises(EngineUnavailable, match="does not answer"):
        RayBackend("http://127.0.0.1:9").submit(make_job("true"))
    with pytest.raises(MetaflowException, match="not the address"):
        RayBackend("ray://127.0.0.1:10001")
