"""A directory of which nothing is read, written or removed that is elsewhere, whatever links it has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from metaflow.datastore.local import LocalStore
from metaflow.exception import DataException

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableSequence, Sequence
    from pathlib import Path

    from metaflow.datastore.store import Buffer, StoredObject


class ContainedStore(LocalStore):
    """A datastore in a directory that others may write to.

    A server may be allowed to read, write and remove more than those who write there: a link must not make it do that
    for them.

    Parameters
    ----------
    root : str
        The directory, without any links on the way.
    """

    __slots__ = ()

    def put(self, key: str, parts: Sequence[Buffer]) -> None:
        """Store an object, in place of what was there."""
        self._check_folder(key)
        super().put(key, parts)

    def put_new(self, key: str, parts: Sequence[Buffer]) -> bool:
        """Store an object only if nothing is there yet."""
        self._check_folder(key)
        return super().put_new(key, parts)

    def get(self, key: str) -> bytes:
        """The content of an object."""
        self._check(key)
        return super().get(key)

    def stat(self, key: str) -> StoredObject | None:
        """What is known of an object without reading it; None if there is none."""
        self._check(key)
        return super().stat(key)

    def fetch(self, key: str, size: int | None = None) -> Path:
        """A file with the object."""
        self._check(key)
        return super().fetch(key, size)

    def local_path(self, key: str) -> Path:
        """The file that is the object, or would be."""
        self._check(key)
        return super().local_path(key)

    def delete(self, key: str) -> None:
        """Remove an object; of a link itself, not of where it leads."""
        self._check_folder(key)
        super().delete(key)

    # All listing goes through these three; what a link leads to is not listed.

    def _walk(self, folder: str, beginning: str) -> Iterator[str]:
        return super()._walk(folder, beginning) if self._is_inside(folder) else iter(())

    def _scan_folder(self, folder: str, beginning: str, folders: MutableSequence[str]) -> Sequence[StoredObject]:
        return super()._scan_folder(folder, beginning, folders) if self._is_inside(folder) else ()

    def _folders(self, prefix: str) -> Iterator[str]:
        return super()._folders(prefix) if self._is_inside(prefix) else iter(())

    def _check_folder(self, key: str) -> None:
        """See that what a key names is an entry of a directory in here, be it a link itself."""
        self._check(key.rpartition("/")[0])

    def _check(self, key: str) -> None:
        if not self._is_inside(key):
            raise DataException(f"{key} in {self._root} is a link to another place, which this server does not follow.")

    def _is_inside(self, key: str) -> bool:
        path = os.path.realpath(os.path.join(self._root, key))
        return path == self._root or path.startswith(self._root.rstrip(os.sep) + os.sep)
