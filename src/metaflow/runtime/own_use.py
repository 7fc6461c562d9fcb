"""What a process has used as a whole, with those of its children that are gone: kept in the record of its attempt."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TypeAlias

    #: ``cpu_seconds``, ``peak_memory`` (bytes), ``read_bytes`` and ``write_bytes`` (disks), as far as they are known.
    Used: TypeAlias = "dict[str, float]"


def used_so_far() -> Used:
    """What this process has used until now."""
    # Not by the module `resource`: to import it takes longer than all of this, in each task.
    times = os.times()
    found: Used = {"cpu_seconds": round(sum(times[:4]), 3)}
    peak = _field("/proc/self/status", b"VmHWM:")
    if peak is None:
        return found if sys.platform == "win32" else _by_resource()
    found["peak_memory"] = peak * 1024
    for name in ("read_bytes", "write_bytes"):
        count = _field("/proc/self/io", f"\n{name}:".encode())
        if count:
            found[name] = count
    return found


def used_by_ended(usage: Any) -> Used:
    """What a process used that was waited for; `usage` is what `os.wait4` gave."""
    return {
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "peak_memory": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }


def _by_resource() -> Used:
    import resource

    return used_by_ended(resource.getrusage(resource.RUSAGE_SELF))


def _field(path: str, label: bytes) -> int | None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        content = os.read(file, 8192)
    except OSError:
        return None
    finally:
        os.close(file)
    begin = content.find(label)
    words = content[begin + len(label) : begin + len(label) + 40].split() if begin >= 0 else []
    return int(words[0]) if words and words[0].isdigit() else None
