"""How many cores and how much memory a container gets, in the amounts that AWS has."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from metaflow.compute.backend import JobRefused

if TYPE_CHECKING:
    from .queues import Queue

_GIB = 1024
#: Cores of a task on Fargate, and the amounts of memory in mebibytes that each number of cores goes with.
FARGATE_SIZES: dict[float, tuple[int, ...]] = {
    0.25: (512, _GIB, 2 * _GIB),
    0.5: tuple(_GIB * size for size in range(1, 5)),
    1: tuple(_GIB * size for size in range(2, 9)),
    2: tuple(_GIB * size for size in range(4, 17)),
    4: tuple(_GIB * size for size in range(8, 31)),
    8: tuple(_GIB * size for size in range(16, 61, 4)),
    16: tuple(_GIB * size for size in range(32, 121, 8)),
}


def container_size(cpu: float, memory: int, queue: Queue, step: str) -> tuple[str, str]:
    """The smallest size that has what is asked for, as AWS writes it.

    Parameters
    ----------
    cpu : float
        Cores.
    memory : int
        Mebibytes.
    queue : Queue
    step : str

    Returns
    -------
    tuple of str
        Cores and mebibytes.

    Raises
    ------
    JobRefused
        If there is none.
    """
    cores: float = ceil(cpu)
    if queue.is_fargate:
        fitting = ((c, m) for c, amounts in FARGATE_SIZES.items() if c >= cpu for m in amounts if m >= memory)
        size = next(fitting, None)
        if size is None:
            raise JobRefused(
                f"Step *{step}* asks for {cpu:g} cores and {memory} MB of memory, but Fargate has at most 16 cores and "
                f"{FARGATE_SIZES[16][-1]} MB. Ask for less, or use a job queue of EC2 machines."
            )
        cores, memory = size
    if queue.max_cpus is not None and cores > queue.max_cpus:
        raise JobRefused(
            f"Step *{step}* asks for {cores:g} cores, but none of the compute environments of the job queue "
            f"'{queue.name}' has more than {queue.max_cpus}: it would wait for ever. Ask for less, or use another "
            "queue."
        )
    return f"{cores:g}", str(memory)
