"""Tells when files of a directory are written to, without looking again and again (inotify, on Linux)."""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_IN_MODIFY = 0x2
_IN_CLOEXEC, _IN_NONBLOCK = 0o2000000, 0o4000
#: Watch, mask, cookie, and length of the name that follows.
_EVENT = struct.Struct("iIII")


class FileChanges:
    """Watches directories for writes to their files.

    Attributes
    ----------
    fd : int or None
        Readable after a write; None where the system has no watches, or no more of them.
    """

    def __init__(self) -> None:
        self.fd: int | None = None
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            descriptor = self._libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC)
            self.fd = descriptor if descriptor >= 0 else None

    def watch(self, directory: str) -> int | None:
        """Watch one more directory; its number, or None if it cannot be watched."""
        if self.fd is None:
            return None
        number = self._libc.inotify_add_watch(self.fd, os.fsencode(directory), _IN_MODIFY)
        return number if number >= 0 else None

    def forget(self, number: int) -> None:
        """Watch the directory of that number no more."""
        if self.fd is not None:
            self._libc.inotify_rm_watch(self.fd, number)

    def take(self) -> set[int]:
        """Numbers of the directories that were written to since this was asked before."""
        written = set()
        while self.fd is not None:
            try:
                data = os.read(self.fd, 65536)
            except BlockingIOError:
                break
            position = 0
            while position < len(data):
                number, _, _, length = _EVENT.unpack_from(data, position)
                written.add(number)
                position += _EVENT.size + length
        return written

    def close(self) -> None:
        """Watch no more."""
        if self.fd is not None:
            descriptor, self.fd = self.fd, None
            os.close(descriptor)
