"""Was it the kernel that killed a process of this container, because its memory ran out?"""

from __future__ import annotations

# Where a container sees its own control group: version 2, then version 1.
_FILES = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


def count_memory_kills() -> int | None:
    """Number of processes that the kernel has killed in this container because memory ran out.

    Returns
    -------
    int or None
        None where the kernel does not tell.
    """
    for path in _FILES:
        try:
            with open(path, encoding="ascii") as file:
                fields = dict(line.split() for line in file)
            return int(fields["oom_kill"])
        except (OSError, ValueError, KeyError):
            continue
    return None
