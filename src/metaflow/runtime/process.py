"""The end of processes: bringing it about, and putting it in words."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def kill_group(pid: int, number: int) -> None:
    """Send a signal to the process group that `pid` leads, if there is one left."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def kill_task(pid: int, number: int) -> None:
    """Send a signal to a task and its process group, also if its code has moved it to another group."""
    kill_group(pid, number)
    try:
        if os.getpgid(pid) != pid:
            os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def signal_all(pids: Iterable[int], number: int) -> None:
    """Send a signal to processes, of which some may be gone."""
    for pid in pids:
        try:
            os.kill(pid, number)
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
    if number == signal.SIGSEGV:
        return "its process crashed with a segmentation fault (SIGSEGV), most often in a library written in C"
    if number == signal.SIGKILL:
        return (
            "its process was killed (SIGKILL). If you did not do that yourself, the system did because memory ran out: "
            "use less memory, or fewer tasks at a time with --max-workers"
        )
    return f"its process was killed by {signal_name(number)}"


def was_asked_to_end(status: int) -> bool:
    """Whether a process ended by ``SIGTERM``; `status` is as a shell has it, or negative for a signal."""
    return status in (-signal.SIGTERM, 128 + signal.SIGTERM)


def signal_name(number: int) -> str:
    """Name of a signal, or its number if it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
