"""What an object store is: whole objects under keys, written atomically."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from metaflow.exception import AccessDenied, BucketMissing, DataException, StoreUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Contiguous bytes that a store takes or a serializer hands over.
Buffer = bytes | bytearray | memoryview


#: Errors that say that a store cannot be used now, and nothing of the object that was asked for: it must not be taken
#: for missing or damaged because of them.
OUT_OF_REACH = (StoreUnavailable, AccessDenied, BucketMissing)


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

    Attributes
    ----------
    is_remote : bool
        Whether each call is a journey over a network, so that it pays to make many at a time.
    """

    is_remote: bool

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

    def fetch(self, key: str, size: int | None = None) -> Path | None:
        """Return a file on this machine that has the object's bytes; it is not to be written to.

        If there is none and `size` says how many bytes the object has, it is brought here. None if it is not here
        after that, as this store keeps no files, or has no room: then the bytes are to be had with `get`. The file may
        be gone when it is opened, be it that the object was deleted or that the store needed the room for others;
        asking again tells.
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
