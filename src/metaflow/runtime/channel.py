"""Messages between the scheduler and the fork server: JSON with file descriptors, whole or not at all."""

from __future__ import annotations

import json
import os
import socket
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

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Two connected ends."""
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(left), cls(right)

    def fileno(self) -> int:
        """Descriptor to wait on."""
        return self._socket.fileno()

    def send(self, message: list[Any], descriptors: tuple[int, ...] = ()) -> None:
        """Send a message, with open file descriptors.

        Raises
        ------
        OSError
            If the other side is gone.
        """
        data = json.dumps(message, separators=(",", ":")).encode()
        if len(data) <= _MAXIMUM_INLINE:
            socket.send_fds(self._socket, [b"i" + data], descriptors)
            return
        fd = os.memfd_create("metaflow-message")
        try:
            with open(fd, "wb", closefd=False) as file:
                file.write(data)
            socket.send_fds(self._socket, [b"f"], [*descriptors, fd])
        finally:
            os.close(fd)

    def receive(self) -> tuple[list[Any], list[int]] | None:
        """Next message and its descriptors; None when the other side is gone."""
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
