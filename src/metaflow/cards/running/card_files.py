"""Storing the files of a task's cards: what was stored last stays, however long a store takes with what came before."""

from __future__ import annotations

import threading
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metaflow.datastore.store import Buffer


class _Version(NamedTuple):
    #: From 1, of all that is stored; later ones are larger.
    number: int
    parts: Sequence[Buffer]


class CardFiles:
    """Files of one task's cards. May be used by several threads.

    A store that hangs may write what it was given long after something newer was written under the same name. So
    whoever comes back from the store and finds that it was overtaken stores the newest content once more.

    Parameters
    ----------
    store : callable
        Takes the name of a file and its bytes, in parts, and comes back when it is stored.
    """

    def __init__(self, store: Callable[[str, Sequence[Buffer]], None]) -> None:
        self._store = store
        self._changed = threading.Condition()
        self._last_number = 0
        self._newest: dict[str, _Version] = {}
        self._under_way: dict[str, set[int]] = {}
        self._overwritten: set[str] = set()
        self._repeated: set[int] = set()

    def put(self, name: str, parts: Sequence[Buffer], is_over: Callable[[], bool] | None = None) -> bool:
        """Store a file.

        Parameters
        ----------
        name : str
        parts : sequence of bytes-like
            What is to be in it, one behind the other.
        is_over : callable, optional
            Tells whether it is too late for this content. Once it has said no, what others store is newer.

        Returns
        -------
        bool
            False if it was too late, so that nothing was stored.
        """
        with self._changed:
            if is_over is not None and is_over():
                return False
            version = self._begin(name, parts)
        self._carry_out(name, version)
        return True

    def settle(self, seconds: float) -> None:
        """Wait until nothing is being stored once more because it was overwritten; at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._repeated, seconds)

    def _begin(self, name: str, parts: Sequence[Buffer]) -> _Version:
        self._last_number += 1
        version = self._newest[name] = _Version(self._last_number, parts)
        self._under_way.setdefault(name, set()).add(version.number)
        return version

    def _carry_out(self, name: str, version: _Version) -> None:
        try:
            self._store(name, version.parts)
        finally:
            again = self._end(name, version.number)
            if again is not None:
                self._carry_out(name, again)

    def _end(self, name: str, number: int) -> _Version | None:
        """What has to be stored again, now that something was stored."""
        with self._changed:
            self._repeated.discard(number)
            self._changed.notify_all()
            under_way, newest = self._under_way[name], self._newest[name]
            under_way.discard(number)
            if number != newest.number:
                self._overwritten.add(name)
            if name in self._overwritten and newest.number not in under_way:
                self._overwritten.discard(name)
                again = self._begin(name, newest.parts)
                self._repeated.add(again.number)
                return again
            if not under_way:
                del self._under_way[name], self._newest[name]
            return None
