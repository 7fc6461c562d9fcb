"""What a task printed, from the lines of Metaflow's log files to those of ours. No I/O.

A line there begins with ``[MFLOG|0|<UTC time>|<source>|<id>]``, with a ``!`` after the bracket if it was marked to be
kept.
"""

from __future__ import annotations

import re
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaflow.datastore.logs import LogStream

_PREFIX = re.compile(rb"\[!?MFLOG\|0\|(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?Z?\|[^|\]]*\|[^\]]*\]")
_LETTERS: dict[LogStream, bytes] = {"stdout": b"o", "stderr": b"e"}


class _Line(NamedTuple):
    microseconds: int
    stream: LogStream
    text: bytes


def converted_log(files: Iterable[tuple[LogStream, bytes]], without_time: float) -> bytes:
    """Merge log files of one attempt.

    Parameters
    ----------
    files : iterable of (str, bytes)
        Stream and content of each.
    without_time : float
        Time, in seconds since the epoch, of lines before which no other one tells the time.

    Returns
    -------
    bytes
        A log in our own format, in order of time; empty if nothing was printed.
    """
    lines: list[_Line] = []
    for stream, content in files:
        lines += _lines(stream, content, int(without_time * 1_000_000))
    lines.sort(key=lambda line: line.microseconds)
    return b"".join([b"%s %d %s\n" % (_LETTERS[stream], at, text) for at, stream, text in lines])


def _lines(stream: LogStream, content: bytes, microseconds: int) -> Iterator[_Line]:
    """Lines of a file: those that tell their time in order of it, then the others, with the time of the last one."""
    timed: list[_Line] = []
    others: list[bytes] = []
    whole = content.removesuffix(b"\n")
    for line in whole.split(b"\n") if whole else ():
        found = _PREFIX.match(line)
        at = None if found is None else _microseconds(found)
        if found is None or at is None:
            others.append(line)
        else:
            timed.append(_Line(at, stream, line[found.end() :]))
    timed.sort(key=lambda each: each.microseconds)
    yield from timed
    last = timed[-1].microseconds if timed else microseconds
    for text in others:
        yield _Line(last, stream, text)


def _microseconds(found: re.Match[bytes]) -> int | None:
    """Unix time that a prefix tells; None if there is no such time."""
    from calendar import timegm
    from datetime import datetime

    *fields, fraction = found.groups()
    try:
        moment = datetime(*map(int, fields))  # type: ignore[arg-type]
    except ValueError:
        return None
    return timegm(moment.timetuple()) * 1_000_000 + int((fraction or b"0").ljust(6, b"0"))
