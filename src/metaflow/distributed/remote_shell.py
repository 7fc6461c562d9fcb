"""Commands on the other nodes for programs that expect ``ssh``, without ``ssh``: node 0 passes them on."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

from ..exception import GangException, MetaflowException
from .control import Command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .control import Control

_AGENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "remote_shell_agent.py")
#: Seconds between two looks at whether a command is over.
_PAUSE = 0.2
#: Environment variable with the path of the socket.
SOCKET_VARIABLE = "METAFLOW_GANG_SHELL"


class RemoteShell:
    """Runs what the agents ask for on other nodes, in threads, until it is closed.

    Parameters
    ----------
    control : Control
    addresses : sequence of str
        Of all nodes, in order.
    folder : str
        Directory of this process alone.
    environment : mapping of str to str
        Variables to set for the commands.

    Attributes
    ----------
    agent : str
        Program to be used in the place of ``ssh``.
    variables : dict of str to str
        What the agent needs in its environment.
    """

    def __init__(self, control: Control, addresses: Sequence[str], folder: str, environment: Mapping[str, str]) -> None:
        self._control = control
        self._addresses = list(addresses)
        self._environment = environment
        self._closed = threading.Event()
        self.agent = os.path.join(folder, "shell")
        path = os.path.join(folder, "socket")
        self.variables = {SOCKET_VARIABLE: path}
        with open(self.agent, "w") as file:
            file.write(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -S {shlex.quote(_AGENT)} "$@"\n')
        os.chmod(self.agent, 0o700)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        self._socket.listen(128)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more commands, and end those that run."""
        self._closed.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # it was closed
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as stream:
            try:
                status = self._run(*json.loads(stream.readline()))
            except (MetaflowException, ValueError, TypeError) as error:
                sys.stderr.write(f"{error}\n")
                status = 1
            try:
                stream.write(json.dumps(status).encode() + b"\n")
                stream.flush()
            except OSError:
                return  # the agent has gone: nobody wants to know

    def _run(self, host: Any, command: Any) -> int:
        if host not in self._addresses:
            raise GangException(f"There is no node at '{host}': the nodes are at {', '.join(self._addresses)}.")
        node = self._addresses.index(host)
        number = self._control.command(node, Command(("/bin/sh", "-c", str(command)), self._environment))
        while not self._closed.wait(_PAUSE):
            status = self._control.statuses().get(number)
            if status is not None:
                return status
        self._control.cancel(number)
        return 1
