"""What runs on the cluster for each job: a Ray driver that starts the job's tasks, and says how they are.

The text of this module is sent with the job and runs with the cluster's Python, so it uses nothing but the standard
library and Ray. A driver of our own, instead of a Ray job for each task, lets tasks wait for free machines for as long
as it takes (Ray gives up on a job's entry point after some minutes), makes a thousand tasks one submission, and is told
by Ray's exceptions why a process has died.

It prints *snapshots*: lines with the states of all tasks, each as complete as the last, so that whoever asks reads the
end of the job's log and nothing else.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
import zlib
from importlib import import_module
from typing import Any

#: What begins a line with a snapshot, and one with what a task printed.
SNAPSHOT = "metaflow-snapshot "
OUTPUT = "metaflow-output "
#: Variables of the driver: its own text, and what it is to do.
DRIVER_VARIABLE = "METAFLOW_RAY_DRIVER"
PLAN_VARIABLE = "METAFLOW_RAY_PLAN"
#: Variables of a task: which one of the job it is, and where it runs.
TASK_VARIABLE = "METAFLOW_RAY_TASK_INDEX"
NODE_ID_VARIABLE = "METAFLOW_RAY_NODE_ID"
NODE_IP_VARIABLE = "METAFLOW_RAY_NODE_IP"

#: Letters of a snapshot, one a task.
PENDING, RUNNING, SUCCEEDED, FAILED = "prsf"

_POLL_SECONDS = 1.0
#: Seconds between two snapshots, and between two looks at what the cluster's nodes have.
_SNAPSHOT_SECONDS, _NODES_SECONDS = 0.5, 5.0
_SNAPSHOT_BYTES_PER_SECOND = 4096
#: Seconds that a process has to end itself when it is asked to.
_GRACE_SECONDS = 10
_OUTPUT_BYTES = 16_384
#: Ends a task's processes when the Ray worker that started them is gone, however it went: it then reads the end of its
#: input instead of a line. In the background of a shell that ends, so that it is no child of the worker, which Ray
#: kills together with its children.
_WATCH = """exec 3<&0
{ read -r done <&3 || { kill -s TERM -- "-$1"; sleep "$2"; kill -s KILL -- "-$1"; }; } >/dev/null 2>&1 &"""


def main() -> None:
    """Run the job that the plan describes; the exit code tells whether all of its tasks succeeded."""
    plan = json.loads(zlib.decompress(base64.b64decode(os.environ.pop(PLAN_VARIABLE))))
    ray = import_module("ray")
    ray.init(log_to_driver=False, logging_level="ERROR")
    driver = Driver(ray, plan)
    driver.run()
    sys.exit(0 if set(driver.board.phases) <= {SUCCEEDED} else 1)


class Board:
    """The states of all tasks, as they are printed.

    Parameters
    ----------
    count : int

    Attributes
    ----------
    phases : list of str
    ended : dict of int to list
        Of tasks that failed: exit code or negated signal or None, why, and whether another attempt may fare better.
    nodes : list of str
        Ids of nodes on which tasks run or ran.
    places : list of int or None
        For each task the index of its node among them.
    text : str
        What the tasks that wait are waiting for.
    """

    def __init__(self, count: int) -> None:
        self.phases = [PENDING] * count
        self.ended: dict[int, list[Any]] = {}
        self.nodes: list[str] = []
        self.places: list[int | None] = [None] * count
        self.text = ""
        self._printed = ""
        self._printed_at = 0.0

    def start(self, index: int, node: str) -> None:
        """A task's process is about to be started."""
        self.phases[index] = RUNNING
        if node not in self.nodes:
            self.nodes.append(node)
        self.places[index] = self.nodes.index(node)

    def end(self, index: int, status: int | None, reason: str | None = None, retriable: bool = True) -> None:
        """A task is over."""
        self.phases[index] = SUCCEEDED if status == 0 else FAILED
        if status != 0:
            self.ended[index] = [status, reason, retriable]

    def show(self, now: bool = False) -> None:
        """Print a snapshot, if something has changed and the last one is not too recent."""
        content = {"phases": "".join(self.phases), "ended": self.ended, "text": self.text}
        content |= {"nodes": self.nodes, "places": self.places}
        line = SNAPSHOT + json.dumps(content, separators=(",", ":"))
        # Long snapshots less often, so that the log of a job that runs for days stays of a reasonable size.
        pause = max(_SNAPSHOT_SECONDS, len(line) / _SNAPSHOT_BYTES_PER_SECOND)
        if line != self._printed and (now or time.monotonic() - self._printed_at >= pause):
            print(line, flush=True)  # noqa: T201
            self._printed, self._printed_at = line, time.monotonic()


class Driver:
    """Starts the tasks of a job and follows them to their ends.

    Parameters
    ----------
    ray : module
    plan : dict
        See :func:`metaflow.compute.ray.submission.plan`.
    """

    def __init__(self, ray: Any, plan: dict[str, Any]) -> None:
        self._ray = ray
        self._plan = plan
        self.board = Board(plan["count"])
        #: Tasks that Ray knows of: what it yields of each -> index.
        self._known: dict[Any, int] = {}
        self._group: Any = None
        self._main_address = ""
        self._impossible_since: float | None = None
        self._nodes_seen_at = 0.0

    def run(self) -> None:
        """Return when all tasks are over."""
        self.board.show(now=True)
        if self._plan["is_gang"] and not self._reserve():
            self.board.show(now=True)
            return
        for index in range(self._plan["count"]):
            self._known[self._start(index)] = index
        while self._known:
            ready, _ = self._ray.wait(list(self._known), timeout=_POLL_SECONDS)
            for stream in ready:
                self._advance(stream)
            if PENDING in self.board.phases:
                self._look_at_nodes()
            self.board.show()
        self.board.show(now=True)

    def _start(self, index: int) -> Any:
        plan = self._plan
        needs = dict(plan["needs"])
        options: dict[str, Any] = {
            "num_cpus": needs.pop("CPU", 0),
            "num_gpus": needs.pop("GPU", 0),
            "memory": needs.pop("memory", None),
            "resources": needs,
            "max_retries": 0,
            "name": f"{plan['step']} {index}",
            "num_returns": "streaming",
            "scheduling_strategy": "SPREAD",
        }
        if self._group is not None:
            strategies = import_module("ray.util.scheduling_strategies")
            options["scheduling_strategy"] = strategies.PlacementGroupSchedulingStrategy(self._group, index)
        variables = {TASK_VARIABLE: str(index), **plan["variables"]}
        if self._main_address:
            variables[plan["main_address_variable"]] = self._main_address
        run = self._ray.remote(**options)(run_task)
        return run.remote(plan["command"], variables, plan["timeout_seconds"])

    def _advance(self, stream: Any) -> None:
        """Take what a task has to say next: where it runs, and later how it ended."""
        index = self._known[stream]
        try:
            said = self._ray.get(next(stream))
        except StopIteration:
            del self._known[stream]
            if self.board.phases[index] == RUNNING:
                self.board.end(index, None, "its Ray task ended without saying how")
        except Exception as error:
            del self._known[stream]
            self.board.end(index, None, why_dead(error))
        else:
            if isinstance(said, str):
                self.board.start(index, said)
            else:
                del self._known[stream]
                status, reason, output = said
                self.board.end(index, status, reason)
                if output:
                    print(OUTPUT + json.dumps([index, output]), flush=True)  # noqa: T201

    def _reserve(self) -> bool:
        """Reserve room for all nodes of a gang; returns whether there is some."""
        groups = import_module("ray.util.placement_group")
        count = self._plan["count"]
        bundle = dict(self._plan["needs"]) or {"CPU": 0.001}  # Ray refuses empty ones
        self._group = groups.placement_group([bundle] * count, strategy=self._plan["placement_strategy"])
        ready = self._group.ready()
        while not self._ray.wait([ready], timeout=_POLL_SECONDS)[0]:
            self._look_at_nodes()
            self.board.show()
            if PENDING not in self.board.phases:
                return False
        strategies = import_module("ray.util.scheduling_strategies")
        first = strategies.PlacementGroupSchedulingStrategy(self._group, 0)
        ask = self._ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=first)(address_of_node)
        self._main_address = self._ray.get(ask.remote())
        return True

    def _look_at_nodes(self) -> None:
        """Say so if no node can ever run a task, and give up after a while: an autoscaler may be adding one."""
        now = time.monotonic()
        if now - self._nodes_seen_at < _NODES_SECONDS:
            return
        self._nodes_seen_at = now
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        count = self._plan["count"] if self._plan["is_gang"] else 1
        lack = what_is_lacking(self._plan["needs"], count, self._plan["placement_strategy"], nodes)
        self.board.text = lack
        if not lack:
            self._impossible_since = None
            return
        if self._impossible_since is None:
            self._impossible_since = now
        if now - self._impossible_since >= self._plan["patience_seconds"]:
            self._give_up(lack)

    def _give_up(self, lack: str) -> None:
        waited = f"{self._plan['patience_seconds']:g} seconds"
        reason = f"{lack}, and nothing was added to it for {waited} (setting RAY_UNSCHEDULABLE_SECONDS)"
        for index, phase in enumerate(self.board.phases):
            if phase == PENDING:
                self.board.end(index, None, reason, retriable=False)
        for stream, index in list(self._known.items()):
            if self.board.phases[index] == FAILED:
                del self._known[stream]
                self._ray.cancel(stream)


def what_is_lacking(needs: dict[str, float], count: int, strategy: str, nodes: list[dict[str, float]]) -> str:
    """Why the cluster could not run something even if nothing else ran; empty if it could.

    Parameters
    ----------
    needs : dict of str to float
        Resources of one process, as Ray calls them.
    count : int
        How many processes have to run at the same time.
    strategy : str
        How these are placed, as Ray calls it.
    nodes : list of dict
        Resources of each node.
    """
    if not nodes:
        return "the cluster has no nodes"
    for name, amount in needs.items():
        largest = max(node.get(name, 0) for node in nodes)
        if amount > largest:
            best = f"the largest has {_amount(name, largest).removesuffix(' of memory')}" if largest else "none has any"
            return f"no node of the cluster has {_amount(name, amount)}: {best}"
    rooms = [_room(needs, node, count) for node in nodes]
    if not any(rooms):
        wanted = ", ".join(_amount(name, amount) for name, amount in needs.items())
        return f"no node of the cluster has all of {wanted}"
    if strategy == "STRICT_SPREAD" and count > sum(map(bool, rooms)):
        return f"{count} nodes are needed, and the cluster has {sum(map(bool, rooms))} that are large enough"
    if strategy == "STRICT_PACK" and count > max(rooms):
        return f"{count} processes have to fit on one node, and no node is large enough"
    if count > sum(rooms):
        return f"{count} processes have to run at the same time, and the cluster has room for {sum(rooms)}"
    return ""


def _room(needs: dict[str, float], node: dict[str, float], most: int) -> int:
    """How many processes fit on a node."""
    return min([most, *(int(node.get(name, 0) / amount + 1e-9) for name, amount in needs.items() if amount)])


def _amount(name: str, amount: float) -> str:
    return f"{amount / 1e6:,.0f} MB of memory" if name == "memory" else f"{amount:g} {name}"


def why_dead(error: BaseException) -> str:
    """Why a task's process is gone, as the end of a sentence, by what Ray raised."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    detail = " ".join(str(error).split())[:500]
    if "OutOfMemoryError" in kinds:
        return f"Ray ended it, because its node was low on memory: {detail}"
    if kinds & {"NodeDiedError", "ActorUnschedulableError"} or "node it was running on is dead" in detail:
        return "the Ray node that it ran on died, or cannot be reached any more"
    if "TaskCancelledError" in kinds:
        return "it was cancelled on the Ray cluster"
    if "RuntimeEnvSetupError" in kinds:
        return f"its runtime_env could not be set up: {detail}"
    if kinds & {"WorkerCrashedError", "LocalRayletDiedError"}:
        return "the Ray worker that ran it died: it was killed from outside, or its node ran out of memory"
    return f"Ray could not run it: {detail or type(error).__name__}"


def address_of_node() -> str:
    """Run on a node: its address, as others reach it."""
    address: str = import_module("ray.util").get_node_ip_address()
    return address


def environment_of_node(context: Any) -> dict[str, str]:
    """Run on a node: the environment of a task's process, beside its own variables."""
    return {
        **{name: value for name, value in os.environ.items() if name not in (DRIVER_VARIABLE, PLAN_VARIABLE)},
        NODE_ID_VARIABLE: context.get_node_id(),
        NODE_IP_VARIABLE: address_of_node(),
        "RAY_ADDRESS": context.gcs_address,
        # What the command calls `python3` is the interpreter that runs Ray, whatever else the node has.
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]),
    }


def run_task(command: list[str], variables: dict[str, str], timeout: float | None) -> Any:
    """Run on a node: start a task's process, and see to it that it ends when this one does.

    Yields
    ------
    str or tuple
        First the node's id; in the end the process's exit code or the negated number of its signal, why it ended if
        it was not its own doing, and, if it failed, the end of what it printed.
    """
    import signal
    import subprocess
    from threading import Thread

    context = import_module("ray").get_runtime_context()
    yield context.get_node_id()
    process = subprocess.Popen(
        command,
        env={**environment_of_node(context), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    watch = ["sh", "-c", _WATCH, "watch", str(process.pid), str(_GRACE_SECONDS)]
    watcher = subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True)
    assert watcher.stdin is not None and process.stdout is not None
    kept = bytearray()

    def read(output: Any) -> None:
        while chunk := os.read(output.fileno(), 65_536):
            kept.extend(chunk)
            del kept[:-_OUTPUT_BYTES]

    reader = Thread(target=read, args=(process.stdout,), daemon=True)
    reader.start()

    def signal_group(number: int) -> None:
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass

    reason = None
    try:
        status = process.wait(timeout)
    except subprocess.TimeoutExpired:
        reason = f"it did not end within {timeout:g} seconds"
        signal_group(signal.SIGTERM)
        try:
            status = process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            signal_group(signal.SIGKILL)
            status = process.wait()
    signal_group(signal.SIGKILL)  # what it left behind
    watcher.stdin.write(b"done\n")
    watcher.stdin.close()
    watcher.wait()
    reader.join(2)
    yield status, reason, bytes(kept).decode(errors="replace") if status else ""


if __name__ == "__main__":
    main()
