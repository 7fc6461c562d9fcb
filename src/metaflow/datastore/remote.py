"""Objects in S3, Google Cloud Storage and Azure, through obstore."""

from __future__ import annotations

from typing import Any

from metaflow import settings
from metaflow.datastore.location import kind_of, split_location
from metaflow.datastore.store import ObjectMissing, StoredObject
from metaflow.exception import DataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from metaflow.datastore.store import Buffer


def open_remote(location: str) -> RemoteStore:
    """Open the store at a location; nothing is contacted yet."""
    return RemoteStore(location)


class RemoteStore:
    """An object store behind a network.

    Parameters
    ----------
    location : str
        See :mod:`metaflow.datastore.location`.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self._bucket, self._prefix = split_location(location)
        self._opened: Any = None

    @property
    def _store(self) -> Any:
        if self._opened is None:
            if kind_of(self._location) != "s3":
                raise DataException(f"{self._location} cannot be opened yet.")
            from obstore.store import S3Store

            config: dict[str, Any] = {}
            endpoint = settings.get("S3_ENDPOINT_URL")
            if endpoint:
                config["endpoint"] = endpoint
                config["client_options"] = {"allow_http": True}
            self._opened = S3Store(self._bucket, **config)
        return self._opened

    def put(self, key: str, parts: Sequence[Buffer]) -> None:
        """Store `parts`, one behind the other, under `key`, in place of what was there."""
        self._store.put(self._prefix + key, b"".join(parts))

    def put_new(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Store `parts` under `key` only if nothing is there yet; False if something was."""
        from obstore.exceptions import AlreadyExistsError

        try:
            self._store.put(self._prefix + key, b"".join(parts), mode="create")
        except AlreadyExistsError:
            return False
        return True

    def get(self, key: str) -> bytes:
        """Return the object's bytes; raise ObjectMissing if there is none."""
        try:
            return bytes(self._store.get(self._prefix + key).bytes())
        except FileNotFoundError as error:
            raise ObjectMissing(f"There is no {self._location}/{key}.") from error

    def stat(self, key: str) -> StoredObject | None:
        """Say how large the object is and when it was written; None if there is none."""
        try:
            found = self._store.head(self._prefix + key)
        except FileNotFoundError:
            return None
        return StoredObject(key, found["size"], found["last_modified"].timestamp())

    def fetch(self, key: str) -> Path | None:
        """Return None: there are no files."""
        return None

    def list(self, prefix: str, folders: bool = False) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in no promised order; or, with `folders`, what is below it."""
        if folders:
            found = self._store.list_with_delimiter(self._prefix + prefix)["common_prefixes"]
            yield from (each.rstrip("/").rpartition("/")[2] for each in found)
            return
        yield from (each.key for each in self.scan(prefix))

    def scan(self, prefix: str) -> Iterator[StoredObject]:
        """Yield all that begins with `prefix`, in no promised order, with sizes and times."""
        folder = prefix.rpartition("/")[0]
        for page in self._store.list(self._prefix + folder):
            for each in page:
                key = each["path"].removeprefix(self._prefix)
                if key.startswith(prefix):
                    yield StoredObject(key, each["size"], each["last_modified"].timestamp())

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        try:
            self._store.delete(self._prefix + key)
        except FileNotFoundError:
            pass
