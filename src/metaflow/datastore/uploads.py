"""Writing objects in the background while the next ones are being made."""

from __future__ import annotations

import threading
from collections import deque

from metaflow.datastore.parallel import BYTES_UNDER_WAY
from metaflow.exception import MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Uploads:
    """Work that is done in threads, a bounded number of bytes at a time, and waited for in the end.

    Threads are started as work comes, and are gone once :meth:`finish` returns.

    Parameters
    ----------
    maximum_threads : int
        How much may be under way at a time.
    maximum_bytes : int
        The same in bytes. A single larger piece of work goes alone.
    """

    def __init__(self, maximum_threads: int, maximum_bytes: int = BYTES_UNDER_WAY) -> None:
        self._maximum_threads = maximum_threads
        self._maximum_bytes = maximum_bytes
        self._changed = threading.Condition()
        self._waiting: deque[tuple[str, int, Callable[[], None]]] = deque()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._bytes = 0
        self._closing = False
        self._failures: dict[str, BaseException] = {}

    def submit(self, name: str, size: int, work: Callable[[], None]) -> None:
        """Have something done soon; waits while too many bytes are under way.

        Parameters
        ----------
        name : str
            What it is for. Once something for it has failed, nothing more is done for it.
        size : int
            Bytes.
        work : callable
            What to do, in another thread.
        """
        with self._changed:
            while self._bytes and self._bytes + size > self._maximum_bytes:
                self._changed.wait()
            self._bytes += size
            self._waiting.append((name, size, work))
            if not self._idle and len(self._threads) < self._maximum_threads:
                thread = threading.Thread(target=self._serve, name="metaflow-upload", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify_all()

    def finish(self) -> dict[str, BaseException]:
        """Wait until all is done.

        Returns
        -------
        dict of str to BaseException
            The first failure for each name for which something failed.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            threads = list(self._threads)
        for thread in threads:
            thread.join()
        self._closing = False
        failures, self._failures = self._failures, {}
        return failures

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                while not self._waiting and not self._closing:
                    self._changed.wait()
                self._idle -= 1
                if not self._waiting:
                    # Whoever waits for the threads may be interrupted, and submit more: others take their places then.
                    self._threads.remove(threading.current_thread())
                    return
                name, size, work = self._waiting.popleft()
                failed = name in self._failures
            failure: BaseException | None = None
            try:
                if not failed:
                    work()
            except BaseException as error:  # told by the thread that waits for it
                failure = error
            # The buffer that it wrote must not stay in memory until there is more to do.
            del work
            with self._changed:
                self._bytes -= size
                if failure is not None:
                    self._failures.setdefault(name, failure)
                self._changed.notify_all()


def as_error_of_store(error: BaseException) -> MetaflowException:
    """What failed in a thread, as an error that can be told."""
    if isinstance(error, MetaflowException):
        return error
    from metaflow.exception import DataException

    return DataException(f"{type(error).__name__}: {error}")
