"""The last lines of a log, without reading the rest of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaflow.datastore.logs import read_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.client.provider import Provider
    from metaflow.datastore.logs import LogLine
    from metaflow.metadata_store.records import TaskRecord

#: Bytes at the end of a log that are looked at.
_TAIL_BYTES = 512 * 1024
_LONGEST_LINE = 4_000


def last_lines(provider: Provider, task: TaskRecord) -> list[LogLine]:
    """Lines at the end of what an attempt printed, of both streams, as many as are in its last half megabyte.

    Parameters
    ----------
    provider : Provider
        Where to read.
    task : TaskRecord

    Raises
    ------
    DataException
        The log cannot be read.
    """
    source = provider.log(task)
    return [] if source is None else list(_tail(source))


def plain_line(line: LogLine) -> dict[str, Any]:
    """A line for a page."""
    text = line.text[: _LONGEST_LINE + 1].decode("utf-8", "replace")
    return {
        "stream": line.stream,
        "at": line.timestamp_microseconds / 1e6,
        "text": text[:_LONGEST_LINE],
        "is_cut": len(line.text) > _LONGEST_LINE,
    }


def _tail(source: Path | bytes) -> Iterator[LogLine]:
    size = len(source) if isinstance(source, bytes) else _size(source)
    start = max(0, size - _TAIL_BYTES)
    lines = read_log(source, offset=start)
    if start:
        next(lines, None)  # the rest of a line that began before
    yield from lines


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0  # it printed nothing
