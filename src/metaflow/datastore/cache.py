"""A directory of this machine with copies of objects that never change, so that they are not fetched again.

Any number of processes read, write and evict at the same time. A copy is written under a temporary name and then takes
its own in one step, so it is whole or not there. It may go at any time: whoever opens one and finds it gone fetches it
again. What goes wrong here is never a failure: without room, or without permission, there simply is no copy.

Copies that were not used for the longest time are evicted when all of them together exceed the limit. Their sizes are
not added up for that at every write. A writer rolls a die instead, weighted by what it has written, so that on average
one write in so and so many bytes adds that many bytes to a common estimate; only when this reaches the limit, the
directory is looked through.
"""

from __future__ import annotations

import os

from metaflow import settings
from metaflow.datastore.layout import STORE_DIRECTORY
from metaflow.datastore.sizes import MEGABYTE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metaflow.datastore.store import Buffer

#: How names of files begin that are being written.
TEMPORARY = ".tmp-"
#: What copies' names begin with. Nothing else in the directory is the cache's, to count or to remove.
BLOBS, STORES = FOLDERS = "blobs", "stores"

#: Seconds for which a copy counts as just used, so that reading it often does not mean writing its time often.
_RECENT_SECONDS = 300
#: One write in so many bytes is accounted for, as a part of the limit.
_ACCOUNTED_PART = 0.02
#: What the smallest file takes up on a disk, in bytes.
_BLOCK_BYTES = 4096
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)


class Cache:
    """Copies of objects in a directory of this machine.

    Parameters
    ----------
    directory : str
        Where they are; it belongs to this user alone. It is made with the first copy. Empty if there is no place.
    maximum_bytes : int
        What they may take up together.
    """

    def __init__(self, directory: str, maximum_bytes: int) -> None:
        self.directory = directory
        self.maximum_bytes = maximum_bytes
        self._problem: str | None = None
        self._checked = False

    @property
    def problem(self) -> str | None:
        """Why the directory is not used; None if it is, or would be."""
        if not self._checked:
            self._problem = self._objection()
            self._checked = True
        return self._problem

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a copy; None if there is none."""
        if self.problem is not None:
            return None
        try:
            with open(f"{self.directory}/{name}", "rb", buffering=0) as file:
                _mark_as_used(file.fileno())
                return file.readall()
        except OSError:
            return None

    def find(self, name: str) -> str | None:
        """Return the path of a copy, which may be gone when it is opened; None if there is none."""
        if self.problem is not None:
            return None
        path = f"{self.directory}/{name}"
        try:
            _mark_as_used(path)
        except OSError:
            return None
        return path

    def write(self, name: str, parts: Sequence[Buffer]) -> None:
        """Keep a copy, in place of one that is there; if there is no room for it, none is left."""

        def fill(descriptor: int) -> None:
            for part in parts:
                rest = memoryview(part).cast("B")
                while rest:
                    rest = rest[os.write(descriptor, rest) :]

        if self._create(name, sum(memoryview(part).nbytes for part in parts), fill) is None:
            # The one that is there may be damaged, and would be taken for what was just written.
            self.drop(name)

    def receive(self, name: str, size: int, fill: Callable[[memoryview], None]) -> str | None:
        """Keep a copy that is written by a function straight into the memory of its file.

        Parameters
        ----------
        name : str
        size : int
            Bytes, more than 0.
        fill : callable
            Is given writable memory of that size. If it raises, which must not be an OSError, nothing is kept.

        Returns
        -------
        str or None
            Path of the copy; None, and `fill` was not called, if there is no room for it.
        """
        if size <= 0 or not hasattr(os, "posix_fallocate"):
            return None

        def receive(descriptor: int) -> None:
            import mmap

            # A mapping of room that is not there would kill the process when it is touched.
            os.posix_fallocate(descriptor, 0, size)
            fill(memoryview(mmap.mmap(descriptor, size)))

        return self._create(name, size, receive)

    def drop(self, name: str) -> None:
        """Remove a copy, if there is one."""
        if self.problem is not None:
            return
        try:
            os.unlink(f"{self.directory}/{name}")
        except OSError:
            pass

    def drop_folder(self, name: str) -> None:
        """Remove all copies whose names begin with `name` and a slash."""
        path = f"{self.directory}/{name}"
        if self.problem is None and os.path.isdir(path):
            import shutil

            shutil.rmtree(path, ignore_errors=True)

    def _create(self, name: str, size: int, fill: Callable[[int], None]) -> str | None:
        """Make a file, have it filled, and give it its name; None if the file system does not let us."""
        # What is nearly as large as all that may be here would only drive out the rest.
        if self.problem is not None or size > self.maximum_bytes // 2:
            return None
        path = f"{self.directory}/{name}"
        temporary = f"{path.rpartition('/')[0]}/{TEMPORARY}{os.urandom(8).hex()}"
        try:
            descriptor = self._open_new(temporary)
        except OSError:
            return None
        try:
            try:
                fill(descriptor)
            finally:
                os.close(descriptor)
            os.replace(temporary, path)
        except BaseException as error:
            _remove(temporary)
            if isinstance(error, OSError):
                return None
            raise
        self._account(max(size, _BLOCK_BYTES))
        return path

    def _open_new(self, path: str) -> int:
        try:
            return os.open(path, _CREATE, 0o600)
        except FileNotFoundError:
            os.makedirs(self.directory, 0o700, exist_ok=True)
            os.makedirs(path.rpartition("/")[0], 0o700, exist_ok=True)
            return os.open(path, _CREATE, 0o600)

    def _account(self, size: int) -> None:
        share = max(int(self.maximum_bytes * _ACCOUNTED_PART), _BLOCK_BYTES)
        if size < share:
            if int.from_bytes(os.urandom(8), "little") >= size * 2**64 // share:
                return
            size = share
        from metaflow.datastore.eviction import account

        account(self.directory, self.maximum_bytes, size)

    def _objection(self) -> str | None:
        """Say why the directory must not be used: what is loaded from it runs as this user's code."""
        if self.maximum_bytes <= 0:
            return "its size is set to 0"
        if not self.directory:
            return "this user has no home directory: name a directory with METAFLOW_CLIENT_CACHE_PATH"
        if os.path.basename(self.directory) == STORE_DIRECTORY:
            # What a datastore keeps in folders of the same names is not a copy, and must not be evicted.
            return f"{self.directory} is where a datastore keeps its files: name a directory for the cache alone"
        try:
            found = os.stat(self.directory)
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"{self.directory} cannot be used: {error.strerror}"
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022):
            return f"others may write to {self.directory}: make it yours alone (chmod 700), or name another directory"
        return None


def open_cache() -> Cache:
    """The cache that the settings ask for. Nothing is made or looked at before it is used.

    Raises
    ------
    MetaflowException
        If a setting cannot be read.
    """
    directory = settings.get("CLIENT_CACHE_PATH")
    if not directory:
        parent = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
        directory = os.path.join(parent, "metaflow", "objects")
    maximum: int = settings.get("CLIENT_CACHE_MAX_SIZE")
    found = os.path.expanduser(directory)
    # In a container, the user may have no home directory; one called ~ in the working directory is not meant.
    return Cache("" if found[:1] == "~" else os.path.abspath(found), maximum * MEGABYTE)


def _mark_as_used(file: str | int) -> None:
    """Note the time of use as that of access; the time of modification is part of what tells that a copy is intact."""
    from time import time_ns

    found = os.stat(file)
    now = time_ns()
    if now - found.st_atime_ns > _RECENT_SECONDS * 1_000_000_000:
        try:
            os.utime(file, ns=(now, found.st_mtime_ns))
        except PermissionError:
            pass  # the cache may only be read here


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
