"""What a node does once it can read: fetch the archives, check and unpack them, share them, and start the task.

The text of this file is kept beside the run and executed on the node in the namespace of
:mod:`metaflow.compute.bootstrap`, where nothing of this package can be imported yet.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import io
import os
import shutil
import sys
import tempfile
import time
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .bootstrap import Problem, Reader, pip_install, say

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long what all tasks of a node share is used, in seconds: less than what a system leaves unused files in /tmp.
_PERIOD = 5 * 24 * 3600
# Age, in seconds, from which on what belongs to one task is removed if no process holds it.
_ABANDONED = 3600
# Bytes that are unpacked from memory; more come from a file.
_MEMORY = 64 * 1024 * 1024
# Directory of the package in the code package, left out where the archive for nodes has it.
_OWN = ".mf_code/metaflow/"
# Descriptors whose locks say that a directory is in use, for as long as this process lives.
_held: list[int] = []


def unpack(reader: Reader, part: dict[str, Any], target: str, left_out: str = "\0") -> None:
    """Fetch an archive, check it, and unpack its files into a directory."""
    for remaining in (2, 1, 0):
        with io.BytesIO() if part["size"] <= _MEMORY else tempfile.TemporaryFile(dir=target) as file:
            digest = hashlib.sha256()
            for key in part["chunks"]:
                piece = reader.read(key)
                digest.update(piece)
                file.write(piece)
            if digest.hexdigest() == part["sha256"]:
                file.seek(0)
                _extract(Unpacked(file), target, left_out)
                return
        if remaining:
            say(f"What came of {part['chunks'][0]} is damaged; fetching it again.")
    raise Problem(
        f"The archive in {reader.location}/{part['chunks'][0]} is damaged: its SHA-256 is {digest.hexdigest()} "
        f"instead of {part['sha256']}. Start the run again, which stores it anew."
    )


class Unpacked:
    """The content of a gzip file, from its beginning; a large piece comes much sooner than from ``gzip``."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.stream = zlib.decompressobj(31)
        self.ready = bytearray()

    def read(self, size: int) -> bytes:
        """The next bytes; fewer at the end only."""
        while len(self.ready) < size and (piece := self.file.read(1 << 18)):
            self.ready += self.stream.decompress(piece)
        found = bytes(self.ready[:size])
        del self.ready[:size]
        return found


def _extract(packed: Unpacked, target: str, left_out: str) -> None:
    made = set()
    for name, mode, content in _members(packed):
        if name.startswith(left_out):
            continue
        # Whoever could write to the datastore must not write elsewhere on the node.
        if name.startswith("/") or not {"..", ""}.isdisjoint(name.split("/")):
            raise Problem(f"The archive has the member {name!r}, which no archive of ours has.")
        path = f"{target}/{name}"
        folder = os.path.dirname(path)
        if folder not in made:
            os.makedirs(folder, exist_ok=True)
            made.add(folder)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode & 0o755)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)


def _members(packed: Unpacked) -> Iterator[tuple[str, int, bytes]]:
    """Names, permissions and contents of the files in a tar archive; ``tarfile`` takes five times as long for it."""
    long_name = ""
    while (head := packed.read(512)).strip(b"\0"):
        name, mode, size, kind = head[:100], head[100:108], head[124:136], head[156:157]
        length = int(size.strip(b" \0"), 8)
        content = packed.read(length)
        packed.read(-length % 512)
        if len(content) < length:
            raise EOFError("the archive ends too early")
        if kind == b"x":  # of a name that is long or not ASCII
            long_name = content.partition(b" path=")[2].partition(b"\n")[0].decode()
        elif kind in (b"0", b"\0"):
            yield long_name or name.rstrip(b"\0").decode(), int(mode.strip(b" \0"), 8), content
            long_name = ""
        else:
            raise Problem(f"The archive has the member {name!r} of the kind {kind!r}, which no archive of ours has.")


def base_directory() -> tuple[str, bool]:
    """The user's own directory on this node, and whether tasks share it: not if somebody else can write there."""
    # The first is set where the second is a small file system in memory, which is for the step's code.
    named = (os.environ.get(name) for name in ("METAFLOW_CODE_DIRECTORY", "METAFLOW_TEMPDIR", "TMPDIR"))
    parent = next(filter(None, named), "/tmp")  # noqa: S108 - checked below
    path = os.path.abspath(f"{parent}/metaflow-{os.geteuid()}")
    try:
        os.makedirs(path, 0o700, exist_ok=True)
        found = os.lstat(path)
        if found.st_uid == os.geteuid() and found.st_mode & 0o170022 == 0o040000:
            return path, True
        say(f"{path} is not a directory that is yours alone, so nothing is shared with other tasks.")
        return tempfile.mkdtemp(dir=parent), False
    except OSError as error:
        raise Problem(f"There is no place for its code: {error}. Name a directory with METAFLOW_TEMPDIR.") from None


def shared(base: str, name: str, make: Any) -> str:
    """A directory that all tasks of this node use, made by the first one that needs it."""
    path = f"{base}/{name}-{int(time.time() // _PERIOD)}"
    if not os.path.isdir(path):
        with open(f"{path}.lock", "w") as lock:
            with suppress(OSError):  # not every file system has locks: then two may make it, and the first one counts
                fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.isdir(path):
                draft = tempfile.mkdtemp(prefix="draft-", dir=base)
                try:
                    make(draft)
                    with suppress(FileExistsError):
                        os.rename(draft, path)
                finally:
                    shutil.rmtree(draft, ignore_errors=True)
    hold(path)
    return path


def hold(path: str) -> None:
    """Mark a directory as used by this process."""
    descriptor = os.open(path, os.O_RDONLY)
    _held.append(descriptor)
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)


def sweep(base: str) -> None:
    """Remove what tasks that were killed have left behind, and what has not been shared for long."""
    now = time.time()
    for entry in os.scandir(base):
        with suppress(OSError):
            patience = _ABANDONED if entry.name.startswith(("task-", "draft-")) else 2 * _PERIOD
            if entry.stat(follow_symlinks=False).st_mtime > now - patience:
                continue
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            descriptor = os.open(entry.path, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(entry.path, ignore_errors=True)
            finally:
                os.close(descriptor)


def runs_on() -> dict[str, str]:
    """Python and platform of this node, as the archive for nodes has them."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}{getattr(sys, 'abiflags', '')}"
    try:
        has_glibc = bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (ValueError, OSError):
        has_glibc = False
    return {"python": python, "platform": f"{sys.platform}-{os.uname().machine}" + ("" if has_glibc else "-musl")}


def libraries(reader: Reader, base: str, plan: dict[str, Any]) -> list[str]:
    """Directories of what the code needs; the first has this package too, if the archive is for this node."""
    archive, here = plan["archive"], runs_on()
    if all(archive[name] == here[name] for name in here):
        return [shared(base, archive["sha256"][:20], lambda draft: unpack(reader, archive, draft))]
    if all(importlib.util.find_spec(each) for each in plan["modules"]):
        return []
    try:
        name = hashlib.sha256(repr((plan["requirements"], sys.version)).encode()).hexdigest()[:20]
        return [shared(base, f"pip-{name}", lambda draft: pip_install(plan["requirements"], draft))]
    except Problem as error:
        raise Problem(
            f"The node has Python {here['python']} on {here['platform']}, but was expected to have {archive['python']} "
            f"on {archive['platform']}, its Python does not have {', '.join(plan['modules'])}, and {error}. Use an "
            "image with that Python, or one with these packages, or say what nodes are with METAFLOW_NODE_PYTHON and "
            "METAFLOW_NODE_PLATFORM."
        ) from None


def prepare(reader: Reader, plan: dict[str, Any], code: str, base: str) -> list[str]:
    """Bring everything to the node; return what is to be imported from."""
    found = libraries(reader, base, plan)
    has_own = any(os.path.isdir(f"{each}/metaflow") for each in found)
    unpack(reader, plan["code"], code, _OWN if has_own else "\0")
    if not has_own:
        # Kept for the tasks that come after: Python compiles the source when it first meets it, which takes a second.
        # The archive has the same source, so its hash tells one version from another.
        name = f"source-{plan['archive']['sha256'][:20]}"
        found.insert(0, shared(base, name, lambda draft: os.rename(f"{code}/{_OWN}", f"{draft}/metaflow")))
    return [*found, f"{code}/.mf_code"]


def start(reader: Reader, plan: dict[str, Any]) -> None:
    """Bring the code here, start the node's part of it, and clean up."""
    code = ""
    base, is_shared = base_directory()
    try:
        try:
            sweep(base)
            code = tempfile.mkdtemp(prefix="task-", dir=base)
            hold(code)
            paths = prepare(reader, plan, code, base)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise Problem(
                f"Its code cannot be unpacked in {base}: {error}. Free some space there, or name another directory "
                "with METAFLOW_TEMPDIR."
            ) from None
        os.chdir(code)
        os.environ["PYTHONPATH"] = os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])])
        sys.path[:0] = paths
        from metaflow.compute.node import main as run_task

        sys.exit(run_task())
    finally:
        os.chdir("/")
        shutil.rmtree(code if is_shared else base, ignore_errors=True)
