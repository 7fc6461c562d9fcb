"""Which files are the code of a run: the script, and what it imports from its own directory."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import __version__
from ..datastore.source_files import SourceFiles
from ..identity import get_username
from .git_facts import git_facts

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A file of more bytes is left out.
MAXIMUM_FILE_BYTES = 1_000_000
#: Files are left out once there would be more bytes in all.
MAXIMUM_TOTAL_BYTES = 10_000_000

#: Directories of packages that were installed.
_INSTALLED = {"site-packages", "dist-packages"}
_PACKAGE = __name__.partition(".")[0]

#: A line that imports, wherever it stands. What it names need not exist: it is looked for.
_IMPORT = re.compile(
    rb"[ \t]*(?:import[ \t]+(?P<modules>[\w., \t]+)"
    rb"|from[ \t]+(?P<source>[.\w]+)[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^(\n;#]+))"
)
_NAME = re.compile(rb"(?P<name>[\w.]+)(?:\s+as\s+\w+)?")


class Script(NamedTuple):
    """The file that was run.

    Attributes
    ----------
    path : str
        Absolute.
    base : str
        The directory that imports start from.
    """

    path: str
    base: str

    @property
    def name(self) -> str:
        """Its path below the directory."""
        return _name(self.path, self.base)


def source_files() -> SourceFiles | None:
    """Read the code that this process was started with.

    It is the script, the modules that were imported from its directory and below, and those that functions in these
    files would import from there. Installed packages are not part of it.

    Returns
    -------
    SourceFiles or None
        None if the process was not started with a script that is a file.
    """
    script = started_script()
    if script is None:
        return None
    files: dict[str, bytes] = {}
    left_out: dict[str, str] = {}
    total = 0
    known = {script.path, *_imported(script.base)}
    examined: set[str] = set()
    # The script first: whatever else has no room, it has.
    pending = [*sorted(known - {script.path}, reverse=True), script.path]
    while pending:
        path = pending.pop()
        name = _name(path, script.base)
        content, obstacle = _read(path, MAXIMUM_TOTAL_BYTES - total)
        if content is None:
            left_out[name] = obstacle
            continue
        files[name] = content
        total += len(content)
        for found in _named_imports(content, name, script.base, examined):
            if found not in known:
                known.add(found)
                pending.insert(0, found)
    return SourceFiles(script.name, dict(sorted(files.items())), dict(sorted(left_out.items())), facts_of(script))


def started_script() -> Script | None:
    """The script that this process was started with; None if that is no file."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if not isinstance(file, str) or not os.path.isfile(file):
        return None
    # As Python does: it looks for imports beside the file itself, not beside a link to it.
    path = os.path.realpath(file)
    base = os.path.dirname(path)
    # `python -m package.flow` imports from the directory that holds the package.
    module = getattr(getattr(main, "__spec__", None), "name", "")
    for _ in range(module.count(".")):
        base = os.path.dirname(base)
    return Script(path, base)


def _name(path: str, base: str) -> str:
    """Path below `base`, as it is kept."""
    return path[len(base) :].lstrip(os.sep).replace(os.sep, "/")


def _imported(base: str) -> Iterator[str]:
    """Files of the modules that were imported from below `base`."""
    above = base.rstrip(os.sep) + os.sep
    # Python itself may be below: in the directory of a project, or if the script is in that of an environment's root.
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.__file__)}
    foreign = tuple(prefix + os.sep for prefix in prefixes if not above.startswith(prefix + os.sep))
    for name, module in list(sys.modules.items()):
        try:
            # Not by the module's own rules: some load themselves, or others, when an attribute is looked up.
            file = object.__getattribute__(module, "__dict__").get("__file__")
        except AttributeError:
            continue
        if not isinstance(file, str) or not file.startswith(above) or file.startswith(foreign):
            continue
        if name.partition(".")[0] == _PACKAGE or not _INSTALLED.isdisjoint(file[len(above) :].split(os.sep)):
            continue
        yield file


def _read(path: str, room: int) -> tuple[bytes | None, str]:
    """Content of a file, or None and why it is left out."""
    if not path.endswith(".py") and path.endswith((".so", ".pyc", ".pyd")):
        return None, "it is compiled"
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAXIMUM_FILE_BYTES:
                return None, f"it has {size} bytes, more than {MAXIMUM_FILE_BYTES}"
            if size > room:
                return None, f"the files before it have nearly {MAXIMUM_TOTAL_BYTES} bytes, the most that is kept"
            return file.read(size), ""
    except OSError as error:
        return None, f"it cannot be read: {error.strerror}"


def _named_imports(content: bytes, name: str, base: str, examined: set[str]) -> Iterator[str]:
    """Files below `base` that the import statements of the file `name` mean, whether executed yet or not."""
    package = name.split("/")[:-1]
    for statement in _import_statements(content):
        if statement["modules"] is not None:
            for module in _NAME.finditer(statement["modules"]):
                yield from _files(module["name"].decode().split("."), base, examined)
            continue
        source = statement["source"].decode()
        module_name = source.lstrip(".")
        level = len(source) - len(module_name)
        if level > len(package) + 1:
            continue
        start = package[: len(package) + 1 - level] if level else []
        start += module_name.split(".") if module_name else []
        yield from _files(start, base, examined)
        for member in _NAME.finditer(statement["names"]):
            yield from _files([*start, member["name"].decode()], base, examined)


def _import_statements(content: bytes) -> Iterator[re.Match[bytes]]:
    # Looking for the word first is ten times as fast as the expression, which would be tried on every line.
    position = content.find(b"import")
    while position >= 0:
        line = content.rfind(b"\n", 0, position) + 1
        end = position + 1
        # Something else may come before it on the line.
        for start in (line, content.rfind(b"from", line, position), position):
            statement = _IMPORT.match(content, start) if start >= 0 else None
            if statement is not None and statement.end() > position:
                yield statement
                end = statement.end()
                break
        position = content.find(b"import", end)


def _files(module: list[str], base: str, examined: set[str]) -> Iterator[str]:
    """Files of a module and of the packages that it is in, apart from what was looked for before."""
    if module[:1] == [_PACKAGE]:
        return
    path = base
    for part in module:
        path = os.path.join(path, part)
        if path in examined:
            continue
        examined.add(path)
        for candidate in (f"{path}.py", os.path.join(path, "__init__.py")):
            if os.path.isfile(candidate):
                yield candidate


def facts_of(script: Script) -> dict[str, Any]:
    """Where and by what a script is run; plain values only."""
    system = os.uname()
    git = git_facts(script.base)
    return {
        "platform": system.sysname,
        "username": get_username(),
        "runtime": os.environ.get("METAFLOW_RUNTIME_NAME", "dev"),
        "environment_type": "local",
        "use_r": False,
        "python_version": sys.version,
        "python_version_code": ".".join(map(str, sys.version_info[:3])),
        "metaflow_version": __version__,
        "script": script.name,
        **git._asdict(),
        # Only git itself could tell, and it would have to look at every file of the repository.
        "has_uncommitted_changes": None,
        "ext_info": [{}, {}],
    }
