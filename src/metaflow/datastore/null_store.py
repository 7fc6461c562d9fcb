"""An object store that takes everything and keeps nothing: to learn what saving a value would make of it."""

from __future__ import annotations

from metaflow.datastore.store import ObjectMissing, StoredObject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from metaflow.datastore.store import Buffer


class NullStore:
    """An object store without objects. Values that are saved to it are measured and hashed, but written nowhere."""

    is_remote = False

    def put(self, key: str, parts: Sequence[Buffer]) -> None:
        """Do nothing."""

    def put_new(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Say that it was new."""
        return True

    def get(self, key: str) -> bytes:
        """Raise ObjectMissing."""
        raise ObjectMissing(f"{key} was not kept.")

    def stat(self, key: str) -> StoredObject | None:
        """Claim that everything is there, so that nobody takes the trouble to compress it."""
        return StoredObject(key, 0, float("inf"))

    def fetch(self, key: str, size: int | None = None) -> Path | None:
        """Return None: there are no files."""
        return None

    def list(self, prefix: str, folders: bool = False) -> Iterator[str]:
        """Yield nothing."""
        return iter(())

    def scan(self, prefix: str) -> Iterator[StoredObject]:
        """Yield nothing."""
        return iter(())

    def delete(self, key: str) -> None:
        """Do nothing."""
