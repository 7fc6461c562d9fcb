"""Flows on a Kubernetes of the tests' own: real containers, with code and data in an object store."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubernetes_server import KubernetesServer
from metaflow import Flow, Run, Task
from metaflow.compute.backend import JobQuery
from metaflow.compute.kubernetes.backend import KubernetesBackend

from .conftest import Outcome, Project
from .test_remote_runs import use_bucket

pytest.importorskip("kubernetes")

#: What tasks ask for: little, so that several fit on the one node.
SMALL = {
    "METAFLOW_KUBERNETES_CPU": "0.1",
    "METAFLOW_KUBERNETES_MEMORY": "256",
    "METAFLOW_KUBERNETES_DISK": "100",
    "METAFLOW_KUBERNETES_CONTAINER_IMAGE": "python-with-packages",
    "METAFLOW_PASS_CREDENTIALS": "1",
}

FLOW = """
    import os
    import beside
    from metaflow import FlowSpec, catch, current, kubernetes, parallel, resources, retry, step

    class Far(FlowSpec):
        @step
        def start(self):
            self.numbers = list(range(4))
            self.next(self.square, foreach="numbers")

        @retry(times=1, minutes_between_retries=0)
        @kubernetes(labels={"team": "red"}, use_tmpfs=True, tmpfs_size=16, max_concurrent_tasks=4)
        @step
        def square(self):
            pod = os.environ["METAFLOW_KUBERNETES_POD_NAME"]
            print("square", self.input, "attempt", current.retry_count, "in", pod)
            if self.input == 2 and current.retry_count == 0:
                os._exit(7)
            self.value = beside.square(self.input)
            self.tempdir = current.tempdir
            with open(os.path.join(current.tempdir, "file"), "w") as file:
                file.write("x")
            self.next(self.sum)

        @step
        def sum(self, inputs):
            self.total = sum(each.value for each in inputs)
            self.tempdirs = {each.tempdir for each in inputs}
            self.next(self.spread)

        @step
        def spread(self):
            self.next(self.node, num_parallel=2)

        @kubernetes
        @parallel
        @step
        def node(self):
            self.place = (current.parallel.node_index, current.parallel.num_nodes, os.environ["MF_WORLD_SIZE"])
            self.next(self.gather)

        @step
        def gather(self, inputs):
            self.places = [each.place for each in inputs]
            self.merge_artifacts(inputs, include=["total", "tempdirs"])
            self.next(self.hungry)

        @catch(var="hunger")
        @kubernetes(qos="guaranteed")
        @resources(memory=200)
        @step
        def hungry(self):
            print("allocating", flush=True)
            self.much = bytes(bytearray(900_000_000))
            self.next(self.end)

        @step
        def end(self):
            print("total", self.total, "hunger", bool(self.hunger))
"""

WAITING = """
    import time
    from metaflow import FlowSpec, current, kubernetes, retry, step

    class Waiting(FlowSpec):
        @retry(times=1, minutes_between_retries=0)
        @kubernetes
        @step
        def start(self):
            print("it starts", current.retry_count, flush=True)
            time.sleep({seconds} if current.retry_count == 0 else 0)
            print("it goes on", flush=True)
            self.next(self.end)

        @step
        def end(self):
            pass
"""


@pytest.fixture
def far(
    project: Project, kubernetes: KubernetesServer, s3_bucket: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """A project whose flows can use the cluster, and a bucket."""
    use_bucket(project, s3_bucket, monkeypatch)
    project.env.update(s3_bucket.environment, KUBECONFIG=str(kubernetes.kubeconfig), **SMALL)  # type: ignore[attr-defined]
    for name, value in s3_bucket.environment.items():  # type: ignore[attr-defined]
        monkeypatch.setenv(name, value)
    yield project


def run_of(project: Project, outcome: Outcome, flow: str) -> Run:
    project.client()
    return Run(f"{flow}/{outcome.run_id}")


def wait_for_text(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    seen = ""
    while text not in seen:
        line = process.stdout.readline()
        assert line, seen
        seen += line
    return seen


def wait_until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 90
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def jobs_of(flow: str) -> list[str]:
    backend = KubernetesBackend()
    try:
        return [job.engine_id for job in backend.find(JobQuery(flow))]
    finally:
        backend.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_flow_with_all_kinds_of_steps(far: Project, kubernetes: KubernetesServer) -> None:
    (far.path / "beside.py").write_text("def square(number):\n    return number ** 2\n")
    far.write(FLOW)
    outcome = far.call("run", timeout=250)
    assert outcome.code == 0, outcome
    assert "total 14 hunger True" in outcome.stdout
    run = run_of(far, outcome, "Far")
    assert run["sum"].task["tempdirs"].data == {"/metaflow_temp"}
    assert run["gather"].task["places"].data == [(0, 2, "2"), (1, 2, "2")]
    retried = next(task for task in run["square"] if task.current_attempt == 1)
    assert "square 2 attempt 1" in retried.stdout
    assert "its process exited with code 7" in outcome.stdout + outcome.stderr
    for task in run["square"]:
        metadata = task.metadata_dict
        assert metadata["kubernetes-pod-name"] in task.stdout
        assert metadata["kubernetes-pod-namespace"] == "default" and metadata["kubernetes-pod-id"]
    assert run["node"].task.metadata_dict["kubernetes-jobset-name"].startswith("mf-")
    if kubernetes.isolation == "container":
        assert "memory" in str(run["hungry"].task["hunger"].data), "out of memory is told apart from other ends"
    counts = kubernetes.requests()
    assert counts["create jobs"] <= 4, "four tasks are one job, which is tried again for one of them"
    assert counts["list pods"] + counts["watch pods"] < 10


@pytest.mark.slow
def test_an_interrupted_run_ends_its_pods(far: Project) -> None:
    far.write(WAITING.format(seconds=600))
    process = far.start("run")
    wait_for_text(process, "it starts 0")
    assert len(jobs_of("Waiting")) == 1
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Task was stopped" in stdout
    wait_until(lambda: jobs_of("Waiting") == [], "the job goes on")


@pytest.mark.slow
def test_a_cluster_that_is_away_and_a_pod_that_is_evicted(far: Project, kubernetes: KubernetesServer) -> None:
    far.write(WAITING.format(seconds=600))
    process = far.start("run")
    wait_for_text(process, "it starts 0")
    kubernetes.go_away()
    time.sleep(2)
    kubernetes.come_back()
    backend = KubernetesBackend()
    (pod,) = [pod["metadata"]["name"] for pod in backend._connect()[1].find_pods("metaflow/job")]
    backend.close()
    kubernetes.evict(pod)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stdout + stderr
    assert "its pod was evicted: The node was low on resource: memory" in stdout
    assert "it starts 1" in stdout and "it goes on" in stdout


@pytest.mark.slow
def test_a_spot_instance_that_is_taken_away(far: Project, tmp_path: Path) -> None:
    answers = tmp_path / "latest/meta-data"
    (answers / "spot").mkdir(parents=True)
    (answers / "instance-id").write_text("i-1")
    server = tmp_path / "service.py"
    server.write_text(SERVICE)
    port_file = tmp_path / "port"
    service = subprocess.Popen(["python3", str(server), str(answers), str(port_file)])
    try:
        wait_until(port_file.exists, "the metadata service does not start")
        address = f"http://127.0.0.1:{port_file.read_text()}"
        far.env |= {
            "METAFLOW_KUBERNETES_FETCH_EC2_METADATA": "1",
            "METAFLOW_INIT_SCRIPT": f"export AWS_EC2_METADATA_SERVICE_ENDPOINT={address}",
        }
        far.write(WAITING.format(seconds=600))
        process = far.start("run")
        wait_for_text(process, "it starts 0")
        (answers / "spot/instance-action").write_text('{"action": "terminate", "time": "2026-01-02T03:04:05Z"}')
        stdout = wait_for_text(process, "its spot instance is taken away at 2026-01-02T03:04:05Z")
        (answers / "spot/instance-action").unlink()
        rest, stderr = process.communicate(timeout=60)
    finally:
        service.kill()
        service.wait()
    assert process.returncode == 0, stdout + rest + stderr
    far.client()
    task = Flow("Waiting").latest_run["start"].task
    assert task.metadata_dict["ec2-instance-id"] == "i-1"
    first = Task(task.pathspec, attempt=0).metadata_dict
    assert first["spot-termination-time"] == "2026-01-02T03:04:05Z" and first["spot-termination-received-at"]


SERVICE = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

class Handler(BaseHTTPRequestHandler):
    def do_PUT(self):
        self.answer(200, b"token")

    def do_GET(self):
        file = Path(sys.argv[1]) / self.path.removeprefix("/latest/meta-data/")
        self.answer(*((200, file.read_bytes()) if file.is_file() else (404, b"")))

    def answer(self, status, content):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
Path(sys.argv[2]).write_text(str(server.server_port))
server.serve_forever()
"""


def test_what_is_wrong_is_said_before_anything_runs(far: Project, kubernetes: KubernetesServer) -> None:
    far.write(WAITING.format(seconds=0))
    here = far.call("run", env={"METAFLOW_DEFAULT_DATASTORE": "local"})
    assert here.code != 0 and "cannot reach a datastore that is a directory of this one" in here.stderr
    twice = far.call("--with", "elsewhere", "run")
    assert twice.code != 0 and "cannot run in two places" in twice.stderr
    nowhere = far.call("run", env={"METAFLOW_KUBERNETES_NAMESPACE": "nowhere"})
    assert nowhere.code != 0 and "has no namespace 'nowhere'" in nowhere.stderr
    unknown = far.call("run", env={"KUBECONFIG": "/nowhere/at/all"})
    assert unknown.code != 0 and "No Kubernetes cluster to connect to" in unknown.stderr
    for outcome in (here, twice, nowhere, unknown):
        assert "Traceback" not in outcome.stderr and "Workflow starting" not in outcome.stdout
    assert "create jobs" not in kubernetes.requests()


def test_an_image_that_does_not_exist_is_given_up(far: Project) -> None:
    far.write(WAITING.format(seconds=0))
    env = {"METAFLOW_KUBERNETES_CONTAINER_IMAGE": "nowhere/image:1", "METAFLOW_KUBERNETES_PENDING_LIMIT": "1"}
    outcome = far.call("run", env=env)
    assert outcome.code != 0
    assert "Task is waiting: its image nowhere/image:1 cannot be pulled" in outcome.stdout
    assert "That lasted for 1 seconds" in outcome.stdout
    assert outcome.stdout.count("is submitted to Kubernetes") == 1, "it is not tried again"
    assert jobs_of("Waiting") == []
