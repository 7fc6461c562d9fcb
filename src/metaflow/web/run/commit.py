"""In what the code of a run differs from the commit that it stood on, as far as the repository is on this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SECONDS = 10
_MOST_FILES = 2_000
_MOST_BYTES = 20_000_000


class CommittedFiles(NamedTuple):
    """Files as they are in a commit.

    Attributes
    ----------
    files : mapping of str to bytes
        Content by path, relative to where the run's imports start; without files that the commit does not have.
    obstacle : str or None
        Why they cannot be told.
    """

    files: Mapping[str, bytes]
    obstacle: str | None = None


def committed_files(project: Path | None, base: str | None, commit: str, paths: Sequence[str]) -> CommittedFiles:
    """Read files from a commit.

    Parameters
    ----------
    project : Path or None
        Directory whose repository may be asked; None if none may.
    base : str or None
        Directory that the run's imports start from.
    commit : str
        Its hash.
    paths : sequence of str
        Which files, relative to that directory.
    """
    if project is None or base is None:
        return CommittedFiles({}, "The repository is not on the machine of this server.")
    if len(commit) not in (40, 64) or commit.strip("0123456789abcdef"):
        return CommittedFiles({}, "What was recorded as its commit is none.")
    top = _top(project)
    if top is None:
        return CommittedFiles({}, "The project is in no repository of git that can be read here.")
    place = Path(os.path.realpath(base))
    if not place.is_relative_to(top):
        return CommittedFiles({}, "The run was started in another repository.")
    if len(paths) > _MOST_FILES:
        return CommittedFiles({}, f"The run has more than {_MOST_FILES:,} files of code.")
    below = place.relative_to(top).as_posix()
    return _contents(top, commit, "" if below == "." else f"{below}/", paths)


def _top(directory: Path) -> Path | None:
    found = _git(directory, ["rev-parse", "--show-toplevel"], b"")
    if found is None:
        return None
    text = os.fsdecode(found).rstrip("\n")
    return Path(os.path.realpath(text)) if text else None


def _contents(top: Path, commit: str, prefix: str, paths: Sequence[str]) -> CommittedFiles:
    # A name with a line feed would be two questions.
    asked = [path for path in paths if "\n" not in path]
    questions = b"".join([b"%s^{commit}\n" % commit.encode(), *(_question(commit, prefix + path) for path in asked)])
    said = _git(top, ["cat-file", "--batch"], questions)
    if said is None or len(said) > _MOST_BYTES:
        return CommittedFiles({}, "git could not give the files of the commit.")
    files: dict[str, bytes] = {}
    position = 0
    for path in (None, *asked):
        end = said.find(b"\n", position)
        words = said[position:end].split(b" ")
        position = end + 1
        if words[-1] == b"missing" or not words[-1].isdigit():
            if path is None:
                return CommittedFiles({}, f"The repository here does not have the commit {commit[:10]}.")
            continue
        size = int(words[-1])
        if path is not None:
            files[path] = said[position : position + size]
        position += size + 1
    return CommittedFiles(files)


def _question(commit: str, path: str) -> bytes:
    return os.fsencode(f"{commit}:{path}\n")


def _git(directory: Path, arguments: Sequence[str], given: bytes) -> bytes | None:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *arguments],  # noqa: S607 - whichever git the person has
            input=given,
            capture_output=True,
            timeout=_SECONDS,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
