"""Content of files as artifacts: stored chunk by chunk, so that its size never has to fit into memory.

The chunks are the file's own bytes, so the same file is stored once, whoever includes it and however it is decoded.
"""

from __future__ import annotations

from metaflow.datastore.blobs import CHUNK_BYTES, save_stream
from metaflow.datastore.manifest import INLINE_BYTES, ArtifactEntry, content_hash
from metaflow.datastore.preview import MAXIMUM_LENGTH, preview
from metaflow.datastore.serializer import FILE_ENCODING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from metaflow.datastore.store import ObjectStore


def save_file(store: ObjectStore, file: BinaryIO, encoding: str | None, as_is: bool = False) -> ArtifactEntry:
    """Store the content of a file.

    Parameters
    ----------
    store : ObjectStore
        Where to.
    file : binary file
        Read once, from where it stands to its end; it may be a pipe.
    encoding : str or None
        Of the text in it, which is checked on the way; None for bytes.
    as_is : bool
        Whether no chunk is to be compressed, for readers that know nothing of Zstandard.

    Returns
    -------
    ArtifactEntry
        What a manifest says of it.

    Raises
    ------
    UnicodeError
        If it is no text in the encoding; ``start``, where it has one, counts from the beginning of the file.
    OSError
        If the file cannot be read.
    DataException
        If the store fails.
    """
    check = _decoder(encoding) if encoding is not None else None
    first = _read(file)
    if check is not None:
        check(first, len(first) < CHUNK_BYTES)

    def chunks() -> Iterator[bytearray]:
        chunk = first
        while chunk:
            yield chunk
            chunk = _read(file) if len(chunk) == CHUNK_BYTES else bytearray()
            if check is not None:
                check(chunk, len(chunk) < CHUNK_BYTES)

    beginning = bytes(memoryview(first)[: 4 * MAXIMUM_LENGTH])
    shown: str | bytes = beginning if encoding is None else beginning.decode(encoding, "ignore")
    head = f"{encoding or ''}\n".encode("ascii")
    inline, segments = (
        (head + first, ()) if len(first) < INLINE_BYTES else (head, (save_stream(store, chunks(), as_is),))
    )
    size = segments[0].size if segments else len(first)
    sha = content_hash(inline, segments)
    return ArtifactEntry(size, str(type(shown)), FILE_ENCODING, sha, preview(shown), inline, segments)


def _read(file: BinaryIO) -> bytearray:
    """Read the next chunk, shorter only at the end of the file: a pipe gives what it has."""
    chunk = bytearray(CHUNK_BYTES)
    view = memoryview(chunk)
    filled = 0
    while filled < CHUNK_BYTES and (count := file.readinto(view[filled:])):  # type: ignore[attr-defined]
        filled += count
    view.release()
    del chunk[filled:]
    return chunk


def _decoder(encoding: str) -> Callable[[bytes | bytearray, bool], None]:
    """Function that is given the content piece by piece, and raises where it is no text."""
    from codecs import getincrementaldecoder

    decoder = getincrementaldecoder(encoding)()
    before = 0  # bytes in earlier pieces

    def check(piece: bytes | bytearray, last: bool) -> None:
        nonlocal before
        kept = len(decoder.getstate()[0])  # a character that was cut in two
        try:
            decoder.decode(piece, last)
        except UnicodeDecodeError as error:
            error.start += before - kept
            raise
        before += len(piece)

    return check
