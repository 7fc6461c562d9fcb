"""An SSH server on loopback with throw-away keys, and an `ssh` that knows how to reach it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from servers import free_port, process

_SERVER = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel INFO
SetEnv {environment}
"""
_CLIENT = """
Host *
    Port {port}
    IdentityFile {folder}/key
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile none
"""


class SshServer(NamedTuple):
    """A server that answers.

    Attributes
    ----------
    programs : Path
        Directory with an ``ssh`` and an ``scp`` that reach the server under the address 127.0.0.1.
    key : Path
        The private key that it accepts.
    log : Path
    pid : int
    """

    programs: Path
    key: Path
    log: Path
    pid: int

    @property
    def connections(self) -> int:
        """How many connections it has accepted."""
        return self.log.read_text(errors="replace").count("Accepted publickey")


@contextmanager
def running_ssh_server(folder: Path, environment: dict[str, str]) -> Iterator[SshServer]:
    """A server until the block is left, whose sessions have some environment variables; skipped where there is none."""
    server = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if server is None or shutil.which("ssh-keygen") is None:
        pytest.skip("there is no OpenSSH server on this machine")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # what it wants for the separation of its privileges
    for name in ("host_key", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    port = free_port()
    host_key = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    variables = " ".join(f"{name}={value}" for name, value in environment.items()) or "NOTHING=1"
    (folder / "sshd_config").write_text(_SERVER.format(port=port, folder=folder, environment=variables))
    (folder / "ssh_config").write_text(_CLIENT.format(port=port, folder=folder))
    programs = folder / "programs"
    programs.mkdir()
    for name in ("ssh", "scp"):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {shutil.which(name)} -F {folder}/ssh_config "$@"\n')
        program.chmod(0o755)
    log = folder / "sshd.log"
    command = [server, "-D", "-e", "-f", str(folder / "sshd_config")]
    with process(command, log, port) as pid:
        yield SshServer(programs, folder / "key", log, pid)
