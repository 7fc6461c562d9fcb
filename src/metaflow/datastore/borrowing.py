"""Bringing an artifact's bytes from one datastore to another, without copying where both are on one file system."""

from __future__ import annotations

import errno
import os

from metaflow.datastore.blobs import refresh
from metaflow.datastore.file_errors import file_error
from metaflow.datastore.layout import blob_key
from metaflow.datastore.local import local_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from metaflow.datastore.manifest import ArtifactEntry
    from metaflow.datastore.store import ObjectStore

#: The file system cannot link the two places; anything else that goes wrong would go wrong with a copy too.
_CANNOT_LINK = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def borrow(entry: ArtifactEntry, source: ObjectStore, target: ObjectStore) -> None:
    """Make the blobs of an artifact part of another store too: a hard link each where that can be, otherwise a copy.

    Removing either store leaves the other one whole. Blobs that `target` has already are left alone.

    Parameters
    ----------
    entry : ArtifactEntry
        The artifact, as a manifest in `source` has it.
    source, target : ObjectStore
        Where the bytes are, and where they are wanted too.

    Raises
    ------
    DataException
        If a blob cannot be read or written.
    """
    for segment in entry.segments:
        for reference in segment.chunks:
            key = blob_key(reference)
            if target.stat(key) is None:
                original, path = local_file(source, key), local_file(target, key)
                if original is None or path is None or not _link(original, path):
                    _copy(key, source, target)
            # A link is as old as what it is a link to, and nothing in the target refers to it yet.
            refresh(target, reference)


def _link(original: Path, path: Path) -> bool:
    """Give the file a second name; False if it can only be copied."""
    try:
        try:
            os.link(original, path)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(original, path)
    except FileExistsError:
        return True
    except FileNotFoundError:
        return False  # the original is missing: reading it says so in the words of the store
    except OSError as error:
        if error.errno in _CANNOT_LINK:
            return False
        raise file_error("write", path, error) from error
    return True


def _copy(key: str, source: ObjectStore, target: ObjectStore) -> None:
    target.put(key, [source.get(key)])
    original, path = local_file(source, key), local_file(target, key)
    if original is not None and path is not None:
        # The time of a blob's file is part of what tells that it is intact.
        found = original.stat()
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
