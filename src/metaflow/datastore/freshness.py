"""How a writer keeps a blob that is there already, and from when on a blob that nobody refers to may be removed.

A writer that finds its bytes in the store only refers to them, and the manifest that says so is written later. So a
blob counts as present only while its last modification is *fresh*; otherwise the writer makes it fresh first, by a new
modification time or, where there are no files, by writing it again. Whoever removes blobs leaves alone what was
modified since the *grace* began, and what runs that go on can have found fresh. The grace is much longer than what
counts as fresh, because the first thing a run saves is saved before anybody can see the run.

In a directory of this machine there is no moment between the two, either: a writer looks and writes while it holds the
blob's folder locked with others, and a blob is looked at once more and removed while the folder is locked for nobody
else. Such a lock ends with its process.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from metaflow.datastore.file_errors import file_error
from metaflow.datastore.layout import blob_key
from metaflow.datastore.local import LocalStore, local_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.datastore.store import ObjectStore

#: For how many seconds after its last modification a blob counts as present, in a directory and elsewhere.
LOCAL_FRESH_SECONDS = 60.0
REMOTE_FRESH_SECONDS = 12 * 3600.0
#: How many seconds a blob that nobody refers to is left alone.
LOCAL_GRACE_SECONDS = 3600.0
REMOTE_GRACE_SECONDS = 24 * 3600.0

# Folders are locked for microseconds; one that stays locked is left for the next time.
_PATIENCE_SECONDS = 2.0
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}


def is_fresh(store: ObjectStore, modified_at: float) -> bool:
    """Say whether a blob that was modified then, in seconds since the epoch, is safe from being removed for a while."""
    return time.time() - modified_at < fresh_seconds(store)


def fresh_seconds(store: ObjectStore) -> float:
    """For how long a blob of this store counts as present after its last modification."""
    return LOCAL_FRESH_SECONDS if isinstance(store, LocalStore) else REMOTE_FRESH_SECONDS


def grace_seconds(store: ObjectStore) -> float:
    """For how long a blob of this store is left alone, whoever refers to it."""
    return LOCAL_GRACE_SECONDS if isinstance(store, LocalStore) else REMOTE_GRACE_SECONDS


class BlobLock:
    """Holds the folder of a blob while it is looked at and written or removed; a context manager.

    Entering gives True, or False if the lock could not be had. Stores that are not a directory of this machine, and
    file systems without locks, have none: there it is always True, and only the grace protects.

    Parameters
    ----------
    store : ObjectStore
    reference : str
        The blob.
    to_remove : bool
        Let nobody else hold it; otherwise all may that do not want to remove.
    """

    __slots__ = ("_descriptor", "_folder", "_to_remove")

    def __init__(self, store: ObjectStore, reference: str, to_remove: bool = False) -> None:
        path = local_file(store, blob_key(reference))
        self._folder = None if path is None else os.path.dirname(path)
        self._to_remove = to_remove
        self._descriptor = -1

    def __enter__(self) -> bool:
        if self._folder is None:
            return True
        try:
            self._descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True  # no blob of this folder has ever been there
        except OSError as error:
            raise file_error("read", self._folder, error) from error
        return self._lock()

    def __exit__(self, *exception: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)  # which unlocks it
            self._descriptor = -1

    def _lock(self) -> bool:
        mode = fcntl.LOCK_EX | fcntl.LOCK_NB if self._to_remove else fcntl.LOCK_SH
        deadline = None
        while True:
            try:
                fcntl.flock(self._descriptor, mode)
                return True
            except BlockingIOError:
                now = time.monotonic()
                deadline = deadline or now + _PATIENCE_SECONDS
                if now > deadline:
                    self.__exit__()
                    return False
                time.sleep(0.002)
            except OSError as error:
                if error.errno in _NO_LOCKS:
                    return True
                raise file_error("lock", self._folder, error) from error
