"""What a task attempt used of its machine over time: a bounded series, and the small file that it is kept in.

The file is JSON: facts of the machine and the task as a whole, and one row for each point. When there are too many
points, neighbours become one, so that a task of a week has no more of them than one of ten minutes.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from metaflow.exception import CorruptedDataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: Most points of a series; there are at least half as many once it has been cut.
MOST_POINTS = 240
_VERSION = 1


class Point(NamedTuple):
    """What was used between the point before and this one.

    Attributes
    ----------
    at : float
        Seconds since the attempt started.
    cpu : float
        Processor cores in use, on average.
    memory : int
        Resident bytes of all processes of the task: the most that was seen.
    read_rate, write_rate : float
        Bytes a second that were read from and written to disks.
    processes : int
        How many processes the task had, at most.
    gpu : float or None
        Graphics processors in use, on average; None where there are none, or nobody can tell.
    gpu_memory : int or None
        Bytes of their memory, at most.
    """

    at: float
    cpu: float
    memory: int
    read_rate: float
    write_rate: float
    processes: int
    gpu: float | None = None
    gpu_memory: int | None = None


class ResourceSeries:
    """Points of one attempt, never more than ``MOST_POINTS``.

    Parameters
    ----------
    most_points : int
        How many there may be.
    """

    def __init__(self, most_points: int = MOST_POINTS) -> None:
        self._most = max(2, most_points)
        self._stride = 1
        self._points: list[Point] = []
        self._begins = 0.0
        self._pending: Point | None = None
        self._pending_begins = 0.0
        self._pending_count = 0

    @property
    def points(self) -> list[Point]:
        """The points so far, that of the present moment included."""
        return [*self._points, self._pending] if self._pending is not None else list(self._points)

    def add(self, point: Point) -> None:
        """Take the next sample."""
        begins = self._begins
        self._begins = point.at
        if self._pending is None:
            self._pending, self._pending_begins = point, begins
        else:
            self._pending = joined(self._pending, point, self._pending_begins)
        self._pending_count += 1
        if self._pending_count < self._stride:
            return
        self._points.append(self._pending)
        self._pending, self._pending_count = None, 0
        if len(self._points) >= self._most:
            self._halve()

    def _halve(self) -> None:
        begins, halved = 0.0, []
        for index in range(0, len(self._points) - 1, 2):
            first, second = self._points[index : index + 2]
            halved.append(joined(first, second, begins))
            begins = second.at
        if len(self._points) % 2:
            halved.append(self._points[-1])
        self._points = halved
        self._stride *= 2


def joined(first: Point, second: Point, begins: float) -> Point:
    """Two points that follow each other as one; `first` is about the time from `begins` on."""
    span = second.at - begins
    share = (first.at - begins) / span if span > 0 else 0.5

    def mean(one: float, other: float) -> float:
        return one * share + other * (1 - share)

    both_gpu = first.gpu is not None and second.gpu is not None
    memories = [memory for memory in (first.gpu_memory, second.gpu_memory) if memory is not None]
    return Point(
        second.at,
        mean(first.cpu, second.cpu),
        max(first.memory, second.memory),
        mean(first.read_rate, second.read_rate),
        mean(first.write_rate, second.write_rate),
        max(first.processes, second.processes),
        mean(first.gpu or 0.0, second.gpu or 0.0) if both_gpu else second.gpu if first.gpu is None else first.gpu,
        max(memories, default=None),
    )


class ResourceUse(NamedTuple):
    """All that is kept of an attempt.

    Attributes
    ----------
    started_at : float
        When the attempt started, in seconds since the epoch.
    points : list of Point
    machine : mapping
        ``cores``, ``memory`` (bytes), ``gpus`` and ``host``, as far as they are known.
    is_over : bool
        Whether the attempt has ended, and this is all.
    """

    started_at: float
    points: list[Point]
    machine: Mapping[str, Any]
    is_over: bool

    def encode(self) -> bytes:
        """The file's content."""
        rows = [_row(point) for point in self.points]
        plain = {
            "version": _VERSION,
            "started_at": self.started_at,
            "is_over": self.is_over,
            "machine": dict(self.machine),
            "points": rows,
        }
        return json.dumps(plain, separators=(",", ":")).encode("ascii")

    @staticmethod
    def decode(content: bytes) -> ResourceUse:
        """Read a file's content.

        Raises
        ------
        CorruptedDataException
            If it is damaged, or of a version that is not known.
        """
        try:
            plain = json.loads(content)
            if plain["version"] != _VERSION:
                raise CorruptedDataException(
                    f"What the task used was written in format {plain['version']}, which this version does not read. "
                    "Install a newer one."
                )
            points = [_point(row) for row in plain["points"]]
            machine = plain["machine"]
            if not isinstance(machine, dict):
                raise TypeError("machine")
            return ResourceUse(float(plain["started_at"]), points, machine, bool(plain["is_over"]))
        except (ValueError, LookupError, TypeError) as error:
            raise CorruptedDataException(
                f"The file with what the task used is damaged ({type(error).__name__}). Nothing else is lost with it."
            ) from error


def _row(p: Point) -> list[float | int | None]:
    graphics: list[float | int | None] = [] if p.gpu is None else [round(p.gpu, 3), p.gpu_memory]
    return [
        round(p.at, 2),
        round(p.cpu, 3),
        p.memory,
        round(p.read_rate),
        round(p.write_rate),
        p.processes,
        *graphics,
    ]


def _point(row: list[Any]) -> Point:
    at, cpu, memory, read_rate, write_rate, processes, *graphics = row
    gpu, gpu_memory = (float(graphics[0]), graphics[1]) if len(graphics) == 2 else (None, None)
    return Point(
        float(at),
        float(cpu),
        int(memory),
        float(read_rate),
        float(write_rate),
        int(processes),
        gpu,
        None if gpu_memory is None else int(gpu_memory),
    )
