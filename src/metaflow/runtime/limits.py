"""What a person allows a run to use."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """What a person allows a run to use.

    Attributes
    ----------
    max_workers : int
        Tasks that run on this machine at a time. The nodes of a gang count, but never keep it from starting: when its
        turn has come and fewer than so many run, all of its nodes start.
    max_num_splits : int
        Width of a foreach.
    max_log_bytes : int
        Size of the log of each stream of a task.
    max_workers_for_all : bool
        Whether `max_workers` limits the tasks on other machines too. Otherwise only ``max_concurrent_tasks`` of their
        steps' decorators does.
    """

    max_workers: int
    max_num_splits: int
    max_log_bytes: int
    max_workers_for_all: bool = False
