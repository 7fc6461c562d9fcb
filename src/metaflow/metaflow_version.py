"""Versions as texts."""

from __future__ import annotations

import re

from metaflow import __version__

_DESCRIBED = re.compile(r"(?P<tag>\S+)-(?P<commits>\d+)-g(?P<hash>[0-9a-zA-Z]+)(?P<dirty>-dirty)?")


def get_version(public: bool = False) -> str:
    """The version of this package.

    Parameters
    ----------
    public : bool
        Without what names a build of one's own.
    """
    return make_public_version(__version__) if public else __version__


def format_git_describe(git_str: str, public: bool = False) -> str | None:
    """A version from what ``git describe --long --dirty`` prints.

    Parameters
    ----------
    git_str : str
        Such as ``2.1.0-5-gabc123-dirty``.
    public : bool
        Without the commit.

    Returns
    -------
    str or None
        Such as ``2.1.0.post5-gitabc123-dirty``; None if `git_str` is nothing of that kind.
    """
    found = _DESCRIBED.fullmatch(git_str.strip())
    if found is None:
        return None
    post = f".post{found['commits']}" if int(found["commits"]) else ""
    if public:
        return found["tag"] + post
    commit = f"-git{found['hash']}" if post else ""
    return found["tag"] + post + commit + (found["dirty"] or "")


def make_public_version(version_string: str) -> str:
    """A version without what comes after ``-`` or ``+``."""
    return re.split(r"[-+]", version_string, maxsplit=1)[0]
