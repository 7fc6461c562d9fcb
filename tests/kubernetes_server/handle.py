"""The server as a test holds it: how to reach it, and what to have go wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .access import ADMIN_TOKEN

_END_SECONDS = 30


class KubernetesServer:
    """A running server.

    Attributes
    ----------
    url : str
    kubeconfig : Path
        A file for clients, with all rights.
    isolation : str
        How pods run that do not say: ``container``, or ``process`` where podman does not run.
    no_containers : str
        Why there are only processes; empty if there are containers.
    folder : Path
    pid : int
    """

    def __init__(self, folder: Path, ready: dict[str, Any], pid: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{ready['port']}"
        self.isolation: str = ready["isolation"]
        self.no_containers: str = ready["no_containers"]
        self.pid = pid
        self._control = f"http://127.0.0.1:{ready['control']}"
        self.kubeconfig = self.write_kubeconfig("kubeconfig", ADMIN_TOKEN)

    def write_kubeconfig(self, name: str, token: str, namespace: str = "default") -> Path:
        """Make a file for clients that come with a certain token."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tests",
            "clusters": [{"name": "tests", "cluster": {"server": self.url}}],
            "users": [{"name": "tester", "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tester", "namespace": namespace}}],
        }
        file = self.folder / name
        file.write_text(json.dumps(config))
        return file

    def reset(self) -> None:
        """Have no faults, the usual node, and no objects but what a cluster has when it is new."""
        self._call("reset")

    def fail(
        self,
        verb: str = "*",
        resource: str = "*",
        code: int = 500,
        *,
        reason: str = "InternalError",
        message: str = "an error on the server has prevented the request from succeeding",
        retry_after: int | None = None,
        times: int = 1,
        after: bool = False,
    ) -> None:
        """Have the next requests of a kind fail.

        Parameters
        ----------
        verb, resource : str
            Such as ``create`` and ``jobs``, or ``pods/log``; ``*`` for all.
        code : int
            Of the answer; 0 closes the connection without one.
        reason, message : str
        retry_after : int, optional
            Seconds, for the header of that name.
        times : int
        after : bool
            Whether the request is carried out all the same, so that only its answer is lost.
        """
        fault = {"verb": verb, "resource": resource, "code": code, "reason": reason, "message": message}
        self._call("add_fault", **fault, retry_after=retry_after, times=times, after=after)

    def clear_faults(self) -> None:
        """Have nothing fail and nothing denied any more."""
        self._call("clear_faults")

    def deny(self, verb: str, resource: str, namespace: str = "*") -> None:
        """Let nobody do something: 403, until the faults are cleared."""
        self._call("deny", verb=verb, resource=resource, namespace=namespace)

    def expire(self) -> None:
        """Make all resource versions and continue tokens that were given out too old."""
        self._call("expire")

    def go_away(self) -> None:
        """Refuse connections and cut those that there are, while pods go on."""
        self._call("go_away")

    def come_back(self) -> None:
        """Answer again, with all that happened meanwhile."""
        self._call("listen")

    def drop_connections(self) -> None:
        """Cut all connections once, watches among them."""
        self._call("drop_connections")

    def requests(self, *, reset: bool = False) -> dict[str, int]:
        """How many requests there were, by kind: ``{"create jobs": 1, "watch pods": 2}``."""
        counts: dict[str, int] = self._call("requests", reset=reset)
        return counts

    def open_watches(self) -> int:
        """How many watches are being served."""
        count: int = self._call("open_watches")
        return count

    def set_nodes(self, nodes: dict[str, dict[str, Any]]) -> None:
        """Have these nodes and no others.

        Parameters
        ----------
        nodes : dict
            For each name what differs from the usual: ``capacity`` (a dict of amounts), ``labels``, ``taints``.
        """
        self._call("set_nodes", nodes=nodes)

    def run_pods_as(self, isolation: str) -> None:
        """Have pods run as a ``process`` or a ``container`` until the next test.

        A pod can also say it itself, by the annotation ``RUNTIME_ANNOTATION``. Processes start at once, but they have
        no limits of memory, no volumes, and no files of their own.
        """
        self._call("run_pods_as", isolation=isolation)

    def evict(
        self, pod: str, message: str = "The node was low on resource: memory.", namespace: str = "default"
    ) -> None:
        """Have a node end a pod for lack of something, which leaves the pod failed."""
        self._call("evict", pod=pod, message=message, namespace=namespace)

    def drain(self, pod: str, namespace: str = "default") -> None:
        """Have somebody drain the node of a pod, which deletes the pod."""
        self._call("disrupt", pod=pod, namespace=namespace, kind="drain")

    def preempt(self, pod: str, namespace: str = "default") -> None:
        """Have a pod make room for a more important one, which deletes it."""
        self._call("disrupt", pod=pod, namespace=namespace, kind="preemption")

    def lose_node(self, node: str) -> None:
        """Have a node vanish with all that runs on it."""
        self._call("lose_node", node=node)

    def _call(self, method: str, **arguments: Any) -> Any:
        request = urllib.request.Request(f"{self._control}/{method}", json.dumps(arguments).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method}: {error.read().decode()}") from None


@contextmanager
def start(folder: Path, workers: int = 8) -> Iterator[KubernetesServer]:
    """Run a server as a process of its own until the block is left.

    Parameters
    ----------
    folder : Path
        For logs and volumes; has to be there.
    workers : int
        How many pods may run at a time.
    """
    tests = Path(__file__).resolve().parent.parent
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "kubernetes_server", str(folder), "--workers", str(workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(tests)},
            start_new_session=True,
        )
    assert process.stdin is not None and process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the Kubernetes server did not start:\n{(folder / 'server.log').read_text()[-3000:]}")
        yield KubernetesServer(folder, json.loads(line), process.pid)
    finally:
        process.stdin.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
