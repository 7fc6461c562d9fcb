"""Artifacts of Metaflow's, taken over into our store: their pickles are kept byte by byte, and none is loaded."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from typing import NamedTuple

from metaflow.datastore.blobs import CHUNK_BYTES, save_segments, save_stream
from metaflow.datastore.file_content import save_file
from metaflow.datastore.manifest import INLINE_BYTES, ArtifactEntry, content_hash
from metaflow.datastore.scalars import MAXIMUM_COUNT, is_scalar, may_be_scalar
from metaflow.datastore.serializer import FILE_ENCODING, deserialize
from metaflow.exception import CorruptedDataException
from metaflow.imports.documents import checked_key
from metaflow.imports.plain_pickle import NotPlain, Opaque, class_name, read_plain, shown
from metaflow.imports.source import STREAMED_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from metaflow.datastore.scalars import Scalar
    from metaflow.datastore.store import ObjectStore
    from metaflow.imports.documents import CodePackage, StoredArtifact
    from metaflow.imports.source import SourceFolder

_INCLUDED_FILE = "<class 'metaflow.includefile.IncludedFile'>"
_GZIP_PREFIX = "gzip+"
_GZIP_MAGIC = b"\x1f\x8b"
#: Artifacts that many tasks share are remembered up to this many, and this many bytes.
_REMEMBERED = 20_000
_REMEMBERED_BYTES = 32 * 1024 * 1024


class ArtifactTaking:
    """Takes over artifacts of one flow; what was taken over before costs nothing.

    Parameters
    ----------
    source : SourceFolder
        Where from.
    flow : str
    store : ObjectStore
        Where to.
    """

    def __init__(self, source: SourceFolder, flow: str, store: ObjectStore) -> None:
        self._source = source
        self._flow = flow
        self._store = store
        self._taken: dict[StoredArtifact, ArtifactEntry] = {}
        self._taken_bytes = 0
        self._packages: dict[str, dict[str, Any]] = {}

    def take(self, artifact: StoredArtifact) -> ArtifactEntry:
        """Store an artifact, and give its entry for a manifest.

        Raises
        ------
        CorruptedDataException
            If it cannot be read.
        DataException
            If our store fails.
        """
        entry = self._taken.get(artifact)
        if entry is None:
            entry = self._included(artifact) if artifact.type == _INCLUDED_FILE else self._pickled(artifact)
            self._remember(artifact, entry)
        return entry

    def take_package(self, package: CodePackage) -> dict[str, Any]:
        """Store a code package as it is, and give what a task's record says of it.

        Returns
        -------
        dict
            ``sha`` (SHA-1 of the archive), ``description`` (what kind of archive it is, as JSON text), ``size`` in
            bytes, and ``chunks``, the references of its blobs in order.

        Raises
        ------
        CorruptedDataException
            If it cannot be read.
        DataException
            If our store fails.
        """
        if package.key not in self._packages:
            (segment,) = save_segments(self._store, [self._source.read_blob(self._flow, package.key)])
            self._packages[package.key] = {
                "sha": package.key,
                "description": package.description,
                "size": segment.size,
                "chunks": list(segment.chunks),
            }
        return self._packages[package.key]

    def _remember(self, artifact: StoredArtifact, entry: ArtifactEntry) -> None:
        self._taken_bytes += len(entry.inline or b"")
        if len(self._taken) >= _REMEMBERED or self._taken_bytes > _REMEMBERED_BYTES:
            self._taken.clear()
            self._taken_bytes = 0
        self._taken[artifact] = entry

    def _pickled(self, artifact: StoredArtifact) -> ArtifactEntry:
        encoding = artifact.encoding.removeprefix(_GZIP_PREFIX)
        # Whether the prefix means what all blobs are, or a second layer, the bytes tell: no pickle begins like that.
        packed_twice = encoding != artifact.encoding
        if self._source.blob_size(self._flow, artifact.key) > STREAMED_BYTES and not packed_twice:
            segment = save_stream(self._store, _chunks(self._source.stream_blob(self._flow, artifact.key)))
            sha = content_hash(None, [segment])
            preview = f"<{class_name(artifact.type)}>"
            return ArtifactEntry(segment.size, artifact.type, encoding, sha, preview, None, (segment,))
        data = self._source.read_blob(self._flow, artifact.key)
        if packed_twice and data.startswith(_GZIP_MAGIC):
            data = _unpacked(data, f"The blob {artifact.key}")
        inline, segments = (data, []) if len(data) < INLINE_BYTES else (None, save_segments(self._store, [data]))
        sha = content_hash(inline, segments)
        preview = shown(data, artifact.type) if encoding.startswith("pickle-") else f"<{class_name(artifact.type)}>"
        return ArtifactEntry(len(data), artifact.type, encoding, sha, preview, inline, tuple(segments))

    def _included(self, artifact: StoredArtifact) -> ArtifactEntry:
        """A file that was included becomes what it is with us: the content itself."""
        file = _description(self._source.read_blob(self._flow, artifact.key), f"The blob {artifact.key}")
        packed = self._source.included_file(self._flow, file.key)
        content = _unpacked(packed, f"The included file {file.key}") if packed.startswith(_GZIP_MAGIC) else packed
        if _sha1(content) != file.key:
            if _sha1(packed) != file.key:
                raise CorruptedDataException(f"The included file {file.key} was altered since the run.")
            content = packed
        try:
            return save_file(self._store, io.BytesIO(content), file.encoding)
        except (UnicodeError, LookupError):
            # What it was declared to be it is not, which would have failed only where it was read.
            return save_file(self._store, io.BytesIO(content), None)


def index_values(entries: dict[str, ArtifactEntry]) -> dict[str, Scalar]:
    """Public artifacts that an index can hold, by name; if they are many, the last ones.

    Parameters
    ----------
    entries : dict of str to ArtifactEntry
        The artifacts of a task.

    Returns
    -------
    dict
        Only plain values are read; no class is loaded.
    """
    found: list[tuple[str, Scalar]] = []
    for name, entry in reversed(entries.items()):
        if name.startswith("_") or entry.inline is None or not may_be_scalar(entry.type, entry.size):
            continue
        try:
            value = _plain_value(entry.encoding, entry.inline)
        except NotPlain:
            continue  # reading the artifact itself will tell
        if is_scalar(value):
            found.append((name, value))
    return dict(reversed(found[:MAXIMUM_COUNT]))


def _plain_value(encoding: str, data: bytes) -> Any:
    if encoding == FILE_ENCODING:
        return deserialize(encoding, data, ())
    if not encoding.startswith("pickle-"):
        raise NotPlain(f"the encoding {encoding}")
    return read_plain(data)


class _FileDescription(NamedTuple):
    """What the artifact of an included file says: the key of its content, and the encoding if it is text."""

    key: str
    encoding: str | None


def _description(data: bytes, what: str) -> _FileDescription:
    try:
        value = read_plain(data)
    except NotPlain as error:
        raise CorruptedDataException(f"{what} does not describe an included file ({error}).") from error
    state = value.state if isinstance(value, Opaque) and isinstance(value.state, dict) else {}
    description = state.get("_descriptor")
    if isinstance(description, str):
        try:
            description = json.loads(description)
        except ValueError:
            description = None
    url = description.get("url") if isinstance(description, dict) else None
    if not isinstance(description, dict) or not isinstance(url, str):
        raise CorruptedDataException(f"{what} does not describe an included file.")
    if not url.startswith("local://"):
        raise CorruptedDataException(f"Its content is at {url}, which is not part of the folder.")
    key = checked_key(url.rpartition("/")[2], f"The included file {url}")
    return _FileDescription(key, str(description.get("encoding") or "utf-8") if description.get("is_text") else None)


def _chunks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join pieces to chunks of the size that our store has."""
    chunk = bytearray()
    for piece in pieces:
        chunk += piece
        while len(chunk) >= CHUNK_BYTES:
            yield bytes(chunk[:CHUNK_BYTES])
            del chunk[:CHUNK_BYTES]
    if chunk:
        yield bytes(chunk)


def _unpacked(data: bytes, what: str) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise CorruptedDataException(f"{what} cannot be decompressed ({error}).") from error


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
