"""Gangs whose user code runs on node 0 only: it gives the other nodes commands, and they hold until it is done."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from ..exception import DataException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .rendezvous import Rendezvous

#: Note in which node 0 says all that the others have to know, and the folder for what they answer.
STATE, ENDED = "control", "ended"
#: Seconds between two signs of life of node 0.
BEAT_SECONDS = 10.0
#: Seconds between two looks at what the others have answered: at first. They become more, see :class:`Rendezvous`.
_FIRST_PAUSE = 0.02
#: Seconds for which node 0 goes on without their answers while the datastore is away.
_AWAY_SECONDS = 120.0
#: How often node 0 tries to say that it is done while the datastore is away, and the seconds in between.
_FINISH_TRIES, _FINISH_PAUSE = 20, 1.0


class Command(NamedTuple):
    """What node 0 wants done on another node: a program run, or a file written.

    Attributes
    ----------
    program : tuple of str
        Program and arguments. An argument that is the name of one of `files` stands for the path of that file.
    environment : mapping of str to str
        Variables to set beside those of the node.
    files : mapping of str to str
        Text files that the program needs.
    fetch : tuple of (str, str, int) or None
        Instead of a program: note with the bytes of a file, where to write it, and its mode.
    """

    program: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    files: Mapping[str, str] = {}
    fetch: tuple[str, str, int] | None = None


class Control:
    """Node 0's side.

    Parameters
    ----------
    rendezvous : Rendezvous
        Where the nodes have met.
    """

    def __init__(self, rendezvous: Rendezvous) -> None:
        self._rendezvous = rendezvous
        self._environment = dict(os.environ)
        self._pause = _FIRST_PAUSE
        self._looked_at = self._answered_at = time.monotonic()
        self._alone = rendezvous.node.num_nodes == 1
        self._lock = threading.Lock()
        self._beat = 0
        self._last_number = 0
        self._commands: dict[int, tuple[int, Command]] = {}
        self._statuses: dict[int, int] = {}
        self._cancelled: set[int] = set()
        self._done = threading.Event()
        self._heart = threading.Thread(target=self._live, daemon=True)

    def start(self) -> None:
        """Let the others know that there is work, or will be."""
        if not self._alone:
            self._tell()
            self._heart.start()

    def note_environment(self) -> None:
        """Take the environment variables as they are now for those that each node has anyway."""
        self._environment = dict(os.environ)

    def changed_variables(self) -> dict[str, str]:
        """Environment variables that were set or changed since: what the step's code sets is meant for all nodes."""
        return {name: value for name, value in os.environ.items() if self._environment.get(name) != value}

    def command(self, node: int, command: Command) -> int:
        """Have another node do something; returns the number of the command."""
        with self._lock:
            self._last_number += 1
            number = self._last_number
            self._commands[number] = (node, command)
            self._pause = _FIRST_PAUSE
            if len(self._commands) == 1:  # nobody has looked while there was nothing to wait for
                self._answered_at = time.monotonic()
        try:
            self._tell()
        except DataException:
            with self._lock:
                del self._commands[number]  # not to be carried out when the datastore is back and nobody waits for it
            raise
        return number

    def statuses(self) -> dict[int, int]:
        """Exit codes, or negated numbers of signals, of the commands that are over, by number.

        However often and by however many threads this is called, the datastore is asked only now and then.

        Raises
        ------
        DataException
            If the datastore is away for long.
        """
        with self._lock:
            now = time.monotonic()
            if self._commands and now - self._looked_at >= self._pause:
                self._looked_at = now
                self._pause = min(self._pause * 1.5, self._rendezvous.longest_pause)
                try:
                    self._look()
                    self._answered_at = now
                except DataException:
                    if now - self._answered_at > _AWAY_SECONDS:
                        raise
            return dict(self._statuses)

    def _look(self) -> None:
        for name in self._rendezvous.names(ENDED) - {str(number) for number in self._statuses}:
            self._statuses[int(name)] = int(self._rendezvous.get(f"{ENDED}/{name}"))
            del self._commands[int(name)]
            self._pause = _FIRST_PAUSE

    def cancel(self, number: int) -> None:
        """End what a command started."""
        with self._lock:
            self._cancelled.add(number)
        self._tell()

    def finish(self) -> None:
        """Let the other nodes go."""
        self._done.set()
        if self._heart.ident is None:
            return
        self._heart.join()
        for attempt in range(_FINISH_TRIES):
            try:
                self._tell()
                return
            except DataException as error:
                if attempt == _FINISH_TRIES - 1:
                    # The step itself has come to its end, which shall not be lost over this.
                    sys.stderr.write(f"The other nodes could not be told that node 0 is done: {error.message}\n")
                    return
                time.sleep(_FINISH_PAUSE)

    def _live(self) -> None:
        while not self._done.wait(BEAT_SECONDS):
            try:
                self._tell()
            except DataException:
                # The next beat tries again. If none gets through, the other nodes take this one for lost.
                continue

    def _tell(self) -> None:
        with self._lock:
            self._beat += 1
            commands = [[number, node, *command] for number, (node, command) in self._commands.items()]
            state = {
                "beat": self._beat,
                "done": self._done.is_set(),
                "commands": commands,
                "cancelled": sorted(self._cancelled),
            }
            self._rendezvous.put(STATE, state)
