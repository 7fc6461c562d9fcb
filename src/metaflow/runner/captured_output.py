"""What a process printed, in files: it never waits for a reader, and it is all there when one comes late."""

from __future__ import annotations

import codecs
import os
import sys

#: Bytes that are read at a time.
_PIECE = 1 << 20


def read_text(path: str) -> str:
    """All that a file holds so far; what is no UTF-8 is replaced."""
    with open(path, "rb") as file:
        return file.read().decode("utf-8", "replace")


class Follower:
    """Reads a file that grows, from where it stopped.

    Parameters
    ----------
    path : str
    position : int
        Bytes to leave out at the beginning.
    """

    def __init__(self, path: str, position: int = 0) -> None:
        self._path = path
        self._read = position
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self) -> bytes:
        """What came since, but no more than a piece of it; empty if there is nothing new."""
        if os.path.getsize(self._path) <= self._read:
            return b""
        with open(self._path, "rb") as file:
            file.seek(self._read)
            data = file.read(_PIECE)
        self._read += len(data)
        return data

    def show(self) -> None:
        """Print, to this process's stdout, what has come until now."""
        end = os.path.getsize(self._path)
        while self._read < end and (data := self.read()):
            _print(self._decoder.decode(data))


def _print(text: str) -> None:
    stream = sys.stdout
    if stream is None:  # a program without a console
        return
    try:
        stream.write(text)
    except UnicodeEncodeError as error:
        stream.write(text.encode(error.encoding, "replace").decode(error.encoding))
    stream.flush()
