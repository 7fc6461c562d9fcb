"""A Ray cluster of two nodes on this machine, which all processes of a test session share."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from servers import free_port

_START_SECONDS = 90.0
#: Ports of Ray's own workers, among which its main port may not be.
_WORKER_PORTS = range(10_002, 20_000)


class Cluster(NamedTuple):
    """A running cluster.

    Attributes
    ----------
    url : str
        Of its dashboard.
    folder : Path
    main_port : int
    """

    url: str
    folder: Path
    main_port: int

    @contextmanager
    def added_node(self, resource: str) -> Iterator[None]:
        """Have a further node with two processors and one of a resource, which is killed in the end."""
        pid = self._start_node(resource)
        try:
            yield
        finally:
            _kill(pid)

    def _start_node(self, resource: str) -> int:
        before = set(self.nodes())
        pid = _ray_start([f"--address=127.0.0.1:{self.main_port}", *_size(resource)], self.folder, resource)
        try:
            _until(lambda: set(self.nodes()) - before, self.folder / f"{resource}.log")
        except BaseException:
            _kill(pid)
            raise
        return pid

    def nodes(self) -> list[str]:
        """Ids of the nodes that are alive."""
        with urllib.request.urlopen(f"{self.url}/api/v0/nodes?limit=100", timeout=30) as answer:
            found = json.load(answer)["data"]["result"]["result"]
        return [node["node_id"] for node in found if node["state"] == "ALIVE"]


@contextmanager
def shared_cluster(folder: Path) -> Iterator[Cluster]:
    """The cluster of `folder`: started by the first process that asks, ended by the last that leaves."""
    if find_spec("ray") is None:
        pytest.skip("ray is not installed (it has no wheels for every version of Python): pip install 'metaflow[ray]'")
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "state.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = json.loads(state.read_text()) if state.exists() else {"users": []}
        if not any(_is_alive(user) for user in known["users"]):
            known = _start(folder)
        known["users"].append(os.getpid())
        state.write_text(json.dumps(known))
        fcntl.flock(lock, fcntl.LOCK_UN)
        try:
            yield Cluster(known["url"], folder, known["main_port"])
        finally:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = json.loads(state.read_text())
            known["users"] = [user for user in known["users"] if user != os.getpid() and _is_alive(user)]
            state.write_text(json.dumps(known))
            if not known["users"]:
                for pid in known["nodes"]:
                    _kill(pid)
                shutil.rmtree(known["session"], ignore_errors=True)


def _start(folder: Path) -> dict[str, object]:
    main_port, port = _free_main_port(), free_port()
    # Ray's sockets are below it, and their paths may not be long.
    session = f"/tmp/metaflow-ray-{os.getpid()}"
    url = f"http://127.0.0.1:{port}"
    head = ["--head", f"--port={main_port}", "--dashboard-host=127.0.0.1", f"--dashboard-port={port}"]
    head += [f"--temp-dir={session}", f"--ray-client-server-port={free_port()}", *_size("first")]
    pids = [_ray_start(head, folder, "first")]
    cluster = Cluster(url, folder, main_port)
    try:
        _until(lambda: len(cluster.nodes()) == 1, folder / "first.log")
        pids.append(cluster._start_node("second"))
    except BaseException:
        for pid in pids:
            _kill(pid)
        raise
    return {"url": url, "main_port": main_port, "nodes": pids, "session": session, "users": []}


def _size(resource: str) -> list[str]:
    return ["--num-cpus=2", f"--resources={json.dumps({resource: 1})}", "--object-store-memory=80000000"]


def _ray_start(arguments: list[str], folder: Path, name: str) -> int:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("METAFLOW_", "RAY_"))}
    environment.pop("PYTHONPATH", None)
    environment |= {
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        # A node that is gone is noticed soon.
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_failure_threshold": "3",
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),
    }
    program = os.path.join(os.path.dirname(sys.executable), "ray")
    # By itself, each node's agent, which starts jobs, takes the same port, or goes without if some connection has that.
    arguments = [*arguments, f"--dashboard-agent-listen-port={free_port()}"]
    with (folder / f"{name}.log").open("wb") as log:
        running = subprocess.Popen(
            [program, "start", "--block", "--disable-usage-stats", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return running.pid


def _until(condition, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            if condition():
                return
        except (OSError, KeyError, ValueError, urllib.error.URLError):
            pass
        if time.monotonic() > deadline:
            pytest.fail(f"Ray did not start:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.2)


def _free_main_port() -> int:
    while (port := free_port()) in _WORKER_PORTS:
        pass
    return port


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _kill(pid: int) -> None:
    """Kill a node: its group, and workers, which are groups of their own in its session."""
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                if os.getsid(int(name)) == pid:
                    os.kill(int(name), signal.SIGKILL)
            except ProcessLookupError:
                pass
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:  # another process of the tests has started it
        pass
