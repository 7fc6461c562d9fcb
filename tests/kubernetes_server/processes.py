"""Pods as plain processes of this machine: cheap, and with nothing between them and it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import NamedTuple, Protocol

from .launch import Launch


class CannotStart(Exception):
    """A command that cannot be started, as the state ``StartError`` says it."""


class Ended(NamedTuple):
    """How a container's process ended.

    Attributes
    ----------
    code : int
        As a shell has it: 128 more than the number of a signal.
    out_of_memory : bool
    """

    code: int
    out_of_memory: bool = False


class Running(Protocol):
    """A process that was started."""

    def wait(self) -> Ended:
        """Wait until it has ended."""
        ...

    def terminate(self) -> None:
        """Ask it to end."""
        ...

    def kill(self) -> None:
        """End it and all that it started."""
        ...


class Runtime(Protocol):
    """What starts processes."""

    def start(self, launch: Launch, output: Path) -> Running:
        """Start a process that prints to a file.

        Raises
        ------
        CannotStart
        """
        ...

    def close(self) -> None:
        """Clean up, when nothing runs any more."""
        ...


class ProcessRuntime:
    """Starts commands as they are. Limits are not kept, and there are no volumes but folders of the machine."""

    def start(self, launch: Launch, output: Path) -> Running:
        for mount in launch.mounts:
            if mount.source != mount.path and not Path(mount.path).is_dir():
                raise CannotStart(f"{mount.path} can only be mounted into a container, and this is a plain process")
        variables = {name: _with_addresses(value, launch.hosts) for name, value in launch.variables.items()}
        with output.open("ab") as opened:
            try:
                process = subprocess.Popen(
                    [_with_addresses(part, launch.hosts) for part in launch.command],
                    env=variables,
                    cwd=launch.folder or output.parent,
                    stdin=subprocess.DEVNULL,
                    stdout=opened,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                command = launch.command[0] if launch.command else ""
                raise CannotStart(f'exec: "{command}": {error.strerror}: unknown') from None
        return _Process(process)

    def close(self) -> None:
        """Nothing is left of a process."""


class _Process:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lock = threading.Lock()

    def wait(self) -> Ended:
        # What it left behind ends with its container; until it is collected, the number of its group is its own.
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        self.kill()
        with self._lock:
            code = self._process.wait()
        return Ended(128 - code if code < 0 else code)

    def terminate(self) -> None:
        # As in a container, only the first process is told.
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        with self._lock:
            if self._process.returncode is None:
                os.killpg(self._process.pid, signal.SIGKILL)


def _with_addresses(text: str, hosts: dict[str, str]) -> str:
    """Names of a gang's pods are known in containers only; a process is told their addresses instead."""
    for name in sorted(hosts, key=len, reverse=True):
        text = text.replace(name, hosts[name])
    return text
