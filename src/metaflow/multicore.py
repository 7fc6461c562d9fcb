"""``parallel_map``: a function applied to many items by processes of this machine.

Every item gets a process of its own, forked when its turn comes: so the function and the items need not be pickled
(closures and lambdas will do), whatever they refer to is there without being copied, and nothing that one call
changes is seen by another. Only results travel, pickled into unnamed files, so they can be of any size.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import time
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeVar

from .error_text import format_error, text_of
from .exception import MulticoreException

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

A = TypeVar("A")
R = TypeVar("R")

#: Seconds after which to ask about children of which nothing was heard: a program that one left running may hold its
#: end of the pipe open.
_POLL_SECONDS = 0.2
#: Seconds to wait for a child that has closed its end of the pipe and is about to go.
_LAST_BREATH_SECONDS = 0.0005


def parallel_map(
    func: Callable[[A], R], iterable: Iterable[A], max_parallel: int | None = None, dir: str | None = None
) -> list[R]:
    """Apply a function to every item, in parallel processes, and give the results in order.

    Parameters
    ----------
    func : callable
        Called with one item. Its result has to be picklable; the function and the items need not be.
    iterable : iterable
        The items, taken one by one as processes get free.
    max_parallel : int, optional
        Number of processes that run at the same time; as many as this process may use processors if not given.
    dir : str, optional
        Directory in which results are kept until they are read; the system's own for temporary files if not given.

    Returns
    -------
    list
        The result for each item.

    Raises
    ------
    MulticoreException
        If the function raised for an item, its result cannot be pickled, or its process died. The processes that still
        run are killed.

    Examples
    --------
    >>> parallel_map(lambda x: x * x, [1, 2, 3])
    [1, 4, 9]
    """
    found = dict(_map(func, iterable, max_parallel, dir))
    return [found[index] for index in range(len(found))]


def parallel_imap_unordered(
    func: Callable[[A], R], iterable: Iterable[A], max_parallel: int | None = None, dir: str | None = None
) -> Iterator[R]:
    """Like :func:`parallel_map`, but give each result as soon as it is there.

    A caller that stops early closes the iterator, by which the processes that still run are killed.

    Parameters
    ----------
    func, iterable, max_parallel, dir
        As for :func:`parallel_map`.

    Yields
    ------
    object
        The next result that is there, whichever item it belongs to.

    Raises
    ------
    MulticoreException
        As for :func:`parallel_map`.
    """
    results = _map(func, iterable, max_parallel, dir)
    try:
        for _, result in results:
            yield result
    finally:
        results.close()


class _Child(NamedTuple):
    """A process at work: the item's number, the pipe whose end tells that it is over, the file for the result."""

    item: int
    pid: int
    over: int
    file: IO[bytes]

    def close(self) -> None:
        os.close(self.over)
        self.file.close()


def _map(
    func: Callable[[A], R], iterable: Iterable[A], max_parallel: int | None, directory: str | None
) -> Generator[tuple[int, R], None, None]:
    """Give the number of each item and its result, in the order in which they get ready."""
    limit = _processors() if max_parallel is None else max_parallel
    if limit < 1:
        raise ValueError(f"max_parallel should be at least 1, not {max_parallel!r}.")
    items = enumerate(iterable)
    running: list[_Child] = []
    more = True
    try:
        while more or running:
            while more and len(running) < limit:
                following = next(items, None)
                if following is None:
                    more = False
                else:
                    running.append(_start(func, *following, directory, running))
            if running:
                child, status = _wait(running)
                running.remove(child)
                yield child.item, _result(child, status)
    finally:
        for child in running:
            os.kill(child.pid, signal.SIGKILL)
        for child in running:
            os.waitpid(child.pid, 0)
            child.close()


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _start(func: Callable[[A], object], index: int, item: A, directory: str | None, running: list[_Child]) -> _Child:
    from tempfile import TemporaryFile

    file: IO[bytes] = TemporaryFile(dir=directory)  # noqa: SIM115 - closed with the child
    over, alive = os.pipe()
    # What waits in these buffers would otherwise be written by the child too.
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        pid = os.fork()
    except OSError:
        for fd in (over, alive):
            os.close(fd)
        file.close()
        raise
    if pid == 0:
        code = 1
        try:
            for other in running:
                other.close()
            code = _work(func, index, item, file)
        finally:
            os._exit(code)
    os.close(alive)
    return _Child(index, pid, over, file)


def _work(func: Callable[[A], object], index: int, item: A, file: IO[bytes]) -> int:
    """In the child: call the function, and leave what came of it in `file`; returns the exit code."""
    try:
        result = func(item)
    except KeyboardInterrupt:  # the parent gets it too
        return 1
    except BaseException as error:
        trace = format_error(error)
        sys.stderr.write(trace)
        pickle.dump((False, (f"{type(error).__name__}: {text_of(error)}", trace)), file)
    else:
        try:
            pickle.dump((True, result), file, pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            file.seek(0)
            file.truncate()
            reason = f"its result, of type {type(result).__name__}, cannot be pickled: {text_of(error)}"
            pickle.dump((False, (reason,)), file)
    file.flush()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            pass  # nobody reads any more
    return 0


def _wait(running: list[_Child]) -> tuple[_Child, int]:
    """Wait for a child to end; gives it and how it ended."""
    poll = select.poll()
    for child in running:
        poll.register(child.over, select.POLLIN)
    while True:
        signs = poll.poll(_POLL_SECONDS * 1000)
        for child in running:
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                return child, os.waitstatus_to_exitcode(status)
        if signs:
            time.sleep(_LAST_BREATH_SECONDS)


def _result(child: _Child, status: int) -> Any:
    """What the child left behind.

    Raises
    ------
    MulticoreException
        If that is a failure, or nothing.
    """
    try:
        if status != 0 or not child.file.seek(0, os.SEEK_END):
            raise MulticoreException(child.item, _how_it_died(status))
        child.file.seek(0)
        good, value = pickle.load(child.file)
    finally:
        child.close()
    if not good:
        raise MulticoreException(child.item, *value)
    return value


def _how_it_died(status: int) -> str:
    if status >= 0:
        return f"its process exited with code {status} before there was a result"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"its process was killed by {name}" + (", perhaps because memory ran out" if status == -9 else "")
