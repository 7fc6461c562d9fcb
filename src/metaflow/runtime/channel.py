"""Messages between the scheduler and the fork server: JSON with file descriptors, whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections import deque
from typing import Any

#: Larger messages travel in an unlinked file whose descriptor is sent instead.
_MAXIMUM_INLINE = 32 * 1024
_MAXIMUM_DESCRIPTORS = 8


class Channel:
    """One end of a connection between two processes of a run.

    It is a sequenced-packet socket: a message arrives whole, and the death of the other side is seen as its end.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._waiting: deque[tuple[list[Any], tuple[int, ...]]] = deque()

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Two connected ends."""
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        left.setblocking(False)
        right.setblocking(False)
        return cls(left), cls(right)

    def fileno(self) -> int:
        """Descriptor to wait on."""
        return self._socket.fileno()

    def send(self, message: list[Any], descriptors: tuple[int, ...] = ()) -> None:
        """Send a message, with open file descriptors, as soon as there is room for it.

        Both sides send and receive, so neither may ever wait for the other: what does not fit now is kept, with copies
        of the descriptors, until :meth:`flush` is called.

        Raises
        ------
        OSError
            If the other side is gone.
        """
        if self._waiting or not self._try_to_send(message, descriptors):
            self._waiting.append((message, tuple(os.dup(fd) for fd in descriptors)))

    @property
    def is_full(self) -> bool:
        """Whether messages are waiting for room."""
        return bool(self._waiting)

    def flush(self) -> None:
        """Send what has been waiting, as far as there is room now.

        Raises
        ------
        OSError
            If the other side is gone.
        """
        while self._waiting:
            message, descriptors = self._waiting[0]
            if not self._try_to_send(message, descriptors):
                return
            self._waiting.popleft()
            for fd in descriptors:
                os.close(fd)

    def _try_to_send(self, message: list[Any], descriptors: tuple[int, ...]) -> bool:
        data = json.dumps(message, separators=(",", ":")).encode()
        try:
            if len(data) <= _MAXIMUM_INLINE:
                socket.send_fds(self._socket, [b"i" + data], descriptors)
            else:
                self._send_as_file(data, descriptors)
        except OSError as error:
            # ETOOMANYREFS: descriptors of earlier messages have not been received yet.
            if error.errno in (errno.EAGAIN, errno.ETOOMANYREFS):
                return False
            raise
        return True

    def _send_as_file(self, data: bytes, descriptors: tuple[int, ...]) -> None:
        fd = os.memfd_create("metaflow-message")
        try:
            with open(fd, "wb", closefd=False) as file:
                file.write(data)
            socket.send_fds(self._socket, [b"f"], [*descriptors, fd])
        finally:
            os.close(fd)

    def receive(self) -> tuple[list[Any], list[int]] | None:
        """Next message and its descriptors; None when the other side is gone. Call when there is something to read."""
        try:
            data, descriptors, _, _ = socket.recv_fds(
                self._socket, _MAXIMUM_INLINE + 1, _MAXIMUM_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError:
            return None
        if not data:
            return None
        body = data[1:]
        if data[:1] == b"f":
            fd = descriptors.pop()
            with open(fd, "rb") as file:
                file.seek(0)
                body = file.read()
        return json.loads(body), list(descriptors)

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
