"""Which flows a project's directory holds. Files are read, never run: a flow's file may do anything when it is."""

from __future__ import annotations

import ast
import os
import threading
from pathlib import Path
from typing import NamedTuple

from metaflow.runner.flow_outline import outline

#: How far below the project's directory is looked, at how many files, and how large these may be.
DEEPEST = 6
MOST_FILES = 3000
_LARGEST_FILE = 2_000_000
#: Flows that are listed.
MOST_FLOWS = 500
_IGNORED = {"__pycache__", "build", "dist", "env", "node_modules", "site-packages", "venv"}


class FoundFlow(NamedTuple):
    """A file with a flow.

    Attributes
    ----------
    file : str
        Its path below the project's directory.
    flow : str
        Name of the flow; empty if the file cannot be read.
    description : str
        First paragraph of what the flow says of itself.
    problem : str or None
        Why it cannot be read.
    """

    file: str
    flow: str
    description: str = ""
    problem: str | None = None


class FoundFlows(NamedTuple):
    """What a directory holds.

    Attributes
    ----------
    flows : tuple of FoundFlow
        In order of their files.
    is_complete : bool
        Whether all of the directory was looked at.
    """

    flows: tuple[FoundFlow, ...]
    is_complete: bool


class ProjectFlows:
    """The flows of a directory; what a file holds is remembered until the file changes.

    Parameters
    ----------
    directory : Path
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self._lock = threading.Lock()
        self._known: dict[str, tuple[tuple[int, int], FoundFlow | None]] = {}

    def find(self) -> FoundFlows:
        """Look what is there now."""
        with self._lock:
            before, self._known = self._known, {}
            is_complete = self._walk(before)
            found = sorted(flow for _, flow in self._known.values() if flow is not None)
        return FoundFlows(tuple(found[:MOST_FLOWS]), is_complete and len(found) <= MOST_FLOWS)

    def path_of(self, file: str) -> Path | None:
        """Where a file is that :meth:`find` lists; None for any other."""
        if all(found.file != file for found in self.find().flows):
            return None
        path = (self.directory / file).resolve()
        return path if path.is_relative_to(self.directory) and path.is_file() else None

    def _walk(self, before: dict[str, tuple[tuple[int, int], FoundFlow | None]]) -> bool:
        """Take note of all files; False if some were left out."""
        is_complete = True
        for folder, folders, files in os.walk(self.directory):
            depth = len(Path(folder).relative_to(self.directory).parts)
            below = [name for name in sorted(folders) if _is_searched(folder, name)]
            is_complete = is_complete and not (depth == DEEPEST and below)
            folders[:] = below if depth < DEEPEST else []
            for name in sorted(files):
                if not name.endswith(".py"):
                    continue
                if len(self._known) >= MOST_FILES:
                    return False
                self._look_at(Path(folder, name), before)
        return is_complete

    def _look_at(self, path: Path, before: dict[str, tuple[tuple[int, int], FoundFlow | None]]) -> None:
        file = path.relative_to(self.directory).as_posix()
        try:
            stat = os.lstat(path)
        except OSError:
            return  # it went while we looked
        if not os.path.isfile(path) or os.path.islink(path) or stat.st_size > _LARGEST_FILE:
            return
        state = (stat.st_mtime_ns, stat.st_size)
        known = before.get(file)
        self._known[file] = known if known is not None and known[0] == state else (state, _flow_in(path, file))


def _is_searched(folder: str, name: str) -> bool:
    if name.startswith(".") or name in _IGNORED or name.endswith(".egg-info"):
        return False
    path = os.path.join(folder, name)
    return not os.path.islink(path) and not os.path.exists(os.path.join(path, "pyvenv.cfg"))


def _flow_in(path: Path, file: str) -> FoundFlow | None:
    """The flow in a file that can be started; None if there is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return FoundFlow(file, "", problem=f"It cannot be read: {error.strerror or error}.")
    if b"__main__" not in content:
        return None  # nothing starts when it is run
    says_flow = b"FlowSpec" in content
    try:
        ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        where = f" (line {line})" if line else ""
        reason = getattr(error, "msg", None) or str(error) or type(error).__name__
        return FoundFlow(file, "", problem=f"It is no valid Python: {reason}{where}.") if says_flow else None
    try:
        flow = outline(str(path))
    except Exception as error:  # what is written in a file may be anything; other files are listed all the same
        return FoundFlow(file, "", problem=f"It cannot be understood: {error}") if says_flow else None
    if flow is None:
        return None
    return FoundFlow(file, flow.__name__, _first_paragraph(flow.__doc__))


def _first_paragraph(text: str | None) -> str:
    return " ".join((text or "").strip().partition("\n\n")[0].split())[:500]
