"""A Ray cluster on the nodes of a gang: its head on node 0, which has the others join it."""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..exception import GangException
from .control import Command
from .outliving import OUTLIVES_VARIABLE
from .programs import end, find_program, start, words_of_status

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence

    from ..flow.parallel_node import Parallel
    from .control import Control

#: Part of the memory of a machine, and of its room for shared memory, that Ray's object stores take together.
_OBJECT_STORE_SHARE = 0.3
_PAUSE = 0.2
#: Does what ``ray`` does, but says nothing unless something is wrong.
_QUIET = (
    "import os, sys; os.dup2(os.open(os.devnull, os.O_WRONLY), 1); "
    "from ray.scripts.scripts import main; sys.exit(main())"
)
#: Removes Ray's files if the task dies without doing so, after the seconds that Ray needs to end. In a session of
#: its own, as what ends a task is sent to all of its process group; Python cannot do it, as Ray handles the signal.
_REMOVE = 'read -r removed || for round in 1 2 3; do sleep 5; rm -rf -- "$1"; done'
_INSTALL = "install Ray here: pip install 'metaflow[ray]'"


class RayCluster:
    """The cluster, as node 0 has it.

    Parameters
    ----------
    node : Parallel
        Node 0.
    roster : sequence of mapping
        What the nodes say of themselves: their addresses.
    control : Control
        By which the other nodes are told what to do.
    attributes : mapping of str to object
        Those of the decorator.

    Attributes
    ----------
    address : str
        What ``ray.init`` takes.
    """

    def __init__(
        self, node: Parallel, roster: Sequence[Mapping[str, Any]], control: Control, attributes: Mapping[str, Any]
    ) -> None:
        self._node = node
        self._addresses = [str(each["address"]) for each in roster]
        self._control = control
        self._attributes = attributes
        self._port = int(attributes["main_port"] or free_port())
        self.address = f"{node.main_ip}:{self._port}"
        self._head: subprocess.Popen[bytes] | None = None
        self._commands: dict[int, int] = {}
        self._session = ""
        self._remover: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float) -> str:
        """Start Ray on all nodes, and wait until they have joined; returns the cluster's address.

        Raises
        ------
        GangException
            If Ray ends on a node, or they have not joined within `timeout` seconds.
        """
        import subprocess
        import tempfile

        # Not below the task's own directory: the paths of Ray's sockets may not be long.
        self._session = tempfile.mkdtemp(prefix="mf-ray-", dir="/tmp")
        remover = ["sh", "-c", _REMOVE, "remove", self._session]
        nothing = subprocess.DEVNULL
        self._remover = subprocess.Popen(
            remover,
            stdin=subprocess.PIPE,
            stdout=nothing,
            stderr=nothing,
            start_new_session=True,
            env={**os.environ, OUTLIVES_VARIABLE: "1"},
        )
        os.environ.update(variables(self._attributes))
        check_port_is_free(self._port)
        nodes = self._nodes_of_this_machine()
        command = head_command(self._port, self._node.main_ip, self._session, nodes, self._attributes)
        self._head = start([find_program(command[0], _INSTALL), *command[1:]])
        os.environ["RAY_ADDRESS"] = self.address
        deadline = time.monotonic() + timeout
        self._wait_for_head(timeout)
        for index in range(1, self._node.num_nodes):
            joining = join_command(self.address, self._addresses[index], nodes, self._attributes)
            self._commands[self._control.command(index, Command(joining, variables(self._attributes)))] = index
        self._wait_for_nodes(deadline, timeout)
        return self.address

    def disconnect(self) -> None:
        """Take this process out of the cluster, if the step has not."""
        ray = sys.modules.get("ray")
        if ray is not None and ray.is_initialized():
            ray.shutdown()

    def end(self) -> None:
        """End the head, and remove its files."""
        from shutil import rmtree

        if self._head is not None:
            end([self._head])
        rmtree(self._session, ignore_errors=True)
        if self._remover is not None:
            self._remover.communicate(b"removed\n")

    def _nodes_of_this_machine(self) -> int:
        """How many nodes of the gang share a machine, and so its processors and memory: all, or each has its own."""
        return self._node.num_nodes if is_one_machine(self._addresses) else 1

    def _wait_for_head(self, timeout: float) -> None:
        """Wait until the head listens: whoever connects before waits for long, and is then told little."""
        deadline = time.monotonic() + timeout
        while not is_listening(self._node.main_ip, self._port):
            self._check_processes()
            if time.monotonic() > deadline:
                raise GangException(
                    f"Ray's head on node 0 has not started within {timeout:g} seconds. If it only needs longer, set "
                    "all_nodes_started_timeout."
                )
            time.sleep(_PAUSE)

    def _wait_for_nodes(self, deadline: float, timeout: float) -> None:
        ray = import_module("ray")
        joined = 0
        while joined < self._node.num_nodes:
            self._check_processes()
            if time.monotonic() > deadline:
                raise GangException(
                    f"Of the {self._node.num_nodes} nodes of this parallel step {joined} have joined the Ray cluster "
                    f"within {timeout:g} seconds. All ports between them have to be open; if Ray only needs longer to "
                    "start, set all_nodes_started_timeout."
                )
            try:
                if not ray.is_initialized():
                    ray.init(address=self.address, logging_level="ERROR", log_to_driver=False)
                joined = len([node for node in ray.nodes() if node["Alive"]])
            except (ConnectionError, RuntimeError):
                pass  # the head is not ready yet; if it never will be, that is told above
            time.sleep(_PAUSE)
        ray.shutdown()  # so that the step can connect as it wants to

    def _check_processes(self) -> None:
        status = self._head.poll() if self._head is not None else None
        if status is not None:
            raise GangException(
                f"Ray's head on node 0 {words_of_status(status)}. What it said is above; with "
                "enable_worker_logs=True it says more."
            )
        for number, ended in self._control.statuses().items():
            index = self._commands.pop(number, None)
            if index is not None:
                raise GangException(
                    f"Ray on node {index} {words_of_status(ended)}; see that node's log. With "
                    "enable_worker_logs=True it says more."
                )


def head_command(
    port: int, address: str, session: str, nodes_of_machine: int, attributes: Mapping[str, Any]
) -> tuple[str, ...]:
    """Program and arguments with which node 0 starts a head."""
    dashboard = ["--include-dashboard=false"]
    if attributes["enable_dashboard"]:
        # Whoever reaches it can run what he likes, so it is not shown to others where the nodes are on this machine.
        host = "127.0.0.1" if address in ("127.0.0.1", "localhost") else "0.0.0.0"  # noqa: S104
        place = f"--dashboard-port={int(attributes['dashboard_port'])}"
        dashboard = ["--include-dashboard=true", f"--dashboard-host={host}", place]
    own = ["--head", f"--port={port}", f"--temp-dir={session}", f"--ray-client-server-port={free_port()}", *dashboard]
    return _start_command(own, address, nodes_of_machine, attributes)


def join_command(head: str, address: str, nodes_of_machine: int, attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """Program and arguments with which another node joins the head."""
    return _start_command([f"--address={head}"], address, nodes_of_machine, attributes)


def _start_command(
    own: Sequence[str], address: str, nodes_of_machine: int, attributes: Mapping[str, Any]
) -> tuple[str, ...]:
    command = ["start", "--block", "--disable-usage-stats", f"--node-ip-address={address}", *own]
    if nodes_of_machine > 1:
        command += [f"--num-cpus={max(1, (os.cpu_count() or 1) // nodes_of_machine)}"]
        command += [f"--object-store-memory={object_store_bytes(nodes_of_machine)}"]
    if attributes["log_style"]:
        command += [f"--log-style={attributes['log_style'].lower()}", "--log-color=false"]
    return ("ray", *command) if attributes["enable_worker_logs"] else ("python3", "-c", _QUIET, *command)


def variables(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Environment variables of Ray's processes."""
    found = {"RAY_USAGE_STATS_ENABLED": "0"}
    if attributes["logging_level"]:
        found["RAY_BACKEND_LOG_LEVEL"] = attributes["logging_level"].lower()
    return found


def object_store_bytes(nodes: int) -> int:
    """Size of the object store of each of several nodes on this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        shared = os.statvfs("/dev/shm")  # noqa: S108
        memory = min(memory, shared.f_frsize * shared.f_bavail)
    except OSError:
        pass  # a system without it
    return max(80_000_000, int(memory * _OBJECT_STORE_SHARE / nodes))


def is_one_machine(addresses: Sequence[str]) -> bool:
    """Whether the nodes with these addresses are processes beside each other."""
    return len(addresses) > 1 and len(set(addresses)) == 1


def find_ray(step: str, decorator: str) -> None:
    """See that Ray is there.

    Raises
    ------
    GangException
        If not.
    """
    from importlib.util import find_spec

    if find_spec("ray") is None:
        raise GangException(f"Step *{step}*, which has @{decorator}, needs Ray: {_INSTALL}.")


def free_port() -> int:
    """A port of this machine that nobody listens on now, and that Ray's own workers do not use."""
    import socket

    while True:
        with socket.socket() as listener:
            listener.bind(("", 0))
            port = int(listener.getsockname()[1])
        if not 10_002 <= port < 20_000:
            return port


def check_port_is_free(port: int) -> None:
    """See that nobody listens on a port that Ray's head is to have.

    Raises
    ------
    GangException
        If somebody does.
    """
    import socket

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("", port))
        except OSError as error:
            raise GangException(
                f"Ray's head cannot have port {port} on node 0: {error.strerror}. Choose another main_port, or none, "
                "so that one is taken that is free."
            ) from error


def is_listening(address: str, port: int) -> bool:
    """Whether somebody listens on a port."""
    import socket

    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def storage_path(node: Parallel) -> str:
    """Where in the datastore what Ray keeps for this step may go, the same for all attempts; empty if it is nowhere."""
    from ..client.home import home_of_run
    from ..flow.current import current

    home = home_of_run()
    place = f"{current.flow_name}/{current.run_id}/{current.step_name}/{node.control_task_id}"
    return "" if home is None else f"{home.location}/mf-ray/{place}"
