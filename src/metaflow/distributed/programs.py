"""Programs that a node runs: their command lines, and their ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..exception import GangException

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: Seconds that a program has to end when it is asked to, before it is killed.
_END_SECONDS = 3.0
#: The same when this process itself has been asked to end, which whoever asked does not wait for much longer.
_LAST_SECONDS = 2.5

#: Programs that were started and may still run.
_started: list[subprocess.Popen[bytes]] = []


def arguments(given: Any, dash: str = "--") -> list[str]:
    """What a person gives as arguments of a program, as its command line has them.

    Parameters
    ----------
    given : mapping, list or None
        A list is taken as it is. Of a mapping, ``{"lr": 0.1}`` becomes ``--lr 0.1``, ``{"fast": True}`` becomes
        ``--fast``, ``{"layers": [8, 4]}`` becomes ``--layers 8 4``; what is None or False is left out. A name that
        begins with a dash is taken as it is.
    dash : str, default "--"
        What is put before names.

    Raises
    ------
    GangException
        If it is neither.
    """
    if given is None:
        return []
    if isinstance(given, Mapping):
        written: list[str] = []
        for name, value in given.items():
            if value is None or value is False:
                continue
            written.append(str(name) if str(name).startswith("-") else f"{dash}{name}")
            if isinstance(value, (list, tuple)):
                written += map(str, value)
            elif value is not True:
                written.append(str(value))
        return written
    if isinstance(given, (list, tuple)):
        return [str(each) for each in given]
    raise GangException(
        f"Arguments are given as a dict or as a list, not as {given!r}: write {{'name': value}} or ['--name', 'value']."
    )


@contextmanager
def temporary_folder(name: str) -> Iterator[str]:
    """A directory that is removed when it is no longer needed, also if the process is asked to end (``SIGTERM``).

    In that case the programs that use it are ended first: launchers such as ``mpirun`` need a moment to end what they
    have started, and would be killed as soon as this process is gone.

    Parameters
    ----------
    name : str
        What it is for.
    """
    import tempfile
    import threading

    with tempfile.TemporaryDirectory(prefix=f"metaflow-{name}-") as folder:
        in_main_thread = threading.current_thread() is threading.main_thread()
        if not in_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            yield folder
            return

        def remove(number: int, frame: object) -> None:
            from shutil import rmtree

            _end_all()
            rmtree(folder, ignore_errors=True)
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

        signal.signal(signal.SIGTERM, remove)
        try:
            yield folder
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def find_program(name: str, hint: str) -> str:
    """Path of a program: beside the interpreter, where an environment has its own, or on ``PATH``.

    Raises
    ------
    GangException
        If there is none; ends with `hint`.
    """
    from shutil import which

    found = which(name, path=os.path.dirname(sys.executable)) or which(name)
    if found is None:
        raise GangException(f"There is no program '{name}' on this node: {hint}")
    return found


def start(
    command: Sequence[str], environment: Mapping[str, str] | None = None, directory: str | None = None
) -> subprocess.Popen[bytes]:
    """Start a program that prints to where this process does, and ends with it at the latest.

    Raises
    ------
    GangException
        If it cannot be started.
    """
    # What this process has printed comes before what the program prints.
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        process = subprocess.Popen(command, env=environment, cwd=directory, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise GangException(f"The program {command[0]} cannot be started: {error.strerror}.") from error
    _started[:] = [*(earlier for earlier in _started if earlier.returncode is None), process]
    return process


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    """Run a program to its end; returns its exit code, or the negated number of the signal that killed it.

    Raises
    ------
    GangException
        If it cannot be started.
    """
    process = start(command, environment)
    try:
        return process.wait()
    finally:  # also when this process is interrupted while it waits
        end([process])


def end(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """End programs, those that do not react by force."""
    running = [process for process in processes if process.poll() is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + _END_SECONDS
    for process in running:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_all() -> None:
    """End all programs, from a signal's handler: whatever was interrupted may hold the locks of their objects."""
    running = [process.pid for process in _started if process.returncode is None and not _has_ended(process.pid)]
    for pid in running:
        # Whoever stops a task signals its whole process group, and `mpirun` takes a second signal as one to drop all.
        if os.getpgid(pid) != os.getpgrp():
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _LAST_SECONDS
    while running and time.monotonic() < deadline:
        time.sleep(0.02)
        running = [pid for pid in running if not _has_ended(pid)]
    for pid in running:
        os.kill(pid, signal.SIGKILL)


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def words_of_status(status: int) -> str:
    """How a program ended, for people: ``ended with exit code 1``, ``was killed by SIGKILL``."""
    if status >= 0:
        return f"ended with exit code {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
