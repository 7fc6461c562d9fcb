"""The same work on many objects, by as many threads as bring it forward."""

from __future__ import annotations

import os
import time
from threading import Event, Lock, Thread
from typing import Generic, TypeVar, cast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

#: Threads to begin with, for each processor: more only get into each other's way where the answers come at once.
_FIRST_THREADS = 8
#: An item that takes this many seconds had to wait for the network, meanwhile another thread can do something.
_WAITED_SECONDS = 0.02


def in_parallel(function: Callable[[_Item], _Result], items: Sequence[_Item], limit: int) -> list[_Result]:
    """Apply a function that waits for a network to every item.

    Parameters
    ----------
    function : callable
        Takes an item.
    items : sequence
    limit : int
        Most items that are worked on at a time.

    Returns
    -------
    list
        The results, in the order of `items`.

    Raises
    ------
    BaseException
        What the function raised for the first of the items for which it raised; items that were not begun by then are
        left undone. After a signal, such as Ctrl-C, what was begun is left to itself.
    """
    if len(items) < 2:
        return [function(item) for item in items]
    return _Batch(function, items, limit).run()


class _Batch(Generic[_Item, _Result]):
    def __init__(self, function: Callable[[_Item], _Result], items: Sequence[_Item], limit: int) -> None:
        self._function = function
        self._items = items
        self._limit = max(1, min(limit, len(items)))
        self._results: list[_Result | None] = [None] * len(items)
        self._failures: dict[int, BaseException] = {}
        self._lock = Lock()
        self._next = 0
        self._threads: list[Thread] = []
        self._working = 0
        self._over = Event()
        self._stopped = False

    def run(self) -> list[_Result]:
        with self._lock:
            for _ in range(min(self._limit, _FIRST_THREADS * (os.cpu_count() or 1))):
                self._add_thread()
        try:
            self._over.wait()
        except BaseException:
            self._stopped = True
            raise
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[min(self._failures)]
        return cast("list[_Result]", self._results)

    def _add_thread(self) -> None:
        thread = Thread(target=self._work, daemon=True)
        self._working += 1
        try:
            thread.start()
        except RuntimeError:  # no more threads can be had
            self._working -= 1
            if not self._working:
                raise
            self._limit = self._working
            return
        self._threads.append(thread)

    def _work(self) -> None:
        while (index := self._take()) is not None:
            began = time.monotonic()
            try:
                self._results[index] = self._function(self._items[index])
            except BaseException as error:
                self._failures[index] = error
            if time.monotonic() - began > _WAITED_SECONDS:
                with self._lock:
                    if self._working < min(self._limit, len(self._items) - self._next):
                        self._add_thread()
        with self._lock:
            self._working -= 1
            if not self._working:
                self._over.set()

    def _take(self) -> int | None:
        with self._lock:
            if self._stopped or self._failures or self._next >= len(self._items):
                return None
            self._next += 1
            return self._next - 1
