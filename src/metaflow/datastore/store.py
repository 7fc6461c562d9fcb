"""What an object store is: whole objects under keys, written atomically."""

from __future__ import annotations

from typing import NamedTuple, Protocol

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


class StoredObject(NamedTuple):
    """What a store says of an object without reading it.

    Attributes
    ----------
    key : str
    size : int
        In bytes.
    modified_at : float
        When it was last written, in seconds since the epoch, by the clock of the store.
    """

    key: str
    size: int
    modified_at: float


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

    def stat(self, key: str) -> StoredObject | None:
        """Say how large the object is and when it was written; None if there is none."""
        ...

    def fetch(self, key: str) -> Path | None:
        """Return a file on this machine that has the object's bytes, which is brought here if need be.

        It is not to be written to, and is there at least until the process ends or the object is deleted. None if this
        store keeps no files here, so that the bytes are to be had with `get` only; ObjectMissing if there is no object.
        """
        ...

    def list(self, prefix: str, folders: bool = False) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in no promised order.

        With `folders`, yield instead what keys have between `prefix`, which ends with a slash, and the next slash, each
        once.
        """
        ...

    def scan(self, prefix: str) -> Iterator[StoredObject]:
        """Yield all that begins with `prefix`, in no promised order, with sizes and times."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        ...
