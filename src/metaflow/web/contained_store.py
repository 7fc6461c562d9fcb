"""A directory of which nothing is read that is a link to somewhere else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from metaflow.datastore.local import LocalStore
from metaflow.exception import DataException

if TYPE_CHECKING:
    from pathlib import Path

    from metaflow.datastore.store import StoredObject


class ContainedStore(LocalStore):
    """A datastore in a directory that others may write to.

    A server may be allowed to read more than those who write there: a link must not make it read that for them.

    Parameters
    ----------
    root : str
        The directory, without any links on the way.
    """

    __slots__ = ()

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

    def _check(self, key: str) -> None:
        root = self._root
        path = os.path.realpath(os.path.join(root, key))
        if not path.startswith(root.rstrip(os.sep) + os.sep):
            raise DataException(f"{key} in {root} is a link to another place, which this server does not follow.")
