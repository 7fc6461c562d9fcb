"""A whole log as text, piece by piece."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from metaflow.web.logs.line_text import without_escapes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.metadata_store.records import TaskRecord
    from metaflow.web.logs.log_files import OpenLog
    from metaflow.web.logs.log_index import View


def log_as_text(log: OpenLog, view: View, times: bool, colours: bool) -> Iterator[bytes]:
    """Give the lines of a log as they were printed.

    Parameters
    ----------
    log : OpenLog
    view : str
        ``both``, ``stdout`` or ``stderr``.
    times : bool
        Begin each line with when it came, in UTC.
    colours : bool
        Keep the escape sequences of terminals.

    Raises
    ------
    DataException
        It cannot be read.
    """
    index = log.index
    with log.reading() as file:
        for block in index.blocks[:]:
            lines = []
            for line in index.lines_of(file, block):
                if view in ("both", line.stream):
                    text = line.text if colours else without_escapes(line.text)
                    lines.append(b"%s%s\n" % (_stamp(line.microseconds) if times else b"", text))
            yield b"".join(lines)


def file_name(task: TaskRecord, view: View) -> str:
    """The header that names the file that a browser saves."""
    name = "-".join(
        [task.flow, task.run_id, task.step, task.task_id, str(task.attempt), *([] if view == "both" else [view])]
    )
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:150]
    exact = quote(name[:300].encode("utf-8", "replace"), safe="")
    return f"attachment; filename=\"{plain}.log\"; filename*=UTF-8''{exact}.log"


def _stamp(microseconds: int | None) -> bytes:
    if microseconds is None:
        return b"-" * 27 + b" "
    seconds, rest = divmod(microseconds, 1_000_000)
    try:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return b"%d " % microseconds
    return f"{moment}.{rest:06d}Z ".encode()
