"""Processes of tasks, and what they use, as Linux tells under ``/proc``.

A task is the leader of a process group. What its code starts belongs to it too, also in another group, as long as
somebody of the task is its parent when it is first seen. A look costs one listing and a few small reads for each
process of a task; all other processes are read once in their life.
"""

from __future__ import annotations

import os
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Usage(NamedTuple):
    """What the processes of a task have used so far.

    Attributes
    ----------
    cpu_seconds : float
    memory : int
        Resident bytes at this moment. What processes share counts for each of them.
    read_bytes, write_bytes : int
        From and to disks.
    pids : tuple of int
        The processes.
    """

    cpu_seconds: float
    memory: int
    read_bytes: int
    write_bytes: int
    pids: tuple[int, ...]


class _Stat(NamedTuple):
    parent: int
    group: int
    ticks: int
    pages: int


class ProcessTable:
    """Which process belongs to which task.

    Parameters
    ----------
    folder : str
        Where the system tells of processes.
    """

    def __init__(self, folder: str = "/proc") -> None:
        self._folder = folder
        self._tick = 1 / os.sysconf("SC_CLK_TCK")
        self._page = os.sysconf("SC_PAGE_SIZE")
        #: Task of each process that was seen; 0 of those of nobody.
        self._task_of: dict[int, int] = {}

    def look(self, tasks: Collection[int]) -> dict[int, Usage]:
        """What tasks use now.

        Parameters
        ----------
        tasks : collection of int
            Ids of their first processes.

        Returns
        -------
        dict of int to Usage
            Of those that still have processes.
        """
        wanted = set(tasks)
        present = {int(name) for name in os.listdir(self._folder) if name.isdecimal()}
        # Processes that were seen before it was known that they are a task's count as new, as what they have started
        # does: it came after them.
        new = min((pid for pid in wanted if self._task_of.get(pid, pid) != pid), default=None)
        self._task_of = {
            pid: task for pid, task in self._task_of.items() if pid in present and (new is None or task or pid < new)
        }
        stats: dict[int, _Stat] = {}
        # In the order of their age, as parents come before their children.
        for pid in sorted(present - self._task_of.keys()):
            self._task_of[pid] = self._owner(pid, wanted, stats)
        members: dict[int, list[int]] = {}
        for pid, task in self._task_of.items():
            if task in wanted:
                members.setdefault(task, []).append(pid)
        return self._used(members, stats)

    def _owner(self, pid: int, wanted: Collection[int], stats: dict[int, _Stat]) -> int:
        if pid in wanted:
            return pid
        stat = stats[pid] = self._stat(pid) or _NONE
        return stat.group if stat.group in wanted else self._task_of.get(stat.parent, 0)

    def _used(self, members: Mapping[int, list[int]], stats: Mapping[int, _Stat]) -> dict[int, Usage]:
        found = {}
        for task, pids in members.items():
            seconds, pages, read, written = 0, 0, 0, 0
            alive = []
            for pid in pids:
                stat = stats.get(pid) or self._stat(pid)
                if stat is None:
                    continue
                alive.append(pid)
                seconds += stat.ticks
                pages += stat.pages
                of_process = self._transferred(pid)
                read += of_process[0]
                written += of_process[1]
            if alive:
                found[task] = Usage(seconds * self._tick, pages * self._page, read, written, tuple(alive))
        return found

    def _stat(self, pid: int) -> _Stat | None:
        content = self._read(f"{pid}/stat")
        # The name of the program, in parentheses, may hold anything.
        fields = content[content.rfind(b")") + 2 :].split()
        if len(fields) < 22 or fields[0] == b"Z":
            return None  # it is over, and only waits for its parent to take note of that
        # With what children have used that are gone; a child that goes leaves its share to its parent.
        ticks = int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])
        return _Stat(int(fields[1]), int(fields[2]), ticks, int(fields[21]))

    def _transferred(self, pid: int) -> tuple[int, int]:
        content = self._read(f"{pid}/io")
        if not content:
            return 0, 0
        counts = dict(line.split(b": ") for line in content.splitlines() if b": " in line)
        return int(counts.get(b"read_bytes", 0)), int(counts.get(b"write_bytes", 0))

    def _read(self, name: str) -> bytes:
        try:
            file = os.open(f"{self._folder}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""  # it is gone, or not ours
        try:
            return os.read(file, 4096)
        except OSError:
            return b""
        finally:
            os.close(file)


_NONE = _Stat(0, 0, 0, 0)


def machine_facts() -> dict[str, object]:
    """How much of everything this machine, or this container, has, and what it is called."""
    facts: dict[str, object] = {"host": os.uname().nodename, "cores": _cores()}
    memory = _memory()
    if memory:
        facts["memory"] = memory
    return facts


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def _memory() -> int:
    """Bytes of memory: those of the container, if it has fewer than the machine."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path, encoding="ascii") as file:
                text = file.read().strip()
        except (OSError, ValueError):
            continue
        if text.isdecimal():
            return min(whole, int(text))
    return whole
