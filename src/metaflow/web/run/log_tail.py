"""The last lines of a log, without reading the rest of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from metaflow.datastore.file_errors import file_error
from metaflow.datastore.layout import log_key
from metaflow.datastore.logs import read_log
from metaflow.datastore.ranges import read_range
from metaflow.web.contained_store import opener_of

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.datastore.logs import LogLine, LogStream
    from metaflow.metadata_store.records import TaskRecord

#: Bytes at the end of a log that are looked at.
_TAIL_BYTES = 512 * 1024
_LONGEST_LINE = 4_000


def last_lines(
    provider: Provider, task: TaskRecord, stream: LogStream | None = None, most_bytes: int = _TAIL_BYTES
) -> list[LogLine]:
    """Lines at the end of what an attempt printed, as many as are in the last bytes of its log.

    Parameters
    ----------
    provider : Provider
        Where to read.
    task : TaskRecord
    stream : str, optional
        ``stdout`` or ``stderr`` for lines of that stream only.
    most_bytes : int, optional
        How many bytes are looked at, half a megabyte if not given. Nothing else is read, wherever the log is.

    Raises
    ------
    DataException
        The log cannot be read.
    """
    content, is_cut = _end_of_log(provider, task, most_bytes)
    if is_cut:
        content = content.partition(b"\n")[2]  # the rest of a line that began before
    return list(read_log(content, stream))


def plain_line(line: LogLine) -> dict[str, Any]:
    """A line for a page."""
    text = line.text[: _LONGEST_LINE + 1].decode("utf-8", "replace")
    return {
        "stream": line.stream,
        "at": line.timestamp_microseconds / 1e6,
        "text": text[:_LONGEST_LINE],
        "is_cut": len(line.text) > _LONGEST_LINE,
    }


def _end_of_log(provider: Provider, task: TaskRecord, most: int) -> tuple[bytes, bool]:
    """The last bytes of a log, and whether there are others before them."""
    store, key = provider.store_of(task.flow, task.run_id), log_key(*task[:5])
    if store.is_remote:
        stored = store.stat(key)
        if stored is not None and stored.size > most:
            return read_range(store, key, stored.size - most, stored.size), True
    source = provider.log(task)
    if source is None:
        return b"", False
    if isinstance(source, bytes):
        return source[-most:], len(source) > most
    try:
        with open(source, "rb", opener=opener_of(store)) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - most))
            return file.read(most), size > most
    except FileNotFoundError:
        return b"", False  # it printed nothing
    except OSError as error:
        raise file_error("read the log", source, error) from error
