"""What a test wants to go wrong does, as often as it wants, and requests are counted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import urllib3
from kubernetes.client import ApiException

import kubernetes_server

from .conftest import Client, job, until


def _no_retries(cluster: Client) -> None:
    cluster.batch.api_client.rest_client.pool_manager.connection_pool_kw["retries"] = False


def test_requests_fail_as_often_as_asked_for(cluster: Client) -> None:
    _no_retries(cluster)
    cluster.server.fail("list", "jobs", 429, reason="TooManyRequests", retry_after=1, times=2)
    for _ in range(2):
        with pytest.raises(ApiException) as caught:
            cluster.batch.list_namespaced_job("default")
        assert caught.value.status == 429 and caught.value.headers["Retry-After"] == "1"
        assert cluster.core.list_namespaced_pod("default").items == []
    assert cluster.batch.list_namespaced_job("default").items == []
    cluster.server.fail(code=500)
    with pytest.raises(ApiException) as caught:
        cluster.core.list_namespaced_pod("default")
    assert caught.value.status == 500


def test_an_answer_may_be_lost_though_the_request_was_carried_out(cluster: Client) -> None:
    _no_retries(cluster)
    cluster.server.fail("create", "jobs", 0, after=True)
    with pytest.raises((urllib3.exceptions.ProtocolError, urllib3.exceptions.HTTPError, ConnectionError)):
        cluster.run("heard", "true", suspend=True)
    assert cluster.batch.read_namespaced_job("heard", "default")
    cluster.server.fail("create", "jobs", 0)
    with pytest.raises((urllib3.exceptions.ProtocolError, urllib3.exceptions.HTTPError, ConnectionError)):
        cluster.run("unheard", "true", suspend=True)
    assert [job.metadata.name for job in cluster.batch.list_namespaced_job("default").items] == ["heard"]


def test_a_server_that_was_away_knows_what_happened_meanwhile(cluster: Client) -> None:
    _no_retries(cluster)
    cluster.run("goes-on", "sh", "-c", "sleep 0.3; echo done")
    cluster.running_pod("goes-on")
    begin = time.monotonic()
    cluster.server.go_away()
    with pytest.raises((urllib3.exceptions.HTTPError, ConnectionError)):
        cluster.core.list_namespaced_pod("default")
    while time.monotonic() < begin + 0.5:
        time.sleep(0.05)
    cluster.server.come_back()
    (pod,) = cluster.pods("goes-on")
    assert pod.status.phase == "Succeeded" and cluster.log(pod) == "done\n"


def test_requests_are_counted_by_kind(cluster: Client) -> None:
    cluster.server.requests(reset=True)
    cluster.run("a", "true", suspend=True)
    cluster.core.list_namespaced_pod("default")
    cluster.core.list_namespaced_pod("default", watch=True, timeout_seconds=1, _preload_content=False).read()
    assert cluster.server.requests() == {"create jobs": 1, "list pods": 1, "watch pods": 1}


def test_a_reset_leaves_nothing(cluster: Client) -> None:
    cluster.run("a", "sleep", "601.5")
    cluster.running_pod("a")
    cluster.server.fail(times=100)
    cluster.server.reset()
    assert cluster.core.list_namespaced_pod("default").items == []
    assert cluster.core.read_namespaced_service_account("default", "default")
    assert _commands("601.5") == []


def _commands(word: str) -> list[str]:
    lines = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if f"sleep {word}" in line and not line.startswith("Z")]


_STARTED_ELSEWHERE = """
import kubernetes_server, pathlib, sys, urllib.request
with kubernetes_server.start(pathlib.Path(sys.argv[1])) as server:
    url = server.url + "/apis/batch/v1/namespaces/default/jobs"
    token = {"Authorization": "Bearer " + kubernetes_server.ADMIN_TOKEN}
    urllib.request.urlopen(urllib.request.Request(url, sys.argv[2].encode(), token)).read()
    print(server.pid, flush=True)
    sys.stdin.read()
"""


def test_nothing_is_left_of_a_server_whose_test_was_killed(tmp_path: Path) -> None:
    """The server ends with the process that started it, and its pods with the server."""
    tests = str(Path(kubernetes_server.__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, "-c", _STARTED_ELSEWHERE, str(tmp_path), json.dumps(job("left", "sleep", "602.5"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": tests, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    assert process.stdout is not None and process.stdin is not None
    pid = process.stdout.readline().decode().strip()
    until(lambda: _commands("602.5"))
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    until(lambda: not Path("/proc", pid).exists())
    until(lambda: not _commands("602.5"))


def test_containers_of_a_server_that_was_killed_are_swept_by_the_next(containers: Client, tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    with kubernetes_server.start(first) as server:
        Client(None, None, None, server).post("/apis/batch/v1/namespaces/default/jobs", job("left", "sleep", "603.5"))
        until(lambda: any("podman" not in line and "conmon" not in line for line in _commands("603.5")))
        os.kill(server.pid, signal.SIGKILL)
    second = tmp_path / "second"
    second.mkdir()
    with kubernetes_server.start(second):
        until(lambda: not _commands("603.5"))


def test_without_podman_pods_are_processes_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with kubernetes_server.start(tmp_path) as server:
        assert (server.isolation, server.no_containers) == ("process", "podman and runc are not installed")
        wanted = job("a", "sh", "-c", "echo $HOSTNAME")
        annotation = {kubernetes_server.RUNTIME_ANNOTATION: "container"}
        wanted["spec"]["template"]["metadata"] = {"annotations": annotation}
        official = pytest.importorskip("kubernetes")
        with official.config.new_client_from_config(str(server.kubeconfig)) as api:
            cluster = Client(official.client.CoreV1Api(api), official.client.BatchV1Api(api), None, server)
            cluster.batch.create_namespaced_job("default", wanted)
            pod = cluster.ended_pod("a")
            assert cluster.log(pod) == f"{pod.metadata.name}\n"


def test_a_pod_can_say_how_it_runs(containers: Client) -> None:
    wanted = job("a", "sh", "-c", "test -e /run/.containerenv; echo $?")
    wanted["spec"]["template"]["metadata"] = {"annotations": {kubernetes_server.RUNTIME_ANNOTATION: "process"}}
    containers.batch.create_namespaced_job("default", wanted)
    assert containers.log(containers.ended_pod("a")) == "1\n"
    containers.run("b", "sh", "-c", "test -e /run/.containerenv; echo $?")
    assert containers.log(containers.ended_pod("b")) == "0\n"
