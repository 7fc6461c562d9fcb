"""The same work on many items, in forked processes that are gone when it is over."""

from __future__ import annotations

import os
from typing import TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# What the processes do. They inherit it, so that it need not be pickled; only numbers and results pass to and fro.
_function: Callable[[Any], Any] | None = None
_items: Sequence[Any] = ()


def processor_count() -> int:
    """How many processes can work at the same time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_processes(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
    """Apply a function to every item, in as many processes as there are processors.

    Parameters
    ----------
    function : callable
        Takes an item. What it changes, it changes in a process of its own.
    items : sequence
        With fewer than two, or a single processor, there are no further processes.

    Yields
    ------
    object
        The results, in the order of `items`.

    Raises
    ------
    Exception
        The first one that any call raised.
    """
    count = min(processor_count(), len(items))
    if count < 2:
        yield from map(function, items)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    global _function, _items
    _function, _items = function, items
    try:
        with ProcessPoolExecutor(count, get_context("fork"), _begin, (os.getpid(),)) as pool:
            try:
                yield from pool.map(_call, range(len(items)))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    finally:
        _function, _items = None, ()


def _begin(parent: int) -> None:
    """Leave an interrupt to the first process, and do not outlive it."""
    import signal

    from metaflow.runtime.parent_death import die_with_parent

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(parent)


def _call(index: int) -> Any:
    assert _function is not None
    return _function(_items[index])
