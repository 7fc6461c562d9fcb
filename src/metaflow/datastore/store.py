"""What an object store is: whole objects under keys, written atomically."""

from __future__ import annotations

from typing import Protocol

from metaflow.exception import DataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Contiguous bytes that a store takes or a serializer hands over.
Buffer = bytes | bytearray | memoryview


class ObjectMissing(DataException):
    """There is no object under the key."""

    headline = "Object missing"


class ObjectStore(Protocol):
    """Whole objects under keys.

    Keys are relative paths with forward slashes. A reader sees an object whole or not at all, whenever its
    writer dies. Any method raises DataException when the store itself fails.
    """

    def put(self, key: str, parts: Sequence[Buffer]) -> None:
        """Store `parts`, one behind the other, under `key`, in place of what was there."""
        ...

    def put_new(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Store `parts` under `key` only if nothing is there yet; False if something was."""
        ...

    def get(self, key: str) -> bytes:
        """Return the object's bytes; raise ObjectMissing if there is none."""
        ...

    def size(self, key: str) -> int | None:
        """Return the object's size in bytes; None if there is none."""
        ...

    def local_path(self, key: str) -> Path | None:
        """Return where the object is, or would be, as a plain file; None if this store has no such files."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in no promised order."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield what keys have between `prefix`, which ends with a slash, and the next slash: each once, unordered."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        ...
