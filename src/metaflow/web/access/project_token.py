"""The token of a project's app: kept in the user's own directory, so that pages stay signed in over restarts."""

from __future__ import annotations

import hashlib
import os
import re
import stat

from metaflow.server.tokens import new_token

_TOKEN = re.compile(r"mf_[A-Za-z0-9_-]{40,60}")


def project_token(root: str) -> str:
    """The token of the app over a datastore; made when it is first asked for.

    Parameters
    ----------
    root : str
        The directory with the records of runs.

    Returns
    -------
    str
        The token. Where it cannot be kept, it is a new one each time.
    """
    path = _path(root)
    known = _read(path)
    if known is not None:
        return known
    token = new_token()
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        draft = f"{path}.{os.getpid()}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(token)
        os.replace(draft, path)
    except OSError:
        return token
    return _read(path) or token  # that of another process, if it was later


def project_name(token: str) -> str:
    """What tells a project's app from all others, also from those of equal directories of other machines: no secret."""
    return hashlib.sha256(f"app of {token}".encode()).hexdigest()


def _read(path: str) -> str | None:
    """The token in a file, if nobody else can read or could have written it."""
    try:
        with open(path, encoding="ascii") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
                return None
            text = file.read(200)
    except (OSError, UnicodeDecodeError):
        return None
    return text if _TOKEN.fullmatch(text) else None


def _path(root: str) -> str:
    folder = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    name = hashlib.sha256(os.path.realpath(root).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return os.path.join(folder, "metaflow", "ui", f"{name}.token")
