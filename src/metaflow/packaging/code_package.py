"""A code package: a gzipped tar file whose bytes follow from its content alone."""

from __future__ import annotations

import json
import os
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ..datastore.sizes import MEGABYTE, size_text
from ..exception import CommandException, NonUniqueFileNameToFilePathMappingException
from .content_type import DIRECTORIES, MARKER, META_DIRECTORY, ContentType
from .extensions import extensions
from .modules import files_of_module, included_modules, own_files
from .selection import IGNORE_FILE, PackagedFile, select_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from tarfile import TarFile

    from ..flow.declaration import FlowDeclaration

#: Seconds since the epoch that every file of the archive was last changed.
_TIME = 1575360000
_COMPRESSION_LEVEL = 3
#: How many of the largest files, or directories, a message lists.
_SHOWN_FILES = 10
#: Files above which a person is told: a node unpacks some ten thousand of them a second.
_NOTABLE_FILES = 5000
#: What is said of the format to whoever unpacks it.
METADATA = {"version": 0, "archive_format": "tgz", "mfcontent_version": 1}


class CodePackage(NamedTuple):
    """What goes into a code package.

    Attributes
    ----------
    directory : str
        Where the user's files are; their names are relative to it.
    suffixes : tuple of str
        Which of them were chosen.
    files : tuple of PackagedFile
        Sorted by name.
    generated : mapping of str to bytes
        What was written for the package, by name.
    """

    directory: str
    suffixes: tuple[str, ...]
    files: tuple[PackagedFile, ...]
    generated: Mapping[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def names(self) -> list[str]:
        """Paths in the archive, sorted."""
        return sorted([*self.generated, *(file.name for file in self.files)])

    def write(self, target: IO[bytes]) -> None:
        """Write the archive.

        Parameters
        ----------
        target : binary file
            Equal content gives equal bytes.

        Raises
        ------
        CommandException
            If a file cannot be read.
        """
        import gzip
        import tarfile

        with (
            gzip.GzipFile("", "wb", _COMPRESSION_LEVEL, target, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for name, content in sorted(self.generated.items()):
                _add(archive, name, len(content), _reader(content))
            for file in self.files:
                _add_file(archive, file)

    def largest(self) -> list[PackagedFile]:
        """Some of the largest files, the largest first."""
        return sorted(self.files, key=lambda file: -file.size)[:_SHOWN_FILES]

    def check_size(self, maximum: int, notable: int) -> str | None:
        """See that the package is of a size that can be sent around.

        Parameters
        ----------
        maximum, notable : int
            Megabytes above which it is refused, and above which it is remarked upon.

        Returns
        -------
        str or None
            A remark, for a person.

        Raises
        ------
        CommandException
            If it is larger than the maximum.
        """
        if self.size <= min(maximum, notable) * MEGABYTE:
            return self._remark_on_number()
        listed = "\n".join(f"  {size_text(file.size):>10}  {file.name}" for file in self.largest())
        text = (
            f"The code package has {size_text(self.size)} in {len(self.files)} files, and every task on another "
            f"machine fetches it. The largest files are:\n{listed}\nName what is not needed in "
            f"{self.directory}/{IGNORE_FILE}, which is written like a .gitignore file, or choose other "
            "--package-suffixes."
        )
        if self.size > maximum * MEGABYTE:
            raise CommandException(f"{text} At most {maximum} MB are allowed (METAFLOW_CODE_PACKAGE_MAX_SIZE).")
        return text

    def _remark_on_number(self) -> str | None:
        if len(self.files) <= _NOTABLE_FILES:
            return None
        from collections import Counter

        counts = Counter(f"{file.name.partition('/')[0]}/" for file in self.files if "/" in file.name)
        listed = "\n".join(f"  {count:10,}  {name}" for name, count in counts.most_common(_SHOWN_FILES))
        return (
            f"The code package has {len(self.files):,} files of {self.directory} and below, and every task on another "
            f"machine unpacks them. Most are in:\n{listed}\nName what is not needed in "
            f"{self.directory}/{IGNORE_FILE}, which is written like a .gitignore file, or move the flow to a directory "
            "of its own."
        )


def collect(
    declaration: FlowDeclaration, script: str, directory: str, suffixes: Sequence[str], info: Mapping[str, Any]
) -> CodePackage:
    """Find out what a flow's code package has to have.

    Parameters
    ----------
    declaration : FlowDeclaration
        The flow, configured; its decorators may add files.
    script : str
        Name of the flow's file, relative to the directory.
    directory : str
        Where imports of the flow start.
    suffixes : sequence of str
        Which files from there are taken; the flow's own file is in any case.
    info : mapping
        Where and by what the package is made; plain values.

    Raises
    ------
    CommandException
        If something that has to go along cannot be found or read.
    NonUniqueFileNameToFilePathMappingException
        If two files want one place.
    """
    from ..flow.config_value import to_plain
    from .suffixes_mutator import package_suffixes

    chosen = tuple(dict.fromkeys([*suffixes, *package_suffixes.of(declaration)]))
    found: dict[str, PackagedFile] = {}
    own_file = os.path.join(directory, script)
    _take(found, [PackagedFile(script, own_file, os.stat(own_file).st_size)])
    _take(found, select_files(directory, chosen))
    _take(found, own_files())
    added = extensions(directory)
    for module in sorted({*included_modules(directory), *added.modules}):
        _take(found, files_of_module(module))
    _take(found, _additions(declaration))
    configs = {config.name: to_plain(declaration.config_values[name]) for name, config in declaration.configs.items()}
    generated = {
        **added.notes,
        f"{META_DIRECTORY}/INFO": _json(info),
        f"{META_DIRECTORY}/CONFIG": _json(configs),
        f"{META_DIRECTORY}/DIST_INFO": _json({}),
        MARKER: _json({"version": 1, "module_files": []}),
    }
    return CodePackage(directory, chosen, tuple(file for _, file in sorted(found.items())), generated)


def _take(found: dict[str, PackagedFile], files: Iterable[PackagedFile]) -> None:
    for file in files:
        known = found.setdefault(file.name, file)
        if known.path != file.path and not os.path.samefile(known.path, file.path):
            raise NonUniqueFileNameToFilePathMappingException(file.name, [known.path, file.path])


def _additions(declaration: FlowDeclaration) -> Iterator[PackagedFile]:
    """What decorators add: pairs of a path and a name, or triples with a :class:`ContentType`."""
    decorators = [*declaration.decorators, *(each for step in declaration.steps.values() for each in step.decorators)]
    for decorator in decorators:
        for addition in decorator.add_to_package() or ():
            path, name, *kinds = addition if isinstance(addition, tuple) else (addition, None)
            kind = kinds[0] if kinds else ContentType.USER_CONTENT
            try:
                if kind is ContentType.MODULE_CONTENT:
                    yield from files_of_module(getattr(path, "__name__", None) or str(path))
                    continue
                name = name or os.path.basename(path)
                if os.path.isabs(name) or ".." in name.split("/"):
                    raise CommandException(f"The name {name!r} leads out of the code package.")
                yield PackagedFile(DIRECTORIES[kind] + name, os.path.abspath(path), os.stat(path).st_size)
            except (OSError, TypeError, KeyError, CommandException) as error:
                message = error.message if isinstance(error, CommandException) else str(error)
                raise CommandException(
                    f"What @{decorator.name} wants in the code package cannot be put there: {message}"
                ) from error


def _add_file(archive: TarFile, file: PackagedFile) -> None:
    try:
        with open(file.path, "rb") as content:
            # What is said of its size must be true of what is read, also if it grows just now.
            found = os.fstat(content.fileno())
            # Of the permissions, only what git keeps too: the others differ from checkout to checkout.
            _add(archive, file.name, found.st_size, content, 0o755 if found.st_mode & 0o100 else 0o644)
    except OSError as error:
        raise CommandException(
            f"{file.path} cannot be put into the code package: {error.strerror or error}. Change its permissions, or "
            f"name it in {IGNORE_FILE}."
        ) from error


def _add(archive: TarFile, name: str, size: int, content: IO[bytes], mode: int = 0o644) -> None:
    from tarfile import TarInfo

    member = TarInfo(name)
    member.size, member.mtime, member.mode = size, _TIME, mode
    archive.addfile(member, content)


def _reader(content: bytes) -> IO[bytes]:
    from io import BytesIO

    return BytesIO(content)


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
