"""Where the code of a run stands in git, read from git's own files: starting `git` takes longer than a small step."""

from __future__ import annotations

import os
from typing import NamedTuple

#: A file of git's that is larger is not read.
_MAXIMUM_BYTES = 1_000_000
#: How many symbolic references may lead to the next one.
_MAXIMUM_REFERENCES = 5


class GitFacts(NamedTuple):
    """What is known of the repository that a directory is in; None for what is not.

    Attributes
    ----------
    repo_url : str or None
        Address of the remote `origin`, without user name and password.
    branch_name : str or None
        None also where no branch is checked out.
    commit_sha : str or None
    """

    repo_url: str | None = None
    branch_name: str | None = None
    commit_sha: str | None = None


def git_facts(directory: str) -> GitFacts:
    """Look up in which state of which repository a directory is.

    Parameters
    ----------
    directory : str
        Absolute path.

    Returns
    -------
    GitFacts
        All None if it is in no repository, or in one that cannot be read.
    """
    git = _git_directory(directory)
    if git is None:
        return GitFacts()
    # A worktree of its own shares all but its HEAD with the main one.
    shared = _read(f"{git}/commondir").strip()
    home = os.path.normpath(os.path.join(git, shared)) if shared else git
    head = _read(f"{git}/HEAD").strip()
    branch = head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else None
    return GitFacts(_origin(_read(f"{home}/config")), branch, _commit(head, (git, home)))


def _git_directory(directory: str) -> str | None:
    while True:
        candidate = os.path.join(directory, ".git")
        if os.path.isdir(candidate):
            return candidate
        if os.path.isfile(candidate):  # of a worktree or a submodule: says where it really is
            place = _read(candidate).partition("gitdir:")[2].strip()
            return os.path.normpath(os.path.join(directory, place)) if place else None
        above = os.path.dirname(directory)
        if above == directory:
            return None
        directory = above


def _commit(head: str, places: tuple[str, str]) -> str | None:
    for _ in range(_MAXIMUM_REFERENCES):
        if not head.startswith("ref: "):
            return head if _is_hash(head) else None
        name = head.removeprefix("ref: ").strip()
        if ".." in name or name.startswith("/"):
            return None
        found = next((text for place in places if (text := _read(f"{place}/{name}").strip())), None)
        head = found if found is not None else _packed(places[1], name)
    return None


def _packed(home: str, name: str) -> str:
    for line in _read(f"{home}/packed-refs").splitlines():
        commit, _, packed_name = line.partition(" ")
        if packed_name == name:
            return commit
    return ""


def _is_hash(text: str) -> bool:
    return len(text) in (40, 64) and not text.strip("0123456789abcdef")


def _origin(config: str) -> str | None:
    section = ""
    for line in config.splitlines():
        text = line.strip()
        if text.startswith("["):
            section = text
        elif section == '[remote "origin"]':
            key, equals, value = text.partition("=")
            if equals and key.strip() == "url":
                return _without_credentials(value.strip())
    return None


def _without_credentials(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url  # git@host:path, where nothing is secret, or a path
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _read(path: str) -> str:
    """Text of a file; empty if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(_MAXIMUM_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
