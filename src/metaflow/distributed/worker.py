"""What the nodes other than 0 do if only node 0 runs the step's code: what it tells them, until it is done."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

from ..exception import DataException, GangException, MetaflowException
from .control import ENDED, STATE, Command
from .programs import end, find_program, start, temporary_folder

if TYPE_CHECKING:
    import subprocess

    from .rendezvous import Rendezvous

#: Seconds without a sign of life after which node 0 is taken for lost.
LOST_SECONDS = 120.0
#: Exit code of a command that could not be started, as shells have it.
_NOT_STARTED = 127


class Worker:
    """A node that holds, and does what node 0 wants done.

    Parameters
    ----------
    rendezvous : Rendezvous
        Where the nodes have met.
    polling_seconds : float
        How often to look whether there is something to do. The datastore of this machine is looked at more often.
    lost_seconds : float
        Seconds without a sign of life after which node 0 is taken for lost.
    """

    def __init__(self, rendezvous: Rendezvous, polling_seconds: float, lost_seconds: float = LOST_SECONDS) -> None:
        self._rendezvous = rendezvous
        self._pause = max(0.01, min(polling_seconds, rendezvous.longest_pause))
        self._lost_seconds = lost_seconds
        self._seen: set[int] = set()
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        #: Exit codes of commands of which node 0 does not know yet that they are over.
        self._ended: dict[int, int] = {}

    def hold(self) -> None:
        """Do what node 0 says until it is done.

        Raises
        ------
        GangException
            If node 0 gives no sign of life any more.
        """
        try:
            with temporary_folder("gang") as folder:
                self._hold(folder)
        finally:
            end(self._running.values())

    def _hold(self, folder: str) -> None:
        beat, heard_at = None, time.monotonic()
        while True:
            state = self._state()
            if state is None and beat is not None and self._is_over():
                return
            if state is not None:
                if state["beat"] != beat:
                    beat, heard_at = state["beat"], time.monotonic()
                if state["done"]:
                    return
                self._obey(state, folder)
            if time.monotonic() - heard_at > self._lost_seconds:
                raise GangException(
                    f"Node 0 has given no sign of life for {self._lost_seconds:g} seconds, so node "
                    f"{self._rendezvous.node.node_index} gives up. It died, or does not reach the datastore any more."
                )
            self._report()
            time.sleep(self._pause)

    def _state(self) -> dict[str, Any] | None:
        try:
            state: dict[str, Any] | None = self._rendezvous.get(STATE)
        except DataException:
            return None  # a datastore that is away for too long is what node 0's silence stands for
        return state

    def _is_over(self) -> bool:
        """Whether node 0 has removed all notes, as it does at its end; a datastore that is away says nothing."""
        try:
            return self._rendezvous.get("roster") is None
        except DataException:
            return False

    def _obey(self, state: dict[str, Any], folder: str) -> None:
        for number, node, program, environment, files, fetch in state["commands"]:
            if node == self._rendezvous.node.node_index and number not in self._seen:
                self._seen.add(number)
                command = Command(tuple(program), environment, files, tuple(fetch) if fetch else None)
                try:
                    self._do(number, command, os.path.join(folder, str(number)))
                except (MetaflowException, OSError) as error:
                    sys.stderr.write(f"{error}\n")
                    self._ended[number] = _NOT_STARTED
        end([self._running[number] for number in state["cancelled"] if number in self._running])

    def _do(self, number: int, command: Command, folder: str) -> None:
        if command.fetch is not None:
            name, path, mode = command.fetch
            _write(path, self._rendezvous.get_bytes(name) or b"", mode)
            self._ended[number] = 0
            return
        os.mkdir(folder)
        paths = {name: os.path.join(folder, name) for name in command.files}
        for name, text in command.files.items():
            _write(paths[name], text.encode(), 0o600)
        # Nodes need not have their environments in the same place.
        program = find_program(command.program[0], "install it here as on node 0.")
        arguments = [paths.get(argument, argument) for argument in command.program[1:]]
        self._running[number] = start([program, *arguments], {**os.environ, **command.environment})

    def _report(self) -> None:
        for number, process in list(self._running.items()):
            status = process.poll()
            if status is not None:
                self._ended[number] = status
                del self._running[number]
        try:
            for number, status in list(self._ended.items()):
                self._rendezvous.put(f"{ENDED}/{number}", status)
                del self._ended[number]
        except DataException:
            return  # what a program has done for hours is not to be lost: the next look tries again


def _write(path: str, content: bytes, mode: int) -> None:
    """Write a file that is there as a whole or not at all."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(content)
    os.chmod(temporary, mode)
    os.replace(temporary, path)
