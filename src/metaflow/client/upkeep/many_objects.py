"""The same done to many objects: one after the other in a directory, many at a time behind a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from metaflow.datastore.local import LocalStore
from metaflow.exception import DataException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from metaflow.datastore.store import ObjectStore

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

#: Requests at a time to a store behind a network.
_AT_A_TIME = 32


def read_each(store: ObjectStore, keys: Iterable[str]) -> Iterator[tuple[str, bytes | DataException]]:
    """Read many objects.

    Yields
    ------
    tuple of str and bytes or DataException
        In the order of `keys`: the key, and the content or why it cannot be had.
    """

    def read(key: str) -> tuple[str, bytes | DataException]:
        try:
            return key, store.get(key)
        except DataException as error:
            return key, error

    return each(store, read, keys)


def delete_each(store: ObjectStore, keys: Iterable[str]) -> None:
    """Remove many objects.

    Raises
    ------
    DataException
        The store failed. Some of them are removed.
    """
    for _ in each(store, store.delete, keys):
        pass


def each(store: ObjectStore, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """Give what a function makes of each item, in their order; `items` are asked for as they are needed."""
    if isinstance(store, LocalStore):
        yield from map(function, items)
        return
    from collections import deque
    from concurrent.futures import Future, ThreadPoolExecutor

    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        pending: deque[Future[_Result]] = deque()
        for item in items:
            pending.append(threads.submit(function, item))
            if len(pending) >= 2 * _AT_A_TIME:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
