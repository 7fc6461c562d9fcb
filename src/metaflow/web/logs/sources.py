"""Where the bytes of a log are read from: a file of this machine, or an object behind a network."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from metaflow.datastore.file_errors import file_error
from metaflow.datastore.logs import unfinished_path
from metaflow.exception import DataException

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from types import TracebackType


class LogBytes(Protocol):
    """What of a file the reading of logs needs."""

    def seek(self, offset: int, /) -> int:
        """Go to a place."""

    def read(self, size: int, /) -> bytes:
        """The bytes from there on, at most so many; fewer at the end only."""

    def __enter__(self) -> LogBytes: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class LogSource(Protocol):
    """The bytes of a log. Every method may raise DataException."""

    def state(self) -> Hashable | None:
        """Another value whenever there is something new; None if there is no log."""

    def open(self) -> LogBytes | None:
        """The bytes as they are now; None if there is no log."""

    def unfinished(self, most: int) -> bytes:
        """What was printed since the last line feed of each stream, as lines of a log."""


@contextmanager
def reading(file: LogBytes) -> Iterator[LogBytes]:
    """Close a log behind the block, and explain why it cannot be read.

    Raises
    ------
    DataException
        It cannot be read.
    """
    with file:
        try:
            yield file
        except OSError as error:
            raise DataException(f"A log cannot be read: {error.strerror or error}.") from error


class LogFile(NamedTuple):
    """A log that is a file of this machine.

    Attributes
    ----------
    path : str
    opener : callable
        Opens it, given the path and flags.
    """

    path: str
    opener: Callable[[str, int], int] = os.open

    def state(self) -> Hashable | None:
        """Another value whenever there is something new; None if there is no log."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise file_error("read the log", self.path, error) from error
        return self.path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def open(self) -> LogBytes | None:
        """The file; None if there is none."""
        try:
            return open(self.path, "rb", buffering=0, opener=self.opener)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise file_error("read the log", self.path, error) from error

    def unfinished(self, most: int) -> bytes:
        """What was printed since the last line feed of each stream."""
        try:
            # Its writer makes a file: a link is somebody else's, and may lead anywhere.
            descriptor = self.opener(unfinished_path(self.path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with open(descriptor, "rb") as file:
                return file.read(most)
        except OSError:
            return b""  # there is nothing unfinished
