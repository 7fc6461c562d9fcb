"""Where downloaded bytes are kept until the client is closed: in memory as long as that is little, then in files."""

from __future__ import annotations

import os
from threading import RLock

from metaflow.exception import MetaflowS3Exception, MetaflowS3InsufficientDiskSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from metaflow.datastore.store import Buffer

#: Objects of more bytes than this are never kept in memory.
LARGEST_IN_MEMORY = 32 * 1024 * 1024
_LEAST_MEMORY = 64 * 1024 * 1024
_MOST_MEMORY = 1024 * 1024 * 1024
_LIMIT_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Scratch:
    """A temporary directory, made when it is first needed, and a measure of what is kept in memory instead.

    Parameters
    ----------
    parent : str
        Directory in which to make it.
    keep : bool
        Leave it where it is when it is closed.
    memory : int, optional
        How many bytes may be kept in memory; an eighth of what this process can have, within limits, if not given.

    Notes
    -----
    A process that is forked may write into the directory, but only the one that made it removes it.
    """

    def __init__(self, parent: str, keep: bool, memory: int | None = None) -> None:
        self._parent = parent
        self._keep = keep
        self._room = memory
        self._folder: str | None = None
        self._owner = os.getpid()
        self._count = 0
        self._locks: dict[int, Any] = {}
        self.closed = False

    @property
    def _lock(self) -> Any:
        """The lock of this process: it may have been forked while a thread of the other one had that one's.

        It can be taken again by the thread that has it, because contents are let go whenever the collector runs.
        """
        return self._locks.setdefault(os.getpid(), RLock())

    def reserve(self, size: int) -> bool:
        """Ask for room in memory; False if there is none, so that a file should be used."""
        if size > LARGEST_IN_MEMORY:
            return False
        with self._lock:
            if self._room is None:
                self._room = max(_LEAST_MEMORY, min(_MOST_MEMORY, _memory_limit() // 8))
            if size > self._room:
                return False
            self._room -= size
            return True

    def release(self, size: int) -> None:
        """Give room in memory back."""
        with self._lock:
            if self._room is not None:
                self._room += size

    def new_path(self, name: str) -> str:
        """Path for a new file.

        Parameters
        ----------
        name : str
            What the file holds, which shows in its name: libraries tell formats by endings.

        Raises
        ------
        MetaflowS3Exception
            If there can be no directory for it.
        """
        with self._lock:
            if self._folder is None:
                self._folder = self._make()
            self._count += 1
            number = self._count
        shown = name.rstrip("/").rpartition("/")[2].replace("\0", "_")
        while len(os.fsencode(shown)) > 200:
            shown = shown[len(shown) // 2 :]
        return os.path.join(self._folder, f"{os.getpid():x}-{number}-{shown}")

    def _make(self) -> str:
        import atexit
        import tempfile

        try:
            os.makedirs(self._parent, exist_ok=True)
            folder = tempfile.mkdtemp(prefix="metaflow.s3.", dir=os.path.abspath(self._parent))
        except OSError as error:
            raise MetaflowS3Exception(
                f"There can be no temporary directory in {self._parent!r}: {error.strerror}. Name another place with "
                "`tmproot` or METAFLOW_TEMPDIR."
            ) from error
        atexit.register(self.close)
        return folder

    def close(self) -> None:
        """Remove what was downloaded."""
        import atexit

        self.closed = True
        atexit.unregister(self.close)
        if self._folder is not None and not self._keep and os.getpid() == self._owner:
            import shutil

            shutil.rmtree(self._folder, ignore_errors=True)


class Content:
    """Downloaded bytes.

    Parameters
    ----------
    scratch : Scratch
    name : str
        Key of the object.
    data : bytes-like, optional
        The bytes, for which room was reserved if they are many.
    path : str, optional
        The file that has them instead.
    reserved : int
        Room to give back when these bytes are no longer needed.
    """

    def __init__(
        self, scratch: Scratch, name: str, data: Buffer | None = None, path: str | None = None, reserved: int = 0
    ) -> None:
        self._scratch = scratch
        self._name = name
        self._data = data
        self._path = path
        self._reserved = reserved

    def __del__(self) -> None:
        if self._reserved:
            self._scratch.release(self._reserved)

    def data(self) -> bytes:
        """All of the bytes."""
        self._check()
        if self._data is None:
            assert self._path is not None
            with open(self._path, "rb") as file:
                return file.read()
        if not isinstance(self._data, bytes):
            self._data = bytes(self._data)
        return self._data

    def path(self) -> str:
        """A file that has the bytes; it is written now if they are in memory only."""
        self._check()
        if self._path is None:
            assert self._data is not None
            path = self._scratch.new_path(self._name)
            write_file(path, [self._data])
            self._path = path
        return self._path

    def _check(self) -> None:
        if self._scratch.closed:
            raise MetaflowS3Exception(
                f"{self._name} was downloaded, but its client is closed, by which its files are removed. Use objects "
                "inside of the `with` block."
            )

    def __getstate__(self) -> dict[str, object]:
        """Other processes get the file."""
        return {"_name": self._name, "_path": self.path()}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, _data=None, _reserved=0, _scratch=_ELSEWHERE)


def write_file(path: str, parts: Iterable[Buffer]) -> int:
    """Write a new file; returns the number of bytes.

    Raises
    ------
    MetaflowS3InsufficientDiskSpace
        If the disk is full; nothing of the file is left then.
    MetaflowS3Exception
        If it cannot be written for another reason.
    """
    size = 0
    try:
        with open(path, "wb", buffering=0) as file:
            for part in parts:
                view = memoryview(part)
                size += view.nbytes
                while view.nbytes:
                    view = view[file.write(view) or 0 :]
    except OSError as error:
        remove_file(path)
        raise failed_write(path, error) from error
    except BaseException:
        remove_file(path)
        raise
    return size


def failed_write(path: str, error: OSError) -> MetaflowS3Exception:
    """The error for a file that could not be written."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MetaflowS3InsufficientDiskSpace(
            f"There is no room left in {os.path.dirname(path)}. Make room, ask for a larger disk, or name another "
            "place (for what is downloaded, with `tmproot` or METAFLOW_TEMPDIR)."
        )
    return MetaflowS3Exception(f"{path} cannot be written: {error.strerror}.")


def remove_file(path: str) -> None:
    """Remove what may not be there."""
    try:
        os.unlink(path)
    except OSError:
        pass  # an unfinished file that goes with its directory


def _memory_limit() -> int:
    """Bytes of memory that this process can have."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _LIMIT_FILES:
        try:
            with open(path, encoding="ascii") as file:
                text = file.read().strip()
        except OSError:
            continue
        if text.isdecimal():
            limits.append(int(text))
    return min(limits)


#: Of objects that another process downloaded.
_ELSEWHERE = Scratch("", keep=True)
