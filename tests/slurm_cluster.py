"""A Slurm cluster on loopback: munged, slurmctld, and some nodes that are all this machine."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from servers import free_port

_START_SECONDS = 60.0
_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "srun")

#: What the tests rely on: short waits, memory as a resource, and more processors than the machine has.
_CONFIGURATION = """
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0,batch_sched_delay=0,default_queue_depth=1000
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MessageTimeout=5
KillWait=2
SlurmctldTimeout=30
SlurmdTimeout=30
InactiveLimit=0
MinJobAge={min_job_age}
MaxArraySize={max_array_size}
DefMemPerCPU=100
NodeName=n[1-{nodes}] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[{node_ports}] CPUs=4 RealMemory=4000
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=short Nodes=n1 MaxTime=1 State=UP
"""


class SlurmCluster:
    """Programs of a cluster that run, and how to reach them.

    Attributes
    ----------
    environment : dict of str to str
        What a program needs in its environment to use the cluster.
    nodes : tuple of str
    """

    def __init__(self, folder: Path, nodes: int, settings: dict[str, object]) -> None:
        self.folder = folder
        self.nodes = tuple(f"n{number}" for number in range(1, nodes + 1))
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._configure(settings)

    def _configure(self, settings: dict[str, object]) -> None:
        for name in ("state", *(f"spool-{node}" for node in self.nodes)):
            (self.folder / name).mkdir()
        text = _CONFIGURATION.format(
            folder=self.folder,
            user=getpass.getuser(),
            port=free_port(),
            nodes=len(self.nodes),
            node_ports=",".join(str(free_port()) for _ in self.nodes),
            **{"min_job_age": 300, "max_array_size": 1001, **settings},
        )
        (self.folder / "slurm.conf").write_text(text)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)

    def start(self) -> None:
        """Start all programs; returns when every node is idle."""
        socket = self.folder / "munge.socket"
        self._start(
            "munged",
            ["--force", "--foreground", "-S", str(socket), f"--key-file={self.folder / 'munge.key'}"]
            + [f"--pid-file={self.folder / 'munged.pid'}", f"--seed-file={self.folder / 'munged.seed'}"]
            + [f"--log-file={self.folder / 'munged.log'}"],
        )
        self._wait(socket.exists, "munged")
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        self._wait(lambda: self._idle() == len(self.nodes), "slurmctld")

    def start_controller(self) -> None:
        self._start("slurmctld", ["-D", "-i"])

    def start_node(self, node: str) -> None:
        self._start(node, ["-D", "-N", node], program="slurmd")

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """End a program: ``munged``, ``slurmctld`` or a node."""
        process = self._running.pop(name)
        process.send_signal(number)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def call(self, *command: str, timeout: float = 60) -> str:
        """What a command of Slurm prints."""
        finished = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=timeout
        )
        assert finished.returncode == 0, f"{command}: {finished.stdout}{finished.stderr}"
        return finished.stdout

    def close(self) -> None:
        """End all jobs and all programs."""
        if "slurmctld" in self._running and self._running["slurmctld"].poll() is None:
            try:
                self.call("scancel", "--state=PENDING", f"--user={getpass.getuser()}", timeout=5)
                self.call("scancel", f"--user={getpass.getuser()}", timeout=5)
                self._wait(lambda: not self.call("squeue", "-h", timeout=5).strip(), "the last job", 10)
            except (AssertionError, subprocess.TimeoutExpired, pytest.fail.Exception) as error:
                print(f"jobs were left: {error}", file=sys.stderr)
        for name in ["slurmctld", *self.nodes, "munged"]:
            if name in self._running:
                self.stop(name)
        # Jobs of a node that was killed go on, as they do on a cluster.
        for pid in self._left_behind():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _left_behind(self) -> list[int]:
        mark = f"SLURM_CONF={self.environment['SLURM_CONF']}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if int(folder.name) != os.getpid() and mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                continue  # it has ended, or is not ours
        return found

    def _idle(self) -> int:
        try:
            states = self.call("sinfo", "-h", "-N", "-p", "main", "-o", "%T", timeout=5)
        except (AssertionError, subprocess.TimeoutExpired):
            return 0  # the controller does not answer yet
        return states.split().count("idle")

    def _start(self, name: str, arguments: list[str], program: str | None = None) -> None:
        with (self.folder / f"{name}.out").open("ab") as output:
            self._running[name] = subprocess.Popen(
                [_program(program or name), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )

    def _wait(self, condition, what: str, seconds: float = _START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            dead = [name for name, process in self._running.items() if process.poll() is not None]
            if dead or time.monotonic() > deadline:
                logs = [self.folder / f"{name}{suffix}" for name in (*dead, what) for suffix in (".out", ".log")]
                said = "\n".join(log.read_text(errors="replace")[-2000:] for log in logs if log.exists())
                pytest.fail(f"waited for {what}; ended: {dead}\n{said}")
            time.sleep(0.05)


def _program(name: str) -> str:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or name


@contextmanager
def running_cluster(folder: Path, nodes: int = 3, **settings: object) -> Iterator[SlurmCluster]:
    """A cluster until the block is left; the test is skipped where Slurm is not installed."""
    missing = [name for name in _PROGRAMS if shutil.which(_program(name)) is None]
    if missing:
        pytest.skip(f"Slurm is not installed: there is no {', '.join(missing)}")
    cluster = SlurmCluster(folder, nodes, settings)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()
