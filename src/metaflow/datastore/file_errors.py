"""Errors of the file system, told to a person: which path, what failed, why, and what to do."""

from __future__ import annotations

import errno

from metaflow.exception import DataException

_ELSEWHERE = "or use another place with --datastore-root or METAFLOW_DATASTORE_SYSROOT_LOCAL"

_ADVICE = {
    errno.ENOSPC: f"The disk is full: free some space on it, {_ELSEWHERE}.",
    errno.EDQUOT: f"Your disk quota is used up: free some space, {_ELSEWHERE}.",
    errno.EROFS: f"The file system is mounted read-only: mount it writable, {_ELSEWHERE}.",
    errno.EACCES: f"Check the owner and the permissions of the path, {_ELSEWHERE}.",
    errno.EPERM: f"Check the owner and the permissions of the path, {_ELSEWHERE}.",
    errno.ENOTDIR: f"A file stands where a directory is needed: move it away, {_ELSEWHERE}.",
    errno.EEXIST: f"A file stands where a directory is needed: move it away, {_ELSEWHERE}.",
    errno.EISDIR: f"A directory stands where a file is needed: move it away, {_ELSEWHERE}.",
    errno.ENOENT: f"Check that nothing removes the directory while it is in use, {_ELSEWHERE}.",
    errno.ENAMETOOLONG: "Use a shorter name, or a datastore root with a shorter path.",
    errno.EMFILE: "This process has too many open files: close some, or raise the limit (ulimit -n).",
    errno.ENFILE: "The machine has too many open files: close some programs, or raise the system's limit.",
    errno.EIO: "The disk or its connection failed: check the hardware or the mount, and the system's log.",
}


def file_error(action: str, path: object, error: OSError) -> DataException:
    """Build the error that explains a failed file operation.

    Parameters
    ----------
    action : str
        What was attempted, as in ``"write"``.
    path : object
        The path it was attempted on; shown as text.
    error : OSError
        What the system answered. Raise the result *from* it.

    Returns
    -------
    DataException
        The error to raise.
    """
    reason = error.strerror or str(error) or type(error).__name__
    advice = _ADVICE.get(error.errno or 0, f"Check the path, {_ELSEWHERE}.")
    return DataException(f"Cannot {action} {path}: {reason}. {advice}")
