"""A client of the tests' Kubernetes, the official one, and the objects that tests make."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from kubernetes_server import ADMIN_TOKEN, KubernetesServer

_DEADLINE = 60.0


class Client(NamedTuple):
    """The parts of the official client.

    Attributes
    ----------
    core, batch, custom
    server : KubernetesServer
    """

    core: Any
    batch: Any
    custom: Any
    server: KubernetesServer

    def run(self, name: str, *command: str, pod: dict[str, Any] | None = None, **spec: Any) -> Any:
        """Make a Job of this command."""
        return self.batch.create_namespaced_job("default", job(name, *command, pod=pod, **spec))

    def post(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Send something that the official client would not: the code and the body of the answer."""
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.server.url + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def pods(self, job_name: str) -> list[Any]:
        return self.core.list_namespaced_pod("default", label_selector=f"job-name={job_name}").items

    def ended_pod(self, job_name: str) -> Any:
        """The only pod of a Job, once it has ended."""

        def ended() -> Any:
            pods = self.pods(job_name)
            return pods[0] if pods and pods[0].status.phase in ("Succeeded", "Failed") else None

        return until(ended)

    def running_pod(self, job_name: str) -> Any:
        """The only pod of a Job, once it runs."""

        def running() -> Any:
            pods = self.pods(job_name)
            return pods[0] if pods and pods[0].status.phase == "Running" else None

        return until(running)

    def ended_job(self, name: str) -> Any:
        """A Job and the condition that says how it ended, once it has."""

        def ended() -> Any:
            found = self.batch.read_namespaced_job(name, "default")
            over = [c for c in found.status.conditions or () if c.type in ("Complete", "Failed")]
            return (found, over[0]) if over else None

        return until(ended)

    def log(self, pod: Any) -> str:
        return self.core.read_namespaced_pod_log(pod.metadata.name, "default", _preload_content=False).data.decode()


def job(name: str, *command: str, pod: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A Job of one container; ``pod`` has what differs of its pod, with members of ``container`` of the container."""
    more = dict(pod or {})
    container = {"name": "main", "image": "python:3.11", "command": list(command), **more.pop("container", {})}
    template = {"spec": {"restartPolicy": "Never", "containers": [container], **more}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template, **spec},
    }


def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives, as soon as it is something."""
    deadline = time.monotonic() + _DEADLINE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)
    return found


@pytest.fixture
def containers(kubernetes: KubernetesServer) -> Iterator[Client]:
    """A client of a cluster whose pods run as containers, if podman runs here."""
    if kubernetes.no_containers:
        pytest.skip(f"pods run as plain processes here: {kubernetes.no_containers}")
    yield from _client(kubernetes)


@pytest.fixture
def cluster(kubernetes: KubernetesServer) -> Iterator[Client]:
    """A client of a cluster whose pods run as plain processes, which are cheap."""
    kubernetes.run_pods_as("process")
    yield from _client(kubernetes)


def _client(server: KubernetesServer) -> Iterator[Client]:
    official = pytest.importorskip("kubernetes")
    with official.config.new_client_from_config(str(server.kubeconfig)) as api:
        parts = (official.client.CoreV1Api(api), official.client.BatchV1Api(api), official.client.CustomObjectsApi(api))
        yield Client(*parts, server)


def client_with(server: KubernetesServer, token: str) -> Any:
    """The core part of a client that comes with another token."""
    official = pytest.importorskip("kubernetes")
    config = server.write_kubeconfig(f"kubeconfig-{token}", token)
    return official.client.BatchV1Api(official.config.new_client_from_config(str(config)))
