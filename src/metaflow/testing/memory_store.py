"""An object store in memory, for tests."""

from __future__ import annotations

from metaflow.datastore.store import ObjectMissing

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
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, parts: Sequence[Buffer]) -> None:
        """Store `parts`, one behind the other, under `key`, in place of what was there."""
        self.objects[key] = b"".join(parts)

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

    def size(self, key: str) -> int | None:
        """Return the object's size in bytes; None if there is none."""
        data = self.objects.get(key)
        return None if data is None else len(data)

    def local_path(self, key: str) -> Path | None:
        """Return None: nothing here is a file."""
        return None

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in no promised order."""
        return iter([key for key in self.objects if key.startswith(prefix)])

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield what keys have between `prefix`, which ends with a slash, and the next slash."""
        return iter({key[len(prefix) :].partition("/")[0] for key in self.list(prefix) if "/" in key[len(prefix) :]})

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        self.objects.pop(key, None)
