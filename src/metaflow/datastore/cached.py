"""An object store behind a network, with copies of what never changes on this machine.

Blobs are named by their content, and manifests are written once: a copy of either is as good as the object. Blobs are
shared by all stores; manifests are kept for each store apart. Everything else is read where it is.
"""

from __future__ import annotations

from metaflow.datastore.cache import STORES
from metaflow.datastore.layout import RUN_FILE, STORE_DIRECTORY, is_blob, is_manifest
from metaflow.datastore.ranges import read_range
from metaflow.datastore.store import ObjectMissing
from metaflow.exception import CorruptedDataException, DataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from metaflow.datastore.cache import Cache
    from metaflow.datastore.store import Buffer, ObjectStore, StoredObject


class CachedStore:
    """A remote store whose immutable objects are read through a cache.

    Parameters
    ----------
    location : str
        Where the remote store is.
    remote : ObjectStore
        It may have methods ``get_into(key, memory)`` and ``get_range(key, begin, end)``, which save copying and reading
        what is large.
    cache : Cache
        Copies on this machine.
    """

    is_remote = True

    def __init__(self, location: str, remote: ObjectStore, cache: Cache) -> None:
        from blake3 import blake3

        self.location = location
        self.remote = remote
        self.cache = cache
        self._own_folder = f"{STORES}/{blake3(location.encode()).hexdigest(16)}"

    def __repr__(self) -> str:
        return f"CachedStore({self.location!r})"

    def signed_url(self, key: str, seconds: int) -> str | None:
        """Address by which anybody may read the object for a while; None if this kind of store has no such thing."""
        signed_url = getattr(self.remote, "signed_url", None)
        return None if signed_url is None else str(signed_url(key, seconds))

    def put(self, key: str, parts: Sequence[Buffer]) -> None:
        """Store `parts`, one behind the other, under `key`, in place of what was there."""
        self.remote.put(key, parts)
        self._keep(key, parts)

    def put_new(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Store `parts` under `key` only if nothing is there yet; False if something was."""
        if not self.remote.put_new(key, parts):
            return False
        if key.endswith(RUN_FILE):
            # A run of the same id may have been here once, and been deleted from another machine.
            self.cache.drop_folder(f"{self._own_folder}/{key.removesuffix(RUN_FILE)}")
        self._keep(key, parts)
        return True

    def get(self, key: str) -> bytes:
        """Return the object's bytes; raise ObjectMissing if there is none."""
        name = self._name(key)
        if name is None:
            return self.remote.get(key)
        found = self.cache.read(name)
        if found is None:
            found = self.remote.get(key)
            self.cache.write(name, [found])
        return found

    def get_range(self, key: str, begin: int, end: int) -> bytes:
        """Return some of the object's bytes, from where it is."""
        return read_range(self.remote, key, begin, end)

    def get_into(self, key: str, target: memoryview) -> None:
        """Fill memory with the object's bytes, from where it is; raise CorruptedDataException if they are not as many.

        Nothing is kept of it: this is for what there is no room for.
        """
        get_into = getattr(self.remote, "get_into", None)
        if get_into is not None:
            get_into(key, target)
            return
        found = self.remote.get(key)
        if len(found) != len(target):
            raise CorruptedDataException(f"{self.location}/{key} has {len(found)} bytes instead of {len(target)}.")
        target[:] = found

    def stat(self, key: str) -> StoredObject | None:
        """Say how large the object is and when it was written; None if there is none."""
        return self.remote.stat(key)

    def fetch(self, key: str, size: int | None = None) -> Path | None:
        """Return a copy of the object on this machine; with `size` it is made if need be and if there is room."""
        name = self._name(key)
        if name is None:
            return None
        path = self.cache.find(name)
        if path is None and size is not None:
            path = self.cache.receive(name, size, lambda memory: self.get_into(key, memory))
        if path is None:
            return None
        from pathlib import Path

        return Path(path)

    def list(self, prefix: str, folders: bool = False) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in no promised order; or, with `folders`, what is below it."""
        return self.remote.list(prefix, folders)

    def scan(self, prefix: str) -> Iterator[StoredObject]:
        """Yield all that begins with `prefix`, in no promised order, with sizes and times."""
        return self.remote.scan(prefix)

    def delete(self, key: str) -> None:
        """Remove the object, if it is there, and the copy."""
        self.remote.delete(key)
        self.drop_copy(key)

    def drop_copy(self, key: str) -> None:
        """Remove the copy on this machine, which turned out to be damaged."""
        name = self._name(key)
        if name is not None:
            self.cache.drop(name)

    def _keep(self, key: str, parts: Sequence[Buffer]) -> None:
        name = self._name(key)
        if name is not None:
            self.cache.write(name, parts)

    def _name(self, key: str) -> str | None:
        """What the copy of an object is called; None if there must not be one."""
        if is_blob(key):
            return key.removeprefix(f"{STORE_DIRECTORY}/")
        return f"{self._own_folder}/{key}" if is_manifest(key) else None


class _CopiesOnly(CachedStore):
    """What a cached store has on this machine; reading anything else finds nothing, and contacts nobody."""

    def get_range(self, key: str, begin: int, end: int) -> bytes:
        return self.get(key)[begin:end]

    def get(self, key: str) -> bytes:
        name = self._name(key)
        found = None if name is None else self.cache.read(name)
        if found is None:
            raise ObjectMissing(f"There is no copy of {self.location}/{key} on this machine.")
        return found

    def get_into(self, key: str, target: memoryview) -> None:
        found = self.get(key)
        if len(found) != len(target):
            raise CorruptedDataException(f"The copy of {self.location}/{key} has another size.")
        target[:] = found

    def stat(self, key: str) -> StoredObject | None:
        raise DataException(f"{self.location}/{key} is not looked for from this process.")

    def fetch(self, key: str, size: int | None = None) -> Path | None:
        return super().fetch(key)


def copies_only(store: ObjectStore) -> ObjectStore:
    """The same store for reading, without its network.

    For a process that others are forked from: once it had used the network, they could not.

    Parameters
    ----------
    store : ObjectStore
        Any; one on this machine is given back as it is.
    """
    return _CopiesOnly(store.location, store.remote, store.cache) if isinstance(store, CachedStore) else store


def prepare(store: ObjectStore) -> None:
    """Import what the use of a store takes, without using it: what is forked from this process need not do it again.

    Parameters
    ----------
    store : ObjectStore
        Any; one that needs nothing has no method ``prepare``.
    """
    prepare_remote = getattr(store.remote if isinstance(store, CachedStore) else store, "prepare", None)
    if prepare_remote is not None:
        prepare_remote()
