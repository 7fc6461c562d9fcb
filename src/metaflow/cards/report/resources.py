"""What the task has used of its machine, and how much of it the step asked for."""

from __future__ import annotations

import sys
import time

from metaflow.cards.nodes import Node
from metaflow.cards.report.graph import decorators_of
from metaflow.client.times import span
from metaflow.datastore.sizes import MEGABYTE, size_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from metaflow.cards.report.subject import Subject

#: Decorators by which steps ask for resources.
_ASKING = ("resources", "kubernetes", "batch", "slurm")


def resources_node(subject: Subject) -> Node | None:
    """CPU time, memory and I/O: of this process, if it is the task's own, else what it has noted; None without that."""
    asked = asked_for(subject.graph, subject.step)
    if subject.flow is not None:
        use, graphics = _own_use(), list(_graphics(asked))
    else:
        use, graphics = _noted_use(subject), []
    if not use:
        return None
    ended_at = subject.record.ended_at
    wall = max(1e-3, (time.time() if ended_at is None else ended_at) - subject.record.started_at)
    return {"type": "usage", "data": [*_cpu(use, wall, asked), *_memory(use, asked), *graphics, *_transfers(use)]}


def asked_for(graph: Mapping[str, Any], step: str) -> dict[str, float]:
    """How much ``cpu``, ``memory`` (in MB) and ``gpu`` the step asks for: the most, if several decorators do."""
    found: dict[str, float] = {}
    decorators = decorators_of(graph, step)
    for name in _ASKING:
        for kind in ("cpu", "memory", "gpu"):
            try:
                amount = float(decorators.get(name, {}).get(kind) or 0)
            except (TypeError, ValueError):
                continue  # said in another unit, or by another version
            if amount > found.get(kind, 0):
                found[kind] = amount
    return found


def _own_use() -> dict[str, float]:
    """What this process has used until now, with names as tasks note them, and that of its largest child."""
    import resource

    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    # In kilobytes, but on macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "cpu_seconds": own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime,
        "peak_memory": own.ru_maxrss * unit,
        "peak_memory_of_child": children.ru_maxrss * unit,
        **_own_transfers(),
    }


def _noted_use(subject: Subject) -> dict[str, float]:
    noted = {} if subject.reader is None else subject.reader.manifest.record.get("used", {})
    return {name: amount for name, amount in noted.items() if isinstance(amount, (int, float))}


def _cpu(use: Mapping[str, float], wall: float, asked: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    if "cpu_seconds" not in use:
        return
    seconds = use["cpu_seconds"]
    cores = seconds / wall
    if "cpu" in asked:
        words = f"{span(seconds)}, {cores:.2g} of {asked['cpu']:g} cores"
        yield {"label": "CPU time", "text": words, "share": cores / asked["cpu"]}
    else:
        average = f"{cores:.2g}"
        yield {"label": "CPU time", "text": f"{span(seconds)}, {average} core{'s' * (average != '1')} on average"}


def _memory(use: Mapping[str, float], asked: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    if "peak_memory" not in use:
        return
    peak, largest_child = use["peak_memory"], use.get("peak_memory_of_child", 0)
    words = size_text(peak)
    if largest_child > peak:
        words += f"; a child process {size_text(largest_child)}"
    if "memory" in asked:
        whole = asked["memory"] * MEGABYTE
        share = max(peak, largest_child) / whole
        yield {"label": "Peak memory", "text": f"{words} of {size_text(whole)}", "share": share}
    else:
        yield {"label": "Peak memory", "text": words}


def _graphics(asked: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """Memory of the graphics processors that PyTorch took, if the task has used it and them."""
    cuda: Any = getattr(sys.modules.get("torch"), "cuda", None)
    try:
        is_used = cuda is not None and bool(cuda.is_initialized())
        for index in range(cuda.device_count() if is_used else 0):
            peak, whole = cuda.max_memory_allocated(index), cuda.get_device_properties(index).total_memory
            if peak:
                words = f"{size_text(peak)} of {size_text(whole)} at most"
                yield {"label": f"GPU {index} memory", "text": words, "share": peak / whole}
    except (RuntimeError, AttributeError, AssertionError):
        return  # the device is gone, or the library is of a kind that does not know
    if "gpu" in asked and not is_used:
        yield {"label": "GPU", "text": f"{asked['gpu']:g} asked for; PyTorch has used none"}


def _own_transfers() -> dict[str, float]:
    """Bytes that this process has read from disks and written to them, where the system counts them."""
    try:
        with open("/proc/self/io", encoding="ascii") as file:
            return {name: int(count) for name, count in (line.strip().split(": ") for line in file)}
    except (OSError, ValueError):
        return {}


def _transfers(use: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    for label, name in (("Read from disk", "read_bytes"), ("Written to disk", "write_bytes")):
        if use.get(name):
            yield {"label": label, "text": size_text(use[name])}
