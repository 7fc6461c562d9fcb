"""Who descends from whom, as Linux tells under ``/proc``; elsewhere nobody is found."""

from __future__ import annotations

import os

from ..distributed.outliving import OUTLIVES_VARIABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from .specs import RunSpec

#: Environment variable that says of which task a process is; whatever the task starts inherits it.
TASK_VARIABLE = "_METAFLOW_TASK"


def children_of(pid: int) -> list[int]:
    """Processes that `pid` is the parent of, also those that are over and not waited for yet."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def with_descendants(pids: Iterable[int]) -> list[int]:
    """Processes, and all that descend from them; parents come first."""
    found = list(pids)
    for pid in found:  # which grows meanwhile
        found += children_of(pid)
    return found


def outlives_task(pid: int) -> bool:
    """Whether a process cleans up behind the task that started it, and is to go on after that."""
    return _outlives(_environment(pid))


def mark_of(run: RunSpec, key: str) -> str:
    """What ``TASK_VARIABLE`` is for a task of a run."""
    return f"{run.flow}/{run.run_id}/{key}"


def key_marked_on(pid: int, run: RunSpec) -> str | None:
    """Key of the run's task that a process is marked with; None if it is with none."""
    mark, start = _mark_in(_environment(pid)), mark_of(run, "")
    return mark.removeprefix(start) if mark is not None and mark.startswith(start) else None


def processes_marked(marks: Container[str]) -> dict[int, str]:
    """Processes whose environment has ``TASK_VARIABLE`` with one of these values, and with which.

    Left out are the one that asks, and those that are to outlive the task. A copy of the task's process that has not
    become another program is not found: the kernel shows the environment that a program was started with.
    """
    try:
        present = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return {}
    own = os.getpid()
    found = {}
    for pid in present:
        environment = _environment(pid)
        mark = _mark_in(environment)
        if pid != own and mark is not None and mark in marks and not _outlives(environment):
            found[pid] = mark
    return found


def _mark_in(environment: list[bytes]) -> str | None:
    start = f"{TASK_VARIABLE}=".encode()
    return next(
        (entry[len(start) :].decode(errors="replace") for entry in environment if entry.startswith(start)), None
    )


def _outlives(environment: list[bytes]) -> bool:
    return any(entry.startswith(b"%b=" % OUTLIVES_VARIABLE.encode()) for entry in environment)


def _environment(pid: int) -> list[bytes]:
    return _read(f"/proc/{pid}/environ").split(b"\0")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        return b""  # it is gone, or not ours
