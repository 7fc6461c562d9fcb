"""An object store in memory, for tests."""

from __future__ import annotations

import time

from metaflow.datastore.store import ObjectMissing, StoredObject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from metaflow.datastore.store import Buffer


class MemoryStore:
    """An object store in a dictionary, without local files, as a remote store would be.

    Attributes
    ----------
    objects : dict
        The stored bytes by key; a test may look at them and change them.
    times : dict
        When each was written, in seconds since the epoch.
    """

    is_remote = False

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.times: dict[str, float] = {}

    def put(self, key: str, parts: Sequence[Buffer]) -> None:
        """Store `parts`, one behind the other, under `key`, in place of what was there."""
        self.objects[key] = b"".join(parts)
        self.times[key] = time.time()

    def put_new(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Store `parts` under `key` only if nothing is there yet; False if something was."""
        if key in self.objects:
            return False
        self.put(key, parts)
        return True

    def get(self, key: str) -> bytes:
        """Return the object's bytes; raise ObjectMissing if there is none."""
        try:
            return self.objects[key]
        except KeyError as error:
            raise ObjectMissing(f"There is no object {key} in memory.") from error

    def stat(self, key: str) -> StoredObject | None:
        """Say how large the object is and when it was written; None if there is none."""
        data = self.objects.get(key)
        return None if data is None else StoredObject(key, len(data), self.times[key])

    def fetch(self, key: str, size: int | None = None) -> Path | None:
        """Return None: nothing here is a file."""
        return None

    def list(self, prefix: str, folders: bool = False) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in no promised order; or, with `folders`, what is below it."""
        found = [key for key in self.objects if key.startswith(prefix)]
        if folders:
            rests = [key[len(prefix) :] for key in found]
            return iter({rest.partition("/")[0] for rest in rests if "/" in rest})
        return iter(found)

    def scan(self, prefix: str) -> Iterator[StoredObject]:
        """Yield all that begins with `prefix`, in no promised order, with sizes and times."""
        return iter([found for key in self.list(prefix) if (found := self.stat(key)) is not None])

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        self.objects.pop(key, None)
