"""What asyncio programs wait for: a descriptor, a write to a directory. Both work in any loop, and in several."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from .file_changes import FileChanges

if TYPE_CHECKING:
    from types import TracebackType

#: Seconds between two looks at files where the system cannot tell when they are written to.
LOOK_SECONDS = 0.1


async def readable(descriptor: int) -> None:
    """Wait until there is something to read, or the end of it."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    # A loop has one reader for each descriptor, and several may wait for the same.
    own = os.dup(descriptor)
    loop.add_reader(own, _resolve, ready)
    try:
        await ready
    finally:
        loop.remove_reader(own)
        os.close(own)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _LoopChanges:
    """The one watch of a loop. There may be only a hundred or so of them on a machine, and there may be more runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changes = FileChanges()
        self._users: dict[int, int] = {}
        self._waiting: dict[int, list[asyncio.Future[None]]] = {}
        if self._changes.fd is not None:
            loop.add_reader(self._changes.fd, self._tell)

    def acquire(self, directory: str) -> int | None:
        number = self._changes.watch(directory)
        if number is not None:
            self._users[number] = self._users.get(number, 0) + 1
        self._close_if_unused()
        return number

    def release(self, number: int) -> None:
        self._users[number] -= 1
        if self._users[number] == 0:
            del self._users[number]
            self._changes.forget(number)
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if not self._users:
            if self._changes.fd is not None:
                self._loop.remove_reader(self._changes.fd)
            self._changes.close()
            _of_loop.pop(self._loop, None)

    def next(self, number: int) -> asyncio.Future[None]:
        future = self._loop.create_future()
        self._waiting.setdefault(number, []).append(future)
        return future

    def _tell(self) -> None:
        for number in self._changes.take():
            for future in self._waiting.pop(number, ()):
                _resolve(future)


_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopChanges] = WeakKeyDictionary()


class DirectoryChanges:
    """Context in which one can wait for writes to the files of a directory.

    Parameters
    ----------
    directory : str
    """

    def __init__(self, directory: str) -> None:
        loop = asyncio.get_running_loop()
        shared = _of_loop.get(loop)
        if shared is None:
            shared = _of_loop[loop] = _LoopChanges(loop)
        self._shared = shared
        self._directory = directory
        self._number: int | None = None

    def __enter__(self) -> DirectoryChanges:
        self._number = self._shared.acquire(self._directory)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._number is not None:
            self._shared.release(self._number)

    async def next(self) -> None:
        """Wait for the next write; one that the loop has not been told of yet counts."""
        if self._number is None:
            await asyncio.sleep(LOOK_SECONDS)
        else:
            await self._shared.next(self._number)
