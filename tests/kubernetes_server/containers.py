"""Pods as containers of podman, on the machine's own files under an overlay: what they write there is thrown away."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
import threading
import time
import uuid
from pathlib import Path

from .launch import Launch, Mount
from .processes import CannotStart, Ended, Running

#: Label of our containers: the process id of the server that they belong to.
_LABEL = "metaflow-tests-server"
_CGROUPS = Path("/sys/fs/cgroup")
#: Control group above those of all of our containers.
_GROUP = "/metaflow-tests"
_KILLED = 137

# The limits are lower than podman's own, which may be more than the machine lets anybody have. Places of its own for
# anything but the storage make podman wait for containers that have ended.
_CONFIGURATION = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=16384:16384"]
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
[network]
network_backend = "netavark"
"""
_STORAGE = """
[storage]
driver = "overlay"
runroot = "{folder}/run"
graphroot = "{folder}/store"
"""


class NoContainers(Exception):
    """That podman does not run here, and why."""


class ContainerRuntime:
    """Starts commands in containers, with their limits and volumes, and the network of the machine.

    Raises
    ------
    NoContainers
    """

    def __init__(self) -> None:
        if not (shutil.which("podman") and shutil.which("runc")):
            raise NoContainers("podman and runc are not installed")
        if os.geteuid() != 0:
            raise NoContainers("the tests do not run as root")
        self._variables = {**os.environ, **_configure()}
        tried = self._podman("run", "--rm", "--network=host", "--log-driver=none", "--rootfs", "/:O", "true")
        if tried.returncode:
            raise NoContainers(tried.stderr.strip().rpartition("\n")[2])
        self._sweep()

    def start(self, launch: Launch, output: Path) -> Running:
        name = f"metaflow-test-{uuid.uuid4().hex}"
        group = f"{_GROUP}/{name}"
        started = output.with_suffix(".pid")
        command = [*_arguments(launch, name, group, started), *launch.command]
        with output.open("ab") as opened:
            begin = opened.tell()
            process = subprocess.Popen(
                ["podman", "--log-level=error", *command],
                env=self._variables,
                cwd=output.parent,
                stdin=subprocess.DEVNULL,
                stdout=opened,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        container = _Container(self, process, name, group, launch.memory)
        while not started.exists():
            if process.poll() is not None:
                # What podman says is no output of the container's.
                with output.open("r+b") as opened:
                    opened.seek(begin)
                    why = opened.read().decode(errors="replace").strip()
                    opened.truncate(begin)
                _remove_groups(group)
                raise CannotStart(why.removeprefix("Error: "))
            time.sleep(0.01)
        return container

    def close(self) -> None:
        """Remove what containers left behind whose monitors took their time."""
        _remove_all_groups()

    def podman_quietly(self, *arguments: str) -> bool:
        """Run podman; whether it did what it was asked for."""
        return self._podman(*arguments).returncode == 0

    def _podman(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["podman", "--log-level=error", *arguments],
            env=self._variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _sweep(self) -> None:
        """Remove what servers left behind that were killed."""
        form = f'{{{{.ID}}}} {{{{index .Labels "{_LABEL}"}}}}'
        for line in self._podman("ps", "--all", "--filter", f"label={_LABEL}", "--format", form).stdout.splitlines():
            container, _, server = line.partition(" ")
            if not Path("/proc", server).exists():
                self._podman("rm", "--force", "--time=0", container)
        _remove_all_groups()


class _Container:
    def __init__(
        self, runtime: ContainerRuntime, process: subprocess.Popen[bytes], name: str, group: str, memory: int | None
    ) -> None:
        self._runtime = runtime
        self._process = process
        self._name = name
        self._group = group
        self._memory = memory
        self._killed = threading.Event()

    def wait(self) -> Ended:
        code = self._process.wait()
        exceeded = code == _KILLED and not self._killed.is_set() and _was_out_of_memory(self._group, self._memory)
        _remove_groups(self._group)
        return Ended(128 - code if code < 0 else code, exceeded)

    def terminate(self) -> None:
        self._runtime.podman_quietly("kill", "--signal=TERM", self._name)

    def kill(self) -> None:
        self._killed.set()
        while self._process.poll() is None:
            self._runtime.podman_quietly("rm", "--force", "--time=0", self._name)
            time.sleep(0.05)


def _configure() -> dict[str, str]:
    """Write podman's configuration, once for all servers of a user, so that each can sweep what others left."""
    folder = Path(tempfile.gettempdir(), f"metaflow-tests-containers-{os.geteuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise NoContainers(f"{folder} belongs to somebody else")
    files = {"containers.conf": _CONFIGURATION, "storage.conf": _STORAGE.format(folder=folder)}
    for name, text in files.items():
        part = folder / f"{name}.{os.getpid()}"
        part.write_text(text)
        part.rename(folder / name)
    return {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
    }


def _arguments(launch: Launch, name: str, group: str, started: Path) -> list[str]:
    """Arguments of podman, up to the command."""
    options = ["run", "--rm", "--network=host", "--uts=private", "--log-driver=none"]
    options += [f"--name={name}", f"--label={_LABEL}={os.getpid()}", f"--pidfile={started}"]
    options += [f"--hostname={launch.host}", f"--cgroup-parent={group}"]
    options += [f"--add-host={host}:{address}" for host, address in launch.hosts.items()]
    options += [f"--env={variable}={value}" for variable, value in launch.variables.items()]
    options += [f"--mount={_mount_option(mount)}" for mount in launch.mounts]
    if launch.memory is not None:
        options += [f"--memory={launch.memory}", f"--memory-swap={launch.memory}"]
    if launch.cpu is not None and launch.cpu < (os.cpu_count() or 1):
        options.append(f"--cpus={max(launch.cpu, 0.01)}")
    if launch.folder:
        options.append(f"--workdir={launch.folder}")
    if launch.user:
        options.append(f"--user={launch.user}")
    if launch.privileged:
        options.append("--privileged")
    return [*options, "--rootfs", "/:O"]


def _mount_option(mount: Mount) -> str:
    end = ",ro=true" if mount.read_only else ""
    if mount.source:
        return f"type=bind,src={mount.source},dst={mount.path}{end}"
    return f"type=tmpfs,dst={mount.path}{f',tmpfs-size={mount.size}' if mount.size else ''}{end}"


def _was_out_of_memory(group: str, limit: int | None) -> bool:
    """Whether a container was ended for the memory it used; podman 4 does not tell.

    The group is the parent of the container's own, which is gone by now.
    """
    events = _CGROUPS / group.lstrip("/") / "memory.events"
    if events.exists():
        return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in events.read_text().splitlines())
    most = _CGROUPS / "memory" / group.lstrip("/") / "memory.max_usage_in_bytes"
    return limit is not None and most.exists() and int(most.read_text()) >= limit


def _remove_groups(group: str) -> None:
    """Remove a control group, and that of podman's monitor in it, from all hierarchies."""
    for hierarchy in (_CGROUPS, *_CGROUPS.iterdir()):
        folder = hierarchy / group.lstrip("/")
        for part in (folder / "conmon", folder):
            try:
                part.rmdir()
            except OSError:
                pass  # it has none there, or the monitor has not ended; the next sweep comes by


def _remove_all_groups() -> None:
    """Remove the groups of all containers that have ended, of whatever server: those that are in use stay."""
    for hierarchy in (_CGROUPS, *_CGROUPS.iterdir()):
        folder = hierarchy / _GROUP.lstrip("/")
        for name in {part.name for part in folder.glob("metaflow-test-*")}:
            _remove_groups(f"{_GROUP}/{name}")
