"""Looks about once a second at what running tasks use, from outside of their processes, and keeps it beside their logs.

A task that is over within the first second is never looked at: what it used as a whole is in its own record. The work
is bounded in both directions: looking takes at most one part in two hundred of the time, and a file is written again
only when it has become a good deal longer.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..datastore.resource_series import Point, ResourceSeries, ResourceUse
from .process_table import ProcessTable, Usage, machine_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .graphics_use import GraphicsUse

#: Seconds between two looks, at least.
LOOK_SECONDS = 1.0
_SHARE_OF_TIME = 200
_LONGEST_PAUSE = 30.0
#: A file is written when it is so many seconds old, and this share of the attempt's time has passed since then.
_WRITE_SECONDS = 2.0
_WRITE_SHARE = 0.02


class _Sampled:
    """One attempt that is being looked at."""

    __slots__ = ("last", "looked_at", "pid", "series", "started_at", "written_at")

    def __init__(self, pid: int, started_at: float, now: float) -> None:
        self.pid = pid
        self.started_at = started_at
        self.series = ResourceSeries()
        self.looked_at = started_at
        self.last = Usage(0.0, 0, 0, 0, ())
        self.written_at = now


class ResourceSampler:
    """Samples attempts that run on this machine.

    Parameters
    ----------
    write : callable
        Takes the key of an attempt, the content of its file, and whether that is the last; it must not raise.
    graphics : GraphicsUse, optional
        What knows of graphics processors.
    table : ProcessTable, optional
    clock : callable
        Gives the time, in seconds since the epoch.
    """

    def __init__(
        self,
        write: Callable[[str, bytes, bool], None],
        graphics: GraphicsUse | None = None,
        table: ProcessTable | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._write = write
        self._graphics = graphics
        self._table = table or ProcessTable()
        self._clock = clock
        self._machine = machine_facts()
        self._sampled: dict[str, _Sampled] = {}

    def look(self, running: Mapping[str, tuple[int, float]]) -> float:
        """Look at all attempts that run.

        Parameters
        ----------
        running : mapping of str to tuple of (int, float)
            By their keys, the first process of each, and when it started, in seconds since the epoch.

        Returns
        -------
        float
            Seconds until the next look.
        """
        began = time.thread_time()
        now = self._clock()
        old = {key: each for key, each in running.items() if now - each[1] >= LOOK_SECONDS / 2}
        used = self._table.look([pid for pid, _ in old.values()]) if old else {}
        for key, (pid, started_at) in old.items():
            usage = used.get(pid)
            if usage is None:
                continue
            sampled = self._sampled.get(key)
            if sampled is None:
                sampled = self._sampled[key] = _Sampled(pid, started_at, now)
            self._take(sampled, usage, now)
            age = now - sampled.written_at
            if len(sampled.series.points) == 1 or age >= max(_WRITE_SECONDS, _WRITE_SHARE * (now - started_at)):
                sampled.written_at = now
                self._write(key, self._content(sampled, False), False)
        return min(max(LOOK_SECONDS, (time.thread_time() - began) * _SHARE_OF_TIME), _LONGEST_PAUSE)

    def ended(self, key: str) -> None:
        """Write the last state of an attempt's file, if it has one."""
        sampled = self._sampled.pop(key, None)
        if sampled is not None:
            self._write(key, self._content(sampled, True), True)

    def close(self) -> None:
        """Look no more."""
        for key in list(self._sampled):
            self.ended(key)
        if self._graphics is not None:
            self._graphics.close()

    def _take(self, sampled: _Sampled, usage: Usage, now: float) -> None:
        span = max(1e-3, now - sampled.looked_at)
        last = sampled.last
        gpu, gpu_memory = (None, None) if self._graphics is None else self._graphics.used_by(usage.pids)
        sampled.series.add(
            Point(
                now - sampled.started_at,
                # A process that nobody waits for takes what it used along, so that the sum can shrink.
                max(0.0, usage.cpu_seconds - last.cpu_seconds) / span,
                usage.memory,
                max(0, usage.read_bytes - last.read_bytes) / span,
                max(0, usage.write_bytes - last.write_bytes) / span,
                len(usage.pids),
                gpu,
                gpu_memory,
            )
        )
        sampled.last, sampled.looked_at = usage, now

    def _content(self, sampled: _Sampled, is_over: bool) -> bytes:
        machine = self._machine if self._graphics is None else {**self._machine, **self._graphics.facts()}
        return ResourceUse(sampled.started_at, sampled.series.points, machine, is_over).encode()


def make_sampler(write: Callable[[str, bytes, bool], None]) -> ResourceSampler | None:
    """What samples tasks of this machine; None where the system does not tell of processes."""
    import os

    if not os.path.exists("/proc/self/stat"):
        return None
    graphics = None
    if os.path.exists("/dev/nvidiactl"):
        from .graphics_use import GraphicsUse

        graphics = GraphicsUse()
    return ResourceSampler(write, graphics)
