"""A directory of which nothing is read, written or removed that is elsewhere, whatever links it has."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from metaflow.datastore.file_errors import file_error
from metaflow.datastore.local import LocalStore
from metaflow.datastore.store import ObjectMissing
from metaflow.exception import DataException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableSequence, Sequence
    from pathlib import Path

    from metaflow.datastore.store import Buffer, ObjectStore, StoredObject

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", 0)


class ContainedStore(LocalStore):
    """A datastore in a directory that others may write to.

    A server may be allowed to read, write and remove more than those who write there: a link must not make it do that
    for them. What is read is opened without following any link, so that none can be put there between a look and the
    opening. What is written, removed and listed is looked at before.

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
        path = f"{self._root}/{key}"
        try:
            with open(path, "rb", buffering=0, opener=self.open_path) as file:
                return file.readall()
        except FileNotFoundError as error:
            self._check_root()
            raise ObjectMissing(f"There is no {path}. It was never written, or has been removed.") from error
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _link_error(key, self._root) from error
            raise file_error("read", path, error) from error

    def open_path(self, path: str, flags: int) -> int:
        """Open a file below the directory, for the `opener` of ``open``.

        Raises
        ------
        OSError
            It cannot be opened, or there is a link on the way (then it is ELOOP), or in its place anything but a file.
        """
        *folders, name = path.removeprefix(f"{self._root.rstrip(os.sep)}{os.sep}").split(os.sep)
        if not {"", ".", ".."}.isdisjoint((*folders, name)):
            raise OSError(errno.ELOOP, "The path leads out of the directory", path)
        descriptor = os.open(self._root, _FOLDER)
        try:
            for folder in folders:
                deeper = _open_folder(folder, descriptor)
                os.close(descriptor)
                descriptor = deeper
            return _open_file(name, flags, descriptor)
        finally:
            os.close(descriptor)

    def stat(self, key: str) -> StoredObject | None:
        """What is known of an object without reading it; None if there is none."""
        self._check(key)
        return super().stat(key)

    def fetch(self, key: str, size: int | None = None) -> Path | None:
        """Return None: what is a link by the time at which a path is opened would be followed."""
        return None

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
            raise _link_error(key, self._root)

    def _is_inside(self, key: str) -> bool:
        path = os.path.realpath(os.path.join(self._root, key))
        return path == self._root or path.startswith(self._root.rstrip(os.sep) + os.sep)


def opener_of(store: ObjectStore) -> Callable[[str, int], int]:
    """What opens files that a store has named, without being led astray where that matters."""
    return store.open_path if isinstance(store, ContainedStore) else os.open


def _open_folder(name: str, parent: int) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except NotADirectoryError as error:
        # The system says so of a link too.
        if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name) from error
        raise


def _open_file(name: str, flags: int, parent: int) -> int:
    # A pipe, which anybody may put there, would keep who opens it waiting for whoever writes to it.
    descriptor = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "It is a pipe or a device, not a file", name)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _link_error(key: str, root: str) -> DataException:
    return DataException(f"{key} in {root} is a link, or behind one, which this server does not follow.")
