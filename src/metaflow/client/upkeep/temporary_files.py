"""Files that writers left behind when they were killed."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from metaflow.datastore.file_errors import file_error
from metaflow.datastore.layout import STORE_DIRECTORY
from metaflow.datastore.local import local_file
from metaflow.datastore.store import StoredObject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaflow.datastore.store import ObjectStore

#: No writer takes so long, in seconds, for one file.
ABANDONED_SECONDS = 86400.0
_BEGINNING = ".tmp-"


def temporary_files(store: ObjectStore) -> Iterator[StoredObject]:
    """Give the files that are being written, or were when their writer died; none where objects are no files."""
    top = local_file(store, STORE_DIRECTORY)
    if top is None:
        return
    root = os.fspath(top.parent)
    folders = [os.fspath(top)]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith(_BEGINNING):
                        found = entry.stat()
                        yield StoredObject(os.path.relpath(entry.path, root), found.st_size, found.st_mtime)
                    elif entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except FileNotFoundError:
            continue  # its writer has just finished, or its run was deleted
        except OSError as error:
            raise file_error("list", folder, error) from error


def abandoned(files: Iterable[StoredObject]) -> list[StoredObject]:
    """Those among temporary files whose writer must be dead."""
    now = time.time()
    return [found for found in files if now - found.modified_at > ABANDONED_SECONDS]
