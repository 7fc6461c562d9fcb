"""The same work on many items, in threads that are gone when the call returns."""

from __future__ import annotations

from typing import TypeVar, cast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

#: Most items that are worked on at a time.
MAXIMUM_THREADS = 8
#: Bytes of large objects that may be under way over a network at a time. That much memory can be in use beside them.
BYTES_UNDER_WAY = 128 * 1024 * 1024


def threads_for_network(size: int) -> int:
    """How many objects of a size to move over a network at a time.

    Parameters
    ----------
    size : int
        Bytes of each.
    """
    from metaflow import settings

    workers: int = settings.get("S3_WORKER_COUNT")
    return max(1, min(workers, BYTES_UNDER_WAY // max(size, 1)))


def map_in_threads(
    function: Callable[[_Item], _Result], items: Sequence[_Item], threads: int | None = None
) -> list[_Result]:
    """Apply a function that releases the interpreter lock to every item, in parallel.

    The calling thread takes part, and no other thread outlives the call, whatever is raised: the process may
    fork right after it.

    Parameters
    ----------
    function : callable
        Takes an item.
    items : sequence
        A single item is done without a thread.
    threads : int, optional
        How many items to work on at a time, where waiting is most of the work; as many as there are processors if not
        given.

    Returns
    -------
    list
        The results, in the order of `items`.

    Raises
    ------
    BaseException
        The first exception of any call; items not begun by then are left undone.
    """
    if len(items) < 2:
        return [function(item) for item in items]
    import os
    from collections import deque
    from threading import Thread

    results: list[_Result | None] = [None] * len(items)
    failures: list[BaseException] = []
    pending = deque(range(len(items)))

    def work() -> None:
        try:
            while pending and not failures:
                # Another thread may take the last item between the two looks at the queue.
                try:
                    index = pending.popleft()
                except IndexError:
                    return
                results[index] = function(items[index])
        except BaseException as error:
            failures.append(error)

    count = min(len(items), threads or min(MAXIMUM_THREADS, os.cpu_count() or 1))
    started = []
    try:
        for _ in range(count - 1):
            thread = Thread(target=work, daemon=True)
            thread.start()
            started.append(thread)
        work()
    except BaseException as error:
        failures.append(error)
        raise
    finally:
        for thread in started:
            thread.join()
    if failures:
        raise failures[0]
    return cast("list[_Result]", results)
