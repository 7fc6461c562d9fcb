"""The end of what a task printed."""

from __future__ import annotations

import os
import sys
import time

from metaflow.cards.nodes import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.cards.report.subject import Subject

_LINES = 50
_LONGEST_LINE = 2000
#: Bytes at the end of a log that are looked at.
_BYTES = 128 * 1024
#: Seconds that the last lines get to arrive where they are kept.
_PATIENCE = 0.02
_PAUSE = 0.001


def log_node(subject: Subject) -> Node | None:
    """The last lines of both streams, in the order in which they were printed; None if nothing was printed."""
    if subject.flow is not None:
        wait_for_own_output()
    content, is_all = _tail(subject)
    from metaflow.datastore.logs import read_log

    lines = list(read_log(content))
    if not lines:
        return None
    shown = lines[-_LINES:]
    texts = [line.text.decode("utf-8", "replace") for line in shown]
    data = "\n".join(text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}..." for text in texts)
    whole = is_all and len(shown) == len(lines)
    count = f"{len(shown)} line{'s' if len(shown) != 1 else ''}"
    subtitle = f"{count}, both streams" if whole else f"The last {count}, both streams"
    return {
        "type": "section",
        "title": "Log",
        "subtitle": subtitle,
        "contents": [{"type": "log", "data": data, "at_end": True}],
    }


def _tail(subject: Subject) -> tuple[bytes, bool]:
    """The last lines of the log, as they are stored, and whether these are all."""
    task = subject.task
    origin = task._origin()
    if origin is not None:
        task = origin
    found = task._provider.log(task._current())
    if found is None:
        return b"", True
    if isinstance(found, bytes):
        return _from_line_start(found[-_BYTES:], len(found))
    try:
        with open(found, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _BYTES))
            return _from_line_start(file.read(_BYTES), size)
    except FileNotFoundError:
        return b"", True


def _from_line_start(content: bytes, size: int) -> tuple[bytes, bool]:
    if len(content) == size:
        return content, True
    return content.partition(b"\n")[2], False


def wait_for_own_output() -> None:
    """Have what this process printed read by whoever keeps it, but not wait long for that.

    The other end of the pipes reads at once, unless the machine is busy.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # closed, or replaced by something that is no file
    until = time.monotonic() + _PATIENCE
    while (_unread(1) or _unread(2)) and time.monotonic() < until:
        time.sleep(_PAUSE)


def _unread(descriptor: int) -> int:
    """Bytes in a pipe that nobody has read yet; 0 for what is no pipe."""
    import fcntl
    import stat
    import termios

    buffer = bytearray(4)
    try:
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return 0
        fcntl.ioctl(descriptor, termios.FIONREAD, buffer)
    except OSError:  # closed, or of a kind that does not tell
        return 0
    return int.from_bytes(buffer, sys.byteorder)
