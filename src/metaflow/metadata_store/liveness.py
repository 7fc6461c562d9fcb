"""Is a run that says it is running still alive?

The process that drives a run is recorded as (host, pid, start time). On the same host that answers the
question for certain, even when the number of a dead process was given to another one. From any other host
only the age of the run's heartbeat tells.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.metadata_store.records import RunRecord, RunStatus

#: Seconds between two heartbeats of a run.
HEARTBEAT_INTERVAL = 5.0
#: Seconds without a heartbeat after which a run on another host counts as dead.
HEARTBEAT_LIMIT = 30.0

# Plain calls instead of pathlib: this is on the way of reading every run that still goes on.
# Fields of /proc/<pid>/stat behind the command name, which is in parentheses and may hold anything.
_STATE_FIELD = 0
_START_TIME_FIELD = 19


def process_identity(pid: int | None = None) -> tuple[str, int, int | None]:
    """Identify a process of this host so that :func:`is_alive` can tell it from any other, ever.

    Parameters
    ----------
    pid : int, optional
        The process; this one by default.

    Returns
    -------
    tuple of (str, int, int or None)
        The host (with its boot and its process-number space), the process's number, and when it started in
        clock ticks since boot; None for the last where the system does not tell.
    """
    number = os.getpid() if pid is None else pid
    state = _process_state(number)
    return _host(), number, state[1] if state else None


def is_alive(host: str | None, pid: int | None, process_started: int | None) -> bool | None:
    """Tell whether a process that :func:`process_identity` described still lives.

    Parameters
    ----------
    host : str or None
        Where it runs.
    pid : int or None
        Its number.
    process_started : int or None
        When it started, in clock ticks since boot, if known.

    Returns
    -------
    bool or None
        None if it runs on another host, so that it cannot be told from here.
    """
    if host is None or pid is None or host != _host():
        return None
    if pid < 1:
        return False  # to the system, such a number stands for many processes
    state = _process_state(pid)
    if state is None:
        return _has_process(pid)
    status, started = state
    return status not in "ZX" and (process_started is None or started == process_started)


def is_surely_alive(host: str | None, pid: int | None, process_started: int | None) -> bool:
    """Tell whether exactly that process lives on this host, so that it may be sent a signal.

    A number alone may by now be that of another process, and one below 1 stands for many.

    Parameters
    ----------
    host, pid, process_started
        As for :func:`is_alive`.
    """
    if pid is None or (host, pid, process_started) != process_identity(pid):
        return False
    return is_alive(host, pid, process_started) is True


def effective_status(run: RunRecord, now: float) -> RunStatus:
    """Status of a run as it is in truth: one that is recorded as running but whose process died has failed.

    A process that is known to live counts as running however old its heartbeat is (it may have been
    suspended).

    Parameters
    ----------
    run : RunRecord
        The run.
    now : float
        The time, in seconds since the epoch.

    Returns
    -------
    str
        ``running``, ``done``, ``failed`` or ``stopped``.
    """
    if run.status != "running":
        return run.status
    alive = is_alive(run.host, run.pid, run.process_started)
    if alive is None:
        heard = run.started_at if run.heartbeat_at is None else max(run.heartbeat_at, run.started_at)
        alive = now - heard <= HEARTBEAT_LIMIT
    return "running" if alive else "failed"


def silent_since(run: RunRecord, now: float) -> float | None:
    """When a run that is recorded as running gave its last sign of life; None if it has ended, or seems to live.

    Parameters
    ----------
    run : RunRecord
        The run.
    now : float
        The time, in seconds since the epoch.
    """
    if run.status == effective_status(run, now):
        return None
    return max(run.heartbeat_at or 0.0, run.started_at)


_host_name = ""


def _host() -> str:
    global _host_name
    if not _host_name:
        _host_name = "/".join(part for part in (os.uname().nodename, _boot_id(), _process_namespace()) if part)
    return _host_name


def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _process_namespace() -> str:
    """Containers of one host count processes apart: a number means one process only within its namespace."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _process_state(pid: int) -> tuple[str, int] | None:
    """State letter and start time of a process, or None where /proc does not tell."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return fields[_STATE_FIELD].decode("ascii"), int(fields[_START_TIME_FIELD])
    except (OSError, IndexError):
        return None


def _has_process(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False  # no process has a number that is too large for the system
    except PermissionError:
        return True
    return True
