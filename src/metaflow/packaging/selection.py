"""Which files of a directory go into a code package: by their suffixes, and by what ``.metaflowignore`` says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ..exception import CommandException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: File with patterns, as git's .gitignore has them, of what stays out.
IGNORE_FILE = ".metaflowignore"
#: What marks the directory of a virtual environment, and of one of conda.
_ENVIRONMENTS = ("pyvenv.cfg", "conda-meta")
_NEVER = {"__pycache__", "node_modules"}


class PackagedFile(NamedTuple):
    """A file of a code package.

    Attributes
    ----------
    name : str
        Its path in the archive, with forward slashes.
    path : str
        Where it is now.
    size : int
        In bytes.
    """

    name: str
    path: str
    size: int


def parse_suffixes(text: str) -> tuple[str, ...]:
    """Suffixes from a list with commas; a dot that is missing is added.

    Parameters
    ----------
    text : str
        Such as ``.sql,.yaml``.
    """
    found = (each.strip() for each in text.split(","))
    return tuple(dict.fromkeys(each if each.startswith(".") else f".{each}" for each in found if each))


def select_files(directory: str, suffixes: Sequence[str]) -> Iterator[PackagedFile]:
    """Find the files of a directory and below that have one of the suffixes.

    Hidden directories, environments (virtual ones, and those of conda), and what ``.metaflowignore`` in the directory
    names are left out. Links are followed, unless they lead back to where they are.

    Parameters
    ----------
    directory : str
    suffixes : sequence of str

    Yields
    ------
    PackagedFile
        Sorted by name.

    Raises
    ------
    CommandException
        If a directory cannot be read, or the ignore file has a pattern that makes no sense.
    """
    is_ignored = _ignore_rules(directory)
    endings = tuple(suffixes)

    def walk(folder: str, prefix: str, above: tuple[str, ...]) -> Iterator[PackagedFile]:
        real = os.path.realpath(folder)
        if real in above:
            return
        for entry in _entries(folder):
            name = prefix + entry.name
            if os.path.isdir(entry.path):
                skipped = entry.name.startswith(".") or entry.name in _NEVER or is_ignored(f"{name}/")
                if not skipped and not any(os.path.exists(os.path.join(entry.path, mark)) for mark in _ENVIRONMENTS):
                    yield from walk(entry.path, f"{name}/", (*above, real))
            elif entry.name.endswith(endings) and os.path.isfile(entry.path) and not is_ignored(name):
                yield PackagedFile(name, entry.path, entry.stat().st_size)

    yield from walk(directory, "", ())


def all_files(directory: str, prefix: str, above: tuple[str, ...] = ()) -> Iterator[PackagedFile]:
    """Find all files of a Python package but what Python itself has compiled.

    Parameters
    ----------
    directory : str
    prefix : str
        What their names in the archive begin with; it ends with a slash.
    above : tuple of str
        Directories that a link must not lead back to.
    """
    real = os.path.realpath(directory)
    if real in above:
        return
    for entry in _entries(directory):
        if os.path.isdir(entry.path):
            if entry.name not in _NEVER:
                yield from all_files(entry.path, f"{prefix}{entry.name}/", (*above, real))
        elif os.path.isfile(entry.path) and not entry.name.endswith((".pyc", ".pyo")):
            yield PackagedFile(prefix + entry.name, entry.path, entry.stat().st_size)


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise CommandException(
            f"The directory {directory}, which the code package should have files of, cannot be read: "
            f"{error.strerror}. Change its permissions, or name it in {IGNORE_FILE}."
        ) from error


def _ignore_rules(directory: str) -> Callable[[str], bool]:
    """What tells whether a path below the directory is to be left out."""
    path = os.path.join(directory, IGNORE_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return lambda name: False
    except (OSError, UnicodeError) as error:
        raise CommandException(f"{path} cannot be read: {error}.") from error
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(lines).match_file
    except ValueError as error:
        raise CommandException(
            f"{path} cannot be understood: {error}. It is written like a .gitignore file."
        ) from error
