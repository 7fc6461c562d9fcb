"""Names of files that a browser keeps."""

from __future__ import annotations

import re
from urllib.parse import quote

_ODD = re.compile(r"[^A-Za-z0-9._-]+")
_MOST_CHARACTERS = 150


def attachment(name: str) -> str:
    """The header by which an answer is kept as a file of that name.

    Parameters
    ----------
    name : str
        May hold anything; what no system takes in a name is replaced.
    """
    # What a file system or a terminal reads as something else; the plain name is for those who know no other.
    shown = "".join(each if each.isprintable() and each not in '/\\:*?"<>|' else "_" for each in name).strip(". ")
    shown = shown.encode("utf-8", "replace").decode("utf-8")[:_MOST_CHARACTERS] or "file"
    plain = _ODD.sub("_", shown)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"
