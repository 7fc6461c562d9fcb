"""What a node needs beside the code package: this package and its libraries, compiled, in one archive.

The code package has the source of this package too, for people and for nodes that are not what was expected. But
to unpack and compile it for every task would take longer than everything else that comes before the user's code. The
archive is made once for an environment, unpacked once on a node, and shared by all tasks there.
"""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ..exception import CommandException
from .content_type import CODE_DIRECTORY
from .libraries import fetched, files_of, installed, own_target, requirements
from .modules import own_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import Distribution
    from types import CodeType

    from .libraries import Target

#: Low, as most of it are compiled libraries, which more effort makes smaller by a tenth.
_COMPRESSION_LEVEL = 3
_TIME = 1575360000
#: Part of what archives are named by in the cache; to be changed with their format.
_FORMAT = 1
#: How many archives are kept in the cache.
_KEPT = 6


class NodeArchive(NamedTuple):
    """An archive for nodes.

    Attributes
    ----------
    size : int
        Bytes of the gzipped tar file.
    sha256 : str
        Hash of these, hexadecimal.
    path : str
        Where it is kept on this machine; empty if it is not.
    content : bytes
        The archive itself, if it is kept nowhere.
    """

    size: int
    sha256: str
    path: str
    content: bytes = b""

    def open(self) -> IO[bytes]:
        """Open it for reading; soon, as the file goes when there are newer ones.

        Raises
        ------
        CommandException
            If it cannot be read.
        """
        import io

        if not self.path:
            return io.BytesIO(self.content)
        try:
            return io.open(self.path, "rb")  # noqa: UP020 - this method is called so too
        except OSError as error:
            raise CommandException(f"What goes to nodes cannot be read from {self.path}: {error.strerror}.") from error


def node_archive(target: Target, object_store: bool) -> NodeArchive:
    """Find the archive for nodes in the user's cache, or make it.

    Parameters
    ----------
    target : Target
        What nodes are.
    object_store : bool
        Whether their datastore is in an object store.

    Returns
    -------
    NodeArchive

    Raises
    ------
    CommandException
        If a library is not there and cannot be fetched, or the archive cannot be written.
    """
    from hashlib import sha256

    wanted = requirements(target, object_store)
    found = installed(wanted) if target == own_target() else None
    folder = _folder()
    key = _key(target, wanted, found)
    known = _recall(folder, key) if folder else None
    if known is not None:
        return known
    content = _archive(target, fetched(wanted, target) if found is None else files_of(found))
    digest = sha256(content).hexdigest()
    if not folder:
        return NodeArchive(len(content), digest, "", content)
    return NodeArchive(len(content), digest, _keep(folder, f"{key}.{digest}", content))


def _key(target: Target, wanted: list[str], found: list[Distribution] | None) -> str:
    """Name of all that the content depends on."""
    import json
    from hashlib import sha256

    own = [(file.name, file.size, os.stat(file.path).st_mtime_ns) for file in own_files()]
    libraries = wanted if found is None else [(each.name, each.version) for each in found]
    facts = [_FORMAT, target, sys.version if target == own_target() else "", libraries, own]
    return sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _folder() -> str:
    """The user's directory of archives; empty where there is no home to keep them in."""
    parent = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(parent, "metaflow", "nodes")
    try:
        os.makedirs(folder, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return ""


def _recall(folder: str, key: str) -> NodeArchive | None:
    """The archive of that name, if there is one and it is as it was written."""
    from hashlib import sha256

    for name in os.listdir(folder):
        if name.startswith(f"{key}."):
            path = os.path.join(folder, name)
            try:
                with open(path, "rb") as file:
                    digest, size = sha256(), 0
                    while piece := file.read(1 << 20):
                        digest.update(piece)
                        size += len(piece)
                os.utime(path)
            except OSError:
                continue  # it is made again
            if name == f"{key}.{digest.hexdigest()}":
                return NodeArchive(size, digest.hexdigest(), path)
    return None


def _keep(folder: str, name: str, content: bytes) -> str:
    path = os.path.join(folder, name)
    draft = os.path.join(folder, f".{name[:32]}-{os.getpid()}")
    try:
        with open(draft, "wb") as file:
            file.write(content)
        os.replace(draft, path)
    except OSError as error:
        if os.path.exists(draft):
            os.unlink(draft)
        raise CommandException(
            f"What goes to nodes cannot be kept in {folder}: {error.strerror}. Make room there, or set XDG_CACHE_HOME "
            "to another directory."
        ) from error
    _forget_old(folder)
    return path


def _forget_old(folder: str) -> None:
    paths = [os.path.join(folder, name) for name in os.listdir(folder)]
    try:
        for path in sorted(paths, key=os.path.getmtime)[:-_KEPT]:
            os.unlink(path)
    except FileNotFoundError:
        pass  # another process does the same right now


def _archive(target: Target, libraries: Iterator[tuple[str, bytes]]) -> bytes:
    """The archive's bytes, which follow from its content."""
    import gzip
    import io
    import tarfile

    files = dict(libraries)
    for file in own_files():
        with open(file.path, "rb") as source:
            files[file.name.removeprefix(f"{CODE_DIRECTORY}/")] = source.read()
    result = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", _COMPRESSION_LEVEL, result, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        compiles = target == own_target()
        for name, content in sorted(files.items()):
            _add(archive, name, content)
            if compiles and name.endswith(".py"):
                compiled = _compiled(name, content)
                if compiled is not None:
                    _add(archive, *compiled)
    return result.getvalue()


def _compiled(name: str, source: bytes) -> tuple[str, bytes] | None:
    """Name and content of the file that Python keeps of a compiled module; None if it cannot be compiled."""
    import marshal
    from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash

    try:
        code: CodeType = compile(source, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None  # for another version of Python, or a template
    # Not to be compared with the source when it is loaded, whose time of change is that of its unpacking.
    flags = (1).to_bytes(4, "little")
    return cache_from_source(name), MAGIC_NUMBER + flags + source_hash(source) + marshal.dumps(code)


def _add(archive: Any, name: str, content: bytes) -> None:
    import io
    from tarfile import TarInfo

    member = TarInfo(name)
    member.size, member.mtime, member.mode = len(content), _TIME, 0o644
    archive.addfile(member, io.BytesIO(content))
