"""Notes in the folders of runs that these are being deleted, and who is at it."""

from __future__ import annotations

import json
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from metaflow.datastore.layout import deletion_key
from metaflow.datastore.store import OUT_OF_REACH, ObjectMissing
from metaflow.exception import DataException
from metaflow.metadata_store.liveness import is_alive, process_identity

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from metaflow.client.upkeep.inventory import RunName
    from metaflow.datastore.store import ObjectStore

#: A note holds others off for so many seconds: its writer may have died, or hang.
_HELD_SECONDS = 600.0
#: Who is at it for longer says so again after so many seconds.
_RENEWAL_SECONDS = 120.0
#: Deletions that go on in this process: what one of them noted that failed is a leftover, although its process lives.
_going_on: set[str] = set()

AT_IT = "somebody else is deleting it right now"


class Notes:
    """The notes of one deletion, which is at it within a ``with`` block.

    What is still noted at the end of the block, because of an error, is a leftover that anybody may finish.

    Parameters
    ----------
    store : ObjectStore
        Where the runs are.

    Attributes
    ----------
    taken_over : set of (str, str)
        Runs whose deletion somebody else had begun, and did not bring to an end.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._token = secrets.token_hex(8)
        self._held: set[RunName] = set()
        self._renewed_at = time.time()
        self.taken_over: set[RunName] = set()

    def __enter__(self) -> Self:
        _going_on.add(self._token)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _going_on.discard(self._token)
        # If the store still fails, its first error is the one to tell, and the notes grow too old by themselves.
        with suppress(DataException):
            for name in filter(self._is_ours, self._held):
                self._store.put(deletion_key(*name), [_encoded({})])

    def leave(self, name: RunName) -> str | None:
        """Note that a run is being deleted; why that cannot be, or None if it is noted.

        Raises
        ------
        DataException
            The store fails.
        """
        content = self._content()
        if not self._store.put_new(deletion_key(*name), [content]):
            if self._is_held(name):
                return AT_IT
            try:
                self._store.put(deletion_key(*name), [content])
            except OUT_OF_REACH:
                raise
            except DataException as error:
                return f"what stands in the place of the note of its deletion stays. {error.message.rstrip('.')}"
            self.taken_over.add(name)
        self._held.add(name)
        return None

    def renew(self) -> None:
        """Say once more of all that is noted that somebody is at it, if that was said a while ago.

        Raises
        ------
        DataException
            The store fails.
        """
        if abs(time.time() - self._renewed_at) < _RENEWAL_SECONDS:
            return
        self._renewed_at = time.time()
        for name in filter(self._is_ours, self._held):
            self._store.put(deletion_key(*name), [self._content()])

    def is_lost(self, name: RunName) -> bool:
        """Whether somebody else took a run over who met the same leftover at the same time.

        Raises
        ------
        DataException
            The store fails.
        """
        if name not in self.taken_over or self._is_ours(name):
            return False
        self._held.discard(name)
        return True

    def take_back(self, name: RunName) -> None:
        """Have nothing noted of a run, as it stays, unless somebody else is at it.

        Raises
        ------
        DataException
            The store fails.
        """
        if not self._is_held(name):
            self.remove(name)

    def remove(self, name: RunName) -> None:
        """Remove what is noted of a run, be it because nothing else of it is left.

        Raises
        ------
        DataException
            The store fails.
        """
        self._store.delete(deletion_key(*name))
        self._held.discard(name)

    def _content(self) -> bytes:
        host, pid, started = process_identity()
        return _encoded({"host": host, "pid": pid, "process_started": started, "token": self._token})

    def _is_ours(self, name: RunName) -> bool:
        try:
            note = json.loads(self._store.get(deletion_key(*name)))
        except (ObjectMissing, ValueError, RecursionError):
            return False
        return isinstance(note, dict) and note.get("token") == self._token

    def _is_held(self, name: RunName) -> bool:
        """Whether a note is somebody else's who is at it; one that has just gone was."""
        try:
            note = json.loads(self._store.get(deletion_key(*name)))
        except ObjectMissing:
            return True
        except OUT_OF_REACH:
            raise
        except (DataException, ValueError, RecursionError):
            return False  # it is damaged, or no file at all
        return isinstance(note, dict) and note.get("token") != self._token and _is_at_it(note)


def _encoded(who: dict[str, Any]) -> bytes:
    """A note; one that names nobody is a leftover."""
    return json.dumps({"deleted_at": time.time(), **who}, separators=(",", ":")).encode()


def _is_at_it(note: dict[str, Any]) -> bool:
    """Whether the writer of a note still deletes; what it says is not trusted to be of any type or size."""
    host, pid, started, token = (note.get(key) for key in ("host", "pid", "process_started", "token"))
    is_complete = isinstance(host, str) and isinstance(pid, int) and isinstance(token, str)
    if not (is_complete and isinstance(started, (int, type(None))) and _is_recent(note.get("deleted_at"))):
        return False
    if (host, pid, started) == process_identity():
        return token in _going_on
    return is_alive(host, pid, started) is not False


def _is_recent(noted_at: object) -> bool:
    """Whether a note is young enough to be believed; one from the future is not, as it would be for ever."""
    try:
        return isinstance(noted_at, (int, float)) and abs(time.time() - noted_at) < _HELD_SECONDS
    except OverflowError:
        return False
