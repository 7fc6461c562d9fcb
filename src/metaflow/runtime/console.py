"""What a person sees of a run: lines with a time and a pathspec on stdout, and a progress line on a terminal."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TextIO

_BOLD, _DIM, _RED, _GREEN, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[0m"


def highlight(text: str, terminal: bool) -> str:
    """Replace the ``*`` marks of a message of ours: bold on a terminal, nothing elsewhere."""
    parts = text.split("*")
    if len(parts) % 2 == 0:  # a lone asterisk marks nothing
        parts[-2:] = ["*".join(parts[-2:])]
    if not terminal:
        return "".join(parts)
    return "".join(f"{_BOLD}{part}{_PLAIN}" if index % 2 else part for index, part in enumerate(parts))


def wants_colour(stream: TextIO) -> bool:
    """Whether to colour what is written to `stream` (https://no-color.org)."""
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


class Console:
    """Writes the lines of a run. Everything that one round of the event loop says goes out in one write.

    Parameters
    ----------
    stream : file
        Where to write, normally stdout.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stdout
        self.is_terminal = self._stream.isatty()
        self._colour = wants_colour(self._stream)
        self._lines: list[str] = []
        self._status = ""
        self._status_shown = ""
        self._second = 0
        self._second_text = ""
        self._gone = False
        try:
            os.set_blocking(self._stream.fileno(), True)  # or what a slow reader has no room for would be lost
        except (OSError, ValueError):
            pass

    def say(self, message: str, where: str = "", *, bad: bool = False, good: bool = False) -> None:
        """A message of the runtime. ``*`` marks emphasis."""
        text = highlight(message, self._colour)
        if self._colour and (bad or good):
            text = f"{_RED if bad else _GREEN}{text}{_PLAIN}"
        self._add(where, text)

    def task_lines(self, where: str, lines: Sequence[bytes]) -> None:
        """Lines that a task printed, indentation and asterisks included."""
        for line in lines:
            self._add(where, line.decode("utf-8", "replace").rstrip())

    def plain(self, lines: Iterable[str]) -> None:
        """Lines as they are, without a time, such as those of a table."""
        self._lines.extend(lines)

    def status(self, text: str) -> None:
        """The line to keep at the bottom of a terminal; empty for none."""
        if self.is_terminal:
            self._status = text

    def flush(self) -> None:
        """Write what has gathered."""
        if not self._lines and self._status == self._status_shown:
            return
        parts = ["\r\x1b[K"] if self._status_shown else []
        parts += [f"{line}\n" for line in self._lines]
        if self._status:
            parts.append(self._status[: self._width() - 1])
        self._status_shown = self._status
        self._lines.clear()
        self._write("".join(parts))

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except OSError:
            return 80

    def _write(self, text: str) -> None:
        if self._gone:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except UnicodeEncodeError as error:
            self._stream.write(text.encode(error.encoding, "replace").decode(error.encoding))
            self._stream.flush()
        except OSError as error:
            # Whoever read this has gone, as in `| head`. The run goes on; its logs are kept.
            self._gone = True
            if error.errno not in (errno.EPIPE, errno.EIO):
                sys.stderr.write(f"Nothing more can be shown ({error.strerror}). The run goes on.\n")
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def _add(self, where: str, text: str) -> None:
        stamp = self._timestamp()
        if self._colour:
            stamp = f"{_DIM}{stamp}{_PLAIN}"
            where = where and f"{_BOLD}{where}{_PLAIN}"
        self._lines.append(f"{stamp} {where} {text}" if where else f"{stamp} {text}")

    def _timestamp(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second:  # formatting a time costs more than printing the line
            self._second = second
            self._second_text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._second_text}.{int((now - second) * 1000):03d}"
