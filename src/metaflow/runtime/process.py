"""The few system calls that keep a task's process apart from, and no longer alive than, the run."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

# Looked up once, before any fork: a child must not have to load a library first.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when process `parent`, which started it, dies (Linux)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def kill_group(pid: int, number: int) -> None:
    """Send a signal to the process group that `pid` leads, if there is one left."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def describe_exit(status: int) -> str:
    """How a process ended, for people.

    Parameters
    ----------
    status : int
        Exit code, or the negated number of the signal that killed it.
    """
    if status >= 0:
        return f"its process exited with code {status} before the step was finished"
    number = -status
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if number == signal.SIGSEGV:
        return "its process crashed with a segmentation fault (SIGSEGV), most often in a library written in C"
    if number == signal.SIGKILL:
        return (
            "its process was killed (SIGKILL). If you did not do that yourself, the system did because memory ran out: "
            "use less memory, or fewer tasks at a time with --max-workers"
        )
    return f"its process was killed by {name}"
