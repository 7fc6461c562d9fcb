"""Files of this machine, as if they were objects."""

from __future__ import annotations

import os
import stat

from metaflow.exception import (
    MetaflowS3AccessDenied,
    MetaflowS3Exception,
    MetaflowS3InvalidRange,
    MetaflowS3NotFound,
    MetaflowS3URLException,
)

from .bucket import Download, Listed, no_such_bytes
from .objects import Facts
from .records import RangeInfo
from .scratch import Content, failed_write, remove_file, write_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from typing import NoReturn

    from .bucket import Effort, Part, Upload
    from .scratch import Scratch

#: What is noted with the object ``name`` is in the file ``.metaflow-notes.name``. Metaflow calls such files
#: ``name_meta``, which may just as well be an object of its own.
_NOTES = ".metaflow-notes."
_UNFINISHED = ".metaflow-unfinished."
_CHUNK_BYTES = 4 * 1024 * 1024


class LocalBucket:
    """All files of this machine; the keys are absolute paths without their first slash."""

    def read(self, key: str, part: Part, scratch: Scratch, effort: Effort) -> Download | None:
        """Read a file, or a part of it; None if there is none."""
        path = _path(key)
        facts = self.head(key)
        if facts is None:
            return None
        begin, end = part.within(facts.size)
        if begin >= end and part.length != 0 and not (facts.size == 0 and part.takes_empty):
            raise MetaflowS3InvalidRange(no_such_bytes(f"file://{path}", facts.size, part))
        size = max(0, end - begin)
        try:
            with open(path, "rb", buffering=0) as file:
                file.seek(begin)
                content = _copied(file, size, key, scratch)
        except OSError as error:
            _fail("read", path, error)
        return Download(facts, content, RangeInfo(facts.size, begin, size))

    def head(self, key: str) -> Facts | None:
        """Say what is known of a file; None if there is none."""
        path = _path(key)
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            _fail("read", path, error)
        if not stat.S_ISREG(found.st_mode):
            return None
        content_type, attributes = _read_notes(path)
        return Facts(found.st_size, found.st_mtime, content_type, attributes)

    def write(self, key: str, upload: Upload, overwrite: bool, effort: Effort) -> bool:
        """Write a file; False if there is one already and it must not be overwritten."""
        path = _path(key)
        unfinished = f"{os.path.dirname(path)}/{_UNFINISHED}{os.getpid():x}-{os.urandom(6).hex()}"
        if not overwrite and os.path.lexists(path):
            return False
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if upload.body is not None:
                write_file(unfinished, [upload.body])
            else:
                with _open_source(upload.path) as source:
                    write_file(unfinished, iter(lambda: source.read(_CHUNK_BYTES), b""))
            if overwrite:
                os.replace(unfinished, path)
            elif not _move_if_free(unfinished, path):
                return False
            _write_notes(path, upload)
        except OSError as error:
            _fail("write", path, error)
        finally:
            remove_file(unfinished)
        return True

    def list(self, folder: str, recursive: bool) -> Iterator[Listed]:
        """Yield what is in a directory."""
        path = _path(folder)
        try:
            entries = list(os.scandir(path))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            _fail("list", path, error)
        for entry in entries:
            if os.path.isdir(entry.path):
                if not recursive:
                    yield Listed(f"{folder}{entry.name}/", None)
                elif not entry.is_symlink():  # it may lead back here
                    yield from self.list(f"{folder}{entry.name}/", recursive=True)
            elif os.path.isfile(entry.path) and not entry.name.startswith((_NOTES, _UNFINISHED)):
                try:
                    found = os.stat(entry.path)
                except FileNotFoundError:
                    continue  # somebody has just removed it
                yield Listed(f"{folder}{entry.name}", Facts(found.st_size, found.st_mtime))


def _open_source(path: str) -> FileIO:
    try:
        return open(path, "rb", buffering=0)
    except FileNotFoundError as error:
        raise MetaflowS3NotFound(f"Local file not found: {path}") from error
    except OSError as error:
        raise MetaflowS3Exception(f"{path} cannot be read: {error.strerror}.") from error


def _move_if_free(unfinished: str, path: str) -> bool:
    from metaflow.datastore.local import NO_HARD_LINKS

    try:
        os.link(unfinished, path)  # which fails if there is something meanwhile
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        # Without hard links, looking and moving are two steps.
        if os.path.lexists(path):
            return False
        os.replace(unfinished, path)
    return True


def _path(key: str) -> str:
    if ".." in key.split("/") or "\0" in key:
        raise MetaflowS3URLException(f"{key!r} is not a key: it must not lead out of a folder with '..'.")
    return f"/{key}"


def _copied(file: object, size: int, key: str, scratch: Scratch) -> Content:
    assert hasattr(file, "read")
    if scratch.reserve(size):
        return Content(scratch, key, file.read(size), reserved=size)
    path = scratch.new_path(key)

    def chunks() -> Iterator[bytes]:
        left = size
        while left and (chunk := file.read(min(left, _CHUNK_BYTES))):
            left -= len(chunk)
            yield chunk

    write_file(path, chunks())
    return Content(scratch, key, path=path)


def _path_of_notes(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/{_NOTES}{name}"


def _read_notes(path: str) -> tuple[str | None, str | None]:
    import json

    try:
        with open(_path_of_notes(path), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return None, None  # there are none, or it is a file of somebody else
    if not isinstance(found, dict):
        return None, None
    attributes = found.get("metaflow-user-attributes")
    return found.get("content-type"), None if attributes is None else json.dumps(attributes)


def _write_notes(path: str, upload: Upload) -> None:
    """Note type and attributes beside the file, after it: old notes would be wrong for longer than none."""
    import json

    notes: dict[str, object] = {"content-type": upload.content_type} if upload.content_type else {}
    if upload.attributes is not None:
        notes["metaflow-user-attributes"] = json.loads(upload.attributes)
    if notes:
        write_file(_path_of_notes(path), [json.dumps(notes).encode()])
    else:
        remove_file(_path_of_notes(path))


def _fail(action: str, path: str, error: OSError) -> NoReturn:
    if isinstance(error, PermissionError):
        raise MetaflowS3AccessDenied(f"Cannot {action} {path}: {error.strerror}.") from error
    if action == "write":
        raise failed_write(path, error) from error
    raise MetaflowS3Exception(f"Cannot {action} {path}: {error.strerror}.") from error
