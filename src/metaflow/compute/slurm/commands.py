"""Running Slurm's commands: on this machine, or on a login node through one SSH connection."""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..backend import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from tempfile import TemporaryDirectory

#: Slurm's commands hang for long when the controller does not answer.
TIME_LIMIT = 60.0
_CONNECT_SECONDS = 30
#: How a shell says that there is no such command, and ssh that the connection failed.
NOT_FOUND, _NO_CONNECTION = 127, 255
_EXPIRED = 124


#: Beginnings of variables that are defaults of commands which ask and cancel: filters, with which jobs seem to be gone.
_OF_QUERIES = ("SQUEUE_", "SACCT_", "SCANCEL_")
#: Variables with which ``sbatch`` makes jobs of another form, on another cluster, or does not return before their end.
_CHANGING = ("SBATCH_ARRAY_INX", "SBATCH_CLUSTERS", "SBATCH_WAIT", "SLURM_CLUSTERS")
_FORGET_THESE = f"unset {' '.join(_CHANGING)} {' '.join(f'${{!{prefix}@}}' for prefix in _OF_QUERIES)}"


class Finished(NamedTuple):
    """A command that has ended: exit code and what it wrote."""

    code: int
    output: str
    errors: str


class Commands(Protocol):
    """Runs commands where Slurm is.

    Attributes
    ----------
    place : str
        Where that is, for people.
    is_here : bool
        Whether it is this machine.
    """

    place: str
    is_here: bool

    def run(self, command: Sequence[str], text: str = "") -> Finished:
        """Run a command that reads `text`.

        Raises
        ------
        EngineUnavailable
            If it could not be run, or took longer than a minute.
        """
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class LocalCommands:
    """Runs commands on this machine, in an environment from which jobs can inherit."""

    def __init__(self) -> None:
        self.place = "this machine"
        self.is_here = True

    def run(self, command: Sequence[str], text: str = "") -> Finished:
        """Run a command that reads `text`."""
        try:
            return _run(command, text, inherited_environment(os.environ))
        except FileNotFoundError as error:
            return Finished(NOT_FOUND, "", str(error))

    def close(self) -> None:
        """Nothing is kept."""


class SshCommands:
    """Runs commands on a login node, all of them over the same connection of the system's ``ssh``.

    Parameters
    ----------
    address : str
    username, ssh_key_file, cert_file : str or None
        What ``ssh`` is told; what is None is as the user has configured it.
    program : str
        The ``ssh`` to use.
    """

    def __init__(
        self,
        address: str,
        username: str | None = None,
        ssh_key_file: str | None = None,
        cert_file: str | None = None,
        program: str = "ssh",
    ) -> None:
        self.place = address
        self.is_here = False
        options = {"BatchMode": "yes", "ConnectTimeout": str(_CONNECT_SECONDS), "ServerAliveInterval": "15"}
        if ssh_key_file:
            options["IdentityFile"] = os.path.expanduser(ssh_key_file)
            options["IdentitiesOnly"] = "yes"
        if cert_file:
            options["CertificateFile"] = os.path.expanduser(cert_file)
        self._program = [program, *(part for name, value in options.items() for part in ("-o", f"{name}={value}"))]
        self._host = f"{username}@{address}" if username else address
        self._connecting = threading.Lock()
        self._connection: subprocess.Popen[bytes] | None = None
        self._folder: TemporaryDirectory[str] | None = None

    def run(self, command: Sequence[str], text: str = "") -> Finished:
        """Run a command that reads `text`, in a login shell: many sites put Slurm into the path only there."""
        limited = shlex.join(["timeout", f"{TIME_LIMIT:g}", *command])
        over_connection = ["-o", f"ControlPath={self._connect()}", "-o", "ControlMaster=no"]
        finished = _run(
            [
                *self._program,
                *over_connection,
                "--",
                self._host,
                f"exec bash -lc {shlex.quote(f'{_FORGET_THESE}; exec {limited}')}",
            ],
            text,
            limit=TIME_LIMIT + _CONNECT_SECONDS,
        )
        if finished.code == _NO_CONNECTION:
            raise self._unreachable(finished.errors)
        if finished.code == _EXPIRED:
            raise _expired(command)
        return finished

    def close(self) -> None:
        """End the connection."""
        with self._connecting:
            if self._connection is not None:
                _end(self._connection)
                self._connection = None
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def _connect(self) -> str:
        """Path of the socket of the connection, which is made anew if it was lost."""
        with self._connecting:
            if self._folder is None:
                from tempfile import TemporaryDirectory

                self._folder = TemporaryDirectory(prefix="mf-ssh-")  # short: a socket's path has about 100 characters
            path = os.path.join(self._folder.name, "s")
            if self._connection is None or self._connection.poll() is not None:
                self._connection = self._open(path)
            return path

    def _open(self, path: str) -> subprocess.Popen[bytes]:
        if os.path.exists(path):
            os.remove(path)  # of a connection that broke
        # It lasts as long as `cat` has an input, that is, no longer than this process, however that may end.
        master = ["-o", "ControlMaster=yes", "-o", f"ControlPath={path}", "-o", "ControlPersist=no"]
        errors = os.path.join(os.path.dirname(path), "errors")
        with open(errors, "wb") as log:
            connection = subprocess.Popen(
                [*self._program, *master, "--", self._host, "exec sh -c 'echo connected; exec cat'"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us: jobs are yet to be cancelled over it
            )
        assert connection.stdout is not None
        if not any(line.strip() == b"connected" for line in connection.stdout):
            _end(connection)
            with open(errors, encoding="utf-8", errors="replace") as log_read:
                raise self._unreachable(log_read.read())
        return connection

    def _unreachable(self, said: str) -> EngineUnavailable:
        return EngineUnavailable(
            f"SSH cannot connect to {self._host}: {said.strip() or 'it does not say why'}. "
            f"See whether `ssh -o BatchMode=yes {self._host} true` works: it must not have to ask for anything."
        )


def inherited_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What jobs inherit of the environment that they are submitted from.

    That of a job in which a run may itself be started would contradict what its own jobs ask for, and settings of this
    machine may not hold on others: what a task needs of them is in the job's own variables.
    """
    return {
        name: value
        for name, value in environment.items()
        if name == "SLURM_CONF"
        or not (name in _CHANGING or name.startswith((*_OF_QUERIES, "SLURM_", "SRUN_", "PMI_", "PMIX_", "METAFLOW_")))
    }


def _run(
    command: Sequence[str], text: str, environment: dict[str, str] | None = None, limit: float = TIME_LIMIT
) -> Finished:
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        encoding="utf-8",
        errors="surrogateescape",
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(text, timeout=limit)
    except subprocess.TimeoutExpired:
        raise _expired(command) from None
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    return Finished(process.returncode, output, errors)


def _expired(command: Sequence[str]) -> EngineUnavailable:
    return EngineUnavailable(f"Slurm has not answered `{shlex.join(command[:4])} ...` within {TIME_LIMIT:g} seconds.")


def _end(connection: subprocess.Popen[bytes]) -> None:
    for pipe in (connection.stdin, connection.stdout):
        if pipe is not None:
            pipe.close()
    try:
        connection.wait(5)
    except subprocess.TimeoutExpired:
        connection.kill()
        connection.wait()
