"""An object store that behaves as if it were behind a network, whose requests are counted and can be made to fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metaflow.datastore.cache import Cache
from metaflow.datastore.cached import CachedStore
from metaflow.exception import DataException
from metaflow.testing.memory_store import MemoryStore


class RemoteDouble(MemoryStore):
    """Objects in memory, and a list of what was asked for.

    Attributes
    ----------
    requests : list of (str, str)
        Method and key.
    fault : callable or None
        Called with method and key before each request; may raise.
    damage : callable or None
        Changes what is read: called with key and content.
    """

    is_remote = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[str, str]] = []
        self.fault: Callable[[str, str], None] | None = None
        self.damage: Callable[[str, bytes], bytes] | None = None

    def _request(self, method: str, key: str) -> None:
        self.requests.append((method, key))
        if self.fault is not None:
            self.fault(method, key)

    def put(self, key: str, parts: Sequence[bytes]) -> None:
        self._request("put", key)
        super().put(key, parts)

    def put_new(self, key: str, parts: Sequence[bytes]) -> bool:
        self._request("put_new", key)
        if key in self.objects:
            return False
        super().put(key, parts)
        return True

    def get(self, key: str) -> bytes:
        self._request("get", key)
        found = super().get(key)
        return found if self.damage is None else self.damage(key, found)

    def stat(self, key: str):
        self._request("stat", key)
        return super().stat(key)

    def methods(self) -> list[str]:
        """Methods of the requests since this was called last."""
        methods = [method for method, _ in self.requests]
        self.requests.clear()
        return methods


def is_down(method: str, key: str) -> None:
    """A fault: nothing can be reached."""
    raise DataException(f"s3://bucket/{key} cannot be reached.")


def cached(remote: RemoteDouble, directory: object, maximum_bytes: int = 10**9) -> CachedStore:
    """A store behind a cache in a directory."""
    return CachedStore("s3://bucket/prefix", remote, Cache(str(directory), maximum_bytes))
