"""The source files of a run as one artifact: each larger file is a blob of its own, stored once however often it runs.

The format is JSON and the files' own bytes, so that a program may show code without unpickling anything.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from metaflow.datastore.serializer import Serialized
from metaflow.datastore.task_writer import store_serialized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaflow.datastore.manifest import ArtifactEntry
    from metaflow.datastore.store import Buffer, ObjectStore

#: Files from this size in bytes on are stored beside the stream.
_OWN_BLOB_BYTES = 1024


class SourceFiles(NamedTuple):
    """Code that a run was started with.

    Attributes
    ----------
    script : str
        The file that was run: a key of `files`, or of `left_out`.
    files : mapping of str to bytes
        Content by path, which is relative, has forward slashes and no `..`.
    left_out : mapping of str to str
        Files that belong to the code but were not stored, and why.
    info : dict
        Where and by what it was run; plain values only.
    """

    script: str
    files: Mapping[str, bytes]
    left_out: Mapping[str, str]
    info: dict[str, Any]


def dump_source_files(source: SourceFiles) -> Serialized:
    """Turn it into a line of JSON with the small files behind it, and the other files as buffers."""
    header = {
        "script": source.script,
        "info": source.info,
        "left_out": dict(source.left_out),
        "files": [(path, len(content)) for path, content in source.files.items()],
    }
    contents = source.files.values()
    small = [content for content in contents if len(content) < _OWN_BLOB_BYTES]
    stream = b"".join([json.dumps(header, separators=(",", ":")).encode("ascii"), b"\n", *small])
    large = [memoryview(content) for content in contents if len(content) >= _OWN_BLOB_BYTES]
    return Serialized(stream, large, "source-files-v1", str(SourceFiles))


def load_source_files(stream: Buffer, buffers: Sequence[Buffer]) -> SourceFiles:
    """Turn what `dump_source_files` returned into the value again."""
    first_line, _, rest = bytes(stream).partition(b"\n")
    header = json.loads(first_line)
    large = iter(buffers)
    files, start = {}, 0
    for path, size in header["files"]:
        if size >= _OWN_BLOB_BYTES:
            files[path] = bytes(next(large))
        else:
            files[path] = rest[start : start + size]
            start += size
    return SourceFiles(header["script"], files, header["left_out"], header["info"])


def save_source_files(store: ObjectStore, source: SourceFiles) -> ArtifactEntry:
    """Store the code of a run; what is returned goes into the manifest.

    Raises
    ------
    DataException
        If it cannot be stored.
    """
    return store_serialized(store, dump_source_files(source), f"{source.script}: {len(source.files)} files")
