"""What a task attempt printed: one file with both streams, line by line, created with the first line.

::

    <o|e> <Unix time in microseconds> <the line's bytes as they came>

``o`` is standard output, ``e`` standard error. The order of the lines is that in which they arrived. A last
line without a line feed is being written, or was cut by a full disk, and is not read.

What a running task of this machine has printed since its last line feed, such as a progress bar, is in a file beside
the log, in the same format: see :func:`unfinished_path`.
"""

from __future__ import annotations

import os
from typing import Literal, NamedTuple

from metaflow.datastore.file_errors import file_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    LogStream = Literal["stdout", "stderr"]

#: Line that stands for all that a stream printed beyond its limit.
TRUNCATION_NOTICE = b"[TRUNCATED - MAXIMUM LOG FILE SIZE REACHED]"
#: A line longer than this many bytes is delivered in pieces, so that output without line ends needs bounded
#: memory.
MAXIMUM_LINE_BYTES = 32 * 1024 * 1024

_LETTERS: dict[LogStream, bytes] = {"stdout": b"o", "stderr": b"e"}
_STREAMS: dict[bytes, LogStream] = {b"o": "stdout", b"e": "stderr"}
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class LogLine(NamedTuple):
    """One line of a log.

    Attributes
    ----------
    stream : str
        ``stdout`` or ``stderr``.
    timestamp_microseconds : int
        When the line arrived, in Unix time.
    text : bytes
        As printed, in whatever encoding, without the line feed.
    end_offset : int
        Where in the log the next line begins, in bytes; give it to `read_log` to go on from there.
    """

    stream: LogStream
    timestamp_microseconds: int
    text: bytes
    end_offset: int


class LineSplitter:
    """Cuts bytes that arrive in arbitrary pieces into lines, in time linear in their number."""

    __slots__ = ("_pending", "_pending_bytes")

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next piece and return the lines that it completes, without their line feeds."""
        first, *lines = data.split(b"\n")
        self._pending.append(first)
        self._pending_bytes += len(first)
        if not lines:
            return self.flush() if self._pending_bytes > MAXIMUM_LINE_BYTES else []
        rest = lines.pop()
        lines.insert(0, b"".join(self._pending))
        self._pending = [rest] if rest else []
        self._pending_bytes = len(rest)
        return lines

    def unfinished(self, most_bytes: int) -> bytes:
        """Return the end of what came after the last line feed."""
        pieces: list[bytes] = []
        left = most_bytes
        for piece in reversed(self._pending):
            if left <= 0:
                break
            pieces.append(piece[-left:])
            left -= len(piece)
        return b"".join(reversed(pieces))

    def flush(self) -> list[bytes]:
        """Return what came after the last line feed: one line, or none."""
        line = b"".join(self._pending)
        self._pending = []
        self._pending_bytes = 0
        return [line] if line else []


class LogWriter:
    """Appends lines to the log of one task attempt.

    Parameters
    ----------
    path : str or path
        The file. It and its directory are created with the first line.
    max_bytes_per_stream : int
        What a stream prints beyond this is dropped, and one line says so.
    """

    def __init__(self, path: str | os.PathLike[str], max_bytes_per_stream: int) -> None:
        self._path = os.fspath(path)
        self._left: dict[LogStream, int] = {"stdout": max_bytes_per_stream, "stderr": max_bytes_per_stream}
        self._truncated: set[LogStream] = set()
        self._descriptor: int | None = None
        self._torn = False

    def write(self, stream: LogStream, lines: Sequence[bytes], now_microseconds: int) -> None:
        """Append lines, with a single system call.

        Parameters
        ----------
        stream : str
            ``stdout`` or ``stderr``.
        lines : sequence of bytes
            Without line feeds.
        now_microseconds : int
            Unix time at which they arrived.

        Raises
        ------
        DataException
            If the file cannot be written.
        """
        kept = self._within_limit(stream, lines)
        if not kept:
            return
        data = format_lines(stream, kept, now_microseconds)
        try:
            if self._descriptor is None:
                self._descriptor = self._open()
            self._append(self._descriptor, b"\n" + data if self._torn else data)
        except OSError as error:
            raise file_error("write the log", self._path, error) from error

    def close(self) -> None:
        """Close the file, if it was opened."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _within_limit(self, stream: LogStream, lines: Sequence[bytes]) -> Sequence[bytes]:
        if stream in self._truncated:
            return ()
        left = self._left[stream]
        for index, line in enumerate(lines):
            left -= len(line) + 1
            if left < 0:
                self._truncated.add(stream)
                return [*lines[:index], TRUNCATION_NOTICE]
        self._left[stream] = left
        return lines

    def _open(self) -> int:
        try:
            return os.open(self._path, _APPEND, 0o666)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            return os.open(self._path, _APPEND, 0o666)

    def _append(self, descriptor: int, data: bytes) -> None:
        written = os.write(descriptor, data)
        # A full disk may take a part. The next line must then not be glued to it.
        self._torn = written < len(data)
        while written < len(data):
            written += os.write(descriptor, data[written:])
        self._torn = False


def unfinished_path(path: str | os.PathLike[str]) -> str:
    """Path of the file with what a task printed since its last line feed, beside its log; it is a temporary file."""
    folder, name = os.path.split(os.fspath(path))
    return os.path.join(folder, f".tmp-{name}.unfinished")


def overwrite_log(path: str | os.PathLike[str], content: bytes) -> None:
    """Write other content into the same file: a task that still runs goes on adding its lines to it.

    Raises
    ------
    DataException
        If the file cannot be written.
    """
    try:
        with open(path, "r+b") as file:
            file.write(content)
            file.truncate()
    except OSError as error:
        raise file_error("overwrite the log", path, error) from error


def format_lines(stream: LogStream, lines: Sequence[bytes], now_microseconds: int) -> bytes:
    """Lines, given without line feeds, as they stand in a log."""
    prefix = b"%s %d " % (_LETTERS[stream], now_microseconds)
    return b"".join([b"%s%s\n" % (prefix, line) for line in lines])


def read_log(
    source: str | os.PathLike[str] | bytes, stream: LogStream | None = None, offset: int = 0
) -> Iterator[LogLine]:
    """Read a log, or what was added to it.

    Parameters
    ----------
    source : path or bytes
        The log's file, or its content. A task that printed nothing has no file, and no lines.
    stream : str, optional
        ``stdout`` or ``stderr`` to see only that one.
    offset : int
        Where to begin, in bytes: 0, or the `end_offset` of a line that was read before.

    Yields
    ------
    LogLine
        Complete lines, in the order of their arrival.

    Raises
    ------
    DataException
        If the file cannot be read.
    """
    timestamp = 0
    for line in _complete_lines(source, offset):
        offset += len(line)
        letter, digits, text = _fields(line)
        found = _STREAMS.get(letter)
        if found is None or not digits.isdigit():
            # Not written by us, or damaged: shown as it is rather than dropped.
            found, text = "stdout", line[:-1]
        else:
            timestamp = int(digits)
        if stream is None or stream == found:
            yield LogLine(found, timestamp, text, offset)


def _fields(line: bytes) -> tuple[bytes, bytes, bytes]:
    letter, _, rest = line[:-1].partition(b" ")
    digits, _, text = rest.partition(b" ")
    return letter, digits, text


def _complete_lines(source: str | os.PathLike[str] | bytes, offset: int) -> Iterator[bytes]:
    import io

    try:
        with io.BytesIO(source) if isinstance(source, bytes) else io.open(source, "rb") as file:  # noqa: UP020
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                yield line
    except FileNotFoundError:
        return
    except OSError as error:
        raise file_error("read the log", source, error) from error
