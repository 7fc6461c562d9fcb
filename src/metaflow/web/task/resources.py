"""What an attempt used of its machine over time, beside what its step asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from metaflow.cards.report.resources import asked_for
from metaflow.client.log_spool import spooled
from metaflow.datastore.layout import resources_key
from metaflow.datastore.resource_series import ResourceUse
from metaflow.datastore.sizes import MEGABYTE
from metaflow.datastore.store import ObjectMissing
from metaflow.exception import MetaflowException
from metaflow.web.task.finding import reader_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import TaskRecord

_TOTALS = (
    "cpu_seconds",
    "cpu_average",
    "peak_memory",
    "read_bytes",
    "write_bytes",
    "peak_gpu_memory",
    "gpu_average",
)
_MACHINE = ("host", "cores", "memory", "gpus", "gpu_memory")
#: What is suggested is so much more than what was used at most: the next run may need a little more.
_HEADROOM = 1.25
#: Requests of memory are suggested in steps of so many megabytes, and of processors in these.
_MEMORY_STEP = 256
_CPU_STEPS = (0.25, 0.5, 1.0)
#: A request of which less than this share is used is called too large.
_WASTED = 0.5
#: Attempts shorter than this, in seconds, say little of what a step needs.
_TELLING_SECONDS = 5.0


def task_resources(provider: Provider, record: TaskRecord) -> dict[str, Any]:
    """Points over time, figures of the whole attempt, what was asked for, and what to ask for."""
    use = _use(provider, record)
    totals = _totals(provider, record, use)
    asked = _asked(provider, record)
    points = [] if use is None else use.points
    return {
        "started_at": record.started_at if use is None else use.started_at,
        "is_over": record.status != "running",
        "machine": _filled(_MACHINE, {} if use is None else use.machine),
        "asked": asked,
        "points": [each._asdict() for each in points],
        "totals": _filled(_TOTALS, totals),
        "suggestions": suggestions(record, totals, asked, max((point.cpu for point in points), default=None)),
    }


def _filled(names: tuple[str, ...], known: Mapping[str, Any]) -> dict[str, Any]:
    return {name: known.get(name) for name in names}


def _use(provider: Provider, record: TaskRecord) -> ResourceUse | None:
    key = resources_key(record.flow, record.run_id, record.step, record.task_id, record.attempt)
    content = spooled(provider.home.root, key)
    if content is None:
        try:
            content = provider.store_of(record.flow, record.run_id).get(key)
        except ObjectMissing:
            return None  # it took less than a second, ran where nobody could look, or was written by an older version
    return ResourceUse.decode(content)


def _totals(provider: Provider, record: TaskRecord, use: ResourceUse | None) -> dict[str, Any]:
    """What the attempt's own record says it used, else what was seen of it."""
    found: dict[str, float] = {}
    reader = reader_of(provider, record)
    noted = {} if reader is None else reader.manifest.record.get("used", {})
    if isinstance(noted, dict):
        names = ("cpu_seconds", "peak_memory", "read_bytes", "write_bytes")
        found = {name: float(noted[name]) for name in names if isinstance(noted.get(name), (int, float))}
    if use is not None and use.points:
        for name, amount in _of_points(use).items():
            # The record tells of single processes, which have seen their own peaks; the points, of all together.
            found[name] = max(found.get(name, 0.0), amount)
    wall = (record.finished_at or 0.0) - record.started_at
    if "cpu_seconds" in found and record.finished_at is not None and wall > 0:
        found["cpu_average"] = found["cpu_seconds"] / wall
    return found


def _of_points(use: ResourceUse) -> dict[str, float]:
    totals = {"cpu_seconds": 0.0, "read_bytes": 0.0, "write_bytes": 0.0}
    before = 0.0
    for point in use.points:
        span, before = max(0.0, point.at - before), point.at
        totals["cpu_seconds"] += point.cpu * span
        totals["read_bytes"] += point.read_rate * span
        totals["write_bytes"] += point.write_rate * span
    totals["peak_memory"] = float(max(point.memory for point in use.points))
    memories = [point.gpu_memory for point in use.points if point.gpu_memory is not None]
    if memories:
        totals["peak_gpu_memory"] = float(max(memories))
        totals["gpu_average"] = sum(point.gpu or 0.0 for point in use.points) / len(use.points)
    return totals


def _asked(provider: Provider, record: TaskRecord) -> dict[str, float]:
    try:
        return asked_for(provider.graph(record.flow, record.run_id), record.step)
    except MetaflowException:
        return {}


def suggestions(
    record: TaskRecord, totals: Mapping[str, float], asked: Mapping[str, float], busiest: float | None
) -> list[dict[str, Any]]:
    """What the step could ask for, and why, judging by this attempt alone.

    Parameters
    ----------
    record : TaskRecord
    totals : mapping
        What was used.
    asked : mapping
        ``cpu``, ``memory`` (in MB) and ``gpu`` that the step asks for.
    busiest : float or None
        Most processor cores in use at any point; None if nobody looked.
    """
    took = (record.finished_at or record.started_at) - record.started_at
    if record.status == "running" or took < _TELLING_SECONDS:
        return []
    found = []
    peak = totals.get("peak_memory")
    if peak:
        need = _MEMORY_STEP * math.ceil(peak * _HEADROOM / MEGABYTE / _MEMORY_STEP)
        found.append(_suggestion("memory", need, asked.get("memory"), peak / MEGABYTE))
    if busiest is not None:
        step = next((each for each in _CPU_STEPS if busiest <= 4 * each), _CPU_STEPS[-1])
        found.append(_suggestion("cpu", max(step, step * math.ceil(busiest / step - 0.1)), asked.get("cpu"), busiest))
    if asked.get("gpu") and busiest is not None and "peak_gpu_memory" not in totals:
        found.append(_suggestion("gpu", 0, asked["gpu"], 0.0))
    return [each for each in found if each is not None]


def _suggestion(kind: str, need: float, asked: float | None, used: float) -> dict[str, Any] | None:
    """What to ask for instead of `asked`; None if that is about right."""
    if asked is None:
        reason = "unasked"
    elif used > asked:
        reason = "too_little"
    elif used < asked * _WASTED and need < asked:
        reason = "too_much"
    else:
        return None
    return {"kind": kind, "amount": need, "asked": asked, "used": used, "reason": reason}
