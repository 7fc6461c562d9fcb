"""The seal of a file: digits in its modification time by which a blob's file is known to be as it was written.

The fraction of a second of the time is set to a value that follows from hash and size. Whoever alters the file later
changes that time, breaks the seal, and the file is hashed before it is trusted again.
"""

from __future__ import annotations

import os

from metaflow.datastore.file_errors import file_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_SECOND = 1_000_000_000
# Some file systems and archive formats keep only microseconds.
_STEP = 1_000


def set_seal(path: Path, reference: str, size: int) -> bool:
    """Seal a file; False if that cannot be.

    Parameters
    ----------
    path : Path
        The file, which has just been written or checked.
    reference : str
        Of the chunk in it.
    size : int
        Of the file, in bytes.

    Raises
    ------
    DataException
        If the file cannot be reached.
    """
    from time import time_ns

    modified = time_ns() // _SECOND * _SECOND + _digits(reference, size)
    try:
        os.utime(path, ns=(modified, modified))
    except (PermissionError, FileNotFoundError):
        # A file system that lets no one set times: unsealed chunks are only slower, they are hashed when read. Or a
        # copy that has been evicted just now.
        return False
    except OSError as error:
        raise file_error("set the modification time of", path, error) from error
    return True


def is_sealed(found: os.stat_result, reference: str) -> bool:
    """Say whether a file is as it was when it was sealed for `reference`, by its status alone."""
    return found.st_mtime_ns % _SECOND == _digits(reference, found.st_size)


def _digits(reference: str, size: int) -> int:
    """Return the nanoseconds within the second of the modification time of an unharmed chunk's file."""
    return (int(reference[:12], 16) + size) % (_SECOND // _STEP) * _STEP
